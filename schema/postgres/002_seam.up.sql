-- sqlq: compatible from 1
--
-- What the next verbs stand on: plain jobs keep the statements that they had.

-- From which version on programs can work with a step.
ALTER TABLE {migrations} ADD COLUMN compatible_from integer;

-- State 8, waiting. What the old CHECK let in the new one lets in: no row is looked at.
-- flags: 0 is a plain job. headers: what travels with a job beside its params, a JSON object of strings; NULL for most.
ALTER TABLE {jobs}
  DROP CONSTRAINT sqlq_jobs_state_check,
  ADD CONSTRAINT sqlq_jobs_state_check CHECK (state BETWEEN 1 AND 8) NOT VALID,
  ADD COLUMN flags smallint NOT NULL DEFAULT 0,
  ADD COLUMN headers text;

-- Work that is due at a time: what is to be looked at (what), and which one (ref). Rows are appended, and deleted in
-- the transaction that does the work. Several rows may say the same: a unique index would make an insert wait for
-- transactions of others.
CREATE TABLE {agenda} (
  at_us bigint NOT NULL,
  ref   bigint NOT NULL,
  what  smallint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
        autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);

CREATE INDEX sqlq_agenda_at ON {agenda} (at_us);

-- The workers that run, as they say themselves: a row each. It goes when its worker stops, and is passed over once it
-- was not seen for 90 s (worker_expiry). queues and kinds are names, a line each; no queues: all. Nothing else depends
-- on this table.
CREATE TABLE {registry} (
  name       text COLLATE "C" NOT NULL,
  id         bigint NOT NULL,
  host       text NOT NULL,
  pid        bigint NOT NULL,
  version    text NOT NULL,
  queues     text NOT NULL,
  kinds      text NOT NULL,
  slots      integer NOT NULL,
  busy       integer NOT NULL,
  started_us bigint NOT NULL,
  seen_us    bigint NOT NULL,
  draining   smallint NOT NULL DEFAULT 0,
  PRIMARY KEY (name, id)
) WITH (fillfactor = 50, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);

-- For people with a shell: names instead of numbers, times in the session's zone.
CREATE OR REPLACE VIEW {jobs_readable} AS
SELECT j.id, q.name AS queue, l.kind,
       CASE j.state WHEN 1 THEN 'pending' WHEN 2 THEN 'running' WHEN 3 THEN 'success' WHEN 4 THEN 'errored'
                    WHEN 5 THEN 'cancelling' WHEN 6 THEN 'cancelled' WHEN 7 THEN 'scheduled'
                    WHEN 8 THEN 'waiting' END AS state,
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
