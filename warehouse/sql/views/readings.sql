CREATE OR REPLACE VIEW readings AS
SELECT * FROM raw.readings;
COMMENT ON VIEW readings IS '传感器读数 | Sensor readings, each with the coordinates of the frame it came in';
COMMENT ON COLUMN readings.occurred_at IS '测量时间 | when it was measured';
COMMENT ON COLUMN readings.value IS '测值，单位见 sensors.unit | value in the unit of sensors.unit';
COMMENT ON COLUMN readings.quality IS '质量位：1报警 2断电 4标校 8超量程 16分站故障 32未轮询 64暂停 128传感器故障 | quality bits, 0 = good';
COMMENT ON COLUMN readings.day IS '北京时间的日期，分区列 | Asia/Shanghai day, the partition';
