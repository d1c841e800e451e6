-- Evidence down to the input it came from: the reading, the finding or the upstream alarm at each coordinate, with the
-- raw file and its sha256 where the input came in a file.
SELECT
    evidence.hazard_id, evidence.evidence_id, evidence.coordinate, reading.topic, reading.sensor_id,
    reading.occurred_at, reading.value, reading.quality, NULL::VARCHAR AS text, reading.raw_file, reading.raw_sha256,
    reading.frame_id, reading.received_at, reading.log_id, reading."partition", reading."offset", reading."row"
FROM hazard_evidence AS evidence
JOIN readings AS reading
    ON reading.log_id = evidence.log_id AND reading.topic = evidence.topic
    AND reading."partition" = evidence."partition" AND reading."offset" = evidence."offset"
    AND reading."row" = evidence."row"
WHERE evidence.topic = 'telemetry.frames'
UNION ALL BY NAME
SELECT
    evidence.hazard_id, evidence.evidence_id, evidence.coordinate, evidence.topic, finding.found_at AS occurred_at,
    finding.text, finding.received_at, evidence.log_id, evidence."partition", evidence."offset"
FROM hazard_evidence AS evidence
JOIN raw.inspection_findings AS finding
    ON finding.log_id = evidence.log_id AND finding.topic = evidence.topic
    AND finding."partition" = evidence."partition" AND finding."offset" = evidence."offset"
WHERE evidence.topic = 'inspection.findings'
UNION ALL BY NAME
SELECT
    evidence.hazard_id, evidence.evidence_id, evidence.coordinate, evidence.topic, alarm.sensor_id,
    alarm.raised_at AS occurred_at, alarm.value, alarm.alarm_kind AS text, alarm.raw->>'$.file' AS raw_file,
    alarm.raw->>'$.sha256' AS raw_sha256, alarm.received_at, evidence.log_id, evidence."partition", evidence."offset"
FROM hazard_evidence AS evidence
JOIN raw.device_alarms AS alarm
    ON alarm.log_id = evidence.log_id AND alarm.topic = evidence.topic
    AND alarm."partition" = evidence."partition" AND alarm."offset" = evidence."offset"
WHERE evidence.topic = 'device.alarms'
