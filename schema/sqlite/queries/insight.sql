-- What explain and doctor ask.

-- name: clock_now
-- params: now int
-- returns: now int
SELECT :now

-- name: insight_place
-- params: now int, id text
-- returns: now int, queue_id int, priority int, due int, seq int
-- The place of a job in the order of claims, if it is in it.
SELECT :now, queue_id, priority, due_us, seq FROM sqlq_jobs
 WHERE id = :id AND (state = 1 OR (state = 7 AND due_us <= :now))

-- name: insight_lanes
-- params: queue_id int
-- returns: lane int, ready int, first_due int?
-- The lanes of a queue: whether they have pending jobs, and when the first scheduled one is due.
SELECT l.id * s.sign,
       EXISTS (SELECT 1 FROM sqlq_jobs j WHERE j.state = 1 AND j.lane_id = l.id * s.sign),
       (SELECT min(j.due_us) FROM sqlq_jobs j WHERE j.state = 7 AND j.lane_id = l.id * s.sign)
  FROM sqlq_lanes l CROSS JOIN (SELECT 1 AS sign UNION ALL SELECT -1) s WHERE l.queue_id = :queue_id

-- name: insight_ready
-- params: lane int, priority int, due int, seq int, n int
-- returns: n int
-- How many pending jobs of a lane are before a place. SQLite compares no seq along an index but after equal columns.
SELECT count(*) FROM (
  SELECT 1 FROM sqlq_jobs WHERE state = 1 AND lane_id = :lane AND (priority, due_us) < (:priority, :due)
  UNION ALL
  SELECT 1 FROM sqlq_jobs
   WHERE state = 1 AND lane_id = :lane AND priority = :priority AND due_us = :due AND seq < :seq LIMIT :n)

-- name: insight_level
-- params: lane int, after int, last int
-- returns: priority int
-- The next priority with scheduled jobs.
SELECT priority FROM sqlq_jobs
 WHERE state = 7 AND lane_id = :lane AND priority > :after AND priority <= :last ORDER BY priority LIMIT 1

-- name: insight_due
-- params: lane int, priority int, due int, seq int, n int
-- returns: n int
-- How many scheduled jobs of a priority are before a place.
SELECT count(*) FROM (
  SELECT 1 FROM sqlq_jobs WHERE state = 7 AND lane_id = :lane AND priority = :priority AND due_us < :due
  UNION ALL
  SELECT 1 FROM sqlq_jobs
   WHERE state = 7 AND lane_id = :lane AND priority = :priority AND due_us = :due AND seq < :seq LIMIT :n)
