-- sqlq: compatible from 1
--
-- Schedules and durable steps, in tables of their own: plain jobs keep the statements that they had.

-- What happens again and again. next_us: when to look at it; NULL: never. version grows with each change: a tick is
-- fired by the transaction that finds the version it has read. definition and state are JSON.
CREATE TABLE sqlq_periodic (
  name       TEXT    PRIMARY KEY NOT NULL,
  version    INTEGER NOT NULL,
  next_us    INTEGER,
  definition TEXT    NOT NULL,
  state      TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sqlq_periodic_next ON sqlq_periodic (next_us, name) WHERE next_us IS NOT NULL;

-- What jobs remember of their executions. kind is the number of sqlq/steps.hpp; ord numbers the job's rows in the order
-- of their recording; until_us is the end of a sleep or wait. Bit 1 of a job's flags: it was told to go on since it
-- last recorded a wait.
CREATE TABLE sqlq_steps (
  job_seq  INTEGER NOT NULL,
  kind     INTEGER NOT NULL,
  name     TEXT    NOT NULL,
  n        INTEGER NOT NULL,
  ord      INTEGER NOT NULL,
  claim    INTEGER NOT NULL,
  at_us    INTEGER NOT NULL,
  until_us INTEGER,
  value    TEXT    NOT NULL,
  PRIMARY KEY (job_seq, kind, name, n)
) STRICT, WITHOUT ROWID;

-- As for the rest of what belongs to a job (sqlq_jobs_deleted).
-- +goose StatementBegin
CREATE TRIGGER sqlq_jobs_deleted_steps AFTER DELETE ON sqlq_jobs BEGIN
  DELETE FROM sqlq_steps WHERE job_seq = OLD.seq;
END;
-- +goose StatementEnd
