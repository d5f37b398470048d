-- The schema: versions, locks, layout; and what is to be known of the server.

-- name: migration_lock
-- returns: locked int
-- One migration of this schema at a time, until the end of the transaction. Nobody waits in a statement: CREATE INDEX
-- CONCURRENTLY of the one that has the lock waits for all statements that began before it.
SELECT pg_try_advisory_xact_lock(hashtextextended('sqlq migrations of ' || {schema_name}, 0))::integer

-- name: migration_lock_session
-- returns: locked int
-- The same until the end of the session.
SELECT pg_try_advisory_lock(hashtextextended('sqlq migrations of ' || {schema_name}, 0))::integer

-- name: schema_exists
-- returns: n int
SELECT count(*) FROM pg_catalog.pg_namespace WHERE nspname = {schema_name}

-- name: schema_make
CREATE SCHEMA {schema}

-- name: schema_make_if_missing
-- For scripts. It needs the right to make schemas even where there is nothing to make.
CREATE SCHEMA IF NOT EXISTS {schema}

-- name: migrations_exist
-- returns: n int
SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname = {schema_name} AND tablename = 'sqlq_migrations'

-- name: jobs_exist
-- returns: n int
SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname = {schema_name} AND tablename = 'sqlq_jobs'

-- name: migrations_any
-- returns: n int
SELECT count(*) FROM {migrations}

-- name: migrations_make
CREATE TABLE IF NOT EXISTS {migrations} (
  version integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, applied_us bigint NOT NULL)

-- name: migrations
-- returns: version int, name text, checksum text, applied int, compatible_from int?
-- Tables of version 1 lack compatible_from: then the name means the column of `otherwise`.
SELECT m.version, m.name, m.checksum, m.applied_us,
       (SELECT compatible_from FROM {migrations} c WHERE c.version = m.version)
  FROM {migrations} m CROSS JOIN (SELECT NULL::integer AS compatible_from) otherwise ORDER BY m.version

-- name: migration_add
-- params: version int, name text, checksum text, now int?
INSERT INTO {migrations} (version, name, checksum, applied_us) VALUES (:version, :name, :checksum, {now})

-- name: migration_compatible
-- params: version int, compatible_from int
UPDATE {migrations} SET compatible_from = :compatible_from WHERE version = :version

-- name: migration_remove
-- params: version int
DELETE FROM {migrations} WHERE version = :version

-- name: drops
-- returns: sql text
-- What teardown runs: all views with one statement, then all tables with one, so that their order does not matter, and
-- the function of a trigger at last.
SELECT 'DROP ' || o.kind || ' ' || string_agg(format('%I.%I', o.schema, o.name), ', ' ORDER BY o.name)
  FROM (SELECT CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END AS kind, s.nspname AS schema, c.relname AS name
          FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace s ON s.oid = c.relnamespace
         WHERE s.nspname = {schema_name} AND c.relkind IN ('r', 'p', 'v') AND c.relname IN ({made})
         UNION ALL
        SELECT 'FUNCTION', s.nspname, f.proname
          FROM pg_catalog.pg_proc f JOIN pg_catalog.pg_namespace s ON s.oid = f.pronamespace
         WHERE s.nspname = {schema_name} AND f.proname = 'sqlq_inbox_told' AND f.pronargs = 0) o
 GROUP BY o.kind ORDER BY o.kind DESC

-- name: in_the_way
-- returns: name text
-- Views and foreign keys of the user's, without which our tables cannot be dropped.
WITH ours AS (
  SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace s ON s.oid = c.relnamespace
   WHERE s.nspname = {schema_name} AND c.relkind IN ('r', 'p', 'v') AND c.relname IN ({made})),
theirs AS (
  SELECT r.ev_class AS oid FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid
   WHERE d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
     AND d.refobjid IN (SELECT oid FROM ours)
  UNION
  SELECT k.conrelid FROM pg_catalog.pg_constraint k
   WHERE k.contype = 'f' AND k.confrelid IN (SELECT oid FROM ours))
SELECT format('%I.%I', s.nspname, c.relname)
  FROM theirs t JOIN pg_catalog.pg_class c ON c.oid = t.oid JOIN pg_catalog.pg_namespace s ON s.oid = c.relnamespace
 WHERE t.oid NOT IN (SELECT oid FROM ours) ORDER BY 1

-- name: settings
-- returns: name text, setting text
SELECT name, setting FROM pg_catalog.pg_settings
 WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit', 'synchronous_standby_names', 'server_encoding',
                'autovacuum', 'default_transaction_isolation', 'server_version_num')

-- name: standbys
-- returns: n int
SELECT count(*) FROM pg_catalog.pg_stat_replication

-- name: old_snapshots
-- params: seconds int
-- returns: who text, seconds int, cure text
-- Transactions that have been open for so long and keep vacuum from its work; the oldest first.
SELECT * FROM (
  SELECT concat('a transaction of process ', a.pid, ' (', concat_ws(', ', 'user ' || a.usename,
                'application ' || nullif(a.application_name, ''), 'database ' || a.datname, a.state), ')'),
         extract(epoch FROM statement_timestamp() - a.xact_start)::bigint AS seconds,
         concat('SELECT pg_terminate_backend(', a.pid, ')')
    FROM pg_catalog.pg_stat_activity a
   WHERE (a.backend_xmin IS NOT NULL OR a.backend_xid IS NOT NULL) AND a.backend_type <> 'autovacuum worker'
  UNION ALL
  SELECT concat('the prepared transaction ', quote_literal(p.gid), ' (user ', p.owner, ', database ', p.database, ')'),
         extract(epoch FROM statement_timestamp() - p.prepared)::bigint,
         concat('ROLLBACK PREPARED ', quote_literal(p.gid))
    FROM pg_catalog.pg_prepared_xacts p) o
 WHERE o.seconds >= :seconds ORDER BY o.seconds DESC LIMIT 5

-- name: old_slots
-- returns: name text, age int, used int
-- Slots that keep dead rows: nobody uses them, or their standby is far behind.
SELECT s.slot_name::text, age(s.xmin)::bigint, s.active::integer FROM pg_catalog.pg_replication_slots s
 WHERE s.xmin IS NOT NULL AND (NOT s.active OR age(s.xmin) > 1000000) ORDER BY 2 DESC LIMIT 5

-- name: sees_others
-- returns: n int
SELECT pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')::integer

-- name: dead_rows
-- returns: place text, dead int, live int, autovacuum_off int
SELECT c.relname::text, pg_stat_get_dead_tuples(c.oid), pg_stat_get_live_tuples(c.oid),
       EXISTS (SELECT 1 FROM pg_options_to_table(c.reloptions) o
                WHERE o.option_name = 'autovacuum_enabled' AND NOT o.option_value::boolean)::integer
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace s ON s.oid = c.relnamespace
 WHERE s.nspname = {schema_name} AND c.relname IN ({made}) AND c.relkind = 'r' ORDER BY 1

-- name: plan_matters
-- returns: n int
-- A small table may as well be read whole.
SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace s ON s.oid = c.relnamespace
 WHERE s.nspname = {schema_name} AND c.relname = 'sqlq_jobs' AND c.relpages >= 1000

-- name: plan
-- returns: line text
-- Of the look that every claim begins with, in the same words; it is not run.
EXPLAIN (COSTS OFF)
SELECT j.priority, j.due_us, j.seq FROM {jobs} j
 WHERE j.state = 1 AND j.lane_id = 1 AND (j.priority, j.due_us, j.seq) >= (1, 1, 1)
 ORDER BY j.lane_id, j.priority, j.due_us, j.seq LIMIT 10

-- name: layout
-- returns: place text, kind text, name text, definition text
-- The columns and indexes of our tables (src/sql/layout.hpp), in words that are the same for all versions and settings:
-- quote_all_identifiers adds quotes. A test compares what a fresh schema has with layout.txt.
WITH t AS (
  SELECT c.oid, substr(c.relname, 6) AS name FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace s ON s.oid = c.relnamespace
   WHERE s.nspname = {schema_name} AND c.relname IN ({made}) AND c.relkind IN ('r', 'p'))
SELECT t.name, 'column', a.attname::text,
       translate(pg_catalog.format_type(a.atttypid, a.atttypmod), '"', '')
       || coalesce((SELECT ' COLLATE ' || l.collname FROM pg_catalog.pg_collation l
                     WHERE l.oid = a.attcollation AND l.collname <> 'default'), '')
       || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
       || CASE a.attidentity WHEN 'a' THEN ' GENERATED ALWAYS AS IDENTITY'
                             WHEN 'd' THEN ' GENERATED BY DEFAULT AS IDENTITY'
                             ELSE coalesce(' DEFAULT '
                                           || translate(pg_catalog.pg_get_expr(d.adbin, d.adrelid), '"', ''), '')
          END
  FROM t JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum
UNION ALL
SELECT t.name, 'index', x.relname::text,
       CASE WHEN i.indisprimary THEN 'PRIMARY ' WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END
       || translate(regexp_replace(pg_catalog.pg_get_indexdef(i.indexrelid), '^.* USING ', ''), '"', '')
       || CASE WHEN i.indisvalid THEN '' ELSE ' INVALID' END
  FROM t JOIN pg_catalog.pg_index i ON i.indrelid = t.oid JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
