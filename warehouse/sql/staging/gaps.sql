SELECT * FROM raw.gaps
