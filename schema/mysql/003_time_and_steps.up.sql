-- sqlq: compatible from 1
--
-- Schedules and durable steps, in tables of their own: plain jobs keep the statements that they had. Each statement may
-- be run again.

-- What happens again and again. next_us: when to look at it; NULL: never. version grows with each change: a tick is
-- fired by the transaction that finds the version it has read. definition and state are JSON.
CREATE TABLE IF NOT EXISTS {periodic} (
  name       VARBINARY(255) NOT NULL,
  version    BIGINT NOT NULL,
  next_us    BIGINT,
  definition MEDIUMBLOB NOT NULL,
  state      MEDIUMBLOB NOT NULL,
  PRIMARY KEY (name),
  KEY sqlq_periodic_next (next_us, name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- What jobs remember of their executions. kind is the number of sqlq/steps.hpp; ord numbers the job's rows in the order
-- of their recording; until_us is the end of a sleep or wait. Bit 1 of a job's flags: it was told to go on since it
-- last recorded a wait.
CREATE TABLE IF NOT EXISTS {steps} (
  job_seq  BIGINT NOT NULL,
  kind     SMALLINT NOT NULL,
  name     VARBINARY(255) NOT NULL,
  n        BIGINT NOT NULL,
  ord      BIGINT NOT NULL,
  claim    BIGINT NOT NULL,
  at_us    BIGINT NOT NULL,
  until_us BIGINT,
  value    MEDIUMBLOB NOT NULL,
  PRIMARY KEY (job_seq, kind, name, n)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
