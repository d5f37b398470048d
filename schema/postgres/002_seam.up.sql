-- What the next verbs stand on: plain jobs keep the statements that they had.

-- Work that is due at a time: what is to be looked at (what), and which one (ref). Rows are appended, and deleted in
-- the transaction that does the work. Several rows may say the same: a unique index would make an insert wait for
-- transactions of others.
CREATE TABLE {agenda} (
  at_us bigint NOT NULL,
  ref   bigint NOT NULL,
  what  smallint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
        autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);

CREATE INDEX sqlq_agenda_at ON {agenda} (at_us);

-- The workers that run, as they say themselves: a row each. It goes when its worker stops, and is passed over once it
-- was not seen for 90 s (worker_expiry). queues and kinds are names, a line each; no queues: all. Nothing else depends
-- on this table.
CREATE TABLE {registry} (
  name       text COLLATE "C" NOT NULL,
  id         bigint NOT NULL,
  host       text NOT NULL,
  pid        bigint NOT NULL,
  version    text NOT NULL,
  queues     text NOT NULL,
  kinds      text NOT NULL,
  slots      integer NOT NULL,
  busy       integer NOT NULL,
  started_us bigint NOT NULL,
  seen_us    bigint NOT NULL,
  draining   smallint NOT NULL DEFAULT 0,
  PRIMARY KEY (name, id)
) WITH (fillfactor = 50, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);
