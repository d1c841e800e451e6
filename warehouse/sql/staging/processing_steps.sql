SELECT * FROM raw.processing_steps
