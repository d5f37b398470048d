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

-- Workers that say who they are: the table of the registry goes here.
