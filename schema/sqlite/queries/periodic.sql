-- Schedules.

-- name: periodic_first
-- params: now int
-- returns: now int, next int?
-- When the first row is to be looked at.
SELECT :now, (SELECT p.next_us FROM sqlq_periodic p INDEXED BY sqlq_periodic_next
               WHERE p.next_us IS NOT NULL ORDER BY p.next_us, p.name LIMIT 1)

-- name: periodic_due
-- params: now int, n int
-- returns: name text, version int, next int?, definition text, state text
SELECT name, version, next_us, definition, state FROM sqlq_periodic INDEXED BY sqlq_periodic_next
 WHERE next_us <= :now ORDER BY next_us, name LIMIT :n

-- name: periodic_next
-- params: now int
-- returns: next int?
SELECT next_us FROM sqlq_periodic INDEXED BY sqlq_periodic_next WHERE next_us > :now ORDER BY next_us, name LIMIT 1

-- name: periodic_list
-- params: after text, n int
-- returns: name text, version int, next int?, definition text, state text
SELECT name, version, next_us, definition, state FROM sqlq_periodic WHERE name > :after ORDER BY name LIMIT :n

-- name: periodic_get
-- params: names text
-- returns: name text, version int, next int?, definition text, state text
SELECT name, version, next_us, definition, state FROM sqlq_periodic
 WHERE name IN (SELECT value FROM json_each(:names))

-- name: periodic_versions
-- params: names text
-- returns: name text, version int, next int?
SELECT name, version, next_us FROM sqlq_periodic WHERE name IN (SELECT value FROM json_each(:names))

-- name: periodic_lock
-- params: names text
-- returns: name text, version int, next int?
-- The transaction has the file's lock.
SELECT name, version, next_us FROM sqlq_periodic WHERE name IN (SELECT value FROM json_each(:names))

-- name: periodic_add
-- params: rows text
INSERT INTO sqlq_periodic (name, version, next_us, definition, state)
SELECT value ->> '$.name', value ->> '$.becomes', value ->> '$.next', value ->> '$.definition', value ->> '$.state'
  FROM json_each(:rows)

-- name: periodic_set
-- params: rows text
UPDATE sqlq_periodic AS p
   SET version = w.becomes, next_us = w.next, definition = w.definition, state = w.state
  FROM (SELECT value ->> '$.name' AS name, value ->> '$.version' AS version, value ->> '$.becomes' AS becomes,
               value ->> '$.next' AS next, value ->> '$.definition' AS definition, value ->> '$.state' AS state
          FROM json_each(:rows)) AS w
 WHERE p.name = w.name AND p.version = w.version

-- name: periodic_remove
-- params: rows text
DELETE FROM sqlq_periodic
 WHERE (name, version) IN (SELECT value ->> '$.name', value ->> '$.version' FROM json_each(:rows))
