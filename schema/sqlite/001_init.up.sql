-- The tables of sqlq on SQLite. Everything sqlq makes is named sqlq_*; nothing else is touched.
--
-- Times are microseconds: *_us in UTC wall time, lease_until_us on the host's steady clock (a stepped wall clock must
-- neither end nor extend a lease). States, causes and levels are the numbers of sqlq/job.hpp and sqlq/log.hpp.

CREATE TABLE sqlq_queues (
  id          INTEGER PRIMARY KEY,
  name        TEXT    NOT NULL UNIQUE,
  description TEXT    NOT NULL DEFAULT '',
  concurrency INTEGER CHECK (concurrency >= 0),
  priority    INTEGER NOT NULL DEFAULT 1,
  paused      INTEGER NOT NULL DEFAULT 0 CHECK (paused IN (0, 1)),
  hidden      INTEGER NOT NULL DEFAULT 0,  -- deleted: there only while it has jobs
  created_us  INTEGER NOT NULL
) STRICT;

-- A lane is one kind of job in one queue. Claims walk lanes, so that jobs of other queues and of kinds a worker does
-- not know cost it nothing. Suspects (is_suspect in sqlq/job.hpp), of which a claim takes one at most, have the
-- negative number of their lane.
CREATE TABLE sqlq_lanes (
  id       INTEGER PRIMARY KEY,
  queue_id INTEGER NOT NULL REFERENCES sqlq_queues (id),
  kind     TEXT    NOT NULL,
  UNIQUE (queue_id, kind)
) STRICT;

-- seq is the insertion order, private to this database; id is the job's identity everywhere.
-- ended says how the lease of lease_token was ended (the number of backend::FinishKind), whatever became of the job.
CREATE TABLE sqlq_jobs (
  seq            INTEGER PRIMARY KEY,
  id             TEXT    NOT NULL,
  lane_id        INTEGER NOT NULL,
  queue_id       INTEGER NOT NULL,
  state          INTEGER NOT NULL CHECK (state BETWEEN 1 AND 7),
  priority       INTEGER NOT NULL,
  due_us         INTEGER NOT NULL,
  attempt        INTEGER NOT NULL DEFAULT 0 CHECK (attempt >= 0),
  max_attempts   INTEGER NOT NULL,
  crashes        INTEGER NOT NULL DEFAULT 0,
  max_crashes    INTEGER NOT NULL,
  claims         INTEGER NOT NULL DEFAULT 0,
  lease_token    INTEGER NOT NULL DEFAULT 0,
  ended          INTEGER NOT NULL DEFAULT 0,
  lease_until_us INTEGER NOT NULL DEFAULT 0,
  keepalive_us   INTEGER NOT NULL,
  timeout_us     INTEGER NOT NULL DEFAULT 0,
  retention_us   INTEGER,
  created_us     INTEGER NOT NULL,
  queued_us      INTEGER NOT NULL,
  started_us     INTEGER,
  heartbeat_us   INTEGER,
  finished_us    INTEGER,
  expires_us     INTEGER,
  process_id     INTEGER NOT NULL DEFAULT 0,
  worker         TEXT    NOT NULL DEFAULT '',
  unique_key     TEXT,
  params         TEXT    NOT NULL,
  result         TEXT    NOT NULL DEFAULT ''
) STRICT;

CREATE UNIQUE INDEX sqlq_jobs_id ON sqlq_jobs (id);
-- Exactly the claim order (seq is the rowid, which ends every index); only jobs that may run now are in it.
CREATE INDEX sqlq_jobs_ready ON sqlq_jobs (lane_id, priority, due_us) WHERE state = 1;
-- When the next job of a lane is due, and in which order those that are due are claimed.
CREATE INDEX sqlq_jobs_scheduled ON sqlq_jobs (lane_id, due_us) WHERE state = 7;
CREATE INDEX sqlq_jobs_ranked ON sqlq_jobs (lane_id, priority, due_us) WHERE state = 7;
-- Held jobs are few (at most the slots of all workers); the lease is left out so that heartbeats touch no index.
CREATE INDEX sqlq_jobs_held ON sqlq_jobs (queue_id) WHERE state IN (2, 5);
-- Finished is whatever expires, by kind: for lists, counts and purges. (Not `state IN (3, 4, 6)`: SQLite makes a
-- temporary table of a list of three or more for each row that is written.)
CREATE INDEX sqlq_jobs_finished ON sqlq_jobs (state, lane_id, expires_us) WHERE expires_us IS NOT NULL;
CREATE UNIQUE INDEX sqlq_jobs_unique ON sqlq_jobs (unique_key) WHERE unique_key IS NOT NULL AND expires_us IS NULL;

-- What became of each attempt; explains every execution beyond the first.
CREATE TABLE sqlq_history (
  job_seq INTEGER NOT NULL,
  n       INTEGER NOT NULL,
  claim   INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  cause   INTEGER NOT NULL,
  at_us   INTEGER NOT NULL,
  worker  TEXT    NOT NULL,
  message TEXT    NOT NULL,
  PRIMARY KEY (job_seq, n)
) STRICT, WITHOUT ROWID;

-- Lines of the jobs' logs, numbered by their writer, so that a replayed batch is not stored twice.
CREATE TABLE sqlq_logs (
  job_seq INTEGER NOT NULL,
  claim   INTEGER NOT NULL,
  n       INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  at_us   INTEGER NOT NULL,
  level   INTEGER NOT NULL,
  text    TEXT    NOT NULL,
  PRIMARY KEY (job_seq, claim, n)
) STRICT, WITHOUT ROWID;

-- How far running jobs say they are: of the claim that said it, and read as long as that holds.
CREATE TABLE sqlq_progress (
  job_seq INTEGER PRIMARY KEY,
  claim   INTEGER NOT NULL,
  done    INTEGER NOT NULL,
  total   INTEGER NOT NULL,
  at_us   INTEGER NOT NULL,
  note    TEXT    NOT NULL
) STRICT;

-- Whoever deletes a job, also by hand, deletes what belongs to it: seq is given to another job one day.
-- +goose StatementBegin
CREATE TRIGGER sqlq_jobs_deleted AFTER DELETE ON sqlq_jobs BEGIN
  DELETE FROM sqlq_logs WHERE job_seq = OLD.seq;
  DELETE FROM sqlq_progress WHERE job_seq = OLD.seq;
  DELETE FROM sqlq_history WHERE job_seq = OLD.seq;
END;
-- +goose StatementEnd

-- The processes that have claimed jobs, for whoever takes jobs back: a process of the same host that has died (pid and
-- start, of this boot and namespace) holds no lease any more. Ids are random: none is ever used again.
CREATE TABLE sqlq_processes (
  id      INTEGER PRIMARY KEY,
  host    TEXT    NOT NULL,
  pid     INTEGER NOT NULL,
  started INTEGER NOT NULL
) STRICT;

-- Facts about the file: steady_epoch names the steady clock the leases were measured with.
CREATE TABLE sqlq_facts (
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

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
