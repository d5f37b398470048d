-- sqlq: compatible from 2
--
-- Limits by key (docs/limits.md). A job with a key has bit 2 of its flags, the header sqlq-key, and a row in
-- sqlq_gated until it has ended and its gate was looked at. Plain jobs have none of it.

-- A key of a queue: its settings, and what it remembers. A row is made when somebody looks at the key for the first
-- time or gives it settings, and goes when there is nothing to remember. The empty key has the settings of all keys of
-- the queue. let_in_us: when a job was let in last. look_us: when to look again; NULL: never. turn grows with each
-- look, so that two nodes of a cluster cannot both look.
CREATE TABLE sqlq_gates (
  queue_id      INTEGER NOT NULL,
  key           TEXT    NOT NULL,
  settings      TEXT    NOT NULL DEFAULT '',
  next_start_us INTEGER NOT NULL DEFAULT 0,
  shut_until_us INTEGER NOT NULL DEFAULT 0,
  let_in_us     INTEGER NOT NULL DEFAULT 0,
  look_us       INTEGER,
  turn          INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (queue_id, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX sqlq_gates_look ON sqlq_gates (look_us) WHERE look_us IS NOT NULL;

-- Where a job with a key stands. stage: 0 it was let in (first 1: and that it has started since was counted), 1 it
-- stands in line at (first, second, job_seq), 2 it comes into the line at the time `second`. claims: of its claims so
-- many were counted by the key's rate. The state of the job itself is what counts: a row may be late.
CREATE TABLE sqlq_gated (
  job_seq  INTEGER PRIMARY KEY,
  queue_id INTEGER NOT NULL,
  key      TEXT    NOT NULL,
  stage    INTEGER NOT NULL,
  first    INTEGER NOT NULL,
  second   INTEGER NOT NULL,
  claims   INTEGER NOT NULL
) STRICT;

CREATE INDEX sqlq_gated_line ON sqlq_gated (queue_id, key, stage, first, second);
CREATE INDEX sqlq_gated_later ON sqlq_gated (second) WHERE stage = 2;

-- As before (003), and a job that was let in and goes, whose seq another one may get, leaves its row under a number
-- that no job has: the start is not forgotten.
-- +goose StatementBegin
CREATE TRIGGER sqlq_jobs_deleted_gated AFTER DELETE ON sqlq_jobs WHEN OLD.flags & 2 BEGIN
  UPDATE sqlq_gated SET job_seq = -abs(random() >> 1) - 1 WHERE job_seq = OLD.seq AND stage = 0;
  DELETE FROM sqlq_gated WHERE job_seq = OLD.seq;
END;
-- +goose StatementEnd
