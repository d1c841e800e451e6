CREATE OR REPLACE VIEW processing_steps AS
SELECT * FROM raw.processing_steps;
COMMENT ON VIEW processing_steps IS '处理步：读了什么、何时、用哪个版本 | What each processing step read, when, with which versions';
