-- Schedules.

-- piece: periodic_names
JSON_TABLE(:names, '$[*]' COLUMNS (name VARCHAR(255) CHARACTER SET utf8mb4 PATH '$')) w
STRAIGHT_JOIN {periodic} p FORCE INDEX (PRIMARY) ON p.name = CAST(w.name AS BINARY)

-- piece: periodic_rows
JSON_TABLE(:rows, '$[*]' COLUMNS (
  name VARCHAR(255) CHARACTER SET utf8mb4 PATH '$.name', version BIGINT PATH '$.version',
  becomes BIGINT PATH '$.becomes', next_us BIGINT PATH '$.next',
  definition LONGTEXT CHARACTER SET utf8mb4 PATH '$.definition', state LONGTEXT CHARACTER SET utf8mb4 PATH '$.state')) w

-- name: periodic_first
-- params: now int?
-- returns: now int, next int?
-- When the first row is to be looked at.
SELECT {now}, (SELECT p.next_us FROM {periodic} p FORCE INDEX (sqlq_periodic_next)
                WHERE p.next_us IS NOT NULL ORDER BY p.next_us, p.name LIMIT 1)

-- name: periodic_due
-- params: now int, n int
-- returns: name text, version int, next int?, definition text, state text
SELECT name, version, next_us, definition, state FROM {periodic} FORCE INDEX (sqlq_periodic_next)
 WHERE next_us <= :now ORDER BY next_us, name LIMIT :n

-- name: periodic_next
-- params: now int
-- returns: next int?
SELECT next_us FROM {periodic} FORCE INDEX (sqlq_periodic_next)
 WHERE next_us > :now ORDER BY next_us, name LIMIT 1

-- name: periodic_list
-- params: after text, n int
-- returns: name text, version int, next int?, definition text, state text
SELECT name, version, next_us, definition, state FROM {periodic} FORCE INDEX (PRIMARY)
 WHERE name > :after ORDER BY name LIMIT :n

-- name: periodic_get
-- params: names text
-- returns: name text, version int, next int?, definition text, state text
SELECT p.name, p.version, p.next_us, p.definition, p.state FROM {periodic_names}

-- name: periodic_versions
-- params: names text
-- returns: name text, version int, next int?
SELECT p.name, p.version, p.next_us FROM {periodic_names}

-- name: periodic_lock
-- params: names text
-- returns: name text, version int, next int?
-- Waits for nobody. The LIMIT (more than all) makes MySQL keep the inner statement apart: it refuses to lock what is in
-- one with a list.
SELECT p.name, p.version, p.next_us
  FROM (SELECT CAST(x.name AS BINARY) AS name
          FROM JSON_TABLE(:names, '$[*]' COLUMNS (name VARCHAR(255) CHARACTER SET utf8mb4 PATH '$')) x
         LIMIT 1000000) w
 STRAIGHT_JOIN {periodic} p FORCE INDEX (PRIMARY) ON p.name = w.name
   FOR UPDATE SKIP LOCKED

-- name: periodic_add
-- params: rows text
-- In order of name. None is added when somebody else has added one of them.
INSERT INTO {periodic} (name, version, next_us, definition, state)
SELECT CAST(w.name AS BINARY), w.becomes, w.next_us, w.definition, w.state FROM {periodic_rows}

-- name: periodic_set
-- params: rows text
UPDATE {periodic_rows} STRAIGHT_JOIN {periodic} p FORCE INDEX (PRIMARY) ON p.name = CAST(w.name AS BINARY)
   SET p.version = w.becomes, p.next_us = w.next_us, p.definition = w.definition, p.state = w.state
 WHERE p.version = w.version

-- name: periodic_remove
-- params: rows text
DELETE p FROM {periodic_rows} STRAIGHT_JOIN {periodic} p FORCE INDEX (PRIMARY) ON p.name = CAST(w.name AS BINARY)
 WHERE p.version = w.version
