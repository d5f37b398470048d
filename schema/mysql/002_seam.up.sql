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

-- The workers that run, as they say themselves: a row each. It goes when its worker stops, and is passed over once it
-- was not seen for 90 s (worker_expiry). queues and kinds are names, a line each; no queues: all. Nothing else depends
-- on this table.
-- ({workers} is something else: the names that jobs refer to by number.)
CREATE TABLE IF NOT EXISTS {registry} (
  name       VARBINARY(255) NOT NULL,
  id         BIGINT NOT NULL,
  host       VARBINARY(255) NOT NULL,
  pid        BIGINT NOT NULL,
  version    VARBINARY(64) NOT NULL,
  queues     MEDIUMBLOB NOT NULL,
  kinds      MEDIUMBLOB NOT NULL,
  slots      INT NOT NULL,
  busy       INT NOT NULL,
  started_us BIGINT NOT NULL,
  seen_us    BIGINT NOT NULL,
  draining   TINYINT NOT NULL DEFAULT 0,
  PRIMARY KEY (name, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
