-- The tables of sqlq on PostgreSQL. Names in braces become the schema of the URL and a name that begins with sqlq_.
--
-- Times are microseconds UTC. States, causes and levels are the numbers of sqlq/job.hpp and sqlq/log.hpp. Names compare
-- byte by byte (COLLATE "C"). No foreign keys from hot rows: they would lock the parent at each insert.

CREATE TABLE {queues} (
  id          integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name        text COLLATE "C" NOT NULL UNIQUE,
  description text NOT NULL DEFAULT '',
  concurrency bigint CHECK (concurrency >= 0),
  priority    integer NOT NULL DEFAULT 1,
  paused      smallint NOT NULL DEFAULT 0 CHECK (paused IN (0, 1)),
  hidden      smallint NOT NULL DEFAULT 0,  -- deleted: there only while it has jobs
  created_us  bigint NOT NULL
);

-- A lane is one kind of job in one queue. Claims walk lanes, so that jobs of other queues and of kinds a worker does
-- not know cost it nothing. Suspects (is_suspect in sqlq/job.hpp), of which a claim takes one at most, have the
-- negative number of their lane.
CREATE TABLE {lanes} (
  id       integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  queue_id integer NOT NULL REFERENCES {queues} (id),
  kind     text COLLATE "C" NOT NULL,
  UNIQUE (queue_id, kind)
);

-- seq is the insertion order, private to this database; id is the job's identity everywhere, and the only index that
-- every change of state writes to beside the one of the state (docs/decisions/0010). notes counts the job's
-- lines of history ever written: whoever holds the row's lock numbers the next one without reading the others.
-- ended says how the lease of lease_token was ended (the number of backend::FinishKind), whatever became of the job.
--
-- Rows die at each change of state, so vacuum comes by numbers of rows, not by shares of a table that may be long, and
-- does not pause. It never truncates: that would lock everybody out for a moment. Heartbeats touch no indexed column;
-- the space left in each page lets them stay in it.
CREATE TABLE {jobs} (
  id             uuid PRIMARY KEY,
  seq            bigint GENERATED ALWAYS AS IDENTITY,
  due_us         bigint NOT NULL,
  keepalive_us   bigint NOT NULL,
  created_us     bigint NOT NULL,
  queued_us      bigint NOT NULL,
  timeout_us     bigint NOT NULL DEFAULT 0,
  claims         bigint NOT NULL DEFAULT 0,
  notes          bigint NOT NULL DEFAULT 0,
  lease_token    bigint NOT NULL DEFAULT 0,
  lease_until_us bigint NOT NULL DEFAULT 0,
  lane_id        integer NOT NULL,
  queue_id       integer NOT NULL,
  priority       integer NOT NULL,
  attempt        integer NOT NULL DEFAULT 0 CHECK (attempt >= 0),
  max_attempts   integer NOT NULL,
  crashes        integer NOT NULL DEFAULT 0,
  max_crashes    integer NOT NULL,
  state          smallint NOT NULL CHECK (state BETWEEN 1 AND 7),
  ended          smallint NOT NULL DEFAULT 0,
  worker         text NOT NULL DEFAULT '',
  params         text NOT NULL,
  result         text NOT NULL DEFAULT '',
  unique_key     text COLLATE "C",
  retention_us   bigint,
  started_us     bigint,
  heartbeat_us   bigint,
  finished_us    bigint,
  expires_us     bigint
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
        autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 20000,
        autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 20000,
        autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);

-- Exactly the claim order; only jobs that may run now are in it.
CREATE INDEX sqlq_jobs_ready ON {jobs} (lane_id, priority, due_us, seq) WHERE state = 1;
-- When the next job of a lane is due, and in which order those that are due are claimed.
CREATE INDEX sqlq_jobs_scheduled ON {jobs} (lane_id, due_us) WHERE state = 7;
CREATE INDEX sqlq_jobs_ranked ON {jobs} (lane_id, priority, due_us, seq) WHERE state = 7;
-- Held jobs are few (at most the slots of all workers); the lease is left out so that heartbeats touch no index.
CREATE INDEX sqlq_jobs_held ON {jobs} (queue_id) WHERE state IN (2, 5);
-- By kind: for lists, counts and purges.
CREATE INDEX sqlq_jobs_finished ON {jobs} (state, lane_id, expires_us) WHERE state IN (3, 4, 6);
CREATE UNIQUE INDEX sqlq_jobs_unique ON {jobs} (unique_key) WHERE unique_key IS NOT NULL AND state IN (1, 2, 5, 7);

-- What became of each attempt; explains every execution beyond the first.
CREATE TABLE {history} (
  job_seq bigint NOT NULL,
  n       bigint NOT NULL,
  claim   bigint NOT NULL,
  at_us   bigint NOT NULL,
  attempt integer NOT NULL,
  cause   smallint NOT NULL,
  worker  text NOT NULL,
  message text NOT NULL,
  PRIMARY KEY (job_seq, n)
) WITH (autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);

-- Lines of the jobs' logs, numbered by their writer, so that a replayed batch is not stored twice.
CREATE TABLE {logs} (
  job_seq bigint NOT NULL,
  claim   bigint NOT NULL,
  n       bigint NOT NULL,
  at_us   bigint NOT NULL,
  attempt integer NOT NULL,
  level   smallint NOT NULL,
  text    text NOT NULL,
  PRIMARY KEY (job_seq, claim, n)
) WITH (autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);

-- How far running jobs say they are: of the claim that said it, and read as long as that holds.
CREATE TABLE {progress} (
  job_seq bigint PRIMARY KEY,
  claim   bigint NOT NULL,
  done    bigint NOT NULL,
  total   bigint NOT NULL,
  at_us   bigint NOT NULL,
  note    text NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);

-- For people with a shell: names instead of numbers, times in the session's zone.
CREATE VIEW {jobs_readable} AS
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
