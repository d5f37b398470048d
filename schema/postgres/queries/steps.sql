-- Durable steps, waits and signals.

-- name: steps
-- params: id text, n int
-- returns: kind int, name text, number int, claim int, at int, until int?, value text
SELECT s.kind, s.name, s.n, s.claim, s.at_us, s.until_us, s.value
  FROM {steps} s WHERE s.job_seq = (SELECT j.seq FROM {jobs} j WHERE j.id = :id::uuid)
 ORDER BY s.ord, s.kind, s.name, s.n LIMIT :n

-- name: step_has
-- params: id text, kind int, name text, number int
-- returns: n int
SELECT count(*) FROM {steps} s
 WHERE s.job_seq = (SELECT j.seq FROM {jobs} j WHERE j.id = :id::uuid)
   AND s.kind = :kind AND s.name = :name AND s.n = :number

-- name: step_job
-- params: now int?, id text
-- returns: now int, seq int, state int, token int, claims int, flags int, rows int, last int
-- A job, how many rows its steps have, and the largest number of them in the order of recording.
SELECT {now}, j.seq, j.state, j.lease_token, j.claims, j.flags, s.rows, s.last
  FROM {jobs} j
 CROSS JOIN LATERAL (SELECT count(*) AS rows, coalesce(max(x.ord), 0) AS last
                       FROM {steps} x WHERE x.job_seq = j.seq) s
 WHERE j.id = :id::uuid

-- name: step_lock
-- params: now int?, id text
-- returns: now int, seq int, state int, claims int
SELECT {now}, j.seq, j.state, j.claims FROM {jobs} j WHERE j.id = :id::uuid FOR NO KEY UPDATE

-- name: step_add
-- params: id text, token int, kind int, name text, number int, ord int, claim int, at int, until int?, value text
-- If the lease holds. Nothing of the job's row is locked: a heartbeat passes over locked rows.
INSERT INTO {steps} (job_seq, kind, name, n, ord, claim, at_us, until_us, value)
SELECT j.seq, :kind, :name, :number, :ord, :claim, :at, :until, :value
  FROM {jobs} j WHERE j.id = :id::uuid AND +j.state IN (2, 5) AND j.lease_token = :token
ON CONFLICT DO NOTHING

-- name: steps_add
-- params: ids text, tokens text, kinds text, names text, numbers text, jsons text, most int, now int?
-- returns: n int, claim int, at int
-- As step_add, of many. Those of jobs that have `most` rows are left out.
WITH held AS MATERIALIZED (
  SELECT i.n, j.seq, j.claims, i.kind, i.name, i.number, i.json, {now} AS at, s.last
    FROM unnest(:ids::uuid[], :tokens::bigint[], :kinds::smallint[], :names::text[], :numbers::bigint[],
                :jsons::text[]) WITH ORDINALITY AS i(id, token, kind, name, number, json, n)
    JOIN {jobs} j ON j.id = i.id
   CROSS JOIN LATERAL (SELECT count(*) AS rows, coalesce(max(x.ord), 0) AS last
                         FROM {steps} x WHERE x.job_seq = j.seq) s
   WHERE +j.state IN (2, 5) AND j.lease_token = i.token AND i.token <> 0 AND s.rows < :most),
added AS (
  INSERT INTO {steps} (job_seq, kind, name, n, ord, claim, at_us, until_us, value)
  SELECT seq, kind, name, number, last + 1, claims, at, NULL, json FROM held
  ON CONFLICT DO NOTHING RETURNING job_seq, kind, name, n, at_us)
SELECT h.n, h.claims, a.at_us FROM added a
  JOIN held h ON h.seq = a.job_seq AND h.kind = a.kind AND h.name = a.name AND h.number = a.n

-- name: step_insert
-- params: seq int, kind int, name text, number int, ord int, claim int, at int, until int?, value text
INSERT INTO {steps} (job_seq, kind, name, n, ord, claim, at_us, until_us, value)
VALUES (:seq, :kind, :name, :number, :ord, :claim, :at, :until, :value)
ON CONFLICT DO NOTHING

-- name: step_find
-- params: seq int, name text, number int
-- returns: kind int, name text, number int, claim int, at int, until int?, value text, ord int
-- The rows of every kind.
SELECT s.kind, s.name, s.n, s.claim, s.at_us, s.until_us, s.value, s.ord
  FROM generate_series(1, 7) AS k(kind)
 CROSS JOIN LATERAL (SELECT x.* FROM {steps} x
                      WHERE x.job_seq = :seq AND x.kind = k.kind AND x.name = :name AND x.n = :number OFFSET 0) s

-- name: step_signal_last
-- params: seq int, name text
-- returns: number int?
SELECT max(s.n) FROM {steps} s WHERE s.job_seq = :seq AND s.kind = 4 AND s.name = :name

-- name: step_replace
-- params: seq int, name text, ord int, at int, value text
UPDATE {steps} s SET ord = :ord, at_us = :at, value = :value
 WHERE s.job_seq = :seq AND s.kind = 4 AND s.name = :name AND s.n = 0

-- name: step_tell
-- params: told int, id text
-- Bit 1 of the flags.
UPDATE {jobs} j SET flags = (j.flags & ~1) | :told WHERE j.id = :id::uuid AND (j.flags & 1) <> :told

-- name: steps_wake
-- params: ids text, now int?
-- Under jobs_lock and after it, so that it sees what those who had the locks have written. Jobs that wait for children
-- are due, those that are held are told to go on.
WITH changed AS (
  UPDATE {jobs} j
     SET state = CASE j.state WHEN 7 THEN 1 ELSE j.state END,
         due_us = CASE WHEN j.state IN (7, 8) THEN {now} ELSE j.due_us END,
         queued_us = CASE WHEN j.state IN (7, 8) THEN {now} ELSE j.queued_us END,
         flags = CASE WHEN j.state IN (7, 8) THEN j.flags ELSE j.flags | 1 END
    FROM unnest(:ids::uuid[]) AS w(id)
   WHERE j.id = w.id
     AND ((+j.state IN (2, 5) AND j.flags & 1 = 0)
          OR ({may_run_earlier}
              AND (SELECT s.kind FROM {steps} s WHERE s.job_seq = j.seq AND s.kind = 7 LIMIT 1) = 7))
  RETURNING j.id, j.seq, j.claims, j.state, j.headers, j.queue_id, j.due_us, j.flags)
{lined_up}

-- name: steps_forget
-- params: seq int, ord int
-- All but signals, from this one on in the order of recording.
DELETE FROM {steps} s WHERE s.job_seq = :seq AND s.kind <> 4 AND s.ord >= :ord

-- name: steps_forget_signals
-- params: seq int, ord int
-- Before steps_forget. One that has been waited for counts as recorded with its wait.
DELETE FROM {steps} s
 WHERE s.job_seq = :seq AND s.kind = 4
   AND coalesce((SELECT w.ord FROM {steps} w
                  WHERE w.job_seq = s.job_seq AND w.kind = 3 AND w.name = s.name AND w.n = s.n), s.ord) >= :ord
