-- The tables of sqlq on MySQL and MariaDB. Everything sqlq makes is named <prefix>sqlq_*; nothing else is touched.
--
-- MySQL and MariaDB commit at each statement: each may be run again, so that a step that was interrupted anywhere is
-- brought to its end by running it once more.
--
-- Times are microseconds UTC, leases included, by the server's clock. States, causes and levels are the numbers of
-- sqlq/job.hpp and sqlq/log.hpp. Names and texts are bytes that hold UTF-8: VARBINARY and BLOB compare byte by byte,
-- pad nothing and are translated to no character set. The view shows them as text.

-- A queue that is hidden was deleted: it is there only while it has jobs.
CREATE TABLE IF NOT EXISTS {queues} (
  id          INT NOT NULL AUTO_INCREMENT,
  name        VARBINARY(255) NOT NULL,
  description MEDIUMBLOB NOT NULL,
  concurrency BIGINT,
  priority    BIGINT NOT NULL DEFAULT 1,
  paused      TINYINT NOT NULL DEFAULT 0,
  hidden      TINYINT NOT NULL DEFAULT 0,
  created_us  BIGINT NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY sqlq_queues_name (name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- A lane is one kind of job in one queue. Claims walk lanes, so that jobs of other queues and of kinds a worker does
-- not know cost it nothing. The queue's name is here too: an enqueue inside a user's transaction may have to lock what
-- it reads, and must not lock the queue's row, which operators write.
CREATE TABLE IF NOT EXISTS {lanes} (
  id       INT NOT NULL AUTO_INCREMENT,
  queue_id INT NOT NULL,
  queue    VARBINARY(255) NOT NULL,
  kind     VARBINARY(255) NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY sqlq_lanes_name (queue, kind)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- The locks of queues that have a limit: who counts and claims there holds the row, and counts its turns up.
CREATE TABLE IF NOT EXISTS {queue_locks} (
  queue_id INT NOT NULL,
  turn     BIGINT NOT NULL,
  PRIMARY KEY (queue_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- The names of workers, so that a claim changes no row's length: rows that grow are moved, which costs four times as
-- much as writing in place (docs/decisions/0015). A name stays.
CREATE TABLE IF NOT EXISTS {workers} (
  id   INT NOT NULL AUTO_INCREMENT,
  name VARBINARY(255) NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY sqlq_workers_name (name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- seq is the insertion order, private to this database; id is the job's identity everywhere. What claims and ends
-- of leases write has a fixed length and no index: where jobs of a state are is said by the tables below,
-- and each row there is believed only as far as the job's own row agrees. ended says how the lease of lease_token was
-- ended (the number of backend::FinishKind), whatever that made of the job.
CREATE TABLE IF NOT EXISTS {jobs} (
  seq            BIGINT NOT NULL AUTO_INCREMENT,
  id             BINARY(16) NOT NULL,
  lane_id        INT NOT NULL,
  queue_id       INT NOT NULL,
  state          TINYINT NOT NULL CHECK (state BETWEEN 1 AND 7),
  ended          TINYINT NOT NULL DEFAULT 0,
  priority       INT NOT NULL,
  due_us         BIGINT NOT NULL,
  attempt        INT NOT NULL DEFAULT 0,
  max_attempts   INT NOT NULL,
  crashes        INT NOT NULL DEFAULT 0,
  max_crashes    INT NOT NULL,
  claims         BIGINT NOT NULL DEFAULT 0,
  lease_token    BIGINT NOT NULL DEFAULT 0,
  lease_until_us BIGINT NOT NULL DEFAULT 0,
  keepalive_us   BIGINT NOT NULL,
  timeout_us     BIGINT NOT NULL DEFAULT 0,
  retention_us   BIGINT,
  created_us     BIGINT NOT NULL,
  queued_us      BIGINT NOT NULL,
  started_us     BIGINT NOT NULL DEFAULT 0,
  heartbeat_us   BIGINT NOT NULL DEFAULT 0,
  finished_us    BIGINT NOT NULL DEFAULT 0,
  expires_us     BIGINT NOT NULL DEFAULT 0,
  worker_id      INT NOT NULL DEFAULT 0,
  unique_key     VARBINARY(255),
  params         LONGBLOB NOT NULL,
  result         LONGBLOB,
  PRIMARY KEY (seq),
  UNIQUE KEY sqlq_jobs_id (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- The unique keys of the live jobs that have one. An index of the jobs would have an entry for each job.
CREATE TABLE IF NOT EXISTS {keys} (
  unique_key VARBINARY(255) NOT NULL,
  id         BINARY(16) NOT NULL,
  PRIMARY KEY (unique_key)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- Exactly the pending jobs, stored in the order of claims: a claim reads, locks and deletes the first rows of a lane.
-- Suspects (is_suspect in sqlq/job.hpp), of which a claim takes one at most, have the negative number of their lane.
-- no_prefetch is always NULL: who reads it beside the first row of a lane gets that row alone (docs/decisions/0026).
CREATE TABLE IF NOT EXISTS {ready} (
  lane_id     INT NOT NULL,
  priority    INT NOT NULL,
  due_us      BIGINT NOT NULL,
  seq         BIGINT NOT NULL,
  no_prefetch TINYBLOB,
  PRIMARY KEY (lane_id, priority, due_us, seq)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- Exactly the scheduled jobs, stored in the order of their due times; the key has them in the order of claims.
-- no_prefetch as above.
CREATE TABLE IF NOT EXISTS {scheduled} (
  lane_id     INT NOT NULL,
  due_us      BIGINT NOT NULL,
  seq         BIGINT NOT NULL,
  priority    INT NOT NULL,
  no_prefetch TINYBLOB,
  PRIMARY KEY (lane_id, due_us, seq),
  KEY sqlq_scheduled_ranked (lane_id, priority, due_us, seq)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- The way to the held jobs: one row for what one claim took of one queue. `held` is how many of them it still holds,
-- exactly; jobs is a JSON array of all their seqs; no lease of them ended before until_us. Gone when it holds none.
CREATE TABLE IF NOT EXISTS {claims} (
  queue_id INT NOT NULL,
  token    BIGINT NOT NULL,
  held     BIGINT NOT NULL,
  until_us BIGINT NOT NULL,
  jobs     MEDIUMTEXT NOT NULL,
  PRIMARY KEY (queue_id, token)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- The way to the finished jobs: one row for those of one lane that finished together and expire together. Jobs that
-- were requeued or purged meanwhile are passed over; gone when nothing of it is left.
CREATE TABLE IF NOT EXISTS {finished} (
  id         BIGINT NOT NULL AUTO_INCREMENT,
  lane_id    INT NOT NULL,
  state      TINYINT NOT NULL,
  expires_us BIGINT NOT NULL,
  jobs       MEDIUMTEXT NOT NULL,
  PRIMARY KEY (id),
  KEY sqlq_finished_expires (expires_us),
  KEY sqlq_finished_state (state, lane_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- What became of each attempt; explains every execution beyond the first.
CREATE TABLE IF NOT EXISTS {history} (
  job_seq BIGINT NOT NULL,
  n       BIGINT NOT NULL,
  claim   BIGINT NOT NULL,
  attempt BIGINT NOT NULL,
  cause   TINYINT NOT NULL,
  at_us   BIGINT NOT NULL,
  worker  VARBINARY(255) NOT NULL,
  message MEDIUMBLOB NOT NULL,
  PRIMARY KEY (job_seq, n)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- Lines of the jobs' logs, numbered by their writer, so that a replayed batch is not stored twice.
CREATE TABLE IF NOT EXISTS {logs} (
  job_seq BIGINT NOT NULL,
  claim   BIGINT NOT NULL,
  n       BIGINT NOT NULL,
  attempt BIGINT NOT NULL,
  at_us   BIGINT NOT NULL,
  level   TINYINT NOT NULL,
  text    LONGBLOB NOT NULL,
  PRIMARY KEY (job_seq, claim, n)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- How far running jobs say they are: of the claim that said it, and read as long as that holds.
CREATE TABLE IF NOT EXISTS {progress} (
  job_seq BIGINT NOT NULL,
  claim   BIGINT NOT NULL,
  done    BIGINT NOT NULL,
  total   BIGINT NOT NULL,
  at_us   BIGINT NOT NULL,
  note    VARBINARY(1024) NOT NULL,
  PRIMARY KEY (job_seq)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

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
