-- Every statement of the MySQL and MariaDB backend; each runs on both. Each begins with its name, its parameters and
-- its columns, with their types; a `?` behind a type means it may be NULL. Values go into the text as literals.
--
-- {jobs} and the like are the tables, qualified; {now} is :now or, when that is NULL, the server's clock, {steady} the
-- same with :steady; {took} is how many microseconds the statement has taken until now. {job} is the list of a job's
-- columns, {worker} its worker's name. The others are pieces, which several statements share.
--
-- Rules of locking (README, Locks): rows of jobs are locked by primary key, in the order of seq, after their seq was
-- found by an unlocked read; rows of ready, scheduled, finished and claims after those of jobs. The claim goes the
-- other way and therefore waits for nobody: it skips what is locked. FORCE INDEX everywhere: what is locked must not
-- depend on statistics.
--
-- UPDATE assigns from left to right and a later assignment sees the earlier ones, or, in some modes, not: no assignment
-- here reads a column that another one of the statement writes.
--
-- A test runs each on a fresh schema and compares the declarations with what the server says; another asserts plans.

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

-- name: ready_add
-- params: rows list
-- Rows: lane, priority, due, seq.
INSERT INTO {ready} (lane_id, priority, due_us, seq) VALUES :rows

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

-- name: scheduled_add
-- params: rows list
-- Rows: lane, due, seq, priority.
INSERT INTO {scheduled} (lane_id, due_us, seq, priority) VALUES :rows

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

-- name: lane
-- params: now int?, queue text, kind text
-- returns: now int, id int, queue_id int
SELECT {now}, l.id, l.queue_id FROM {lanes} l WHERE l.queue = :queue AND l.kind = :kind

-- name: lane_now
-- params: now int?, queue text, kind text
-- returns: now int, id int, queue_id int
-- In a borrowed transaction, whose snapshot may be older than the lane. Lanes are never written again.
SELECT {now}, l.id, l.queue_id FROM {lanes} l WHERE l.queue = :queue AND l.kind = :kind LOCK IN SHARE MODE

-- name: lanes_named
-- params: names list, now int?
-- returns: now int, id int?, name text?, kind text?
-- The time, in a row of its own, and the queues of these names with their lanes.
SELECT {now}, NULL, NULL, NULL
 UNION ALL
SELECT {now}, q.id, q.name, l.kind FROM {queues} q FORCE INDEX (sqlq_queues_name)
  LEFT JOIN {lanes} l FORCE INDEX (sqlq_lanes_name) ON l.queue = q.name WHERE q.name IN (:names)

-- name: queues_make
-- params: rows list
-- Rows: name, description, time. A duplicate is an error and undoes the statement.
INSERT INTO {queues} (name, description, created_us) VALUES :rows

-- name: lanes_make
-- params: rows list
-- Rows: queue_id, queue, kind. A duplicate is an error and undoes the statement.
INSERT INTO {lanes} (queue_id, queue, kind) VALUES :rows

-- name: keys_add
-- params: rows list
-- Rows: unique key, id. A duplicate is an error and undoes the statement.
INSERT INTO {keys} (unique_key, id) VALUES :rows

-- name: keys_remove
-- params: keys list
DELETE FROM {keys} WHERE unique_key IN (:keys)

-- name: jobs_insert
-- params: rows list
-- A duplicate id is an error and undoes the statement: nothing else may be ignored with it.
INSERT INTO {jobs} (id, lane_id, queue_id, state, priority, due_us, max_attempts, max_crashes, keepalive_us, timeout_us,
                    retention_us, created_us, queued_us, unique_key, params)
VALUES :rows

-- name: jobs_insert_headers
-- params: rows list
-- The same for a batch in which some have headers.
INSERT INTO {jobs} (id, lane_id, queue_id, state, priority, due_us, max_attempts, max_crashes, keepalive_us, timeout_us,
                    retention_us, created_us, queued_us, unique_key, params, headers)
VALUES :rows

-- name: transfer_jobs
-- params: rows list
-- Jobs as they were elsewhere. A duplicate id is an error and undoes the statement.
INSERT INTO {jobs} (id, lane_id, queue_id, state, priority, due_us, attempt, max_attempts, crashes, max_crashes, claims,
                    keepalive_us, timeout_us, retention_us, created_us, queued_us, started_us, heartbeat_us,
                    finished_us, expires_us, worker_id, unique_key, params, result, headers)
VALUES :rows

-- name: transfer_steps_add
-- params: rows list
-- Rows: job, kind, name, number, ord, claim, at, until, value.
INSERT INTO {steps} (job_seq, kind, name, n, ord, claim, at_us, until_us, value) VALUES :rows

-- name: workers_named
-- params: names list
-- returns: number int, name text, asleep int
-- The numbers of these names, which nobody removes before the end of the transaction (names_sleep).
SELECT w.id, w.name, COALESCE(w.asleep_us, 0) <> 0 FROM {workers} w FORCE INDEX (sqlq_workers_name)
 WHERE w.name IN (:names) LOCK IN SHARE MODE

-- name: ready_insert
-- params: n int
-- The pending ones of the n jobs that were just inserted: their seqs follow one another, for both servers know how many
-- there will be. Where several servers write (auto_increment_increment), jobs of the others lie between them.
INSERT INTO {ready} (lane_id, priority, due_us, seq)
SELECT j.lane_id, j.priority, j.due_us, j.seq FROM {jobs} j FORCE INDEX (PRIMARY)
 WHERE j.seq BETWEEN LAST_INSERT_ID() AND LAST_INSERT_ID() + (:n - 1) * @@auto_increment_increment
   AND (j.seq - LAST_INSERT_ID()) % @@auto_increment_increment = 0 AND j.state = 1

-- name: scheduled_insert
-- params: n int
INSERT INTO {scheduled} (lane_id, due_us, seq, priority)
SELECT j.lane_id, j.due_us, j.seq, j.priority FROM {jobs} j FORCE INDEX (PRIMARY)
 WHERE j.seq BETWEEN LAST_INSERT_ID() AND LAST_INSERT_ID() + (:n - 1) * @@auto_increment_increment
   AND (j.seq - LAST_INSERT_ID()) % @@auto_increment_increment = 0 AND j.state = 7

-- name: ready_insert_ids
-- params: ids list
-- In borrowed transactions, where a range that is read keeps others from inserting behind it.
INSERT INTO {ready} (lane_id, priority, due_us, seq)
SELECT j.lane_id, j.priority, j.due_us, j.seq FROM {jobs} j FORCE INDEX (sqlq_jobs_id)
 WHERE j.id IN (:ids) AND j.state = 1

-- name: scheduled_insert_ids
-- params: ids list
INSERT INTO {scheduled} (lane_id, due_us, seq, priority)
SELECT j.lane_id, j.due_us, j.seq, j.priority FROM {jobs} j FORCE INDEX (sqlq_jobs_id)
 WHERE j.id IN (:ids) AND j.state = 7

-- name: id_holders
-- params: ids list
-- returns: id text
SELECT j.id FROM {jobs} j FORCE INDEX (sqlq_jobs_id) WHERE j.id IN (:ids)

-- name: id_holders_now
-- params: ids list
-- returns: id text
SELECT j.id FROM {jobs} j FORCE INDEX (sqlq_jobs_id) WHERE j.id IN (:ids) LOCK IN SHARE MODE

-- name: key_holders
-- params: keys list
-- returns: id text, unique_key text, gone int
-- gone: the job was deleted by hand.
SELECT k.id, k.unique_key, j.id IS NULL FROM {keys} k FORCE INDEX (PRIMARY)
  LEFT JOIN {jobs} j FORCE INDEX (sqlq_jobs_id) ON j.id = k.id
 WHERE k.unique_key IN (:keys)

-- name: key_holders_now
-- params: keys list
-- returns: id text, unique_key text, gone int
SELECT k.id, k.unique_key, j.id IS NULL FROM {keys} k FORCE INDEX (PRIMARY)
  LEFT JOIN {jobs} j FORCE INDEX (sqlq_jobs_id) ON j.id = k.id
 WHERE k.unique_key IN (:keys) LOCK IN SHARE MODE

-- name: keys_free
-- params: keys list, rows list
-- Rows: unique key, id.
DELETE FROM {keys} WHERE unique_key IN (:keys) AND (unique_key, id) IN (:rows)

-- name: find
-- params: ids list
-- returns: seq int, id text, state int, token int, queue int, lane int, retention int?, keyed int
SELECT j.seq, j.id, j.state, j.lease_token, j.queue_id, j.lane_id, j.retention_us, j.unique_key IS NOT NULL
  FROM {jobs} j FORCE INDEX (sqlq_jobs_id) WHERE j.id IN (:ids)

-- name: find_now
-- params: ids list
-- returns: seq int, id text, state int, token int, queue int, lane int, retention int?, keyed int
-- In a borrowed transaction, whose snapshot may be older than the jobs. Locks entries of the index only, so it can
-- tell the seq only; ids never change.
SELECT j.seq, j.id, 0, 0, 0, 0, 0, 0 FROM {jobs} j FORCE INDEX (sqlq_jobs_id) WHERE j.id IN (:ids) LOCK IN SHARE MODE

-- name: lock
-- params: now int?, seqs list
-- returns: now int, seq int, id text, queue int, lane int, state int, token int, ended int, priority int, due int, queued int, attempt int, max_attempts int, crashes int, max_crashes int, claims int, worker text, retention int?, unique_key text?, flags int
SELECT {now}, j.seq, j.id, j.queue_id, j.lane_id, j.state, j.lease_token, j.ended, j.priority, j.due_us, j.queued_us,
       j.attempt, j.max_attempts, j.crashes, j.max_crashes, j.claims, {worker}, j.retention_us,
       j.unique_key, j.flags
  FROM {jobs} j FORCE INDEX (PRIMARY) WHERE j.seq IN (:seqs) ORDER BY j.seq FOR UPDATE

-- name: lock_free
-- params: now int?, seqs list
-- returns: now int, seq int, id text, queue int, lane int, state int, token int, ended int, priority int, due int, queued int, attempt int, max_attempts int, crashes int, max_crashes int, claims int, worker text, retention int?, unique_key text?, flags int
-- The same, but what somebody else has locked is passed over.
SELECT {now}, j.seq, j.id, j.queue_id, j.lane_id, j.state, j.lease_token, j.ended, j.priority, j.due_us, j.queued_us,
       j.attempt, j.max_attempts, j.crashes, j.max_crashes, j.claims, {worker}, j.retention_us,
       j.unique_key, j.flags
  FROM {jobs} j FORCE INDEX (PRIMARY) WHERE j.seq IN (:seqs) ORDER BY j.seq FOR UPDATE SKIP LOCKED

-- name: ended
-- params: steady int?, spared int, n int
-- returns: queue int, token int, seq int
-- What had ended (microseconds `spared` or more) before this began. The second part finds nothing and locks no row, but
-- waits while somebody keeps others from writing to the table: then nobody can renew either.
(SELECT c.queue_id, c.token, j.seq FROM {claims} c
 STRAIGHT_JOIN JSON_TABLE(c.jobs, '$[*]' COLUMNS (seq BIGINT PATH '$')) x
 STRAIGHT_JOIN {jobs} j FORCE INDEX (PRIMARY) ON j.seq = x.seq
 WHERE c.until_us <= {steady} AND j.state IN (2, 5) AND j.lease_token = c.token
   AND j.lease_until_us <= {steady} - :spared
 LIMIT :n) UNION ALL
(SELECT 0, 0, g.seq FROM {jobs} g FORCE INDEX (PRIMARY) WHERE g.seq = 0 FOR UPDATE)

-- name: ended_of
-- params: queues list, steady int?, spared int, n int
-- returns: queue int, token int, seq int
(SELECT c.queue_id, c.token, j.seq FROM {queues} q FORCE INDEX (sqlq_queues_name)
 STRAIGHT_JOIN {claims} c FORCE INDEX (PRIMARY) ON c.queue_id = q.id
 STRAIGHT_JOIN JSON_TABLE(c.jobs, '$[*]' COLUMNS (seq BIGINT PATH '$')) x
 STRAIGHT_JOIN {jobs} j FORCE INDEX (PRIMARY) ON j.seq = x.seq
 WHERE q.name IN (:queues) AND c.until_us <= {steady} AND j.state IN (2, 5) AND j.lease_token = c.token
   AND j.lease_until_us <= {steady} - :spared
 LIMIT :n) UNION ALL
(SELECT 0, 0, g.seq FROM {jobs} g FORCE INDEX (PRIMARY) WHERE g.seq = 0 FOR UPDATE)

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

-- name: ids
-- params: seqs list
-- returns: id text
SELECT j.id FROM {jobs} j FORCE INDEX (PRIMARY) WHERE j.seq IN (:seqs)

-- name: ended_lock
-- params: now int?, seqs list, steady int?
-- returns: now int, seq int, id text, queue int, lane int, state int, token int, ended int, priority int, due int, queued int, attempt int, max_attempts int, crashes int, max_crashes int, claims int, worker text, retention int?, unique_key text?, flags int
-- What is locked is being renewed, finished or reaped by somebody else.
SELECT {now}, j.seq, j.id, j.queue_id, j.lane_id, j.state, j.lease_token, j.ended, j.priority, j.due_us, j.queued_us,
       j.attempt, j.max_attempts, j.crashes, j.max_crashes, j.claims, {worker}, j.retention_us,
       j.unique_key, j.flags
  FROM {jobs} j FORCE INDEX (PRIMARY)
 WHERE j.seq IN (:seqs) AND j.state IN (2, 5) AND j.lease_until_us <= {steady}
 ORDER BY j.seq FOR UPDATE SKIP LOCKED

-- name: jobs_write
-- params: seqs list, was list, states list, dues list, attempts list, crashes list, tokens list, ended list, queued list, finished list, expires list, results list
-- What rows locked before become: each list has the rows' values in the order of `seqs`. Was: rows of seq, state and
-- token as they must still be. A result that is NULL leaves the old one. (No join with a table of values: in a borrowed
-- session MySQL may want a default database for it, and MariaDB may call it unsafe.)
UPDATE {jobs} FORCE INDEX (PRIMARY)
   SET state = ELT(FIELD(seq, :seqs), :states), due_us = ELT(FIELD(seq, :seqs), :dues),
       attempt = ELT(FIELD(seq, :seqs), :attempts), crashes = ELT(FIELD(seq, :seqs), :crashes),
       lease_token = ELT(FIELD(seq, :seqs), :tokens), ended = ELT(FIELD(seq, :seqs), :ended),
       queued_us = ELT(FIELD(seq, :seqs), :queued),
       finished_us = ELT(FIELD(seq, :seqs), :finished), expires_us = ELT(FIELD(seq, :seqs), :expires),
       result = COALESCE(ELT(FIELD(seq, :seqs), :results), result)
 WHERE seq IN (:seqs) AND (seq, state, lease_token) IN (:was)

-- name: jobs_state
-- params: seqs list, was list, states list, finished list, expires list
-- The same where nothing else changes, as in a cancel: a role may be granted these columns and no others.
UPDATE {jobs} FORCE INDEX (PRIMARY)
   SET state = ELT(FIELD(seq, :seqs), :states),
       finished_us = ELT(FIELD(seq, :seqs), :finished), expires_us = ELT(FIELD(seq, :seqs), :expires)
 WHERE seq IN (:seqs) AND (seq, state, lease_token) IN (:was)

-- name: jobs_due
-- params: seqs list, was list, states list, dues list, queued list
-- The same where jobs that wait become due, as by a signal.
UPDATE {jobs} FORCE INDEX (PRIMARY)
   SET state = ELT(FIELD(seq, :seqs), :states), due_us = ELT(FIELD(seq, :seqs), :dues),
       queued_us = ELT(FIELD(seq, :seqs), :queued)
 WHERE seq IN (:seqs) AND (seq, state, lease_token) IN (:was)

-- name: edit_lanes
-- params: ids list
-- returns: lane int, queue text, kind text
-- Where jobs that wait are.
SELECT l.id, l.queue, l.kind
  FROM {jobs} j FORCE INDEX (sqlq_jobs_id) STRAIGHT_JOIN {lanes} l FORCE INDEX (PRIMARY) ON l.id = j.lane_id
 WHERE j.id IN (:ids) AND j.state IN (1, 7, 8)

-- name: edit_targets
-- params: lanes list, queue text
-- returns: lane int, target int, queue_id int
-- The lanes of the same kinds in another queue.
SELECT l.id, t.id, t.queue_id
  FROM {lanes} l FORCE INDEX (PRIMARY)
 STRAIGHT_JOIN {lanes} t FORCE INDEX (sqlq_lanes_name) ON t.queue = :queue AND t.kind = l.kind
 WHERE l.id IN (:lanes)

-- name: jobs_edit
-- params: lane int, queue int, priority int, seqs list
-- Rows locked before.
UPDATE {jobs} FORCE INDEX (PRIMARY) SET lane_id = :lane, queue_id = :queue, priority = :priority WHERE seq IN (:seqs)

-- name: clock
-- params: now int?
-- returns: now int
SELECT {now}

-- name: succeed
-- params: now int?, seqs list, token int
-- Jobs of one claim, without unique keys, that end well and without a result.
UPDATE {jobs} FORCE INDEX (PRIMARY)
   SET state = 3, ended = 1, finished_us = {now},
       expires_us = {now} + LEAST(COALESCE(retention_us, 86400000000), 4000000000000000000)
 WHERE seq IN (:seqs) AND lease_token = :token AND state = 2

-- name: succeed_mixed
-- params: now int?, seqs list, leases list
-- The same for jobs of many claims; leases: rows of seq and token. A fifth dearer.
UPDATE {jobs} FORCE INDEX (PRIMARY)
   SET state = 3, ended = 1, finished_us = {now},
       expires_us = {now} + LEAST(COALESCE(retention_us, 86400000000), 4000000000000000000)
 WHERE seq IN (:seqs) AND (seq, lease_token) IN (:leases) AND state = 2

-- name: finished_add
-- params: groups text
-- Groups of jobs that finished alike, as a JSON array of [one of them, all of them as text].
INSERT INTO {finished} (lane_id, state, expires_us, jobs)
SELECT j.lane_id, j.state, j.expires_us, g.jobs
  FROM JSON_TABLE(:groups, '$[*]' COLUMNS (seq BIGINT PATH '$[0]', jobs MEDIUMTEXT PATH '$[1]')) g
 STRAIGHT_JOIN {jobs} j FORCE INDEX (PRIMARY) ON j.seq = g.seq

-- name: heartbeat
-- params: now int?, steady int?, seqs list, leases list, n int
-- Passes over rows that somebody has locked: one of them must not keep the others from being renewed. The LIMIT (n: of
-- all rows) makes MySQL keep the inner statement apart, without it the outer one waits for the locks.
UPDATE (SELECT h.seq FROM {jobs} h FORCE INDEX (PRIMARY)
         WHERE h.seq IN (:seqs) AND (h.seq, h.lease_token) IN (:leases) AND h.state IN (2, 5)
         LIMIT :n FOR UPDATE SKIP LOCKED) held
 STRAIGHT_JOIN {jobs} j FORCE INDEX (PRIMARY) ON j.seq = held.seq
   SET j.heartbeat_us = {now}, j.lease_until_us = {steady} + j.keepalive_us

-- name: leases
-- params: seqs list
-- returns: id text, state int, token int
SELECT j.id, j.state, j.lease_token FROM {jobs} j FORCE INDEX (PRIMARY) WHERE j.seq IN (:seqs)

-- name: leases_share
-- params: seqs list
-- returns: seq int, id text, token int
-- Held until the lines are stored, so that a job's lines are numbered and purged by nobody else meanwhile.
SELECT j.seq, j.id, j.lease_token FROM {jobs} j FORCE INDEX (PRIMARY)
 WHERE j.seq IN (:seqs) ORDER BY j.seq LOCK IN SHARE MODE

-- name: history_last
-- params: seqs list
-- returns: seq int, n int
SELECT h.job_seq, MAX(h.n) FROM {history} h FORCE INDEX (PRIMARY) WHERE h.job_seq IN (:seqs) GROUP BY h.job_seq

-- name: history_last_now
-- params: seqs list
-- returns: seq int, n int
-- In a borrowed transaction, whose snapshot may be older than the last line.
SELECT h.job_seq, MAX(h.n) FROM {history} h FORCE INDEX (PRIMARY) WHERE h.job_seq IN (:seqs) GROUP BY h.job_seq
  LOCK IN SHARE MODE

-- name: history_add
-- params: rows list
-- Rows: seq, n, claim, attempt, cause, at, worker, message.
INSERT INTO {history} (job_seq, n, claim, attempt, cause, at_us, worker, message) VALUES :rows

-- name: history_trim
-- params: seq int, n int
DELETE FROM {history} WHERE job_seq = :seq AND n <= :n

-- name: crash_lines
-- params: seq int, claim int, worker text
-- returns: n int, cause int, counts int
-- The line about the end of a claim's lease. Counts: no snooze and no operator has come after it.
SELECT h.n, h.cause, NOT EXISTS (SELECT 1 FROM {history} l FORCE INDEX (PRIMARY)
                                  WHERE l.job_seq = h.job_seq AND l.n > h.n AND l.cause IN (6, 8, 9))
  FROM {history} h FORCE INDEX (PRIMARY)
 WHERE h.job_seq = :seq AND h.claim = :claim AND h.worker = :worker AND h.cause IN (4, 10)

-- name: crash_line_outage
-- params: text text, seq int, n int
UPDATE {history} FORCE INDEX (PRIMARY) SET cause = 10, message = CONCAT(message, :text)
 WHERE job_seq = :seq AND n = :n AND cause = 4

-- name: crashes_set
-- params: crashes int, seq int
UPDATE {jobs} FORCE INDEX (PRIMARY) SET crashes = :crashes WHERE seq = :seq

-- name: log_last
-- params: seqs list, claims list
-- returns: seq int, n int
-- Claims: rows of seq and claim.
SELECT g.job_seq, MAX(g.n) FROM {logs} g FORCE INDEX (PRIMARY)
 WHERE g.job_seq IN (:seqs) AND (g.job_seq, g.claim) IN (:claims) GROUP BY g.job_seq

-- name: log_add
-- params: rows list
-- Rows: seq, claim, n, attempt, at, level, text. A line that is there already stays as it is.
INSERT INTO {logs} (job_seq, claim, n, attempt, at_us, level, text) VALUES :rows ON DUPLICATE KEY UPDATE level = level

-- name: expired
-- params: now int?, at int, id int, n int
-- returns: now int, id int, state int, expires int, jobs text
-- What may be purged, behind (at, id).
SELECT {now}, f.id, f.state, f.expires_us, f.jobs FROM {finished} f FORCE INDEX (sqlq_finished_expires)
 WHERE f.expires_us BETWEEN :at AND {now} AND (f.expires_us > :at OR f.id > :id)
 ORDER BY f.expires_us, f.id LIMIT :n

-- name: finished_left
-- params: seqs list
-- returns: seq int, state int, expires int
SELECT j.seq, j.state, j.expires_us FROM {jobs} j FORCE INDEX (PRIMARY) WHERE j.seq IN (:seqs)

-- name: finished_remove
-- params: rows list
DELETE FROM {finished} WHERE id IN (:rows)

-- name: expired_lock
-- params: seqs list, now int, n int
-- returns: seq int
SELECT j.seq FROM {jobs} j FORCE INDEX (PRIMARY)
 WHERE j.seq IN (:seqs) AND j.state IN (3, 4, 6) AND j.expires_us <= :now ORDER BY j.seq LIMIT :n FOR UPDATE SKIP LOCKED

-- name: finished_ids
-- params: seqs list, now int
-- returns: id text
SELECT j.id FROM {jobs} j FORCE INDEX (PRIMARY)
 WHERE j.seq IN (:seqs) AND j.state IN (3, 4, 6) AND j.expires_us <= :now

-- name: postpone
-- params: now int?, seq int
-- What could not be deleted is not tried again for a day.
UPDATE {jobs} FORCE INDEX (PRIMARY) SET expires_us = {now} + 86400000000 WHERE seq = :seq AND state IN (3, 4, 6)

-- name: purge_logs
-- params: seqs list
DELETE g FROM {logs} g FORCE INDEX (PRIMARY) WHERE g.job_seq IN (:seqs)

-- name: purge_progress
-- params: seqs list
DELETE p FROM {progress} p FORCE INDEX (PRIMARY) WHERE p.job_seq IN (:seqs)

-- name: purge_history
-- params: seqs list
DELETE h FROM {history} h FORCE INDEX (PRIMARY) WHERE h.job_seq IN (:seqs)

-- name: purge_steps
-- params: seqs text
-- A JSON array. A list would do for MySQL to read through a short table, and wait for rows that others have locked: a
-- user's transaction may keep steps for long.
DELETE s FROM JSON_TABLE(:seqs, '$[*]' COLUMNS (seq BIGINT PATH '$')) x
 STRAIGHT_JOIN {steps} s FORCE INDEX (PRIMARY) ON s.job_seq = x.seq

-- name: purge_jobs
-- params: seqs list
DELETE j FROM {jobs} j FORCE INDEX (PRIMARY) WHERE j.seq IN (:seqs) AND j.state IN (3, 4, 6)

-- name: log_cut
-- params: seq int, lines int, bytes int
-- returns: claim int, n int
-- The newest line that is too much, if any is.
SELECT o.claim, o.n
  FROM (SELECT g.claim, g.n, ROW_NUMBER() OVER (ORDER BY g.claim DESC, g.n DESC) AS row_no,
               SUM(LENGTH(g.text)) OVER (ORDER BY g.claim DESC, g.n DESC ROWS UNBOUNDED PRECEDING) AS bytes
          FROM {logs} g FORCE INDEX (PRIMARY) WHERE g.job_seq = :seq) o
 WHERE o.row_no > :lines OR o.bytes > :bytes ORDER BY o.claim DESC, o.n DESC LIMIT 1

-- name: log_trim
-- params: seq int, claim int, n int
DELETE g FROM {logs} g FORCE INDEX (PRIMARY)
 WHERE g.job_seq = :seq AND (g.claim < :claim OR (g.claim = :claim AND g.n <= :n))

-- name: steps
-- params: id text, n int
-- returns: kind int, name text, number int, claim int, at int, until int?, value text
SELECT s.kind, s.name, s.n, s.claim, s.at_us, s.until_us, s.value
  FROM {jobs} j FORCE INDEX (sqlq_jobs_id) STRAIGHT_JOIN {steps} s FORCE INDEX (PRIMARY) ON s.job_seq = j.seq
 WHERE j.id = UNHEX(REPLACE(:id, '-', '')) ORDER BY s.ord, s.kind, s.name, s.n LIMIT :n

-- name: step_has
-- params: id text, kind int, name text, number int
-- returns: n int
SELECT COUNT(*)
  FROM {jobs} j FORCE INDEX (sqlq_jobs_id) STRAIGHT_JOIN {steps} s FORCE INDEX (PRIMARY) ON s.job_seq = j.seq
 WHERE j.id = UNHEX(REPLACE(:id, '-', '')) AND s.kind = :kind AND s.name = :name AND s.n = :number

-- name: step_job
-- params: now int?, id text
-- returns: now int, seq int, state int, token int, claims int, flags int, rows int, last int
-- A job, how many rows its steps have, and the largest number of them in the order of recording; without locks.
SELECT {now}, j.seq, j.state, j.lease_token, j.claims, j.flags,
       (SELECT COUNT(*) FROM {steps} s FORCE INDEX (PRIMARY) WHERE s.job_seq = j.seq),
       (SELECT COALESCE(MAX(s.ord), 0) FROM {steps} s FORCE INDEX (PRIMARY) WHERE s.job_seq = j.seq)
  FROM {jobs} j FORCE INDEX (sqlq_jobs_id) WHERE j.id = UNHEX(REPLACE(:id, '-', ''))

-- name: step_add
-- params: id text, token int, kind int, name text, number int, ord int, claim int, at int, until int?, value text
-- If the lease holds. Only in sessions of our own: READ COMMITTED reads the job's row without locks here.
INSERT INTO {steps} (job_seq, kind, name, n, ord, claim, at_us, until_us, value)
SELECT j.seq, :kind, :name, :number, :ord, :claim, :at, :until, :value
  FROM {jobs} j FORCE INDEX (sqlq_jobs_id)
 WHERE j.id = UNHEX(REPLACE(:id, '-', '')) AND j.state IN (2, 5) AND j.lease_token = :token

-- name: steps_jobs
-- params: now int?, ids list
-- returns: now int, id text, seq int, token int, claims int, rows int, last int
-- As step_job, of many that are held.
SELECT {now}, j.id, j.seq, j.lease_token, j.claims,
       (SELECT COUNT(*) FROM {steps} s FORCE INDEX (PRIMARY) WHERE s.job_seq = j.seq),
       (SELECT COALESCE(MAX(s.ord), 0) FROM {steps} s FORCE INDEX (PRIMARY) WHERE s.job_seq = j.seq)
  FROM {jobs} j FORCE INDEX (sqlq_jobs_id) WHERE j.id IN (:ids) AND j.state IN (2, 5)

-- name: steps_add
-- params: rows text
-- As step_add, of many. Rows: seq, token, kind, name, number, ord, claim, at, value.
INSERT INTO {steps} (job_seq, kind, name, n, ord, claim, at_us, until_us, value)
SELECT j.seq, i.kind, i.name, i.number, i.ord, i.claim, i.at, NULL, i.value
  FROM JSON_TABLE(:rows, '$[*]' COLUMNS (
         seq BIGINT PATH '$[0]', token BIGINT PATH '$[1]', kind SMALLINT PATH '$[2]',
         name VARCHAR(255) CHARACTER SET utf8mb4 PATH '$[3]', number BIGINT PATH '$[4]', ord BIGINT PATH '$[5]',
         claim BIGINT PATH '$[6]', at BIGINT PATH '$[7]', value LONGTEXT CHARACTER SET utf8mb4 PATH '$[8]')) i
 STRAIGHT_JOIN {jobs} j FORCE INDEX (PRIMARY) ON j.seq = i.seq
 WHERE j.state IN (2, 5) AND j.lease_token = i.token

-- name: step_insert
-- params: seq int, kind int, name text, number int, ord int, claim int, at int, until int?, value text
INSERT INTO {steps} (job_seq, kind, name, n, ord, claim, at_us, until_us, value)
VALUES (:seq, :kind, :name, :number, :ord, :claim, :at, :until, :value)

-- name: step_find
-- params: seq int, name text, number int
-- returns: kind int, name text, number int, claim int, at int, until int?, value text, ord int
-- The rows of every kind.
SELECT s.kind, s.name, s.n, s.claim, s.at_us, s.until_us, s.value, s.ord FROM {steps} s FORCE INDEX (PRIMARY)
 WHERE s.job_seq = :seq AND s.kind IN (1, 2, 3, 4, 5, 6, 7) AND s.name = :name AND s.n = :number

-- name: step_signal_last
-- params: seq int, name text
-- returns: number int?
SELECT MAX(s.n) FROM {steps} s FORCE INDEX (PRIMARY) WHERE s.job_seq = :seq AND s.kind = 4 AND s.name = :name

-- name: step_replace
-- params: seq int, name text, ord int, at int, value text
UPDATE {steps} s FORCE INDEX (PRIMARY) SET s.ord = :ord, s.at_us = :at, s.value = :value
 WHERE s.job_seq = :seq AND s.kind = 4 AND s.name = :name AND s.n = 0

-- name: steps_tell
-- params: told int, seqs list
-- Bit 1 of the flags; rows locked before. Bit 2 turns with each telling, so that it always writes the row: of two nodes
-- of a cluster, one of which takes back what the other tells, one must be rolled back.
UPDATE {jobs} FORCE INDEX (PRIMARY) SET flags = CASE :told WHEN 1 THEN (flags | 1) ^ 2 ELSE flags - (flags & 1) END
 WHERE seq IN (:seqs) AND (:told = 1 OR (flags & 1) = 1)

-- name: steps_parents
-- params: seqs list
-- returns: seq int
-- Those of these jobs that have enqueued children.
SELECT DISTINCT s.job_seq FROM {steps} s FORCE INDEX (PRIMARY) WHERE s.job_seq IN (:seqs) AND s.kind = 7

-- name: steps_forget
-- params: seq int, ord int
-- All but signals, from this one on in the order of recording. As purge_steps.
DELETE s FROM JSON_TABLE(JSON_ARRAY(:seq), '$[*]' COLUMNS (seq BIGINT PATH '$')) x
 STRAIGHT_JOIN {steps} s FORCE INDEX (PRIMARY) ON s.job_seq = x.seq
 WHERE s.kind <> 4 AND s.ord >= :ord

-- name: steps_forget_signals
-- params: seq int, ord int
-- Before steps_forget. One that has been waited for counts as recorded with its wait. As purge_steps.
DELETE s FROM JSON_TABLE(JSON_ARRAY(:seq), '$[*]' COLUMNS (seq BIGINT PATH '$')) x
 STRAIGHT_JOIN {steps} s FORCE INDEX (PRIMARY) ON s.job_seq = x.seq AND s.kind = 4
  LEFT JOIN {steps} w FORCE INDEX (PRIMARY) ON w.job_seq = s.job_seq AND w.kind = 3 AND w.name = s.name AND w.n = s.n
 WHERE COALESCE(w.ord, s.ord) >= :ord

-- name: publish_lock
-- params: seqs list
-- returns: id text, seq int, token int, claims int
SELECT j.id, j.seq, j.lease_token, j.claims FROM {jobs} j FORCE INDEX (PRIMARY)
 WHERE j.seq IN (:seqs) AND j.state IN (2, 5) ORDER BY j.seq FOR UPDATE SKIP LOCKED

-- name: publish_result
-- params: result text, seq int
UPDATE {jobs} SET result = :result WHERE seq = :seq

-- name: publish_progress
-- params: seq int, claim int, done int, total int, now int?, note text
INSERT INTO {progress} (job_seq, claim, done, total, at_us, note)
VALUES (:seq, :claim, :done, :total, {now}, :note)
ON DUPLICATE KEY UPDATE claim = VALUES(claim), done = VALUES(done), total = VALUES(total), at_us = VALUES(at_us),
                        note = VALUES(note)

-- name: get
-- params: ids text
-- returns: queue text, kind text, id text, state int, priority int, params text, result text?, unique_key text?, attempt int, max_attempts int, crashes int, max_crashes int, claims int, token int, worker text, keepalive int, timeout int, retention int?, created int, queued int, due int, started int?, heartbeat int?, finished int?, headers text?
SELECT l.queue, l.kind, {job}
  FROM JSON_TABLE(:ids, '$[*]' COLUMNS (id CHAR(36) CHARACTER SET utf8mb4 PATH '$')) x
 STRAIGHT_JOIN {jobs} j FORCE INDEX (sqlq_jobs_id) ON j.id = UNHEX(REPLACE(x.id, '-', ''))
 STRAIGHT_JOIN {lanes} l FORCE INDEX (PRIMARY) ON l.id = j.lane_id

-- name: transfer_ids
-- params: after text, n int
-- returns: id text
SELECT j.id FROM {jobs} j FORCE INDEX (sqlq_jobs_id) WHERE j.id > UNHEX(REPLACE(:after, '-', ''))
 ORDER BY j.id LIMIT :n

-- name: transfer_sizes
-- params: ids text
-- returns: id text, bytes int, history int, log int, steps int
-- How large the texts of jobs are, with histories, logs and steps, and how many lines these have.
SELECT j.id,
       LENGTH(j.params) + COALESCE(LENGTH(j.result), 0) + COALESCE(LENGTH(j.headers), 0)
         + (SELECT CAST(COALESCE(SUM(LENGTH(h.message)), 0) AS SIGNED)
              FROM {history} h FORCE INDEX (PRIMARY) WHERE h.job_seq = j.seq)
         + (SELECT CAST(COALESCE(SUM(LENGTH(g.text)), 0) AS SIGNED)
              FROM {logs} g FORCE INDEX (PRIMARY) WHERE g.job_seq = j.seq)
         + (SELECT CAST(COALESCE(SUM(LENGTH(t.value)), 0) AS SIGNED)
              FROM {steps} t FORCE INDEX (PRIMARY) WHERE t.job_seq = j.seq),
       (SELECT COUNT(*) FROM {history} h FORCE INDEX (PRIMARY) WHERE h.job_seq = j.seq),
       (SELECT COUNT(*) FROM {logs} g FORCE INDEX (PRIMARY) WHERE g.job_seq = j.seq),
       (SELECT COUNT(*) FROM {steps} t FORCE INDEX (PRIMARY) WHERE t.job_seq = j.seq)
  FROM JSON_TABLE(:ids, '$[*]' COLUMNS (id CHAR(36) CHARACTER SET utf8mb4 PATH '$')) x
 STRAIGHT_JOIN {jobs} j FORCE INDEX (sqlq_jobs_id) ON j.id = UNHEX(REPLACE(x.id, '-', ''))

-- name: transfer_history
-- params: ids text
-- returns: id text, n int, claim int, attempt int, cause int, at int, worker text, message text
SELECT j.id, h.n, h.claim, h.attempt, h.cause, h.at_us, h.worker, h.message
  FROM JSON_TABLE(:ids, '$[*]' COLUMNS (id CHAR(36) CHARACTER SET utf8mb4 PATH '$')) x
 STRAIGHT_JOIN {jobs} j FORCE INDEX (sqlq_jobs_id) ON j.id = UNHEX(REPLACE(x.id, '-', ''))
 STRAIGHT_JOIN {history} h FORCE INDEX (PRIMARY) ON h.job_seq = j.seq

-- name: transfer_log
-- params: ids text
-- returns: id text, token int, claim int, attempt int, number int, at int, level int, text text
-- Whoever wrote the lines has no lease any more, as far as others are concerned.
SELECT j.id, 0, g.claim, g.attempt, g.n, g.at_us, g.level, g.text
  FROM JSON_TABLE(:ids, '$[*]' COLUMNS (id CHAR(36) CHARACTER SET utf8mb4 PATH '$')) x
 STRAIGHT_JOIN {jobs} j FORCE INDEX (sqlq_jobs_id) ON j.id = UNHEX(REPLACE(x.id, '-', ''))
 STRAIGHT_JOIN {logs} g FORCE INDEX (PRIMARY) ON g.job_seq = j.seq

-- name: transfer_steps
-- params: ids text
-- returns: id text, ord int, kind int, name text, number int, claim int, at int, until int?, value text
SELECT j.id, t.ord, t.kind, t.name, t.n, t.claim, t.at_us, t.until_us, t.value
  FROM JSON_TABLE(:ids, '$[*]' COLUMNS (id CHAR(36) CHARACTER SET utf8mb4 PATH '$')) x
 STRAIGHT_JOIN {jobs} j FORCE INDEX (sqlq_jobs_id) ON j.id = UNHEX(REPLACE(x.id, '-', ''))
 STRAIGHT_JOIN {steps} t FORCE INDEX (PRIMARY) ON t.job_seq = j.seq

-- piece: filter_types
-- What jobs a list is about, but for their ids. `states` is a set of bits, one for each state's number; what is
-- NULL, in a list too, does not restrict. `payloads`: 0 leaves params and result out, unread.
states int, queues list, kinds list, unique_key text?, created_from int, created_to int, lowest int, highest int,
error text?, payloads int

-- piece: listed_types
queue text, kind text, id text, state int, priority int, params text?, result text?, unique_key text?, attempt int,
max_attempts int, crashes int, max_crashes int, claims int, token int, worker text, keepalive int, timeout int,
retention int?, created int, queued int, due int, started int?, heartbeat int?, finished int?, headers text?

-- piece: of_lane
(COALESCE(:queues) IS NULL OR l.queue IN (:queues)) AND (COALESCE(:kinds) IS NULL OR l.kind IN (:kinds))

-- piece: payload
-- The server reads each column that a statement names, also what it shows only sometimes: hence the row once more.
LEFT JOIN {jobs} p FORCE INDEX (PRIMARY) ON p.seq = j.seq AND :payloads = 1

-- piece: fits
((:states >> j.state) & 1) = 1 AND (:unique_key IS NULL OR j.unique_key = :unique_key)
AND j.created_us BETWEEN :created_from AND :created_to AND j.priority BETWEEN :lowest AND :highest
AND (:error IS NULL OR LOCATE(:error, (SELECT h.message FROM {history} h FORCE INDEX (PRIMARY)
                                        WHERE h.job_seq = j.seq ORDER BY h.job_seq DESC, h.n DESC LIMIT 1)) > 0)

-- name: list
-- params: before text, down_to text, {filter_types}, n int
-- returns: {listed_types}
-- A page walks the id index downwards from `before`.
SELECT l.queue, l.kind, {listed_job}
  FROM {jobs} j FORCE INDEX (sqlq_jobs_id) STRAIGHT_JOIN {lanes} l FORCE INDEX (PRIMARY) ON l.id = j.lane_id {payload}
 WHERE j.id < UNHEX(REPLACE(:before, '-', '')) AND j.id >= UNHEX(REPLACE(:down_to, '-', ''))
   AND {of_lane} AND {fits}
 ORDER BY j.id DESC LIMIT :n

-- name: list_ids
-- params: ids text, {filter_types}, n int
-- returns: {listed_types}
-- The same of these jobs.
SELECT l.queue, l.kind, {listed_job}
  FROM JSON_TABLE(:ids, '$[*]' COLUMNS (id CHAR(36) CHARACTER SET utf8mb4 PATH '$')) x
 STRAIGHT_JOIN {jobs} j FORCE INDEX (sqlq_jobs_id) ON j.id = UNHEX(REPLACE(x.id, '-', ''))
 STRAIGHT_JOIN {lanes} l FORCE INDEX (PRIMARY) ON l.id = j.lane_id {payload}
 WHERE {of_lane} AND {fits}
 ORDER BY j.id DESC LIMIT :n

-- name: list_bound
-- params: before text, n int
-- returns: id text
-- Of the jobs below `before` the one that comes after the first n; none: there are no more than n.
SELECT j.id FROM {jobs} j FORCE INDEX (sqlq_jobs_id) WHERE j.id < UNHEX(REPLACE(:before, '-', ''))
 ORDER BY j.id DESC LIMIT 1 OFFSET :n

-- name: list_few
-- params: before text, {filter_types}, n int
-- returns: {listed_types}
-- The same where few jobs are wanted: reads them from the tables of their states, and sorts them.
SELECT l.queue, l.kind, {listed_job}
  FROM (SELECT j.seq FROM (
    SELECT r.seq FROM {lanes} l FORCE INDEX (sqlq_lanes_name)
     STRAIGHT_JOIN {ready} r FORCE INDEX (PRIMARY) ON r.lane_id = l.id
     WHERE {of_lane} AND ((:states >> 1) & 1) = 1
    UNION DISTINCT
    SELECT r.seq FROM {lanes} l FORCE INDEX (sqlq_lanes_name)
     STRAIGHT_JOIN {ready} r FORCE INDEX (PRIMARY) ON r.lane_id = -l.id
     WHERE {of_lane} AND ((:states >> 1) & 1) = 1
    UNION DISTINCT
    SELECT s.seq FROM {lanes} l FORCE INDEX (sqlq_lanes_name)
     STRAIGHT_JOIN {scheduled} s FORCE INDEX (PRIMARY) ON s.lane_id = l.id
     WHERE {of_lane} AND ((:states >> 7) & 1) = 1
    UNION DISTINCT
    SELECT x.seq FROM {queues} q STRAIGHT_JOIN {claims} c FORCE INDEX (PRIMARY) ON c.queue_id = q.id
     STRAIGHT_JOIN JSON_TABLE(c.jobs, '$[*]' COLUMNS (seq BIGINT PATH '$')) x
     WHERE (COALESCE(:queues) IS NULL OR q.name IN (:queues)) AND (:states & 36) <> 0
    UNION DISTINCT
    SELECT x.seq FROM {lanes} l FORCE INDEX (sqlq_lanes_name)
     STRAIGHT_JOIN (SELECT 3 AS state UNION ALL SELECT 4 UNION ALL SELECT 6) e
     STRAIGHT_JOIN {finished} f FORCE INDEX (sqlq_finished_state) ON f.state = e.state AND f.lane_id = l.id
     STRAIGHT_JOIN JSON_TABLE(f.jobs, '$[*]' COLUMNS (seq BIGINT PATH '$')) x
     WHERE {of_lane} AND ((:states >> e.state) & 1) = 1) few
 STRAIGHT_JOIN {jobs} j FORCE INDEX (PRIMARY) ON j.seq = few.seq
 STRAIGHT_JOIN {lanes} l FORCE INDEX (PRIMARY) ON l.id = j.lane_id
 WHERE j.id < UNHEX(REPLACE(:before, '-', '')) AND {of_lane} AND {fits}
 ORDER BY j.id DESC LIMIT :n) page
 STRAIGHT_JOIN {jobs} j FORCE INDEX (PRIMARY) ON j.seq = page.seq
 STRAIGHT_JOIN {lanes} l FORCE INDEX (PRIMARY) ON l.id = j.lane_id {payload}
 ORDER BY j.id DESC

-- name: progress
-- params: ids text
-- returns: id text, claim int, done int, total int, at int, note text
SELECT j.id, p.claim, p.done, p.total, p.at_us, p.note
  FROM JSON_TABLE(:ids, '$[*]' COLUMNS (id CHAR(36) CHARACTER SET utf8mb4 PATH '$')) x
 STRAIGHT_JOIN {jobs} j FORCE INDEX (sqlq_jobs_id) ON j.id = UNHEX(REPLACE(x.id, '-', ''))
 STRAIGHT_JOIN {progress} p FORCE INDEX (PRIMARY) ON p.job_seq = j.seq

-- name: count_pending
-- params: queues list, kinds list, cap int
-- returns: n int
SELECT COUNT(*) FROM (
  SELECT 1 FROM {lanes} l FORCE INDEX (sqlq_lanes_name)
   STRAIGHT_JOIN {ready} r FORCE INDEX (PRIMARY) ON r.lane_id = l.id
   WHERE {of_lane}
  UNION ALL
  SELECT 1 FROM {lanes} l FORCE INDEX (sqlq_lanes_name)
   STRAIGHT_JOIN {ready} r FORCE INDEX (PRIMARY) ON r.lane_id = -l.id
   WHERE {of_lane} LIMIT :cap) c

-- name: count_pending_all
-- params: cap int
-- returns: n int
SELECT COUNT(*) FROM (SELECT 1 FROM {ready} LIMIT :cap) c

-- name: count_scheduled
-- params: queues list, kinds list, cap int
-- returns: n int
SELECT COUNT(*) FROM (
  SELECT 1 FROM {lanes} l FORCE INDEX (sqlq_lanes_name)
   STRAIGHT_JOIN {scheduled} s FORCE INDEX (PRIMARY) ON s.lane_id = l.id
   WHERE {of_lane} LIMIT :cap) c

-- name: count_held
-- params: queues list, state int, cap int
-- returns: n int
SELECT COUNT(*) FROM (
  SELECT 1 FROM {queues} q STRAIGHT_JOIN {claims} c FORCE INDEX (PRIMARY) ON c.queue_id = q.id
   STRAIGHT_JOIN JSON_TABLE(c.jobs, '$[*]' COLUMNS (seq BIGINT PATH '$')) x
   STRAIGHT_JOIN {jobs} j FORCE INDEX (PRIMARY)
      ON j.seq = x.seq AND j.state = :state AND j.lease_token = c.token
   WHERE COALESCE(:queues) IS NULL OR q.name IN (:queues) LIMIT :cap) c

-- name: count_finished
-- params: queues list, kinds list, state int, cap int
-- returns: n int
-- DISTINCT: a job may have finished twice in the same microsecond of a test's clock.
SELECT COUNT(*) FROM (
  SELECT DISTINCT j.seq FROM {lanes} l FORCE INDEX (sqlq_lanes_name)
   STRAIGHT_JOIN {finished} f FORCE INDEX (sqlq_finished_state) ON f.state = :state AND f.lane_id = l.id
   STRAIGHT_JOIN JSON_TABLE(f.jobs, '$[*]' COLUMNS (seq BIGINT PATH '$')) x
   STRAIGHT_JOIN {jobs} j FORCE INDEX (PRIMARY)
      ON j.seq = x.seq AND j.state = f.state AND j.expires_us = f.expires_us
   WHERE {of_lane} LIMIT :cap) c

-- name: count_finished_all
-- params: state int, cap int
-- returns: n int
SELECT COUNT(*) FROM (
  SELECT DISTINCT j.seq FROM {finished} f FORCE INDEX (sqlq_finished_state)
   STRAIGHT_JOIN JSON_TABLE(f.jobs, '$[*]' COLUMNS (seq BIGINT PATH '$')) x
   STRAIGHT_JOIN {jobs} j FORCE INDEX (PRIMARY)
      ON j.seq = x.seq AND j.state = f.state AND j.expires_us = f.expires_us
   WHERE f.state = :state LIMIT :cap) c

-- name: waiting_kinds
-- params: now int?, n int
-- returns: queue text, kind text
-- Asks each lane for its first job: the cost is the number of lanes.
SELECT l.queue, l.kind FROM {lanes} l
 WHERE (SELECT r.seq FROM {ready} r FORCE INDEX (PRIMARY)
         WHERE r.lane_id = l.id AND r.no_prefetch IS NULL LIMIT 1) IS NOT NULL
    OR (SELECT r.seq FROM {ready} r FORCE INDEX (PRIMARY)
         WHERE r.lane_id = -l.id AND r.no_prefetch IS NULL LIMIT 1) IS NOT NULL
    OR (SELECT s.seq FROM {scheduled} s FORCE INDEX (PRIMARY)
         WHERE s.lane_id = l.id AND s.due_us <= {now} AND s.no_prefetch IS NULL LIMIT 1) IS NOT NULL LIMIT :n

-- name: history
-- params: id text, n int
-- returns: claim int, attempt int, cause int, at int, worker text, message text
SELECT h.claim, h.attempt, h.cause, h.at_us, h.worker, h.message
  FROM {jobs} j FORCE INDEX (sqlq_jobs_id) STRAIGHT_JOIN {history} h FORCE INDEX (PRIMARY) ON h.job_seq = j.seq
 WHERE j.id = UNHEX(REPLACE(:id, '-', '')) ORDER BY h.n LIMIT :n

-- name: last_records
-- params: ids text
-- returns: id text, claim int, attempt int, cause int, at int, worker text, message text
-- A JSON array of ids. The newest line of each history.
SELECT j.id, h.claim, h.attempt, h.cause, h.at_us, h.worker, h.message
  FROM JSON_TABLE(:ids, '$[*]' COLUMNS (id CHAR(36) CHARACTER SET utf8mb4 PATH '$')) x
 STRAIGHT_JOIN {jobs} j FORCE INDEX (sqlq_jobs_id) ON j.id = UNHEX(REPLACE(x.id, '-', ''))
 STRAIGHT_JOIN {history} h FORCE INDEX (PRIMARY) ON h.job_seq = j.seq
   AND h.n = (SELECT m.n FROM {history} m FORCE INDEX (PRIMARY) WHERE m.job_seq = j.seq
               ORDER BY m.job_seq DESC, m.n DESC LIMIT 1)

-- name: log_read
-- params: id text, claim int, number int, n int
-- returns: token int, claim int, attempt int, number int, at int, level int, text text
SELECT j.lease_token, g.claim, g.attempt, g.n, g.at_us, g.level, g.text
  FROM {jobs} j FORCE INDEX (sqlq_jobs_id) STRAIGHT_JOIN {logs} g FORCE INDEX (PRIMARY) ON g.job_seq = j.seq
 WHERE j.id = UNHEX(REPLACE(:id, '-', '')) AND g.claim >= :claim AND (g.claim > :claim OR g.n > :number)
 ORDER BY g.claim, g.n LIMIT :n

-- name: queues
-- params: after text, n int
-- returns: name text, description text, concurrency int?, priority int, paused int, created int, hidden int
SELECT q.name, q.description, q.concurrency, q.priority, q.paused, q.created_us, q.hidden
  FROM {queues} q FORCE INDEX (sqlq_queues_name) WHERE q.name > :after ORDER BY q.name LIMIT :n

-- name: queue
-- params: name text
-- returns: name text, description text, concurrency int?, priority int, paused int, created int, hidden int
SELECT q.name, q.description, q.concurrency, q.priority, q.paused, q.created_us, q.hidden
  FROM {queues} q WHERE q.name = :name

-- name: worker_seen
-- params: busy int, now int?, name text, id int, draining int
-- The worker is there, and what it knows of `draining` is still true.
UPDATE {registry} FORCE INDEX (PRIMARY) SET busy = :busy, seen_us = {now}
 WHERE name = :name AND id = :id AND draining = :draining

-- name: worker_draining
-- params: name text, id int
-- returns: draining int
SELECT draining FROM {registry} WHERE name = :name AND id = :id

-- name: worker_add
-- params: name text, id int, host text, pid int, version text, queues text, kinds text, slots int, busy int, now int?, running int, draining int
INSERT INTO {registry} (name, id, host, pid, version, queues, kinds, slots, busy, started_us, seen_us, draining)
VALUES (:name, :id, :host, :pid, :version, :queues, :kinds, :slots, :busy, {now} - :running, {now}, :draining)

-- name: worker_remove
-- params: name text, id int, seen int?
-- With `seen`: only when it was not seen since.
DELETE r FROM {registry} r FORCE INDEX (PRIMARY)
 WHERE r.name = :name AND r.id = :id AND r.seen_us = COALESCE(:seen, r.seen_us)

-- name: workers
-- params: now int?, expiry int, after text, after_id int, n int
-- returns: name text, id int, host text, pid int, version text, queues text, kinds text, slots int, busy int, started int, seen int, draining int
SELECT name, id, host, pid, version, queues, kinds, slots, busy, started_us, seen_us, draining
  FROM {registry}
 WHERE seen_us > {now} - :expiry AND (name > :after OR (name = :after AND id > :after_id))
 ORDER BY name, id
 LIMIT :n

-- name: workers_drain
-- params: draining int, name text, now int?, expiry int
UPDATE {registry} FORCE INDEX (PRIMARY) SET draining = :draining WHERE name = :name AND seen_us > {now} - :expiry

-- name: workers_expired
-- params: now int?, expiry int, n int
-- returns: name text, id int, seen int
-- Reads the whole table: a row for each worker that runs.
SELECT name, id, seen_us FROM {registry} WHERE seen_us <= {now} - :expiry ORDER BY seen_us LIMIT :n

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

-- name: queue_upsert
-- params: name text, description text, concurrency int?, priority int, now int?
INSERT INTO {queues} (name, description, concurrency, priority, created_us)
VALUES (:name, :description, :concurrency, :priority, {now})
ON DUPLICATE KEY UPDATE description = :description, concurrency = :concurrency, priority = :priority, hidden = 0

-- name: queue_update
-- params: description text?, limited int, concurrency int?, priority int?, paused int?, name text
UPDATE {queues}
   SET description = COALESCE(:description, description),
       concurrency = CASE :limited WHEN 1 THEN :concurrency ELSE concurrency END,
       priority = COALESCE(:priority, priority), paused = COALESCE(:paused, paused), hidden = 0
 WHERE name = :name

-- name: borrowed
-- returns: client text, connection text, results text?, no_backslash int, whole_results int, unique_checks int, packet int, last_id int
-- What of the settings of somebody else's connection matters to our statements.
SELECT @@character_set_client, @@character_set_connection, @@character_set_results,
       FIND_IN_SET('NO_BACKSLASH_ESCAPES', @@sql_mode) > 0, @@sql_select_limit >= 9223372036854775807,
       @@unique_checks, @@max_allowed_packet, LAST_INSERT_ID()

-- name: last_id_restore
-- params: id int
-- returns: id int
SELECT LAST_INSERT_ID(:id)

-- name: server
-- returns: version text, packet int, read_only int
SELECT VERSION(), @@max_allowed_packet, CONCAT(@@GLOBAL.read_only) NOT IN ('0', 'OFF') OR @@GLOBAL.innodb_read_only

-- name: settings
-- returns: name text, value text
SHOW GLOBAL VARIABLES WHERE Variable_name IN
  ('innodb_flush_log_at_trx_commit', 'sync_binlog', 'log_bin', 'binlog_format', 'innodb_doublewrite',
   'innodb_flush_method', 'wsrep_on', 'transaction_isolation', 'tx_isolation', 'max_allowed_packet')

-- name: queue_used
-- params: name text
-- returns: n int
-- Has it any job?
SELECT 1 FROM {queues} q FORCE INDEX (sqlq_queues_name)
 WHERE q.name = :name AND (
   EXISTS (SELECT 1 FROM {lanes} l FORCE INDEX (sqlq_lanes_name)
            STRAIGHT_JOIN {ready} r FORCE INDEX (PRIMARY) ON r.lane_id = l.id WHERE l.queue = q.name)
   OR EXISTS (SELECT 1 FROM {lanes} l FORCE INDEX (sqlq_lanes_name)
               STRAIGHT_JOIN {ready} r FORCE INDEX (PRIMARY) ON r.lane_id = -l.id WHERE l.queue = q.name)
   OR EXISTS (SELECT 1 FROM {lanes} l FORCE INDEX (sqlq_lanes_name)
               STRAIGHT_JOIN {scheduled} s FORCE INDEX (PRIMARY) ON s.lane_id = l.id WHERE l.queue = q.name)
   OR EXISTS (SELECT 1 FROM {claims} c FORCE INDEX (PRIMARY) WHERE c.queue_id = q.id)
   OR EXISTS (SELECT 1 FROM {lanes} l FORCE INDEX (sqlq_lanes_name)
               STRAIGHT_JOIN (SELECT 3 AS state UNION ALL SELECT 4 UNION ALL SELECT 6) e
               STRAIGHT_JOIN {finished} f FORCE INDEX (sqlq_finished_state) ON f.state = e.state AND f.lane_id = l.id
               STRAIGHT_JOIN JSON_TABLE(f.jobs, '$[*]' COLUMNS (seq BIGINT PATH '$')) x
               STRAIGHT_JOIN {jobs} j FORCE INDEX (PRIMARY) ON j.seq = x.seq AND j.state = f.state
               WHERE l.queue = q.name))

-- name: queue_hide
-- params: name text
UPDATE {queues} SET description = X'', concurrency = NULL, priority = 1, paused = 0, hidden = 1 WHERE name = :name

-- name: oldest_due
-- params: queue text, now int?
-- returns: due int?
-- Jumps from priority to priority along the ready table, at most 900 in a lane.
WITH RECURSIVE step (lane, priority, n) AS (
  SELECT l.id * s.sign,
         (SELECT r.priority FROM {ready} r FORCE INDEX (PRIMARY) WHERE r.lane_id = l.id * s.sign
           ORDER BY r.lane_id, r.priority, r.due_us, r.seq LIMIT 1), 1
    FROM {lanes} l FORCE INDEX (sqlq_lanes_name) CROSS JOIN (SELECT 1 AS sign UNION ALL SELECT -1) s
   WHERE l.queue = :queue
  UNION ALL
  SELECT step.lane, (SELECT r.priority FROM {ready} r FORCE INDEX (PRIMARY)
                      WHERE r.lane_id = step.lane AND r.priority > step.priority
                      ORDER BY r.lane_id, r.priority, r.due_us, r.seq LIMIT 1), step.n + 1
    FROM step WHERE step.priority IS NOT NULL AND step.n < 900)
SELECT MIN(o.due) FROM (
  SELECT (SELECT r.due_us FROM {ready} r FORCE INDEX (PRIMARY)
           WHERE r.lane_id = step.lane AND r.priority = step.priority
           ORDER BY r.lane_id, r.priority, r.due_us, r.seq LIMIT 1) AS due
    FROM step WHERE step.priority IS NOT NULL
  UNION ALL
  SELECT d.due FROM (SELECT (SELECT s.due_us FROM {scheduled} s FORCE INDEX (PRIMARY)
                              WHERE s.lane_id = l.id ORDER BY s.lane_id, s.due_us, s.seq LIMIT 1) AS due
                       FROM {lanes} l FORCE INDEX (sqlq_lanes_name) WHERE l.queue = :queue) d
   WHERE d.due <= {now}) o

-- piece: without_job
LEFT JOIN {jobs} j FORCE INDEX (PRIMARY) ON j.seq = t.seq WHERE j.seq IS NULL LIMIT 1000

-- name: without_jobs
-- returns: name text, n int
-- Rows whose jobs were deleted by hand: a thousand at most, among the first hundred thousand of each table.
SELECT 'keys', COUNT(*) FROM (
  SELECT 1 FROM (SELECT id FROM {keys} LIMIT 100000) t
    LEFT JOIN {jobs} j FORCE INDEX (sqlq_jobs_id) ON j.id = t.id
   WHERE j.seq IS NULL LIMIT 1000) o
UNION ALL SELECT 'ready', COUNT(*) FROM (
  SELECT 1 FROM (SELECT seq FROM {ready} LIMIT 100000) t {without_job}) o
UNION ALL SELECT 'scheduled', COUNT(*) FROM (
  SELECT 1 FROM (SELECT seq FROM {scheduled} LIMIT 100000) t {without_job}) o
UNION ALL SELECT 'history', COUNT(*) FROM (
  SELECT 1 FROM (SELECT job_seq AS seq FROM {history} LIMIT 100000) t {without_job}) o
UNION ALL SELECT 'logs', COUNT(*) FROM (
  SELECT 1 FROM (SELECT job_seq AS seq FROM {logs} LIMIT 100000) t {without_job}) o

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
