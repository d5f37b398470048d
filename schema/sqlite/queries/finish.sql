-- What is done to jobs that are held: outcomes, heartbeats, results, logs, histories, and rescue when a lease ends.

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
-- Ends a lease and puts the job back into the queue, or to those that wait for their keys (bit 2 of the flags). A
-- snooze (5) forgets crashes.
UPDATE sqlq_jobs
   SET state = CASE WHEN flags & 2 THEN 8 ELSE :state END, ended = :ended,
       result = CASE :result WHEN '' THEN result ELSE :result END,
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
                         AND (crashes + 1 < max_crashes OR (crashes > 0 AND lease_token < 0))
                    THEN CASE WHEN flags & 2 THEN 8 ELSE 1 END ELSE 4 END,
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
UPDATE OR IGNORE sqlq_jobs
   SET state = CASE WHEN flags & 2 THEN 8 ELSE 1 END, queued_us = :now, finished_us = NULL, expires_us = NULL
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
