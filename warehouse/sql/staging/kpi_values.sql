SELECT * FROM raw.kpi_values
