-- Jobs that wait become pending: version 1 knows no other state in which they would run.
DROP TABLE {registry};
DROP TABLE {agenda};
UPDATE {jobs} SET state = 1 WHERE state = 8;
ALTER TABLE {jobs}
  DROP CONSTRAINT sqlq_jobs_state_check,
  ADD CONSTRAINT sqlq_jobs_state_check CHECK (state BETWEEN 1 AND 7),
  DROP COLUMN flags,
  DROP COLUMN headers;
ALTER TABLE {migrations} DROP COLUMN compatible_from;

-- For people with a shell: names instead of numbers, times in the session's zone.
CREATE OR REPLACE VIEW {jobs_readable} AS
SELECT j.id, q.name AS queue, l.kind,
       CASE j.state WHEN 1 THEN 'pending' WHEN 2 THEN 'running' WHEN 3 THEN 'success' WHEN 4 THEN 'errored'
                    WHEN 5 THEN 'cancelling' WHEN 6 THEN 'cancelled' WHEN 7 THEN 'scheduled' END AS state,
       j.priority, j.attempt, j.max_attempts, j.crashes, j.worker,
       to_timestamp(j.created_us / 1000000.0) AS created,
       to_timestamp(least(j.due_us / 1000000.0, 9224318015999)) AS due,
       to_timestamp(j.started_us / 1000000.0) AS started,
       to_timestamp(j.heartbeat_us / 1000000.0) AS heartbeat,
       to_timestamp(j.finished_us / 1000000.0) AS finished,
       j.unique_key, j.params, j.result
  FROM {jobs} j
  JOIN {lanes} l ON l.id = abs(j.lane_id)
  JOIN {queues} q ON q.id = j.queue_id;
