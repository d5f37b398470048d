-- Durable steps, waits and signals.

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

-- name: step_wake_waiting
-- params: now int, id text
-- The same of a job that waits for its key.
UPDATE sqlq_jobs SET due_us = :now, queued_us = :now
 WHERE id = :id AND +state = 8 AND flags & 2 AND due_us > :now
   AND EXISTS (SELECT 1 FROM sqlq_steps s WHERE s.job_seq = sqlq_jobs.seq AND s.kind = 7)

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
