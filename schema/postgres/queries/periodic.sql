-- Schedules.

-- name: periodic_first
-- params: now int?
-- returns: now int, next int?
-- When the first row is to be looked at.
SELECT {now}, (SELECT p.next_us FROM {periodic} p WHERE p.next_us IS NOT NULL ORDER BY p.next_us, p.name LIMIT 1)

-- name: periodic_due
-- params: now int, n int
-- returns: name text, version int, next int?, definition text, state text
SELECT name, version, next_us, definition, state FROM {periodic}
 WHERE next_us <= :now ORDER BY next_us, name LIMIT :n

-- name: periodic_next
-- params: now int
-- returns: next int?
SELECT next_us FROM {periodic} WHERE next_us > :now ORDER BY next_us, name LIMIT 1

-- name: periodic_list
-- params: after text, n int
-- returns: name text, version int, next int?, definition text, state text
SELECT name, version, next_us, definition, state FROM {periodic} WHERE name > :after ORDER BY name LIMIT :n

-- name: periodic_get
-- params: names text
-- returns: name text, version int, next int?, definition text, state text
SELECT p.name, p.version, p.next_us, p.definition, p.state
  FROM json_array_elements_text(:names::json) AS w(name) JOIN {periodic} p ON p.name = w.name

-- name: periodic_versions
-- params: names text
-- returns: name text, version int, next int?
SELECT p.name, p.version, p.next_us
  FROM json_array_elements_text(:names::json) AS w(name) JOIN {periodic} p ON p.name = w.name

-- name: periodic_lock
-- params: names text
-- returns: name text, version int, next int?
-- Waits for nobody.
SELECT p.name, p.version, p.next_us
  FROM json_array_elements_text(:names::json) AS w(name) JOIN {periodic} p ON p.name = w.name
   FOR UPDATE OF p SKIP LOCKED

-- name: periodic_add
-- params: rows text
-- In order of name. One that somebody else has added, or is adding, is left out.
INSERT INTO {periodic} (name, version, next_us, definition, state)
SELECT w.name, w.becomes, w.next, w.definition, w.state
  FROM json_to_recordset(:rows::json) AS w(name text, becomes bigint, next bigint, definition text, state text)
ON CONFLICT DO NOTHING

-- name: periodic_set
-- params: rows text
UPDATE {periodic} p SET version = w.becomes, next_us = w.next, definition = w.definition, state = w.state
  FROM json_to_recordset(:rows::json)
       AS w(name text, version bigint, becomes bigint, next bigint, definition text, state text)
 WHERE p.name = w.name AND p.version = w.version

-- name: periodic_remove
-- params: rows text
DELETE FROM {periodic} p USING json_to_recordset(:rows::json) AS w(name text, version bigint)
 WHERE p.name = w.name AND p.version = w.version
