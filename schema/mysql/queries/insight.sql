-- What explain and doctor ask.

-- name: clock_now
-- params: now int?
-- returns: now int
SELECT {now}

-- name: insight_place
-- params: now int?, id text
-- returns: now int, queue_id int, priority int, due int, seq int
-- The place of a job in the order of claims, if it is in it.
SELECT {now}, j.queue_id, j.priority, j.due_us, j.seq FROM {jobs} j FORCE INDEX (sqlq_jobs_id)
 WHERE j.id = UNHEX(REPLACE(:id, '-', '')) AND (j.state = 1 OR (j.state = 7 AND j.due_us <= {now}))

-- name: insight_lanes
-- params: queue_id int
-- returns: lane int, ready int, first_due int?
-- The lanes of a queue: whether they have pending jobs, and when the first scheduled one is due.
SELECT l.id, (SELECT r.seq FROM {ready} r FORCE INDEX (PRIMARY)
               WHERE r.lane_id = l.id AND r.no_prefetch IS NULL LIMIT 1) IS NOT NULL,
       (SELECT s.due_us FROM {scheduled} s FORCE INDEX (PRIMARY)
         WHERE s.lane_id = l.id AND s.no_prefetch IS NULL ORDER BY s.lane_id, s.due_us, s.seq LIMIT 1)
  FROM {lanes} l FORCE INDEX (sqlq_lanes_name) WHERE l.queue = (SELECT q.name FROM {queues} q WHERE q.id = :queue_id)
 UNION ALL
SELECT -l.id, (SELECT r.seq FROM {ready} r FORCE INDEX (PRIMARY)
                WHERE r.lane_id = -l.id AND r.no_prefetch IS NULL LIMIT 1) IS NOT NULL, NULL
  FROM {lanes} l FORCE INDEX (sqlq_lanes_name) WHERE l.queue = (SELECT q.name FROM {queues} q WHERE q.id = :queue_id)

-- name: insight_ready
-- params: lane int, priority int, due int, seq int, n int
-- returns: n int
-- How many pending jobs of a lane are before a place.
SELECT COUNT(*) FROM (
  SELECT 1 FROM {ready} r FORCE INDEX (PRIMARY)
   WHERE r.lane_id = :lane
     AND (r.priority < :priority
          OR (r.priority = :priority AND (r.due_us < :due OR (r.due_us = :due AND r.seq < :seq)))) LIMIT :n) c

-- name: insight_level
-- params: lane int, after int, last int
-- returns: priority int
-- The next priority with scheduled jobs.
SELECT s.priority FROM {scheduled} s FORCE INDEX (sqlq_scheduled_ranked)
 WHERE s.lane_id = :lane AND s.priority > :after AND s.priority <= :last ORDER BY s.lane_id, s.priority LIMIT 1

-- name: insight_due
-- params: lane int, priority int, due int, seq int, n int
-- returns: n int
-- How many scheduled jobs of a priority are before a place.
SELECT COUNT(*) FROM (
  SELECT 1 FROM {scheduled} s FORCE INDEX (sqlq_scheduled_ranked)
   WHERE s.lane_id = :lane AND s.priority = :priority AND (s.due_us < :due OR (s.due_us = :due AND s.seq < :seq))
   LIMIT :n) c
