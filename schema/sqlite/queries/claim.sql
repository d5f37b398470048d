-- Which jobs are due and come first, and claiming them.

-- name: promote
-- params: seqs text
-- A JSON array of seqs. The plus keeps SQLite from walking the whole index instead of looking up the rows.
UPDATE sqlq_jobs SET state = 1 WHERE seq IN (SELECT value FROM json_each(:seqs)) AND +state = 7

-- name: due_by_time
-- params: lane int, now int, n int
-- returns: priority int, due int, seq int
SELECT priority, due_us, seq FROM sqlq_jobs
 WHERE state = 7 AND lane_id = :lane AND due_us <= :now ORDER BY due_us, seq LIMIT :n

-- name: due_by_rank
-- params: lane int, now int, n int
-- returns: priority int, due int, seq int
-- The first due jobs of a lane in claim order. Jumps from priority to priority along the index, over those of which no
-- job is due as well: over a thousand at most.
WITH RECURSIVE level(priority) AS (
  SELECT min(priority) FROM sqlq_jobs WHERE state = 7 AND lane_id = :lane
  UNION ALL
  SELECT (SELECT min(priority) FROM sqlq_jobs WHERE state = 7 AND lane_id = :lane AND priority > level.priority)
    FROM level WHERE level.priority IS NOT NULL LIMIT 1000)
SELECT j.priority, j.due_us, j.seq
  FROM level CROSS JOIN sqlq_jobs j
    ON j.state = 7 AND j.lane_id = :lane AND j.priority = level.priority AND j.due_us <= :now
 LIMIT :n

-- name: lanes_of_all
-- returns: lane int, queue_id int, queue text, kind text, priority int, concurrency int?, ready int, due int?
-- The lanes that have work: one row for those with pending jobs, one with the first due time for those with scheduled
-- ones. Jumps from lane to lane along the indexes: the cost is the number of such lanes.
WITH RECURSIVE ready(lane) AS (
  SELECT min(lane_id) FROM sqlq_jobs WHERE state = 1
  UNION ALL
  SELECT (SELECT min(lane_id) FROM sqlq_jobs WHERE state = 1 AND lane_id > ready.lane)
    FROM ready WHERE ready.lane IS NOT NULL),
later(lane) AS (
  SELECT min(lane_id) FROM sqlq_jobs WHERE state = 7
  UNION ALL
  SELECT (SELECT min(lane_id) FROM sqlq_jobs WHERE state = 7 AND lane_id > later.lane)
    FROM later WHERE later.lane IS NOT NULL)
SELECT ready.lane, l.queue_id, q.name, l.kind, q.priority, q.concurrency, 1, NULL
  FROM ready CROSS JOIN sqlq_lanes l ON l.id = abs(ready.lane) CROSS JOIN sqlq_queues q ON q.id = l.queue_id
 WHERE q.paused = 0
UNION ALL
SELECT later.lane, l.queue_id, q.name, l.kind, q.priority, q.concurrency, 0,
       (SELECT min(j.due_us) FROM sqlq_jobs j WHERE j.state = 7 AND j.lane_id = later.lane)
  FROM later CROSS JOIN sqlq_lanes l ON l.id = abs(later.lane) CROSS JOIN sqlq_queues q ON q.id = l.queue_id
 WHERE q.paused = 0

-- name: lanes_of_queue
-- params: queue text
-- returns: lane int, queue_id int, queue text, kind text, priority int, concurrency int?, ready int, due int?
SELECT l.id, l.queue_id, q.name, l.kind, q.priority, q.concurrency,
       EXISTS (SELECT 1 FROM sqlq_jobs j WHERE j.state = 1 AND j.lane_id = l.id),
       (SELECT min(j.due_us) FROM sqlq_jobs j WHERE j.state = 7 AND j.lane_id = l.id)
  FROM sqlq_queues q JOIN sqlq_lanes l ON l.queue_id = q.id
 WHERE q.name = :queue AND q.paused = 0
UNION ALL
SELECT -l.id, l.queue_id, q.name, l.kind, q.priority, q.concurrency,
       EXISTS (SELECT 1 FROM sqlq_jobs j WHERE j.state = 1 AND j.lane_id = -l.id),
       (SELECT min(j.due_us) FROM sqlq_jobs j WHERE j.state = 7 AND j.lane_id = -l.id)
  FROM sqlq_queues q JOIN sqlq_lanes l ON l.queue_id = q.id
 WHERE q.name = :queue AND q.paused = 0

-- name: held
-- params: queue int
-- returns: n int
SELECT count(*) FROM sqlq_jobs WHERE state IN (2, 5) AND queue_id = :queue

-- name: peek
-- params: lane int, priority int, due int, seq int, n int
-- returns: priority int, due int, seq int
-- The next jobs of a lane after a place in the claim order.
SELECT priority, due_us, seq FROM sqlq_jobs
 WHERE state = 1 AND lane_id = :lane AND (priority, due_us, seq) > (:priority, :due, :seq)
 ORDER BY priority, due_us, seq LIMIT :n

-- name: lane_next
-- params: lane int, now int, n int
-- returns: priority int, due int, seq int, id text
-- The first pending jobs of a lane, and those that are due.
SELECT * FROM (SELECT priority, due_us, seq, id FROM sqlq_jobs
                WHERE state = 1 AND lane_id = :lane ORDER BY priority, due_us, seq LIMIT :n)
UNION ALL
SELECT * FROM (SELECT priority, due_us, seq, id FROM sqlq_jobs
                WHERE state = 7 AND lane_id = :lane AND due_us <= :now ORDER BY due_us, seq LIMIT :n)

-- name: give_up
-- params: now int, steady int, ended_by int, dead text, id text
-- returns: seq int, attempt int, claims int, worker text
-- Of held jobs, those that reap would take back.
UPDATE sqlq_jobs
   SET state = 4, lease_token = 0, finished_us = :now, expires_us = :now + coalesce(retention_us, 604800000000)
 WHERE id = :id
   AND (state IN (1, 7)
        OR (state IN (2, 5) AND (lease_until_us <= :ended_by OR lease_until_us - keepalive_us > :steady
                                 OR process_id IN (SELECT value FROM json_each(:dead)))))
RETURNING seq, attempt, claims, worker

-- name: claim
-- params: token int, worker text, process int, now int, steady int, seqs text
-- A JSON array of seqs. One statement for all is half as dear as one for each, from four jobs on. `+state` keeps the
-- index of ready jobs out of the plan: after an ANALYZE of an empty queue SQLite 3.46 and newer would walk all of it.
UPDATE sqlq_jobs
   SET state = 2, attempt = attempt + 1, claims = claims + 1, lease_token = :token, worker = :worker,
       process_id = :process, started_us = :now, heartbeat_us = :now, lease_until_us = :steady + keepalive_us
 WHERE seq IN (SELECT value FROM json_each(:seqs)) AND +state = 1

-- name: claimed
-- params: seqs text
-- returns: place int, id text, state int, priority int, params text, result text, unique_key text?, attempt int, max_attempts int, crashes int, max_crashes int, claims int, token int, worker text, keepalive int, timeout int, retention int?, created int, queued int, due int, started int?, heartbeat int?, finished int?, headers text?
-- In the order of the array; place: where in it the job's seq stands.
SELECT x.key, j.id, j.state, j.priority, j.params, j.result, j.unique_key, j.attempt, j.max_attempts, j.crashes,
       j.max_crashes, j.claims, j.lease_token, j.worker, j.keepalive_us, j.timeout_us, j.retention_us, j.created_us,
       j.queued_us, j.due_us, j.started_us, j.heartbeat_us, j.finished_us, j.headers
  FROM json_each(:seqs) x CROSS JOIN sqlq_jobs j ON j.seq = x.value
