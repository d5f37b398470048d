-- The list of the workers that run.

-- name: worker_seen
-- params: busy int, now int, name text, id int, draining int
-- The worker is there, and what it knows of `draining` is still true.
UPDATE sqlq_registry SET busy = :busy, seen_us = :now
 WHERE name = :name AND id = :id AND draining = :draining

-- name: worker_draining
-- params: name text, id int
-- returns: draining int
SELECT draining FROM sqlq_registry WHERE name = :name AND id = :id

-- name: worker_add
-- params: name text, id int, host text, pid int, version text, queues text, kinds text, slots int, busy int, now int, running int, draining int
INSERT INTO sqlq_registry (name, id, host, pid, version, queues, kinds, slots, busy, started_us, seen_us, draining)
VALUES (:name, :id, :host, :pid, :version, :queues, :kinds, :slots, :busy, :now - :running, :now, :draining)

-- name: worker_remove
-- params: name text, id int, seen int?
-- With `seen`: only when it was not seen since.
DELETE FROM sqlq_registry WHERE name = :name AND id = :id AND seen_us = coalesce(:seen, seen_us)

-- name: workers
-- params: now int, expiry int, after text, after_id int, n int
-- returns: name text, id int, host text, pid int, version text, queues text, kinds text, slots int, busy int, started int, seen int, draining int
SELECT name, id, host, pid, version, queues, kinds, slots, busy, started_us, seen_us, draining
  FROM sqlq_registry
 WHERE seen_us > :now - :expiry AND (name > :after OR (name = :after AND id > :after_id))
 ORDER BY name, id
 LIMIT :n

-- name: workers_drain
-- params: draining int, name text, now int, expiry int
UPDATE sqlq_registry SET draining = :draining WHERE name = :name AND seen_us > :now - :expiry

-- name: workers_expired
-- params: now int, expiry int, n int
-- returns: name text, id int, seen int
-- Reads the whole table: a row for each worker that runs.
SELECT name, id, seen_us FROM sqlq_registry WHERE seen_us <= :now - :expiry ORDER BY seen_us LIMIT :n
