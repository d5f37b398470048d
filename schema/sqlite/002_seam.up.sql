-- What the next verbs stand on: plain jobs keep the statements that they had.

-- Work that is due at a time: what is to be looked at (what), and which one (ref). Rows are appended, and deleted in
-- the transaction that does the work. Several rows may say the same.
CREATE TABLE sqlq_agenda (
  id    INTEGER PRIMARY KEY,
  at_us INTEGER NOT NULL,
  what  INTEGER NOT NULL,
  ref   INTEGER NOT NULL
) STRICT;

CREATE INDEX sqlq_agenda_at ON sqlq_agenda (at_us);

-- The workers that run, as they say themselves: a row each. It goes when its worker stops, and is passed over once it
-- was not seen for 90 s (worker_expiry). queues and kinds are names, a line each; no queues: all. Nothing else depends
-- on this table.
CREATE TABLE sqlq_registry (
  name       TEXT    NOT NULL,
  id         INTEGER NOT NULL,
  host       TEXT    NOT NULL,
  pid        INTEGER NOT NULL,
  version    TEXT    NOT NULL,
  queues     TEXT    NOT NULL,
  kinds      TEXT    NOT NULL,
  slots      INTEGER NOT NULL,
  busy       INTEGER NOT NULL,
  started_us INTEGER NOT NULL,
  seen_us    INTEGER NOT NULL,
  draining   INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (name, id)
) STRICT, WITHOUT ROWID;
