-- Every statement of the SQLite backend. Each begins with its name, its parameters and its columns, with their types;
-- a `?` behind a type means it may be NULL. States are literals, so that partial indexes apply.
-- A test prepares each on a fresh schema and compares the declarations with what SQLite says; another asserts plans.
-- Names in braces are the pieces below, which several statements share.

-- piece: filter_types
-- What jobs a list is about, but for their ids. `states` is a set of bits, one for each state's number; of the texts
-- those that are NULL do not restrict. `payloads`: 0 leaves params and result out, unread.
states int, queues text?, kinds text?, unique_key text?, created_from int, created_to int, lowest int, highest int,
error text?, payloads int

-- piece: listed_types
queue text, kind text, id text, state int, priority int, params text, result text, unique_key text?, attempt int,
max_attempts int, crashes int, max_crashes int, claims int, token int, worker text, keepalive int, timeout int,
retention int?, created int, queued int, due int, started int?, heartbeat int?, finished int?, headers text?

-- piece: listed
q.name, l.kind, j.id, j.state, j.priority, CASE WHEN :payloads = 1 THEN j.params ELSE '' END,
CASE WHEN :payloads = 1 THEN j.result ELSE '' END, j.unique_key, j.attempt, j.max_attempts, j.crashes, j.max_crashes,
j.claims, j.lease_token, j.worker, j.keepalive_us, j.timeout_us, j.retention_us, j.created_us, j.queued_us, j.due_us,
j.started_us, j.heartbeat_us, j.finished_us, j.headers

-- piece: of_lane
(:queues IS NULL OR q.name IN (SELECT value FROM json_each(:queues)))
AND (:kinds IS NULL OR l.kind IN (SELECT value FROM json_each(:kinds)))

-- piece: fits
((:states >> j.state) & 1) = 1 AND (:unique_key IS NULL OR j.unique_key = :unique_key)
AND j.created_us BETWEEN :created_from AND :created_to AND j.priority BETWEEN :lowest AND :highest
AND (:error IS NULL OR instr((SELECT h.message FROM sqlq_history h WHERE h.job_seq = j.seq
                               ORDER BY h.n DESC LIMIT 1), :error) > 0)

-- name: lane
-- params: queue text, kind text
-- returns: id int, queue_id int
SELECT l.id, l.queue_id FROM sqlq_queues q JOIN sqlq_lanes l ON l.queue_id = q.id
 WHERE q.name = :queue AND l.kind = :kind

-- name: queue_make
-- params: name text, now int
-- On first use only: enqueue looks the lane up first, so the queue's row is never rewritten.
INSERT INTO sqlq_queues (name, created_us) VALUES (:name, :now) ON CONFLICT DO NOTHING

-- name: lane_make
-- params: queue text, kind text
INSERT INTO sqlq_lanes (queue_id, kind) SELECT id, :kind FROM sqlq_queues WHERE name = :queue

-- name: job_insert
-- params: id text, lane int, queue int, state int, priority int, due int, max_attempts int, max_crashes int, keepalive int, timeout int, retention int?, now int, unique_key text?, params text
-- No RETURNING here and in the other statements for one row: SQLite makes and drops a temporary table for each run.
INSERT INTO sqlq_jobs (id, lane_id, queue_id, state, priority, due_us, max_attempts, max_crashes, keepalive_us,
                       timeout_us, retention_us, created_us, queued_us, unique_key, params)
VALUES (:id, :lane, :queue, :state, :priority, :due, :max_attempts, :max_crashes, :keepalive,
        :timeout, :retention, :now, :now, :unique_key, :params)
ON CONFLICT DO NOTHING

-- name: job_insert_headers
-- params: id text, lane int, queue int, state int, priority int, due int, max_attempts int, max_crashes int, keepalive int, timeout int, retention int?, now int, unique_key text?, params text, headers text
-- The same for a job with headers.
INSERT INTO sqlq_jobs (id, lane_id, queue_id, state, priority, due_us, max_attempts, max_crashes, keepalive_us,
                       timeout_us, retention_us, created_us, queued_us, unique_key, params, headers)
VALUES (:id, :lane, :queue, :state, :priority, :due, :max_attempts, :max_crashes, :keepalive,
        :timeout, :retention, :now, :now, :unique_key, :params, :headers)
ON CONFLICT DO NOTHING

-- name: id_taken
-- params: id text
-- returns: one int
SELECT 1 FROM sqlq_jobs WHERE id = :id

-- name: key_holder
-- params: unique_key text
-- returns: id text
SELECT id FROM sqlq_jobs WHERE unique_key = :unique_key AND expires_us IS NULL

-- name: transfer_job
-- params: id text, lane int, queue int, state int, priority int, due int, attempt int, max_attempts int, crashes int, max_crashes int, claims int, keepalive int, timeout int, retention int?, created int, queued int, started int?, heartbeat int?, finished int?, expires int?, worker text, unique_key text?, params text, result text, headers text?
-- A job as it was elsewhere.
INSERT INTO sqlq_jobs (id, lane_id, queue_id, state, priority, due_us, attempt, max_attempts, crashes, max_crashes,
                       claims, keepalive_us, timeout_us, retention_us, created_us, queued_us, started_us, heartbeat_us,
                       finished_us, expires_us, worker, unique_key, params, result, headers)
VALUES (:id, :lane, :queue, :state, :priority, :due, :attempt, :max_attempts, :crashes, :max_crashes, :claims,
        :keepalive, :timeout, :retention, :created, :queued, :started, :heartbeat, :finished, :expires, :worker,
        :unique_key, :params, :result, :headers)
ON CONFLICT DO NOTHING

-- name: transfer_attempt
-- params: seq int, n int, claim int, attempt int, cause int, at int, worker text, message text
INSERT INTO sqlq_history (job_seq, n, claim, attempt, cause, at_us, worker, message)
VALUES (:seq, :n, :claim, :attempt, :cause, :at, :worker, :message)

-- name: transfer_step
-- params: seq int, kind int, name text, number int, ord int, claim int, at int, until int?, value text
INSERT INTO sqlq_steps (job_seq, kind, name, n, ord, claim, at_us, until_us, value)
VALUES (:seq, :kind, :name, :number, :ord, :claim, :at, :until, :value)

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

-- name: succeed
-- params: now int, ids text, token int
-- Jobs of one claim that end well and without a result; ids: a JSON array.
UPDATE sqlq_jobs
   SET state = 3, ended = 1, finished_us = :now, expires_us = :now + coalesce(retention_us, 86400000000)
 WHERE id IN (SELECT value FROM json_each(:ids)) AND state = 2 AND lease_token = :token

-- name: finish_success
-- params: result text, now int, id text, token int
-- The usual end in one statement. 24 h is the default retention of job.hpp. An empty result leaves what is there.
UPDATE sqlq_jobs
   SET state = 3, ended = 1, result = CASE :result WHEN '' THEN result ELSE :result END, finished_us = :now,
       expires_us = :now + coalesce(retention_us, 86400000000)
 WHERE id = :id AND state = 2 AND lease_token = :token

-- name: finish_end
-- params: state int, ended int, result text, now int, retention int, seq int, token int
-- Ends a lease for good.
UPDATE sqlq_jobs
   SET state = :state, ended = :ended, result = CASE :result WHEN '' THEN result ELSE :result END, finished_us = :now,
       expires_us = :now + coalesce(retention_us, :retention)
 WHERE seq = :seq AND state IN (2, 5) AND lease_token = :token

-- name: finish_back
-- params: state int, ended int, result text, due int?, uncharge int, now int, seq int, token int
-- Ends a lease and puts the job back into the queue. A snooze (5) forgets crashes.
UPDATE sqlq_jobs
   SET state = :state, ended = :ended, result = CASE :result WHEN '' THEN result ELSE :result END,
       due_us = coalesce(:due, due_us), attempt = attempt - :uncharge, queued_us = :now,
       crashes = CASE :ended WHEN 5 THEN 0 ELSE crashes END,
       lane_id = CASE :ended WHEN 5 THEN abs(lane_id) ELSE lane_id END
 WHERE seq = :seq AND state = 2 AND lease_token = :token

-- name: probe
-- params: id text
-- returns: seq int, state int, token int, ended int, attempt int, claims int, worker text, flags int
SELECT seq, state, lease_token, ended, attempt, claims, worker, flags FROM sqlq_jobs WHERE id = :id

-- name: heartbeat
-- params: now int, steady int, id text, token int
UPDATE sqlq_jobs SET heartbeat_us = :now, lease_until_us = :steady + keepalive_us
 WHERE id = :id AND state IN (2, 5) AND lease_token = :token

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

-- name: reap
-- params: now int, steady int, ended_by int, dead text, queue text?, only text?, n int
-- returns: seq int, id text, state int, attempt int, claims int, worker text, died int
-- Dead: a JSON array of processes that have died; their leases end with them.
-- A lease that begins in the future was measured by a clock of another boot: it has ended too. Who has become a suspect
-- (is_suspect in sqlq/job.hpp) waits in the lane of suspects from now on. One that was claimed beside others, with a
-- negative token, is not ended by its crash.
UPDATE sqlq_jobs
   SET state = CASE WHEN state = 5 THEN 6
                    WHEN attempt < max_attempts
                         AND (crashes + 1 < max_crashes OR (crashes > 0 AND lease_token < 0)) THEN 1 ELSE 4 END,
       lane_id = abs(lane_id) * CASE WHEN crashes + 2 >= max_crashes THEN -1 ELSE 1 END,
       crashes = crashes + 1, lease_token = 0, queued_us = :now,
       finished_us = CASE WHEN state = 2 AND attempt < max_attempts
                               AND (crashes + 1 < max_crashes OR (crashes > 0 AND lease_token < 0)) THEN NULL
                          ELSE :now END,
       expires_us = CASE WHEN state = 2 AND attempt < max_attempts
                              AND (crashes + 1 < max_crashes OR (crashes > 0 AND lease_token < 0)) THEN NULL
                         ELSE :now + coalesce(retention_us, CASE state WHEN 5 THEN 86400000000 ELSE 604800000000 END)
                         END
 WHERE state IN (2, 5) AND seq IN (
   SELECT seq FROM sqlq_jobs
    WHERE state IN (2, 5) AND (lease_until_us <= :ended_by OR lease_until_us - keepalive_us > :steady
                                OR process_id IN (SELECT value FROM json_each(:dead)))
      AND (:queue IS NULL OR queue_id = (SELECT id FROM sqlq_queues WHERE name = :queue))
      AND (:only IS NULL OR id IN (SELECT value FROM json_each(:only)))
    LIMIT :n)
RETURNING seq, id, state, attempt, claims, worker, process_id IN (SELECT value FROM json_each(:dead))

-- name: processes
-- params: host text, id int
-- returns: id int, pid int, started int
-- The others of this host.
SELECT id, pid, started FROM sqlq_processes WHERE host = :host AND id <> :id

-- name: process_add
-- params: id int, host text, pid int, started int
INSERT INTO sqlq_processes (id, host, pid, started) VALUES (:id, :host, :pid, :started) ON CONFLICT DO NOTHING

-- name: processes_forget
-- params: dead text
DELETE FROM sqlq_processes
 WHERE id IN (SELECT value FROM json_each(:dead))
   AND id NOT IN (SELECT process_id FROM sqlq_jobs WHERE state IN (2, 5))

-- name: processes_forget_foreign
-- params: host text
-- A process that lives is only known no more to have died.
DELETE FROM sqlq_processes
 WHERE host <> :host AND id NOT IN (SELECT process_id FROM sqlq_jobs WHERE state IN (2, 5))

-- name: ended
-- params: steady int, ended_by int, dead text, queue text?, n int
-- returns: id text
-- What reap would take back.
SELECT id FROM sqlq_jobs
 WHERE state IN (2, 5) AND (lease_until_us <= :ended_by OR lease_until_us - keepalive_us > :steady
                            OR process_id IN (SELECT value FROM json_each(:dead)))
   AND (:queue IS NULL OR queue_id = (SELECT id FROM sqlq_queues WHERE name = :queue))
 LIMIT :n

-- name: reap_log
-- params: seq int, claim int, attempt int, now int, text text
INSERT INTO sqlq_logs (job_seq, claim, n, attempt, at_us, level, text)
SELECT :seq, :claim, coalesce(max(n), 0) + 1, :attempt, :now, 3, :text
  FROM sqlq_logs WHERE job_seq = :seq AND claim = :claim

-- name: crash_line
-- params: id text, claim int, worker text
-- returns: seq int, n int, cause int, counts int
-- The line about the end of a claim's lease. Counts: no snooze and no operator has come after it.
SELECT h.job_seq, h.n, h.cause,
       NOT EXISTS (SELECT 1 FROM sqlq_history l WHERE l.job_seq = h.job_seq AND l.n > h.n AND l.cause IN (6, 8, 9))
  FROM sqlq_jobs j CROSS JOIN sqlq_history h ON h.job_seq = j.seq
 WHERE j.id = :id AND h.claim = :claim AND h.worker = :worker AND h.cause IN (4, 10)

-- name: crash_line_outage
-- params: text text, seq int, n int
UPDATE sqlq_history SET cause = 10, message = message || :text WHERE job_seq = :seq AND n = :n AND cause = 4

-- name: crash_take_back
-- params: seq int
-- Who is no suspect any more (is_suspect in sqlq/job.hpp) goes back to the usual lane.
UPDATE sqlq_jobs
   SET crashes = crashes - 1,
       lane_id = abs(lane_id) * CASE WHEN crashes > 1 AND crashes >= max_crashes THEN -1 ELSE 1 END
 WHERE seq = :seq AND crashes > 0

-- name: crash_revive
-- params: now int, seq int, claim int
-- After crash_take_back. Only a job that was reaped is errored without a token. Does nothing when a live job has the
-- unique key.
UPDATE OR IGNORE sqlq_jobs SET state = 1, queued_us = :now, finished_us = NULL, expires_us = NULL
 WHERE seq = :seq AND state = 4 AND lease_token = 0 AND attempt < max_attempts AND crashes + 1 >= max_crashes
   AND (crashes < max_crashes OR claims = :claim)

-- name: history_add
-- params: seq int, claim int, attempt int, cause int, now int, worker text, message text
-- returns: n int
INSERT INTO sqlq_history (job_seq, n, claim, attempt, cause, at_us, worker, message)
SELECT :seq, coalesce(max(n), 0) + 1, :claim, :attempt, :cause, :now, :worker, :message
  FROM sqlq_history WHERE job_seq = :seq
RETURNING n

-- name: history_trim
-- params: seq int, n int
DELETE FROM sqlq_history WHERE job_seq = :seq AND n <= :n

-- name: end_all_leases
-- params: seq int?
-- After a restart of the host nobody can hold a lease. With seq: of this job.
UPDATE sqlq_jobs SET lease_until_us = -1 WHERE state IN (2, 5) AND (:seq IS NULL OR seq = :seq)

-- name: held_seqs
-- returns: seq int
SELECT seq FROM sqlq_jobs WHERE state IN (2, 5)

-- name: fact
-- params: name text
-- returns: value text
SELECT value FROM sqlq_facts WHERE name = :name

-- name: fact_set
-- params: name text, value text
INSERT INTO sqlq_facts (name, value) VALUES (:name, :value) ON CONFLICT (name) DO UPDATE SET value = excluded.value

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
-- returns: seq int, claims int
-- Does nothing when a live job holds the unique key.
UPDATE OR IGNORE sqlq_jobs
   SET state = 1, attempt = 0, crashes = 0, lane_id = abs(lane_id), lease_token = 0, due_us = :now, queued_us = :now,
       result = '', finished_us = NULL, expires_us = NULL
 WHERE id = :id AND state IN (3, 4, 6)
RETURNING seq, claims

-- name: run_now
-- params: now int, id text
-- returns: seq int
UPDATE sqlq_jobs SET state = 1, due_us = :now, queued_us = :now WHERE id = :id AND state = 7 RETURNING seq

-- name: edit_look
-- params: id text
-- returns: seq int, waits int, queue text, kind text, priority int
SELECT j.seq, j.state IN (1, 7, 8), q.name, l.kind, j.priority
  FROM sqlq_jobs j JOIN sqlq_lanes l ON l.id = abs(j.lane_id) JOIN sqlq_queues q ON q.id = l.queue_id
 WHERE j.id = :id

-- name: edit
-- params: lane int, queue int, priority int, seq int
UPDATE sqlq_jobs SET lane_id = CASE WHEN lane_id < 0 THEN -:lane ELSE :lane END, queue_id = :queue, priority = :priority
 WHERE seq = :seq

-- name: take_away
-- params: now int, ends int, id text
-- returns: seq int, state int, attempt int, claims int, worker text
UPDATE sqlq_jobs
   SET state = CASE WHEN state = 5 THEN 6 WHEN :ends = 1 THEN 4 ELSE 1 END, lease_token = 0,
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

-- name: get
-- params: ids text
-- returns: queue text, kind text, id text, state int, priority int, params text, result text, unique_key text?, attempt int, max_attempts int, crashes int, max_crashes int, claims int, token int, worker text, keepalive int, timeout int, retention int?, created int, queued int, due int, started int?, heartbeat int?, finished int?, headers text?
SELECT q.name, l.kind, j.id, j.state, j.priority, j.params, j.result, j.unique_key, j.attempt, j.max_attempts,
       j.crashes, j.max_crashes, j.claims, j.lease_token, j.worker, j.keepalive_us, j.timeout_us, j.retention_us,
       j.created_us, j.queued_us, j.due_us, j.started_us, j.heartbeat_us, j.finished_us, j.headers
  FROM sqlq_jobs j JOIN sqlq_lanes l ON l.id = abs(j.lane_id) JOIN sqlq_queues q ON q.id = l.queue_id
 WHERE j.id IN (SELECT value FROM json_each(:ids))

-- name: transfer_ids
-- params: after text, n int
-- returns: id text
SELECT id FROM sqlq_jobs INDEXED BY sqlq_jobs_id WHERE id > :after ORDER BY id LIMIT :n

-- name: transfer_sizes
-- params: ids text
-- returns: id text, bytes int, history int, log int, steps int
-- How large the texts of jobs are, with histories, logs and steps, and how many lines these have. As BLOB: in bytes.
SELECT j.id,
       length(CAST(j.params AS BLOB)) + length(CAST(j.result AS BLOB)) + coalesce(length(CAST(j.headers AS BLOB)), 0)
         + (SELECT coalesce(sum(length(CAST(h.message AS BLOB))), 0) FROM sqlq_history h WHERE h.job_seq = j.seq)
         + (SELECT coalesce(sum(length(CAST(g.text AS BLOB))), 0) FROM sqlq_logs g WHERE g.job_seq = j.seq)
         + (SELECT coalesce(sum(length(CAST(t.value AS BLOB))), 0) FROM sqlq_steps t WHERE t.job_seq = j.seq),
       (SELECT count(*) FROM sqlq_history h WHERE h.job_seq = j.seq),
       (SELECT count(*) FROM sqlq_logs g WHERE g.job_seq = j.seq),
       (SELECT count(*) FROM sqlq_steps t WHERE t.job_seq = j.seq)
  FROM json_each(:ids) x CROSS JOIN sqlq_jobs j ON j.id = x.value

-- name: transfer_history
-- params: ids text
-- returns: id text, n int, claim int, attempt int, cause int, at int, worker text, message text
SELECT j.id, h.n, h.claim, h.attempt, h.cause, h.at_us, h.worker, h.message
  FROM json_each(:ids) x CROSS JOIN sqlq_jobs j ON j.id = x.value CROSS JOIN sqlq_history h ON h.job_seq = j.seq

-- name: transfer_log
-- params: ids text
-- returns: id text, token int, claim int, attempt int, number int, at int, level int, text text
-- Whoever wrote the lines has no lease any more, as far as others are concerned.
SELECT j.id, 0, g.claim, g.attempt, g.n, g.at_us, g.level, g.text
  FROM json_each(:ids) x CROSS JOIN sqlq_jobs j ON j.id = x.value CROSS JOIN sqlq_logs g ON g.job_seq = j.seq

-- name: transfer_steps
-- params: ids text
-- returns: id text, ord int, kind int, name text, number int, claim int, at int, until int?, value text
SELECT j.id, t.ord, t.kind, t.name, t.n, t.claim, t.at_us, t.until_us, t.value
  FROM json_each(:ids) x CROSS JOIN sqlq_jobs j ON j.id = x.value CROSS JOIN sqlq_steps t ON t.job_seq = j.seq

-- name: list
-- params: before text, down_to text, {filter_types}, n int
-- returns: {listed_types}
-- A page walks the id index downwards from `before`.
SELECT {listed}
  FROM sqlq_jobs j INDEXED BY sqlq_jobs_id
 CROSS JOIN sqlq_lanes l ON l.id = abs(j.lane_id)
 CROSS JOIN sqlq_queues q ON q.id = l.queue_id
 WHERE j.id < :before AND j.id >= :down_to AND {of_lane} AND {fits}
 ORDER BY j.id DESC LIMIT :n

-- name: list_ids
-- params: ids text, {filter_types}, n int
-- returns: {listed_types}
-- The same of these jobs.
SELECT {listed}
  FROM json_each(:ids) x CROSS JOIN sqlq_jobs j INDEXED BY sqlq_jobs_id ON j.id = x.value
 CROSS JOIN sqlq_lanes l ON l.id = abs(j.lane_id)
 CROSS JOIN sqlq_queues q ON q.id = l.queue_id
 WHERE {of_lane} AND {fits}
 ORDER BY j.id DESC LIMIT :n

-- name: list_bound
-- params: before text, n int
-- returns: id text
-- Of the jobs below `before` the one that comes after the first n; none: there are no more than n.
SELECT id FROM sqlq_jobs INDEXED BY sqlq_jobs_id WHERE id < :before ORDER BY id DESC LIMIT 1 OFFSET :n

-- name: list_few
-- params: before text, {filter_types}, n int
-- returns: {listed_types}
-- The same where few jobs are wanted: reads them from the indexes of their states, and sorts them.
WITH wanted(id) AS MATERIALIZED (
  SELECT l.id FROM sqlq_lanes l CROSS JOIN sqlq_queues q ON q.id = l.queue_id
   WHERE {of_lane}),
lane(id) AS MATERIALIZED (SELECT id FROM wanted UNION ALL SELECT -id FROM wanted),
few(seq) AS (
  SELECT j.seq FROM lane l CROSS JOIN sqlq_jobs j INDEXED BY sqlq_jobs_ready ON j.lane_id = l.id
   WHERE j.state = 1 AND ((:states >> 1) & 1) = 1
  UNION ALL
  SELECT j.seq FROM lane l CROSS JOIN sqlq_jobs j INDEXED BY sqlq_jobs_scheduled ON j.lane_id = l.id
   WHERE j.state = 7 AND ((:states >> 7) & 1) = 1
  UNION ALL
  SELECT j.seq FROM sqlq_jobs j INDEXED BY sqlq_jobs_held
   WHERE j.state IN (2, 5) AND ((:states >> j.state) & 1) = 1 AND j.lane_id IN (SELECT id FROM lane)
  UNION ALL
  SELECT j.seq FROM (SELECT 3 AS state UNION ALL SELECT 4 UNION ALL SELECT 6) f CROSS JOIN lane l
   CROSS JOIN sqlq_jobs j INDEXED BY sqlq_jobs_finished ON j.state = f.state AND j.lane_id = l.id
   WHERE j.expires_us IS NOT NULL AND ((:states >> f.state) & 1) = 1),
page(seq) AS MATERIALIZED (
  SELECT j.seq FROM few CROSS JOIN sqlq_jobs j ON j.seq = few.seq WHERE j.id < :before AND {fits}
   ORDER BY j.id DESC LIMIT :n)
SELECT {listed}
  FROM page CROSS JOIN sqlq_jobs j ON j.seq = page.seq
 CROSS JOIN sqlq_lanes l ON l.id = abs(j.lane_id)
 CROSS JOIN sqlq_queues q ON q.id = l.queue_id
 ORDER BY j.id DESC

-- name: steps
-- params: id text, n int
-- returns: kind int, name text, number int, claim int, at int, until int?, value text
SELECT s.kind, s.name, s.n, s.claim, s.at_us, s.until_us, s.value
  FROM sqlq_jobs j CROSS JOIN sqlq_steps s ON s.job_seq = j.seq
 WHERE j.id = :id ORDER BY s.ord, s.kind, s.name, s.n LIMIT :n

-- name: step_has
-- params: id text, kind int, name text, number int
-- returns: n int
SELECT count(*) FROM sqlq_jobs j CROSS JOIN sqlq_steps s ON s.job_seq = j.seq
 WHERE j.id = :id AND s.kind = :kind AND s.name = :name AND s.n = :number

-- name: step_job
-- params: now int, id text
-- returns: now int, seq int, state int, token int, claims int, flags int, rows int, last int
-- A job, how many rows its steps have, and the largest number of them in the order of recording.
SELECT :now, j.seq, j.state, j.lease_token, j.claims, j.flags,
       (SELECT count(*) FROM sqlq_steps s WHERE s.job_seq = j.seq),
       (SELECT coalesce(max(s.ord), 0) FROM sqlq_steps s WHERE s.job_seq = j.seq)
  FROM sqlq_jobs j WHERE j.id = :id

-- name: step_add
-- params: id text, token int, kind int, name text, number int, ord int, claim int, at int, until int?, value text
-- If the lease holds.
INSERT INTO sqlq_steps (job_seq, kind, name, n, ord, claim, at_us, until_us, value)
SELECT j.seq, :kind, :name, :number, :ord, :claim, :at, :until, :value
  FROM sqlq_jobs j WHERE j.id = :id AND +j.state IN (2, 5) AND j.lease_token = :token
ON CONFLICT DO NOTHING

-- name: step_insert
-- params: seq int, kind int, name text, number int, ord int, claim int, at int, until int?, value text
INSERT INTO sqlq_steps (job_seq, kind, name, n, ord, claim, at_us, until_us, value)
VALUES (:seq, :kind, :name, :number, :ord, :claim, :at, :until, :value)
ON CONFLICT DO NOTHING

-- name: step_find
-- params: seq int, name text, number int
-- returns: kind int, name text, number int, claim int, at int, until int?, value text, ord int
-- The rows of every kind.
SELECT kind, name, n, claim, at_us, until_us, value, ord FROM sqlq_steps
 WHERE job_seq = :seq AND kind IN (1, 2, 3, 4, 5, 6, 7) AND name = :name AND n = :number

-- name: step_signal_last
-- params: seq int, name text
-- returns: number int?
SELECT max(n) FROM sqlq_steps WHERE job_seq = :seq AND kind = 4 AND name = :name

-- name: step_replace
-- params: seq int, name text, ord int, at int, value text
UPDATE sqlq_steps SET ord = :ord, at_us = :at, value = :value
 WHERE job_seq = :seq AND kind = 4 AND name = :name AND n = 0

-- name: step_tell
-- params: told int, seq int
-- Bit 1 of the flags.
UPDATE sqlq_jobs SET flags = flags - (flags & 1) + :told WHERE seq = :seq AND (flags & 1) <> :told

-- name: step_wake
-- params: now int, id text
-- A job that waits for its children is due, one that is held is told to go on.
UPDATE sqlq_jobs
   SET due_us = CASE state WHEN 7 THEN :now ELSE due_us END, queued_us = CASE state WHEN 7 THEN :now ELSE queued_us END,
       flags = CASE state WHEN 7 THEN flags ELSE flags - (flags & 1) + 1 END,
       state = CASE state WHEN 7 THEN 1 ELSE state END
 WHERE id = :id
   AND (state IN (2, 5)
        OR (state = 7 AND EXISTS (SELECT 1 FROM sqlq_steps s WHERE s.job_seq = sqlq_jobs.seq AND s.kind = 7)))

-- name: steps_forget
-- params: seq int, ord int
-- All but signals, from this one on in the order of recording.
DELETE FROM sqlq_steps WHERE job_seq = :seq AND kind <> 4 AND ord >= :ord

-- name: steps_forget_signals
-- params: seq int, ord int
-- Before steps_forget. One that has been waited for counts as recorded with its wait.
DELETE FROM sqlq_steps
 WHERE job_seq = :seq AND kind = 4
   AND coalesce((SELECT w.ord FROM sqlq_steps w
                  WHERE w.job_seq = sqlq_steps.job_seq AND w.kind = 3 AND w.name = sqlq_steps.name
                    AND w.n = sqlq_steps.n), ord) >= :ord

-- name: progress
-- params: ids text
-- returns: id text, claim int, done int, total int, at int, note text
SELECT j.id, p.claim, p.done, p.total, p.at_us, p.note
  FROM json_each(:ids) x CROSS JOIN sqlq_jobs j ON j.id = x.value CROSS JOIN sqlq_progress p ON p.job_seq = j.seq

-- name: count_pending
-- params: queues text?, kinds text?, cap int
-- returns: n int
SELECT count(*) FROM (
  SELECT 1 FROM sqlq_lanes l CROSS JOIN sqlq_queues q ON q.id = l.queue_id
   CROSS JOIN sqlq_jobs j INDEXED BY sqlq_jobs_ready ON j.lane_id IN (l.id, -l.id)
   WHERE j.state = 1 AND {of_lane} LIMIT :cap)

-- name: count_pending_all
-- params: cap int
-- returns: n int
SELECT count(*) FROM (SELECT 1 FROM sqlq_jobs WHERE state = 1 LIMIT :cap)

-- name: count_scheduled
-- params: queues text?, kinds text?, cap int
-- returns: n int
SELECT count(*) FROM (
  SELECT 1 FROM sqlq_lanes l CROSS JOIN sqlq_queues q ON q.id = l.queue_id
   CROSS JOIN sqlq_jobs j INDEXED BY sqlq_jobs_scheduled ON j.lane_id IN (l.id, -l.id)
   WHERE j.state = 7 AND {of_lane} LIMIT :cap)

-- name: count_held
-- params: queues text?, state int, cap int
-- returns: n int
SELECT count(*) FROM (SELECT 1 FROM sqlq_jobs WHERE state IN (2, 5) AND state = :state
  AND (:queues IS NULL OR queue_id IN (SELECT id FROM sqlq_queues WHERE name IN (SELECT value FROM json_each(:queues))))
  LIMIT :cap)

-- name: count_finished
-- params: queues text?, kinds text?, state int, cap int
-- returns: n int
SELECT count(*) FROM (
  SELECT 1 FROM sqlq_lanes l CROSS JOIN sqlq_queues q ON q.id = l.queue_id
   CROSS JOIN sqlq_jobs j INDEXED BY sqlq_jobs_finished ON j.lane_id IN (l.id, -l.id)
   WHERE j.expires_us IS NOT NULL AND j.state = :state AND {of_lane} LIMIT :cap)

-- name: count_finished_all
-- params: state int, cap int
-- returns: n int
SELECT count(*) FROM (SELECT 1 FROM sqlq_jobs WHERE expires_us IS NOT NULL AND state = :state LIMIT :cap)

-- name: waiting_kinds
-- params: now int, n int
-- returns: queue text, kind text
-- Jumps from lane to lane along the indexes: the cost is the number of lanes that have pending or scheduled jobs.
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
SELECT DISTINCT q.name, l.kind
  FROM (SELECT ready.lane FROM ready
        UNION ALL
        SELECT later.lane FROM later
         WHERE (SELECT min(j.due_us) FROM sqlq_jobs j WHERE j.state = 7 AND j.lane_id = later.lane) <= :now) w
 CROSS JOIN sqlq_lanes l ON l.id = abs(w.lane) CROSS JOIN sqlq_queues q ON q.id = l.queue_id LIMIT :n

-- name: history
-- params: id text, n int
-- returns: claim int, attempt int, cause int, at int, worker text, message text
SELECT h.claim, h.attempt, h.cause, h.at_us, h.worker, h.message
  FROM sqlq_jobs j JOIN sqlq_history h ON h.job_seq = j.seq WHERE j.id = :id ORDER BY h.n LIMIT :n

-- name: last_records
-- params: ids text
-- returns: id text, claim int, attempt int, cause int, at int, worker text, message text
-- A JSON array of ids. The newest line of each history.
SELECT j.id, h.claim, h.attempt, h.cause, h.at_us, h.worker, h.message
  FROM json_each(:ids) x CROSS JOIN sqlq_jobs j ON j.id = x.value CROSS JOIN sqlq_history h ON h.job_seq = j.seq
   AND h.n = (SELECT m.n FROM sqlq_history m WHERE m.job_seq = j.seq ORDER BY m.n DESC LIMIT 1)

-- name: log_guard
-- params: id text, token int
-- returns: seq int
SELECT seq FROM sqlq_jobs WHERE id = :id AND lease_token = :token

-- name: log_add
-- params: seq int, claim int, n int, attempt int, at int, level int, text text
INSERT INTO sqlq_logs (job_seq, claim, n, attempt, at_us, level, text)
VALUES (:seq, :claim, :n, :attempt, :at, :level, :text) ON CONFLICT DO NOTHING

-- name: log_cut
-- params: seq int, lines int, bytes int
-- returns: claim int, n int
-- The newest line that is too much, if any is.
SELECT claim, n
  FROM (SELECT claim, n, row_number() OVER newest AS lines, sum(length(CAST(text AS BLOB))) OVER newest AS bytes
          FROM sqlq_logs WHERE job_seq = :seq
        WINDOW newest AS (ORDER BY claim DESC, n DESC ROWS UNBOUNDED PRECEDING))
 WHERE lines > :lines OR bytes > :bytes ORDER BY claim DESC, n DESC LIMIT 1

-- name: log_trim
-- params: seq int, claim int, n int
DELETE FROM sqlq_logs WHERE job_seq = :seq AND (claim, n) <= (:claim, :n)

-- name: publish_result
-- params: result text, seq int
UPDATE sqlq_jobs SET result = :result WHERE seq = :seq

-- name: publish_progress
-- params: seq int, claim int, done int, total int, now int, note text
INSERT INTO sqlq_progress (job_seq, claim, done, total, at_us, note)
VALUES (:seq, :claim, :done, :total, :now, :note)
ON CONFLICT (job_seq) DO UPDATE SET claim = excluded.claim, done = excluded.done, total = excluded.total,
                                    at_us = excluded.at_us, note = excluded.note

-- name: log_read
-- params: id text, claim int, number int, n int
-- returns: token int, claim int, attempt int, number int, at int, level int, text text
SELECT j.lease_token, g.claim, g.attempt, g.n, g.at_us, g.level, g.text
  FROM sqlq_jobs j JOIN sqlq_logs g ON g.job_seq = j.seq
 WHERE j.id = :id AND (g.claim, g.n) > (:claim, :number) ORDER BY g.claim, g.n LIMIT :n

-- name: queues
-- params: after text, n int
-- returns: name text, description text, concurrency int?, priority int, paused int, created int, hidden int
SELECT name, description, concurrency, priority, paused, created_us, hidden FROM sqlq_queues
 WHERE name > :after ORDER BY name LIMIT :n

-- name: queue
-- params: name text
-- returns: name text, description text, concurrency int?, priority int, paused int, created int, hidden int
SELECT name, description, concurrency, priority, paused, created_us, hidden FROM sqlq_queues WHERE name = :name

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

-- name: queue_upsert
-- params: name text, description text, concurrency int?, priority int, now int
INSERT INTO sqlq_queues (name, description, concurrency, priority, created_us)
VALUES (:name, :description, :concurrency, :priority, :now)
ON CONFLICT (name) DO UPDATE SET description = excluded.description, concurrency = excluded.concurrency,
                                 priority = excluded.priority, hidden = 0

-- name: queue_update
-- params: description text?, limited int, concurrency int?, priority int?, paused int?, name text
-- returns: name text
UPDATE sqlq_queues
   SET description = coalesce(:description, description),
       concurrency = CASE :limited WHEN 1 THEN :concurrency ELSE concurrency END,
       priority = coalesce(:priority, priority), paused = coalesce(:paused, paused), hidden = 0
 WHERE name = :name
RETURNING name

-- name: queue_used
-- params: name text
-- returns: n int
-- Has it any job?
SELECT 1 FROM sqlq_queues q
 WHERE q.name = :name AND (
   EXISTS (SELECT 1 FROM sqlq_lanes l CROSS JOIN sqlq_jobs j ON j.lane_id IN (l.id, -l.id)
            WHERE l.queue_id = q.id AND j.state = 1)
   OR EXISTS (SELECT 1 FROM sqlq_lanes l CROSS JOIN sqlq_jobs j ON j.lane_id IN (l.id, -l.id)
               WHERE l.queue_id = q.id AND j.state = 7)
   OR EXISTS (SELECT 1 FROM sqlq_jobs j WHERE j.state IN (2, 5) AND j.queue_id = q.id)
   OR EXISTS (SELECT 1 FROM sqlq_lanes l CROSS JOIN (SELECT 3 AS state UNION ALL SELECT 4 UNION ALL SELECT 6) f
               CROSS JOIN sqlq_jobs j ON j.state = f.state AND j.lane_id IN (l.id, -l.id)
               WHERE l.queue_id = q.id AND j.expires_us IS NOT NULL))

-- name: queue_hide
-- params: name text
UPDATE sqlq_queues SET description = '', concurrency = NULL, priority = 1, paused = 0, hidden = 1 WHERE name = :name

-- name: oldest_due
-- params: queue text, now int?
-- returns: due int?
-- Jumps from priority to priority along the ready index, at most 900 in a lane.
WITH RECURSIVE step(lane, priority, n) AS (
  SELECT l.id * s.sign,
         (SELECT min(j.priority) FROM sqlq_jobs j WHERE j.state = 1 AND j.lane_id = l.id * s.sign), 1
    FROM sqlq_queues q CROSS JOIN sqlq_lanes l ON l.queue_id = q.id
   CROSS JOIN (SELECT 1 AS sign UNION ALL SELECT -1) s
   WHERE q.name = :queue
  UNION ALL
  SELECT step.lane, (SELECT min(j.priority) FROM sqlq_jobs j
                      WHERE j.state = 1 AND j.lane_id = step.lane AND j.priority > step.priority), step.n + 1
    FROM step WHERE step.priority IS NOT NULL AND step.n < 900)
SELECT min(o.due) FROM (
  SELECT (SELECT min(j.due_us) FROM sqlq_jobs j
           WHERE j.state = 1 AND j.lane_id = step.lane AND j.priority = step.priority) AS due
    FROM step WHERE step.priority IS NOT NULL
  UNION ALL
  SELECT min(j.due_us) FROM sqlq_lanes l CROSS JOIN sqlq_jobs j ON j.lane_id IN (l.id, -l.id)
   WHERE j.state = 7 AND j.due_us <= :now AND l.queue_id = (SELECT id FROM sqlq_queues WHERE name = :queue)) o

-- name: migrations_exist
-- returns: n int
SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'sqlq_migrations'

-- name: jobs_exist
-- returns: n int
SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'sqlq_jobs'

-- name: migrations_any
-- returns: n int
SELECT count(*) FROM sqlq_migrations

-- name: migrations_make
CREATE TABLE IF NOT EXISTS sqlq_migrations (
  version INTEGER PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_us INTEGER NOT NULL) STRICT

-- name: migrations
-- returns: version int, name text, checksum text, applied int, compatible_from int?
-- Tables of version 1 lack compatible_from: then the name means the column of `otherwise`.
SELECT m.version, m.name, m.checksum, m.applied_us,
       (SELECT compatible_from FROM sqlq_migrations c WHERE c.version = m.version)
  FROM sqlq_migrations m CROSS JOIN (SELECT NULL AS compatible_from) otherwise ORDER BY m.version

-- name: migration_add
-- params: version int, name text, checksum text, now int?
INSERT INTO sqlq_migrations (version, name, checksum, applied_us)
VALUES (:version, :name, :checksum, coalesce(:now, CAST((julianday('now') - 2440587.5) * 86400000000 AS INTEGER)))

-- name: migration_compatible
-- params: version int, compatible_from int
UPDATE sqlq_migrations SET compatible_from = :compatible_from WHERE version = :version

-- name: migration_remove
-- params: version int
DELETE FROM sqlq_migrations WHERE version = :version

-- name: objects
-- returns: type text, name text
-- What teardown drops, exactly; views first.
SELECT type, name FROM sqlite_master
 WHERE type IN ('table', 'view') AND lower(name) IN (
   'sqlq_queues', 'sqlq_lanes', 'sqlq_jobs', 'sqlq_history', 'sqlq_logs', 'sqlq_progress', 'sqlq_facts',
   'sqlq_processes', 'sqlq_agenda', 'sqlq_registry', 'sqlq_periodic', 'sqlq_steps', 'sqlq_jobs_readable',
   'sqlq_migrations')
 ORDER BY type DESC

-- name: begin
-- Takes the write lock at once: a transaction that reads first and writes later can fail where waiting does not help.
BEGIN IMMEDIATE

-- name: commit
COMMIT

-- name: data_version
-- returns: version int
PRAGMA data_version

-- name: plan
-- returns: id int, parent int, unused int, line text
-- Of the look that every claim begins with; it is not run.
EXPLAIN QUERY PLAN
SELECT priority, due_us, seq FROM sqlq_jobs
 WHERE state = 1 AND lane_id = 1 AND (priority, due_us, seq) > (1, 1, 1)
 ORDER BY priority, due_us, seq LIMIT 10

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

-- name: layout
-- returns: place text, kind text, name text, definition text
-- The columns and indexes of our tables (src/sql/layout.hpp).
SELECT substr(t.name, 6), 'column', c.name,
       c.type || CASE WHEN c."notnull" <> 0 THEN ' NOT NULL' ELSE '' END
       || coalesce(' DEFAULT ' || c.dflt_value, '') || CASE WHEN c.pk > 0 THEN ' PRIMARY KEY' ELSE '' END
  FROM sqlite_master t JOIN pragma_table_xinfo(t.name) c
 WHERE t.type = 'table' AND t.name LIKE 'sqlq\_%' ESCAPE '\'
UNION ALL
SELECT substr(t.name, 6), 'index', i.name,
       CASE WHEN i."unique" <> 0 THEN 'UNIQUE ' ELSE '' END || '('
       || (SELECT group_concat(coalesce(x.name, 'expression') || CASE WHEN x."desc" <> 0 THEN ' DESC' ELSE '' END, ', ')
             FROM pragma_index_xinfo(i.name) x WHERE x.key <> 0)
       || ')' || CASE WHEN i.partial <> 0
                      THEN coalesce((SELECT replace(substr(m.sql, instr(upper(m.sql), ' WHERE ')), char(10), ' ')
                                       FROM sqlite_master m WHERE m.type = 'index' AND m.name = i.name), '') ELSE '' END
  FROM sqlite_master t JOIN pragma_index_list(t.name) i
 WHERE t.type = 'table' AND t.name LIKE 'sqlq\_%' ESCAPE '\'
