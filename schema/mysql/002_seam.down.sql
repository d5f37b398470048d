-- Each statement may be run again, but for ALTER TABLE, which is refused when it has been done: the library passes over
-- that. Jobs that wait become pending: version 1 knows no other state in which they would run.
DROP TABLE IF EXISTS {registry};
DROP TABLE IF EXISTS {agenda};
INSERT IGNORE INTO {ready} (lane_id, priority, due_us, seq)
SELECT {ready_lane}, j.priority, j.due_us, j.seq FROM {jobs} j WHERE j.state = 8;
UPDATE {jobs} SET state = 1 WHERE state = 8;
ALTER TABLE {jobs}
  DROP COLUMN flags,
  DROP COLUMN headers,
  /*!100100 MODIFY COLUMN state TINYINT NOT NULL CHECK (state BETWEEN 1 AND 7) */
  /*!80016 ADD CONSTRAINT {jobs_check} CHECK (state BETWEEN 1 AND 7) */;
ALTER TABLE {workers} DROP COLUMN asleep_us;
ALTER TABLE {migrations} DROP COLUMN compatible_from;

-- For people with a shell: names instead of numbers, text instead of bytes, the session's time zone.
CREATE OR REPLACE SQL SECURITY INVOKER VIEW {jobs_readable} AS
SELECT LOWER(CONCAT_WS('-', HEX(SUBSTR(j.id, 1, 4)), HEX(SUBSTR(j.id, 5, 2)), HEX(SUBSTR(j.id, 7, 2)),
                       HEX(SUBSTR(j.id, 9, 2)), HEX(SUBSTR(j.id, 11, 6)))) AS id,
       CONVERT(l.queue USING utf8mb4) AS queue, CONVERT(l.kind USING utf8mb4) AS kind,
       CASE j.state WHEN 1 THEN 'pending' WHEN 2 THEN 'running' WHEN 3 THEN 'success' WHEN 4 THEN 'errored'
                    WHEN 5 THEN 'cancelling' WHEN 6 THEN 'cancelled' WHEN 7 THEN 'scheduled' END AS state,
       j.priority, j.attempt, j.max_attempts, j.crashes,
       CONVERT((SELECT w.name FROM {workers} w WHERE w.id = j.worker_id) USING utf8mb4) AS worker,
       FROM_UNIXTIME(j.created_us / 1000000) AS created, FROM_UNIXTIME(j.due_us / 1000000) AS due,
       FROM_UNIXTIME(CASE WHEN j.claims > 0 THEN j.started_us END / 1000000) AS started,
       FROM_UNIXTIME(CASE WHEN j.claims > 0 THEN j.heartbeat_us END / 1000000) AS heartbeat,
       FROM_UNIXTIME(CASE WHEN j.state IN (3, 4, 6) THEN j.finished_us END / 1000000) AS finished,
       CONVERT(j.unique_key USING utf8mb4) AS unique_key,
       CONVERT(j.params USING utf8mb4) AS params, CONVERT(j.result USING utf8mb4) AS result
  FROM {jobs} j
  JOIN {lanes} l ON l.id = j.lane_id;
