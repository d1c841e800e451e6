CREATE OR REPLACE VIEW dead_letters AS
SELECT * FROM raw.dead_letters
QUALIFY letter_id IS NULL OR letter_id = ''
    OR row_number() OVER (PARTITION BY letter_id ORDER BY kafka_at, "partition", "offset") = 1;
COMMENT ON VIEW dead_letters IS '被拒收的输入 | Refused inputs: raw bytes, file, line, field and reason';
COMMENT ON COLUMN dead_letters.raw IS '原始字节 | the bytes as they came';
