-- The schema: versions, locks, layout; and what is to be known of the server.

-- name: server
-- returns: version text, packet int, read_only int
SELECT VERSION(), @@max_allowed_packet, CONCAT(@@GLOBAL.read_only) NOT IN ('0', 'OFF') OR @@GLOBAL.innodb_read_only

-- name: settings
-- returns: name text, value text
SHOW GLOBAL VARIABLES WHERE Variable_name IN
  ('innodb_flush_log_at_trx_commit', 'sync_binlog', 'log_bin', 'binlog_format', 'innodb_doublewrite',
   'innodb_flush_method', 'wsrep_on', 'transaction_isolation', 'tx_isolation', 'max_allowed_packet')

-- name: old_transactions
-- params: seconds int
-- returns: id int, seconds int, since text, who text
-- Those for so many seconds in which a snapshot may be held. They are in the time zone of the server's system.
SELECT t.trx_mysql_thread_id, TIMESTAMPDIFF(SECOND, CONVERT_TZ(t.trx_started, 'SYSTEM', '+00:00'), UTC_TIMESTAMP()),
       DATE_FORMAT(CONVERT_TZ(t.trx_started, 'SYSTEM', '+00:00'), '%Y-%m-%d %H:%i:%s'),
       COALESCE(CONCAT(p.USER, '@', p.HOST), '')
  FROM information_schema.innodb_trx t
  LEFT JOIN information_schema.processlist p ON p.ID = t.trx_mysql_thread_id
 WHERE CONVERT_TZ(t.trx_started, 'SYSTEM', '+00:00') <= UTC_TIMESTAMP() - INTERVAL :seconds SECOND
   AND t.trx_mysql_thread_id <> CONNECTION_ID()
   AND (t.trx_isolation_level NOT LIKE 'READ %' OR t.trx_query IS NOT NULL)
 ORDER BY t.trx_started LIMIT 5

-- name: history_length
-- returns: n int
-- How many deleted or changed rows wait to be cleaned up.
SELECT m.count FROM information_schema.innodb_metrics m WHERE m.name = 'trx_rseg_history_len'

-- name: migration_lock
-- params: wait int
-- returns: got int?
SELECT GET_LOCK({lock}, :wait)

-- name: migration_unlock
-- returns: freed int?
SELECT RELEASE_LOCK({lock})

-- name: migrations_exist
-- returns: n int
SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = {schema_text} AND table_name = {migrations_text}

-- name: jobs_exist
-- returns: n int
SELECT COUNT(*) FROM information_schema.tables
 WHERE table_schema = {schema_text} AND table_name = {jobs_text}

-- name: migrations_any
-- returns: n int
SELECT COUNT(*) FROM {migrations}

-- name: migrations_make
CREATE TABLE IF NOT EXISTS {migrations} (
  version    BIGINT NOT NULL,
  name       VARBINARY(255) NOT NULL,
  checksum   VARBINARY(16) NOT NULL,
  applied_us BIGINT NOT NULL,
  done       TINYINT NOT NULL DEFAULT 1,
  PRIMARY KEY (version)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4

-- name: migrations
-- returns: version int, name text, checksum text, applied int, compatible_from int?
-- A step that was begun and not brought to its end counts as not applied: it is run again. Tables of version 1 lack
-- compatible_from: then the name means the column of `otherwise`.
SELECT m.version, m.name, m.checksum, m.applied_us,
       (SELECT compatible_from FROM {migrations} c WHERE c.version = m.version)
  FROM {migrations} m CROSS JOIN (SELECT CAST(NULL AS SIGNED) AS compatible_from) otherwise
 WHERE m.done = 1 ORDER BY m.version

-- name: migrations_begun
-- returns: version int
SELECT version FROM {migrations} WHERE done = 0 ORDER BY version DESC

-- name: migration_begin
-- params: version int, name text, checksum text, now int?
INSERT INTO {migrations} (version, name, checksum, applied_us, done) VALUES (:version, :name, :checksum, {now}, 0)
ON DUPLICATE KEY UPDATE name = :name, checksum = :checksum, done = 0

-- name: migration_add
-- params: version int, now int?
UPDATE {migrations} SET done = 1, applied_us = {now} WHERE version = :version

-- name: migration_compatible
-- params: version int, compatible_from int
UPDATE {migrations} SET compatible_from = :compatible_from WHERE version = :version

-- name: migration_remove
-- params: version int
DELETE FROM {migrations} WHERE version = :version

-- name: objects
-- returns: type text, name text
-- What teardown drops, exactly; views first. The server compares these names without regard to case, also where it
-- keeps tables apart that differ in nothing else.
SELECT table_type, table_name FROM information_schema.tables
 WHERE table_schema = {schema_text} AND table_name IN ({made})
   AND (@@lower_case_table_names > 0 OR CAST(table_name AS BINARY) IN ({made}))
 ORDER BY table_type DESC

-- name: in_the_way
-- returns: name text
-- Tables of the user's with a foreign key to one of ours, which cannot be dropped then.
SELECT CONCAT(o.place, '.', o.name)
  FROM (SELECT DISTINCT k.table_schema AS place, k.table_name AS name FROM information_schema.key_column_usage k
         WHERE k.referenced_table_schema = {schema_text} AND k.referenced_table_name IN ({made})
           AND NOT (k.table_schema = {schema_text} AND k.table_name IN ({made}))) o

-- name: layout
-- returns: place text, kind text, name text, definition text
-- The columns and indexes of our tables (src/sql/layout.hpp), in words that are the same for all versions of both
-- servers: without the width at which numbers are shown. A test compares what a fresh schema has with layout.txt. A
-- server shows nobody the tables and columns on which he has no right at all.
SELECT SUBSTR(c.table_name, CHAR_LENGTH({jobs_text}) - 3), 'column', c.column_name,
       CONCAT(IF(c.data_type LIKE '%int', CONCAT(c.data_type, IF(c.column_type LIKE '%unsigned%', ' unsigned', '')),
                 c.column_type),
              IF(c.is_nullable = 'NO', ' NOT NULL', ''),
              COALESCE(CONCAT(' DEFAULT ', NULLIF(c.column_default, 'NULL')), ''),
              IF(c.extra LIKE '%auto_increment%', ' AUTO_INCREMENT', ''))
  FROM information_schema.columns c
 WHERE c.table_schema = {schema_text} AND c.table_name IN ({made}) AND c.table_name <> {jobs_readable_text}
UNION ALL
SELECT SUBSTR(s.table_name, CHAR_LENGTH({jobs_text}) - 3), 'index', s.index_name,
       CONCAT(IF(MIN(s.non_unique) = 0, 'UNIQUE ', ''), MIN(s.index_type), ' (',
              GROUP_CONCAT(CONCAT(COALESCE(s.column_name, 'expression'), COALESCE(CONCAT('(', s.sub_part, ')'), ''),
                                  IF(s.collation = 'D', ' DESC', ''))
                           ORDER BY s.seq_in_index SEPARATOR ', '), ')')
  FROM information_schema.statistics s
 WHERE s.table_schema = {schema_text} AND s.table_name IN ({made})
 GROUP BY s.table_name, s.index_name

-- name: may_see_all
-- returns: n int
-- Refused for whom the server may hide a table or column, and when one is not there.
SELECT {all_columns}
