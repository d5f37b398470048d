-- What the next verbs stand on: plain jobs keep the statements that they had. Each statement may be run again.

-- Work that is due at a time: what is to be looked at (what), and which one (ref). Rows are appended, and deleted in
-- the transaction that does the work. Several rows may say the same: a unique index would make an insert wait for
-- transactions of others.
CREATE TABLE IF NOT EXISTS {agenda} (
  id    BIGINT NOT NULL AUTO_INCREMENT,
  at_us BIGINT NOT NULL,
  what  SMALLINT NOT NULL,
  ref   BIGINT NOT NULL,
  PRIMARY KEY (id),
  KEY sqlq_agenda_at (at_us)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

-- Workers that say who they are: the table of the registry goes here.
