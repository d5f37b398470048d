-- sqlq: compatible from 1
--
-- A table that anybody may write to, in any language: workers make jobs of its rows (docs/inbox.md). The statement may
-- be run again.

-- n is for us: leave it out. A column that is NULL or left out is as in EnqueueOptions (sqlq/enqueue.hpp); params are
-- JSON, run_at is UTC, headers a JSON object of texts, job_id a UUID. A row of which not even an errored job could be
-- stored is kept with a negative n and the reason in `problem`. Texts have a character set, so that each writer's is
-- converted.
CREATE TABLE IF NOT EXISTS {inbox} (
  n            BIGINT NOT NULL AUTO_INCREMENT,
  kind         VARCHAR(255) NOT NULL,
  params       MEDIUMTEXT,
  queue        VARCHAR(255),
  priority     INT,
  run_at       DATETIME(6),
  unique_key   VARCHAR(255),
  max_attempts INT,
  timeout_s    BIGINT,
  headers      MEDIUMTEXT,
  job_id       VARCHAR(255),
  problem      TEXT,
  PRIMARY KEY (n)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
