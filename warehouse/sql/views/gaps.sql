CREATE OR REPLACE VIEW gaps AS
SELECT * FROM raw.gaps;
COMMENT ON VIEW gaps IS '未能落地的偏移区间 | Offset ranges the log no longer held when they were to be landed';
