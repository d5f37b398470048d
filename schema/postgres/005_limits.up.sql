-- sqlq: compatible from 2
--
-- Limits by key (docs/limits.md). A job with a key has bit 2 of its flags, the header sqlq-key, and a row in
-- sqlq_gated until it has ended and its gate was looked at. Plain jobs have none of it.

-- A key of a queue: its settings, and what it remembers. A row is made when somebody looks at the key for the first
-- time or gives it settings, and goes when there is nothing to remember. The empty key has the settings of all keys of
-- the queue. let_in_us: when a job was let in last. look_us: when to look again; NULL: never. turn grows with each
-- look, so that two nodes of a cluster cannot both look.
CREATE TABLE {gates} (
  queue_id      integer NOT NULL,
  key           text COLLATE "C" NOT NULL,
  settings      text NOT NULL DEFAULT '',
  next_start_us bigint NOT NULL DEFAULT 0,
  shut_until_us bigint NOT NULL DEFAULT 0,
  let_in_us     bigint NOT NULL DEFAULT 0,
  look_us       bigint,
  turn          bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (queue_id, key)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
        autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 20000,
        autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);

CREATE INDEX sqlq_gates_look ON {gates} (look_us) WHERE look_us IS NOT NULL;

-- Where a job with a key stands. stage: 0 it was let in, 1 it stands in line at (first, second, job_seq), 2 it comes
-- into the line at the time `second`, and `first` is 0. claims: of its claims so many were counted by the key's rate.
-- The state of the job itself is what counts: a row may be late. job_id leads to the job, for no index does by its seq.
CREATE TABLE {gated} (
  job_seq  bigint PRIMARY KEY,
  job_id   uuid NOT NULL,
  first    bigint NOT NULL,
  second   bigint NOT NULL,
  claims   bigint NOT NULL,
  queue_id integer NOT NULL,
  stage    smallint NOT NULL,
  key      text COLLATE "C" NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
        autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 20000,
        autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 20000,
        autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);

CREATE INDEX sqlq_gated_line ON {gated} (queue_id, key, stage, first, second, job_seq);
CREATE INDEX sqlq_gated_later ON {gated} (second) WHERE stage = 2;

-- A job that waits holds its unique key. Where jobs are many, the index may be made before, without keeping writers
-- away: the same statement with CONCURRENTLY (docs/operations.md). One that was broken off is made anew.
-- +goose StatementBegin
DO $$
BEGIN
  IF EXISTS (SELECT 1 FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
               JOIN pg_catalog.pg_namespace s ON s.oid = c.relnamespace
              WHERE s.nspname = {schema_name} AND c.relname = 'sqlq_jobs_unique_8' AND NOT i.indisvalid) THEN
    DROP INDEX {schema}.sqlq_jobs_unique_8;
  END IF;
END
$$;
-- +goose StatementEnd
CREATE UNIQUE INDEX IF NOT EXISTS sqlq_jobs_unique_8
  ON {jobs} (unique_key) WHERE unique_key IS NOT NULL AND state IN (1, 2, 5, 7, 8);
DROP INDEX {schema}.sqlq_jobs_unique;
ALTER INDEX {schema}.sqlq_jobs_unique_8 RENAME TO sqlq_jobs_unique;
