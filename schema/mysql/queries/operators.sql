-- What operators and the janitor do: cancel, retry, edit, purge.

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
-- params: state int, lane int, queue int, priority int, seqs list
-- Rows locked before.
UPDATE {jobs} FORCE INDEX (PRIMARY) SET state = :state, lane_id = :lane, queue_id = :queue, priority = :priority
 WHERE seq IN (:seqs)

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
-- params: seqs text
-- A JSON array, here and in the three below. A list would do for MySQL to read through a short table, and wait for rows
-- that others have locked: a user's transaction may keep steps for long.
DELETE g FROM JSON_TABLE(:seqs, '$[*]' COLUMNS (seq BIGINT PATH '$')) x
 STRAIGHT_JOIN {logs} g FORCE INDEX (PRIMARY) ON g.job_seq = x.seq

-- name: purge_progress
-- params: seqs text
DELETE p FROM JSON_TABLE(:seqs, '$[*]' COLUMNS (seq BIGINT PATH '$')) x
 STRAIGHT_JOIN {progress} p FORCE INDEX (PRIMARY) ON p.job_seq = x.seq

-- name: purge_history
-- params: seqs text
DELETE h FROM JSON_TABLE(:seqs, '$[*]' COLUMNS (seq BIGINT PATH '$')) x
 STRAIGHT_JOIN {history} h FORCE INDEX (PRIMARY) ON h.job_seq = x.seq

-- name: purge_steps
-- params: seqs text
DELETE s FROM JSON_TABLE(:seqs, '$[*]' COLUMNS (seq BIGINT PATH '$')) x
 STRAIGHT_JOIN {steps} s FORCE INDEX (PRIMARY) ON s.job_seq = x.seq

-- name: purge_jobs
-- params: seqs list
DELETE j FROM {jobs} j FORCE INDEX (PRIMARY) WHERE j.seq IN (:seqs) AND j.state IN (3, 4, 6)

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
