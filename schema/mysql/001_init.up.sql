-- The tables of sqlq on MySQL and MariaDB. Everything sqlq makes is named <prefix>sqlq_*; nothing else is touched.
--
-- MySQL and MariaDB commit at each statement: each may be run again, so that a step that was interrupted anywhere is
-- brought to its end by running it once more.
--
-- Times are microseconds UTC, leases included, by the server's clock. States, causes and levels are the numbers of
-- sqlq/job.hpp and sqlq/log.hpp. Names and texts are bytes that hold UTF-8: VARBINARY and BLOB compare byte by byte,
-- pad nothing and are translated to no character set. The view shows them as text.

CREATE TABLE IF NOT EXISTS {queues} (
  id          BIGINT NOT NULL AUTO_INCREMENT,
  name        VARBINARY(255) NOT NULL,
  description MEDIUMBLOB NOT NULL,
  concurrency BIGINT,
  priority    BIGINT NOT NULL DEFAULT 1,
  paused      TINYINT NOT NULL DEFAULT 0,
  created_us  BIGINT NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY sqlq_queues_name (name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- A lane is one kind of job in one queue. Claims walk lanes, so that jobs of other queues and of kinds a worker does
-- not know cost it nothing. The queue's name is here too: an enqueue inside a user's transaction may have to lock what
-- it reads, and must not lock the queue's row, which operators write.
CREATE TABLE IF NOT EXISTS {lanes} (
  id       BIGINT NOT NULL AUTO_INCREMENT,
  queue_id BIGINT NOT NULL,
  queue    VARBINARY(255) NOT NULL,
  kind     VARBINARY(255) NOT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY sqlq_lanes_name (queue, kind)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- The locks of queues that have a limit: who counts and claims there holds the row.
CREATE TABLE IF NOT EXISTS {queue_locks} (
  queue_id BIGINT NOT NULL,
  PRIMARY KEY (queue_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- seq is the insertion order, private to this database; id is the job's identity everywhere. live_key is the unique key
-- while the job is live. at_us is what the job's state is ordered by: due time or end of retention.
CREATE TABLE IF NOT EXISTS {jobs} (
  seq            BIGINT NOT NULL AUTO_INCREMENT,
  id             BINARY(16) NOT NULL,
  lane_id        BIGINT NOT NULL,
  queue_id       BIGINT NOT NULL,
  state          TINYINT NOT NULL CHECK (state BETWEEN 1 AND 7),
  priority       BIGINT NOT NULL,
  due_us         BIGINT NOT NULL,
  attempt        BIGINT NOT NULL DEFAULT 0,
  max_attempts   BIGINT NOT NULL,
  crashes        BIGINT NOT NULL DEFAULT 0,
  max_crashes    BIGINT NOT NULL,
  claims         BIGINT NOT NULL DEFAULT 0,
  lease_token    BIGINT NOT NULL DEFAULT 0,
  lease_until_us BIGINT NOT NULL DEFAULT 0,
  keepalive_us   BIGINT NOT NULL,
  timeout_us     BIGINT NOT NULL DEFAULT 0,
  retention_us   BIGINT,
  created_us     BIGINT NOT NULL,
  queued_us      BIGINT NOT NULL,
  started_us     BIGINT,
  heartbeat_us   BIGINT,
  finished_us    BIGINT,
  expires_us     BIGINT,
  worker         VARBINARY(255) NOT NULL DEFAULT '',
  unique_key     VARBINARY(255),
  params         LONGBLOB NOT NULL,
  result         LONGBLOB,
  live_key       VARBINARY(255) GENERATED ALWAYS AS
                   (CASE WHEN state IN (1, 2, 5, 7) THEN unique_key END) STORED,
  at_us          BIGINT GENERATED ALWAYS AS
                   (CASE WHEN state = 7 THEN due_us WHEN state IN (3, 4, 6) THEN expires_us ELSE 0 END) STORED,
  PRIMARY KEY (seq),
  UNIQUE KEY sqlq_jobs_id (id),
  UNIQUE KEY sqlq_jobs_unique (live_key),
  KEY sqlq_jobs_state (state, queue_id, at_us, seq)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- Exactly the pending jobs, stored in the order of claims: a claim reads, locks and deletes the first rows of a lane.
CREATE TABLE IF NOT EXISTS {ready} (
  lane_id  BIGINT NOT NULL,
  priority BIGINT NOT NULL,
  due_us   BIGINT NOT NULL,
  seq      BIGINT NOT NULL,
  PRIMARY KEY (lane_id, priority, due_us, seq)
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

-- For people with a shell: names instead of numbers, text instead of bytes, the session's time zone.
CREATE OR REPLACE SQL SECURITY INVOKER VIEW {jobs_readable} AS
SELECT LOWER(CONCAT_WS('-', HEX(SUBSTR(j.id, 1, 4)), HEX(SUBSTR(j.id, 5, 2)), HEX(SUBSTR(j.id, 7, 2)),
                       HEX(SUBSTR(j.id, 9, 2)), HEX(SUBSTR(j.id, 11, 6)))) AS id,
       CONVERT(l.queue USING utf8mb4) AS queue, CONVERT(l.kind USING utf8mb4) AS kind,
       CASE j.state WHEN 1 THEN 'pending' WHEN 2 THEN 'running' WHEN 3 THEN 'success' WHEN 4 THEN 'errored'
                    WHEN 5 THEN 'cancelling' WHEN 6 THEN 'cancelled' WHEN 7 THEN 'scheduled' END AS state,
       j.priority, j.attempt, j.max_attempts, j.crashes, CONVERT(j.worker USING utf8mb4) AS worker,
       FROM_UNIXTIME(j.created_us / 1000000) AS created, FROM_UNIXTIME(j.due_us / 1000000) AS due,
       FROM_UNIXTIME(j.started_us / 1000000) AS started, FROM_UNIXTIME(j.heartbeat_us / 1000000) AS heartbeat,
       FROM_UNIXTIME(j.finished_us / 1000000) AS finished,
       CONVERT(j.unique_key USING utf8mb4) AS unique_key,
       CONVERT(j.params USING utf8mb4) AS params, CONVERT(j.result USING utf8mb4) AS result
  FROM {jobs} j
  JOIN {lanes} l ON l.id = j.lane_id;
