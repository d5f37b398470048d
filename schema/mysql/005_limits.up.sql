-- sqlq: compatible from 2
--
-- Limits by key (docs/limits.md). A job with a key has bit 4 of its flags (bit 2 is taken: steps_tell), the header
-- sqlq-key, and a row in sqlq_gated until it has ended and its gate was looked at. Plain jobs have none of it. Each
-- statement may be run again.

-- A key of a queue: its settings, and what it remembers. A row is made when somebody looks at the key for the first
-- time or gives it settings, and goes when there is nothing to remember. The empty key has the settings of all keys of
-- the queue. let_in_us: when a job was let in last. look_us: when to look again; NULL: never. turn grows with each
-- look, so that two nodes of a cluster cannot both look.
CREATE TABLE IF NOT EXISTS {gates} (
  queue_id      INT NOT NULL,
  gate_key      VARBINARY(255) NOT NULL,
  settings      BLOB NOT NULL,
  next_start_us BIGINT NOT NULL DEFAULT 0,
  shut_until_us BIGINT NOT NULL DEFAULT 0,
  let_in_us     BIGINT NOT NULL DEFAULT 0,
  look_us       BIGINT,
  turn          BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (queue_id, gate_key),
  KEY sqlq_gates_look (look_us)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- Where a job with a key stands. stage: 0 it was let in (first 1: and that it has started since was counted), 1 it
-- stands in line at (first, second, job_seq), 2 it comes into the line at the time `second`. claims: of its claims so
-- many were counted by the key's rate. The state of the job itself is what counts: a row may be late.
CREATE TABLE IF NOT EXISTS {gated} (
  job_seq  BIGINT NOT NULL,
  queue_id INT NOT NULL,
  gate_key VARBINARY(255) NOT NULL,
  stage    TINYINT NOT NULL,
  first    BIGINT NOT NULL,
  second   BIGINT NOT NULL,
  claims   BIGINT NOT NULL,
  PRIMARY KEY (job_seq),
  KEY sqlq_gated_line (queue_id, gate_key, stage, first, second),
  KEY sqlq_gated_later (stage, second)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
