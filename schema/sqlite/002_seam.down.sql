-- Jobs that wait become pending: version 1 knows no other state in which they would run.
DROP VIEW sqlq_jobs_readable;
DROP TABLE sqlq_registry;
DROP TABLE sqlq_agenda;
UPDATE sqlq_jobs SET state = 1 WHERE state = 8;
PRAGMA writable_schema = ON;
UPDATE sqlite_master SET sql = replace(sql, 'CHECK (state BETWEEN 1 AND 8)', 'CHECK (state BETWEEN 1 AND 7)')
 WHERE type = 'table' AND name = 'sqlq_jobs';
PRAGMA writable_schema = OFF;
ALTER TABLE sqlq_jobs DROP COLUMN headers;
ALTER TABLE sqlq_jobs DROP COLUMN flags;
ALTER TABLE sqlq_migrations DROP COLUMN compatible_from;

-- For people with a shell: names instead of numbers, local time of the machine.
CREATE VIEW sqlq_jobs_readable AS
SELECT j.id, q.name AS queue, l.kind,
       CASE j.state WHEN 1 THEN 'pending' WHEN 2 THEN 'running' WHEN 3 THEN 'success' WHEN 4 THEN 'errored'
                    WHEN 5 THEN 'cancelling' WHEN 6 THEN 'cancelled' WHEN 7 THEN 'scheduled' END AS state,
       j.priority, j.attempt, j.max_attempts, j.crashes, j.worker,
       datetime(j.created_us / 1000000, 'unixepoch', 'localtime') AS created,
       datetime(j.due_us / 1000000, 'unixepoch', 'localtime') AS due,
       datetime(j.started_us / 1000000, 'unixepoch', 'localtime') AS started,
       datetime(j.heartbeat_us / 1000000, 'unixepoch', 'localtime') AS heartbeat,
       datetime(j.finished_us / 1000000, 'unixepoch', 'localtime') AS finished,
       j.unique_key, j.params, j.result
  FROM sqlq_jobs j
  JOIN sqlq_lanes l ON l.id = abs(j.lane_id)
  JOIN sqlq_queues q ON q.id = j.queue_id;
