-- sqlq: compatible from 1
--
-- What the next verbs stand on: plain jobs keep the statements that they had.

-- From which version on programs can work with a step.
ALTER TABLE sqlq_migrations ADD COLUMN compatible_from INTEGER;

DROP VIEW sqlq_jobs_readable;

-- State 8, waiting. SQLite cannot change a CHECK, and making the table again would copy all jobs: the text is changed
-- where it stands (docs/decisions/0040), to one of the same length. The next ALTER TABLE makes everybody read it again.
PRAGMA writable_schema = ON;
UPDATE sqlite_master SET sql = replace(sql, 'CHECK (state BETWEEN 1 AND 7)', 'CHECK (state BETWEEN 1 AND 8)')
 WHERE type = 'table' AND name = 'sqlq_jobs';
PRAGMA writable_schema = OFF;

-- flags: 0 is a plain job. headers: what travels with a job beside its params, a JSON object of strings; NULL for most.
ALTER TABLE sqlq_jobs ADD COLUMN flags INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sqlq_jobs ADD COLUMN headers TEXT;

-- Work that is due at a time: what is to be looked at (what), and which one (ref). Rows are appended, and deleted in
-- the transaction that does the work. Several rows may say the same.
CREATE TABLE sqlq_agenda (
  id    INTEGER PRIMARY KEY,
  at_us INTEGER NOT NULL,
  what  INTEGER NOT NULL,
  ref   INTEGER NOT NULL
) STRICT;

CREATE INDEX sqlq_agenda_at ON sqlq_agenda (at_us);

-- The workers that run, as they say themselves: a row each. It goes when its worker stops, and is passed over once it
-- was not seen for 90 s (worker_expiry). queues and kinds are names, a line each; no queues: all. Nothing else depends
-- on this table.
CREATE TABLE sqlq_registry (
  name       TEXT    NOT NULL,
  id         INTEGER NOT NULL,
  host       TEXT    NOT NULL,
  pid        INTEGER NOT NULL,
  version    TEXT    NOT NULL,
  queues     TEXT    NOT NULL,
  kinds      TEXT    NOT NULL,
  slots      INTEGER NOT NULL,
  busy       INTEGER NOT NULL,
  started_us INTEGER NOT NULL,
  seen_us    INTEGER NOT NULL,
  draining   INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (name, id)
) STRICT, WITHOUT ROWID;

-- For people with a shell: names instead of numbers, local time of the machine.
CREATE VIEW sqlq_jobs_readable AS
SELECT j.id, q.name AS queue, l.kind,
       CASE j.state WHEN 1 THEN 'pending' WHEN 2 THEN 'running' WHEN 3 THEN 'success' WHEN 4 THEN 'errored'
                    WHEN 5 THEN 'cancelling' WHEN 6 THEN 'cancelled' WHEN 7 THEN 'scheduled'
                    WHEN 8 THEN 'waiting' END AS state,
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
