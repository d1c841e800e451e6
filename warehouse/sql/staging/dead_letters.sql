SELECT * FROM raw.dead_letters
QUALIFY letter_id IS NULL OR letter_id = ''
    OR row_number() OVER (PARTITION BY letter_id ORDER BY kafka_at, "partition", "offset") = 1
