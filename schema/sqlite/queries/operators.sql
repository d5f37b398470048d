-- What operators and the janitor do: cancel, retry, edit, purge.

-- name: cancel_waiting
-- params: now int, id text
-- returns: seq int, attempt int, claims int
UPDATE sqlq_jobs SET state = 6, finished_us = :now, expires_us = :now + coalesce(retention_us, 86400000000)
 WHERE id = :id AND state NOT IN (2, 5) AND expires_us IS NULL
RETURNING seq, attempt, claims

-- name: cancel_running
-- params: id text
-- returns: seq int
UPDATE sqlq_jobs SET state = 5 WHERE id = :id AND state = 2 RETURNING seq

-- name: expired
-- params: now int, n int
-- returns: seq int
-- Jumps from lane to lane along the index.
WITH RECURSIVE lane(state, id) AS (
  SELECT f.state, (SELECT min(lane_id) FROM sqlq_jobs WHERE expires_us IS NOT NULL AND state = f.state)
    FROM (SELECT 3 AS state UNION ALL SELECT 4 UNION ALL SELECT 6) f
  UNION ALL
  SELECT lane.state, (SELECT min(lane_id) FROM sqlq_jobs
                       WHERE expires_us IS NOT NULL AND state = lane.state AND lane_id > lane.id)
    FROM lane WHERE lane.id IS NOT NULL)
SELECT j.seq FROM lane CROSS JOIN sqlq_jobs j
 WHERE j.state = lane.state AND j.lane_id = lane.id AND j.expires_us <= :now
 LIMIT :n

-- name: ids_of
-- params: seqs text
-- returns: id text
SELECT id FROM sqlq_jobs WHERE seq IN (SELECT value FROM json_each(:seqs))

-- name: purge_jobs
-- params: seqs text
-- A trigger deletes their logs and histories.
DELETE FROM sqlq_jobs WHERE seq IN (SELECT value FROM json_each(:seqs)) AND state IN (3, 4, 6)

-- name: requeue
-- params: now int, id text
-- returns: seq int, claims int, flags int
-- Does nothing when a live job holds the unique key.
UPDATE OR IGNORE sqlq_jobs
   SET state = CASE WHEN flags & 2 THEN 8 ELSE 1 END, attempt = 0, crashes = 0, lane_id = abs(lane_id),
       lease_token = 0, due_us = :now, queued_us = :now, result = '', finished_us = NULL, expires_us = NULL
 WHERE id = :id AND state IN (3, 4, 6)
RETURNING seq, claims, flags

-- name: run_now
-- params: now int, id text
-- returns: flags int
-- One that waits for its key goes on waiting, for nothing else.
UPDATE sqlq_jobs SET state = CASE WHEN flags & 2 THEN 8 ELSE 1 END, due_us = :now, queued_us = :now
 WHERE id = :id AND (+state = 7 OR (+state = 8 AND flags & 2 AND due_us > :now))
RETURNING flags

-- name: edit_look
-- params: id text
-- returns: seq int, waits int, queue text, kind text, priority int, flags int
SELECT j.seq, j.state IN (1, 7, 8), q.name, l.kind, j.priority, j.flags
  FROM sqlq_jobs j JOIN sqlq_lanes l ON l.id = abs(j.lane_id) JOIN sqlq_queues q ON q.id = l.queue_id
 WHERE j.id = :id

-- name: edit
-- params: lane int, queue int, priority int, seq int
-- What its key has let in is let in by no other.
UPDATE sqlq_jobs
   SET state = CASE WHEN flags & 2 AND queue_id <> :queue THEN 8 ELSE state END,
       lane_id = CASE WHEN lane_id < 0 THEN -:lane ELSE :lane END, queue_id = :queue, priority = :priority
 WHERE seq = :seq

-- name: take_away
-- params: now int, ends int, id text
-- returns: seq int, state int, attempt int, claims int, worker text
UPDATE sqlq_jobs
   SET state = CASE WHEN state = 5 THEN 6 WHEN :ends = 1 THEN 4 WHEN flags & 2 THEN 8 ELSE 1 END, lease_token = 0,
       attempt = attempt - CASE WHEN state = 2 AND :ends = 0 THEN 1 ELSE 0 END,
       queued_us = CASE WHEN state = 2 AND :ends = 0 THEN :now ELSE queued_us END,
       finished_us = CASE WHEN state = 2 AND :ends = 0 THEN NULL ELSE :now END,
       expires_us = CASE WHEN state = 2 AND :ends = 0 THEN NULL
                         ELSE :now + coalesce(retention_us, CASE state WHEN 5 THEN 86400000000 ELSE 604800000000 END)
                         END
 WHERE id = :id AND state IN (2, 5)
RETURNING seq, state, attempt, claims, worker

-- name: postpone
-- params: now int, id text
-- What could not be deleted is not tried again for a day.
UPDATE sqlq_jobs SET expires_us = :now + 86400000000 WHERE id = :id AND state IN (3, 4, 6)
