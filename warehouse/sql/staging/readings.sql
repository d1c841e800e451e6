SELECT * FROM raw.readings
