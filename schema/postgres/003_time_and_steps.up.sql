-- sqlq: compatible from 1
--
-- Schedules and durable steps, in tables of their own: plain jobs keep the statements that they had.

-- What happens again and again. next_us: when to look at it; NULL: never. version grows with each change: a tick is
-- fired by the transaction that finds the version it has read. definition and state are JSON.
CREATE TABLE {periodic} (
  name       text COLLATE "C" PRIMARY KEY,
  version    bigint NOT NULL,
  next_us    bigint,
  definition text NOT NULL,
  state      text NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);

CREATE INDEX sqlq_periodic_next ON {periodic} (next_us, name) WHERE next_us IS NOT NULL;

-- What jobs remember of their executions. kind is the number of sqlq/steps.hpp; ord numbers the job's rows in the order
-- of their recording; until_us is the end of a sleep or wait. Bit 1 of a job's flags: it was told to go on since it
-- last recorded a wait.
CREATE TABLE {steps} (
  job_seq  bigint NOT NULL,
  kind     smallint NOT NULL,
  name     text COLLATE "C" NOT NULL,
  n        bigint NOT NULL,
  ord      bigint NOT NULL,
  claim    bigint NOT NULL,
  at_us    bigint NOT NULL,
  until_us bigint,
  value    text NOT NULL,
  PRIMARY KEY (job_seq, kind, name, n)
) WITH (autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);
