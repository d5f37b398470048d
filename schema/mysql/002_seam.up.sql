-- sqlq: compatible from 1
--
-- What the next verbs stand on: plain jobs keep the statements that they had. Each statement may be run again,
-- but for ALTER TABLE, which is refused when it has been done: the library passes over that.

-- From which version on programs can work with a step.
ALTER TABLE {migrations} ADD COLUMN compatible_from BIGINT;

-- State 8, waiting. The CHECK goes, for making another would copy the table.
-- flags: 0 is a plain job. headers: what travels with a job beside its params, a JSON object of strings; NULL for most.
-- The first clause is for MySQL, the second for MariaDB.
ALTER TABLE {jobs}
  /*!80016 DROP CONSTRAINT {jobs_check}, */
  /*!100100 MODIFY COLUMN state TINYINT NOT NULL, */
  ADD COLUMN flags SMALLINT NOT NULL DEFAULT 0,
  ADD COLUMN headers BLOB,
  ALGORITHM = INSTANT;

-- Rows of a table that has gained columns in an instant cost the server a few percent more (docs/decisions/0040). A
-- table without rows is made anew at once; one with rows may be, when there is time for it: OPTIMIZE TABLE.
SET @sqlq_anew = IF(EXISTS (SELECT 1 FROM {jobs}), 'DO 0', 'ALTER TABLE {jobs} FORCE');
PREPARE sqlq_anew FROM @sqlq_anew;
EXECUTE sqlq_anew;
DEALLOCATE PREPARE sqlq_anew;

-- Work that is due at a time: what is to be looked at (what), and which one (ref). Rows are appended, and deleted in
-- the transaction that does the work. Several rows may say the same: a unique index would make an insert wait for
-- transactions of others.
CREATE TABLE IF NOT EXISTS {agenda} (
  id    BIGINT NOT NULL AUTO_INCREMENT,
  at_us BIGINT NOT NULL,
  what  SMALLINT NOT NULL,
  ref   BIGINT NOT NULL,
  PRIMARY KEY (id),
  KEY sqlq_agenda_at (at_us)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- The workers that run, as they say themselves: a row each. It goes when its worker stops, and is passed over once it
-- was not seen for 90 s (worker_expiry). queues and kinds are names, a line each; no queues: all. Nothing else depends
-- on this table.
CREATE TABLE IF NOT EXISTS {registry} (
  name       VARBINARY(255) NOT NULL,
  id         BIGINT NOT NULL,
  host       VARBINARY(255) NOT NULL,
  pid        BIGINT NOT NULL,
  version    VARBINARY(64) NOT NULL,
  queues     MEDIUMBLOB NOT NULL,
  kinds      MEDIUMBLOB NOT NULL,
  slots      INT NOT NULL,
  busy       INT NOT NULL,
  started_us BIGINT NOT NULL,
  seen_us    BIGINT NOT NULL,
  draining   TINYINT NOT NULL DEFAULT 0,
  PRIMARY KEY (name, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- The names that jobs refer to by number, another thing. 0: in use; else since when the name sleeps, which is removed
-- if no job refers to it. NULL: a program of version 1 has made it, and may use it without a look at this; it stays.
ALTER TABLE {workers} ADD COLUMN asleep_us BIGINT, ALGORITHM = INSTANT;

-- For people with a shell: names instead of numbers, text instead of bytes, the session's time zone.
CREATE OR REPLACE SQL SECURITY INVOKER VIEW {jobs_readable} AS
SELECT LOWER(CONCAT_WS('-', HEX(SUBSTR(j.id, 1, 4)), HEX(SUBSTR(j.id, 5, 2)), HEX(SUBSTR(j.id, 7, 2)),
                       HEX(SUBSTR(j.id, 9, 2)), HEX(SUBSTR(j.id, 11, 6)))) AS id,
       CONVERT(l.queue USING utf8mb4) AS queue, CONVERT(l.kind USING utf8mb4) AS kind,
       CASE j.state WHEN 1 THEN 'pending' WHEN 2 THEN 'running' WHEN 3 THEN 'success' WHEN 4 THEN 'errored'
                    WHEN 5 THEN 'cancelling' WHEN 6 THEN 'cancelled' WHEN 7 THEN 'scheduled'
                    WHEN 8 THEN 'waiting' END AS state,
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
