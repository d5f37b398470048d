-- The schema: versions, locks, layout; and what is to be known of the server.

-- name: migrations_exist
-- returns: n int
SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'sqlq_migrations'

-- name: jobs_exist
-- returns: n int
SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'sqlq_jobs'

-- name: migrations_any
-- returns: n int
SELECT count(*) FROM sqlq_migrations

-- name: migrations_make
CREATE TABLE IF NOT EXISTS sqlq_migrations (
  version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_us INTEGER NOT NULL) STRICT

-- name: migrations
-- returns: version int, name text, checksum text, applied int, compatible_from int?
-- Tables of version 1 lack compatible_from: then the name means the column of `otherwise`.
SELECT m.version, m.name, m.checksum, m.applied_us,
       (SELECT compatible_from FROM sqlq_migrations c WHERE c.version = m.version)
  FROM sqlq_migrations m CROSS JOIN (SELECT NULL AS compatible_from) otherwise ORDER BY m.version

-- name: migration_add
-- params: version int, name text, checksum text, now int?
INSERT INTO sqlq_migrations (version, name, checksum, applied_us)
VALUES (:version, :name, :checksum, coalesce(:now, CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)))

-- name: migration_compatible
-- params: version int, compatible_from int
UPDATE sqlq_migrations SET compatible_from = :compatible_from WHERE version = :version

-- name: migration_remove
-- params: version int
DELETE FROM sqlq_migrations WHERE version = :version

-- name: objects
-- returns: type text, name text
-- What teardown drops, exactly; views first.
SELECT type, name FROM sqlite_master
 WHERE type IN ('table', 'view') AND lower(name) IN (
   'sqlq_queues', 'sqlq_lanes', 'sqlq_jobs', 'sqlq_history', 'sqlq_logs', 'sqlq_progress', 'sqlq_facts',
   'sqlq_processes', 'sqlq_agenda', 'sqlq_registry', 'sqlq_periodic', 'sqlq_steps', 'sqlq_inbox',
   'sqlq_gates', 'sqlq_gated', 'sqlq_jobs_readable', 'sqlq_migrations')
 ORDER BY type DESC

-- name: begin
-- Takes the write lock at once: a transaction that reads first and writes later can fail where waiting does not help.
BEGIN IMMEDIATE

-- name: commit
COMMIT

-- name: data_version
-- returns: version int
PRAGMA data_version

-- name: plan
-- returns: id int, parent int, unused int, line text
-- Of the look that every claim begins with; it is not run.
EXPLAIN QUERY PLAN
SELECT priority, due_us, seq FROM sqlq_jobs
 WHERE state = 1 AND lane_id = 1 AND (priority, due_us, seq) > (1, 1, 1)
 ORDER BY priority, due_us, seq LIMIT 10

-- name: layout
-- returns: place text, kind text, name text, definition text
-- The columns and indexes of our tables (src/sql/layout.hpp).
SELECT substr(t.name, 6), 'column', c.name,
       c.type || CASE WHEN c."notnull" <> 0 THEN ' NOT NULL' ELSE '' END
       || coalesce(' DEFAULT ' || c.dflt_value, '') || CASE WHEN c.pk > 0 THEN ' PRIMARY KEY' ELSE '' END
  FROM sqlite_master t JOIN pragma_table_xinfo(t.name) c
 WHERE t.type = 'table' AND t.name LIKE 'sqlq\_%' ESCAPE '\'
UNION ALL
SELECT substr(t.name, 6), 'index', i.name,
       CASE WHEN i."unique" <> 0 THEN 'UNIQUE ' ELSE '' END || '('
       || (SELECT group_concat(coalesce(x.name, 'expression') || CASE WHEN x."desc" <> 0 THEN ' DESC' ELSE '' END, ', ')
             FROM pragma_index_xinfo(i.name) x WHERE x.key <> 0)
       || ')' || CASE WHEN i.partial <> 0
                      THEN coalesce((SELECT replace(substr(m.sql, instr(upper(m.sql), ' WHERE ')), char(10), ' ')
                                       FROM sqlite_master m WHERE m.type = 'index' AND m.name = i.name), '') ELSE '' END
  FROM sqlite_master t JOIN pragma_index_list(t.name) i
 WHERE t.type = 'table' AND t.name LIKE 'sqlq\_%' ESCAPE '\'
