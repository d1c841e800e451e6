SELECT * FROM raw.device_alarms
QUALIFY row_number() OVER (
    PARTITION BY site_id, sensor_id, alarm_kind, raised_at ORDER BY kafka_at DESC, "partition" DESC, "offset" DESC
) = 1
