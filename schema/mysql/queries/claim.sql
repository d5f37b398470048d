-- Which jobs are due and come first, and claiming them.

-- piece: survey_types
now int, worker int?, queue_id int, queue text, queue_priority int, concurrency int?, next_due int?, lane int,
kind text, first text?, first_suspect text?, took int

-- piece: survey
-- The lanes of the queues that are not paused: when the first scheduled job of each is due, its first pending job, and
-- its first suspect (is_suspect in sqlq/job.hpp), which waits in the lane with the negative number. Jobs as priority,
-- due time and seq in one text, so that the way past rows that were deleted and not yet purged is gone once. took: how
-- many microseconds the statement has taken until this row. ORDER BY names all columns of the index, also those that
-- are fixed: MySQL sorts otherwise. no_prefetch keeps it from reading 128 KiB ahead (docs/decisions/0026).
SELECT {now}, (SELECT w.id FROM {workers} w WHERE w.name = :worker AND COALESCE(w.asleep_us, 0) = 0),
       q.id, q.name, q.priority, q.concurrency,
       (SELECT s.due_us FROM {scheduled} s FORCE INDEX (PRIMARY)
         WHERE s.lane_id = l.id AND s.no_prefetch IS NULL
         ORDER BY s.lane_id, s.due_us, s.seq LIMIT 1),
       l.id, l.kind,
       (SELECT CONCAT_WS(' ', r.priority, r.due_us, r.seq) FROM {ready} r FORCE INDEX (PRIMARY)
         WHERE r.lane_id = l.id AND r.no_prefetch IS NULL
         ORDER BY r.lane_id, r.priority, r.due_us, r.seq LIMIT 1),
       (SELECT CONCAT_WS(' ', r.priority, r.due_us, r.seq) FROM {ready} r FORCE INDEX (PRIMARY)
         WHERE r.lane_id = -l.id AND r.no_prefetch IS NULL
         ORDER BY r.lane_id, r.priority, r.due_us, r.seq LIMIT 1),
       {took}

-- name: lanes_of
-- params: now int?, worker text, queues list
-- returns: {survey_types}
{survey}
  FROM {queues} q FORCE INDEX (sqlq_queues_name)
  STRAIGHT_JOIN {lanes} l FORCE INDEX (sqlq_lanes_name) ON l.queue = q.name
 WHERE q.name IN (:queues) AND q.paused = 0

-- name: lanes_of_all
-- params: now int?, worker text
-- returns: {survey_types}
{survey}
  FROM {queues} q
  STRAIGHT_JOIN {lanes} l FORCE INDEX (sqlq_lanes_name) ON l.queue = q.name
 WHERE q.paused = 0

-- name: lane_again
-- params: now int?, worker text, lane int, priority int, due int, seq int, since int
-- returns: {survey_types}
-- The same of one lane that had work a moment ago; looks from the place of its first job then, and from the time before
-- which nothing was scheduled.
SELECT {now}, (SELECT w.id FROM {workers} w WHERE w.name = :worker AND COALESCE(w.asleep_us, 0) = 0),
       q.id, q.name, q.priority, q.concurrency,
       (SELECT s.due_us FROM {scheduled} s FORCE INDEX (PRIMARY)
         WHERE s.lane_id = :lane AND s.due_us >= :since AND s.no_prefetch IS NULL
         ORDER BY s.lane_id, s.due_us, s.seq LIMIT 1),
       l.id, l.kind,
       (SELECT CONCAT_WS(' ', r.priority, r.due_us, r.seq) FROM {ready} r FORCE INDEX (PRIMARY)
         WHERE r.lane_id = :lane AND r.no_prefetch IS NULL
           AND (r.priority > :priority
                OR (r.priority = :priority AND (r.due_us > :due OR (r.due_us = :due AND r.seq >= :seq))))
         ORDER BY r.lane_id, r.priority, r.due_us, r.seq LIMIT 1),
       (SELECT CONCAT_WS(' ', r.priority, r.due_us, r.seq) FROM {ready} r FORCE INDEX (PRIMARY)
         WHERE r.lane_id = -:lane AND r.no_prefetch IS NULL
         ORDER BY r.lane_id, r.priority, r.due_us, r.seq LIMIT 1),
       {took}
  FROM {lanes} l FORCE INDEX (PRIMARY)
  STRAIGHT_JOIN {queues} q FORCE INDEX (PRIMARY) ON q.id = l.queue_id
 WHERE l.id = :lane AND q.paused = 0

-- name: queue_lock
-- params: queue int
-- returns: queue int
-- No row: somebody has it, or it was never made.
SELECT k.queue_id FROM {queue_locks} k FORCE INDEX (PRIMARY) WHERE k.queue_id = :queue FOR UPDATE SKIP LOCKED

-- name: queue_lock_there
-- params: queue int
-- returns: queue int
SELECT k.queue_id FROM {queue_locks} k FORCE INDEX (PRIMARY) WHERE k.queue_id = :queue

-- name: queue_lock_make
-- params: queue int
-- On first use only. Whoever comes second waits here until the first has committed.
INSERT INTO {queue_locks} (queue_id, turn) VALUES (:queue, 1) ON DUPLICATE KEY UPDATE turn = turn + 1

-- name: queue_turn
-- params: queue int
-- Who has taken jobs changes the row that it holds: other nodes of a cluster know of what was written, not of locks,
-- and of two that took at once the second one fails its certification.
UPDATE {queue_locks} FORCE INDEX (PRIMARY) SET turn = turn + 1 WHERE queue_id = :queue

-- name: room
-- params: queue int
-- returns: concurrency int?, held int
-- Under the queue's lock, where a claim takes it, and in a statement of its own, so that it sees what all earlier
-- claimers have committed.
SELECT q.concurrency, (SELECT CAST(COALESCE(SUM(c.held), 0) AS SIGNED)
                         FROM {claims} c FORCE INDEX (PRIMARY) WHERE c.queue_id = q.id)
  FROM {queues} q WHERE q.id = :queue

-- name: due_by_time
-- params: lane int, since int, now int, n int
-- returns: priority int, due int, seq int
SELECT s.priority, s.due_us, s.seq FROM {scheduled} s FORCE INDEX (PRIMARY)
 WHERE s.lane_id = :lane AND s.due_us >= :since AND s.due_us <= :now ORDER BY s.lane_id, s.due_us, s.seq LIMIT :n

-- name: next_level
-- params: lane int, after int
-- returns: priority int
-- The next priority with scheduled jobs.
SELECT s.priority FROM {scheduled} s FORCE INDEX (sqlq_scheduled_ranked)
 WHERE s.lane_id = :lane AND s.priority > :after ORDER BY s.lane_id, s.priority LIMIT 1

-- name: due_of_level
-- params: lane int, priority int, since int, now int, n int
-- returns: priority int, due int, seq int
SELECT s.priority, s.due_us, s.seq FROM {scheduled} s FORCE INDEX (sqlq_scheduled_ranked)
 WHERE s.lane_id = :lane AND s.priority = :priority AND s.due_us >= :since AND s.due_us <= :now
 ORDER BY s.lane_id, s.priority, s.due_us, s.seq LIMIT :n

-- name: due_lock
-- params: seqs list, now int
-- returns: seq int, lane int, ready_lane int, priority int, due int
-- What another claimer is promoting is skipped.
SELECT j.seq, j.lane_id, {ready_lane}, j.priority, j.due_us FROM {jobs} j FORCE INDEX (PRIMARY)
 WHERE j.seq IN (:seqs) AND j.state = 7 AND j.due_us <= :now ORDER BY j.seq FOR UPDATE SKIP LOCKED

-- name: promote
-- params: seqs list
UPDATE {jobs} FORCE INDEX (PRIMARY) SET state = 1 WHERE seq IN (:seqs) AND state = 7

-- name: ready_remove
-- params: rows text
-- A JSON array of rows as above, each looked up by its whole key.
DELETE {ready} FROM JSON_TABLE(:rows, '$[*]' COLUMNS (lane_id BIGINT PATH '$[0]', priority BIGINT PATH '$[1]',
                                                      due_us BIGINT PATH '$[2]', seq BIGINT PATH '$[3]')) x
 STRAIGHT_JOIN {ready} FORCE INDEX (PRIMARY)
    ON {ready}.lane_id = x.lane_id AND {ready}.priority = x.priority AND {ready}.due_us = x.due_us
       AND {ready}.seq = x.seq

-- name: ready_remove_alike
-- params: lane int, priority int, due int, seqs list
-- Rows that differ in seq only, as those of a batch do: half the price.
DELETE FROM {ready} WHERE lane_id = :lane AND priority = :priority AND due_us = :due AND seq IN (:seqs)

-- name: scheduled_remove
-- params: rows text
-- A JSON array of lane, due and seq, each row looked up by its whole key.
DELETE {scheduled} FROM JSON_TABLE(:rows, '$[*]' COLUMNS (lane_id BIGINT PATH '$[0]', due_us BIGINT PATH '$[1]',
                                                          seq BIGINT PATH '$[2]')) x
 STRAIGHT_JOIN {scheduled} FORCE INDEX (PRIMARY)
    ON {scheduled}.lane_id = x.lane_id AND {scheduled}.due_us = x.due_us AND {scheduled}.seq = x.seq

-- name: scheduled_remove_one
-- params: lane int, due int, seq int
-- In borrowed sessions, see jobs_write.
DELETE FROM {scheduled} WHERE lane_id = :lane AND due_us = :due AND seq = :seq

-- name: peek
-- params: lane int, priority int, due int, seq int, n int
-- returns: priority int, due int, seq int
-- The next jobs of a lane after a place in the claim order.
SELECT r.priority, r.due_us, r.seq FROM {ready} r FORCE INDEX (PRIMARY)
 WHERE r.lane_id = :lane
   AND (r.priority > :priority OR (r.priority = :priority AND (r.due_us > :due OR (r.due_us = :due AND r.seq > :seq))))
 ORDER BY r.lane_id, r.priority, r.due_us, r.seq LIMIT :n

-- name: lane_next
-- params: lane int, now int, n int
-- returns: lane int, priority int, due int, seq int, id text
-- The first pending jobs of a lane, and those that are due; of suspects those of the negative number.
(SELECT r.lane_id, r.priority, r.due_us, r.seq, j.id
   FROM {ready} r FORCE INDEX (PRIMARY) STRAIGHT_JOIN {jobs} j FORCE INDEX (PRIMARY) ON j.seq = r.seq
  WHERE r.lane_id = :lane ORDER BY r.lane_id, r.priority, r.due_us, r.seq LIMIT :n)
UNION ALL
(SELECT {ready_lane}, s.priority, s.due_us, s.seq, j.id
   FROM {scheduled} s FORCE INDEX (PRIMARY) STRAIGHT_JOIN {jobs} j FORCE INDEX (PRIMARY) ON j.seq = s.seq
  WHERE s.lane_id = ABS(:lane) AND s.due_us <= :now AND {ready_lane} = :lane
  ORDER BY s.lane_id, s.due_us, s.seq LIMIT :n)

-- name: take_some
-- params: now int?, seqs list
-- returns: now int, seq int, place_priority int, place_due int, id text, state int, priority int, params text, result text?, unique_key text?, attempt int, max_attempts int, crashes int, max_crashes int, claims int, token int, worker text, keepalive int, timeout int, retention int?, created int, queued int, due int, started int?, heartbeat int?, finished int?, headers text?, lane int
-- As take, of these jobs.
SELECT {now}, r.seq, r.priority, r.due_us, {pending_job}, r.lane_id
  FROM {jobs} j FORCE INDEX (PRIMARY) STRAIGHT_JOIN {ready} r FORCE INDEX (PRIMARY)
    ON r.lane_id = {ready_lane} AND r.priority = j.priority AND r.due_us = j.due_us AND r.seq = j.seq
 WHERE j.seq IN (:seqs) AND j.state = 1 ORDER BY j.seq FOR UPDATE SKIP LOCKED

-- name: ready_without_job
-- params: lane int, priority int, due int, seq int, n int
-- returns: priority int, due int, seq int
-- Those of the next n rows of a lane whose jobs were deleted by hand, or others with their numbers were made since.
SELECT f.priority, f.due_us, f.seq
  FROM (SELECT r.priority, r.due_us, r.seq FROM {ready} r FORCE INDEX (PRIMARY)
         WHERE r.lane_id = :lane
           AND (r.priority > :priority
                OR (r.priority = :priority AND (r.due_us > :due OR (r.due_us = :due AND r.seq >= :seq))))
         ORDER BY r.lane_id, r.priority, r.due_us, r.seq LIMIT :n) f
  LEFT JOIN {jobs} j FORCE INDEX (PRIMARY)
    ON j.seq = f.seq AND j.state = 1 AND j.lane_id = ABS(:lane) AND j.priority = f.priority AND j.due_us = f.due_us
 WHERE j.seq IS NULL

-- name: take
-- params: now int?, lane int, priority int, due int, seq int, n int
-- returns: now int, seq int, place_priority int, place_due int, id text, state int, priority int, params text, result text?, unique_key text?, attempt int, max_attempts int, crashes int, max_crashes int, claims int, token int, worker text, keepalive int, timeout int, retention int?, created int, queued int, due int, started int?, heartbeat int?, finished int?, headers text?
-- Locks the first rows of the lane and their jobs, skipping what somebody else has locked: no more than n of each. From
-- the place of the first one on that the survey saw: before it there may be many rows that are gone and not yet purged.
SELECT {now}, r.seq, r.priority, r.due_us, {pending_job}
  FROM {ready} r FORCE INDEX (PRIMARY) STRAIGHT_JOIN {jobs} j FORCE INDEX (PRIMARY) ON j.seq = r.seq
 WHERE r.lane_id = :lane
   AND j.state = 1 AND j.lane_id = ABS(:lane) AND j.priority = r.priority AND j.due_us = r.due_us
   AND (r.priority > :priority OR (r.priority = :priority AND (r.due_us > :due OR (r.due_us = :due AND r.seq >= :seq))))
 ORDER BY r.priority, r.due_us, r.seq LIMIT :n FOR UPDATE SKIP LOCKED

-- name: claim
-- params: token int, worker int, now int, steady int, seqs list
-- Nothing here changes its length: written in place. The name that the jobs will refer to is locked until the commit,
-- so that nobody removes it. No row is changed when it sleeps or is gone (names_sleep).
UPDATE {jobs} FORCE INDEX (PRIMARY)
   SET state = 2, attempt = attempt + 1, claims = claims + 1, lease_token = :token, worker_id = :worker,
       started_us = :now, heartbeat_us = :now, lease_until_us = :steady + keepalive_us
 WHERE seq IN (:seqs) AND state = 1
   AND COALESCE((SELECT COALESCE(w.asleep_us, 0) FROM {workers} w FORCE INDEX (PRIMARY)
                  WHERE w.id = :worker LOCK IN SHARE MODE), 1) = 0

-- name: claims_add
-- params: rows list
-- Rows: queue, token, held, until, jobs.
INSERT INTO {claims} (queue_id, token, held, until_us, jobs) VALUES :rows

-- name: claims_lock
-- params: queue int, token int
-- returns: held int
-- No row: somebody is ending a lease of the same claim.
SELECT c.held FROM {claims} c FORCE INDEX (PRIMARY) WHERE c.queue_id = :queue AND c.token = :token
   FOR UPDATE SKIP LOCKED

-- name: claims_leave
-- params: n int, queue int, token int
UPDATE {claims} SET held = held - :n WHERE queue_id = :queue AND token = :token

-- name: claims_end
-- params: queue int, token int, held int
DELETE FROM {claims} WHERE queue_id = :queue AND token = :token AND held = :held

-- name: worker_make
-- params: name text
-- On first use only.
INSERT INTO {workers} (name, asleep_us) VALUES (:name, 0)

-- name: worker_wake
-- params: name text
UPDATE {workers} FORCE INDEX (sqlq_workers_name) SET asleep_us = 0 WHERE name = :name AND asleep_us <> 0

-- name: names_gone
-- params: now int?, day int, expiry int, n int
-- returns: now int, number int
-- Names of workers that do not run, as far as the registry says, and that nobody has put to sleep within a day.
SELECT {now}, w.id FROM {workers} w FORCE INDEX (PRIMARY)
 WHERE (w.asleep_us = 0 OR w.asleep_us <= {now} - :day)
   AND NOT EXISTS (SELECT 1 FROM {registry} r FORCE INDEX (PRIMARY)
                    WHERE r.name = w.name AND r.seen_us > {now} - :expiry)
 ORDER BY w.id LIMIT :n

-- name: names_asleep
-- params: since int
-- returns: count int
SELECT COUNT(*) FROM {workers} w FORCE INDEX (PRIMARY) WHERE w.asleep_us > :since

-- name: names_lock
-- params: numbers list, since int
-- returns: number int
-- Not those that a claim under way refers to.
SELECT w.id FROM {workers} w FORCE INDEX (PRIMARY)
 WHERE w.id IN (:numbers) AND (w.asleep_us = 0 OR w.asleep_us <= :since) FOR UPDATE SKIP LOCKED

-- name: names_sleep
-- params: since int, numbers list
-- Once this is committed no job begins to refer to the name, before worker_wake.
UPDATE {workers} FORCE INDEX (PRIMARY) SET asleep_us = :since WHERE id IN (:numbers)

-- name: names_still_asleep
-- params: numbers list, since int
-- returns: number int
SELECT w.id FROM {workers} w FORCE INDEX (PRIMARY) WHERE w.id IN (:numbers) AND w.asleep_us = :since

-- name: names_used
-- params: after int, n int
-- returns: number int, seq int
-- The names to which the next n jobs refer, and the last of these jobs for each.
SELECT d.worker_id, MAX(d.seq)
  FROM (SELECT j.seq, j.worker_id FROM {jobs} j FORCE INDEX (PRIMARY)
         WHERE j.seq > :after ORDER BY j.seq LIMIT :n) d
 GROUP BY d.worker_id

-- name: names_remove
-- params: numbers list, since int
DELETE w FROM {workers} w FORCE INDEX (PRIMARY) WHERE w.id IN (:numbers) AND w.asleep_us = :since

-- name: claimed
-- params: token int
-- returns: queue text, kind text, id text, state int, priority int, params text, result text?, unique_key text?, attempt int, max_attempts int, crashes int, max_crashes int, claims int, token int, worker text, keepalive int, timeout int, retention int?, created int, queued int, due int, started int?, heartbeat int?, finished int?, headers text?
SELECT l.queue, l.kind, {job}
  FROM {queues} q STRAIGHT_JOIN {claims} c FORCE INDEX (PRIMARY) ON c.queue_id = q.id AND c.token = :token
 STRAIGHT_JOIN JSON_TABLE(c.jobs, '$[*]' COLUMNS (seq BIGINT PATH '$')) x
 STRAIGHT_JOIN {jobs} j FORCE INDEX (PRIMARY) ON j.seq = x.seq
 STRAIGHT_JOIN {lanes} l ON l.id = j.lane_id
 WHERE j.state IN (2, 5) AND j.lease_token = c.token
 ORDER BY q.priority, j.priority, j.due_us, j.seq

-- name: claims_too_large
-- params: steady int?
-- returns: queue int, token int
-- Claims that count jobs which were deleted by hand.
SELECT c.queue_id, c.token FROM {claims} c
 STRAIGHT_JOIN JSON_TABLE(c.jobs, '$[*]' COLUMNS (seq BIGINT PATH '$')) x
  LEFT JOIN {jobs} j FORCE INDEX (PRIMARY) ON j.seq = x.seq AND j.state IN (2, 5) AND j.lease_token = c.token
 WHERE c.until_us <= {steady}
 GROUP BY c.queue_id, c.token, c.held HAVING COUNT(j.seq) < c.held LIMIT 100

-- name: claims_held
-- params: queue int, token int
-- returns: held int
-- How many jobs hold their lease. Nobody changes that while the claim's row is locked.
SELECT COUNT(*) FROM {claims} c FORCE INDEX (PRIMARY)
 STRAIGHT_JOIN JSON_TABLE(c.jobs, '$[*]' COLUMNS (seq BIGINT PATH '$')) x
 STRAIGHT_JOIN {jobs} j FORCE INDEX (PRIMARY) ON j.seq = x.seq AND j.state IN (2, 5) AND j.lease_token = c.token
 WHERE c.queue_id = :queue AND c.token = :token
