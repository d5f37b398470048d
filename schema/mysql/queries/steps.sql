-- Durable steps, waits and signals.

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
