-- What operators and the janitor do: cancel, retry, edit, purge.

-- name: cancel
-- params: ids text, now int?
-- returns: id text, state int
-- Answers what each job that is not finished was before.
WITH locked AS MATERIALIZED (
  SELECT j.id, j.state
    FROM unnest(:ids::uuid[]) AS w(id) JOIN {jobs} j ON j.id = w.id
   WHERE +j.state IN (1, 2, 5, 7, 8) ORDER BY uuid_send(j.id) FOR NO KEY UPDATE OF j),
changed AS (
  UPDATE {jobs} j
     SET state = CASE WHEN j.state IN (1, 7, 8) THEN 6 ELSE 5 END,
         notes = j.notes + CASE WHEN j.state IN (1, 7, 8) THEN 1 ELSE 0 END,
         finished_us = CASE WHEN j.state IN (1, 7, 8) THEN {now} END,
         expires_us = CASE WHEN j.state IN (1, 7, 8) THEN {now} + coalesce(j.retention_us, 86400000000) END
    FROM locked l
   WHERE j.id = l.id AND +j.state IN (1, 2, 5, 7, 8)
  RETURNING j.id, j.seq, l.state AS was, j.notes, j.claims, j.attempt),
noted AS (
  INSERT INTO {history} (job_seq, n, claim, at_us, attempt, cause, worker, message)
  SELECT seq, notes, claims, {now}, attempt, 7, '', 'cancelled before it ran' FROM changed WHERE was IN (1, 7, 8)),
trimmed AS ({trim})
SELECT id, was FROM changed

-- name: requeue
-- params: ids text, now int?
-- returns: id text
-- Does nothing to a job whose unique key a live job holds; of several with one key the first comes back.
WITH locked AS MATERIALIZED (
  SELECT j.id, j.unique_key, w.n
    FROM unnest(:ids::uuid[]) WITH ORDINALITY AS w(id, n) JOIN {jobs} j ON j.id = w.id
   WHERE +j.state IN (3, 4, 6) ORDER BY uuid_send(j.id) FOR NO KEY UPDATE OF j),
chosen AS MATERIALIZED (
  SELECT DISTINCT ON (coalesce('k' || unique_key, 'i' || id)) id
    FROM locked l
   WHERE (SELECT o.id FROM {jobs} o WHERE o.unique_key = l.unique_key AND o.state IN (1, 2, 5, 7, 8)) IS NULL
   ORDER BY coalesce('k' || unique_key, 'i' || id), n),
changed AS (
  UPDATE {jobs} j
     SET state = CASE WHEN j.flags & 2 <> 0 THEN 8 ELSE 1 END, attempt = 0, crashes = 0, lane_id = abs(j.lane_id),
         lease_token = 0, due_us = {now}, queued_us = {now}, result = '', finished_us = NULL, expires_us = NULL,
         notes = j.notes + 1
   WHERE j.id = ANY (ARRAY(SELECT id FROM chosen)) AND +j.state IN (3, 4, 6)
  RETURNING j.id, j.seq, j.notes, j.claims, j.state, j.headers, j.queue_id, j.due_us, j.flags),
lined AS ({lined_up}),
noted AS (
  INSERT INTO {history} (job_seq, n, claim, at_us, attempt, cause, worker, message)
  SELECT seq, notes, claims, {now}, 0, 8, '', 'put back by an operator' FROM changed),
trimmed AS ({trim})
SELECT id FROM changed

-- piece: finished_lanes
-- Jumps from lane to lane along the index.
lane(state, id) AS (
  (SELECT state, lane_id FROM {jobs} WHERE state IN (3, 4, 6) ORDER BY state, lane_id, expires_us LIMIT 1)
  UNION ALL
  SELECT n.state, n.lane_id FROM lane CROSS JOIN LATERAL (
    SELECT j.state, j.lane_id FROM {jobs} j WHERE j.state IN (3, 4, 6) AND (j.state, j.lane_id) > (lane.state, lane.id)
     ORDER BY j.state, j.lane_id, j.expires_us LIMIT 1) n)

-- name: purge
-- params: n int, now int?
-- returns: seq int
-- Deletes jobs; their lines go with purge_lines, in the same transaction.
WITH RECURSIVE {finished_lanes},
expired AS MATERIALIZED (
  SELECT x.seq, x.ctid
    FROM lane CROSS JOIN LATERAL (
     SELECT j.seq, j.ctid FROM {jobs} j
      WHERE j.state IN (3, 4, 6) AND j.state = lane.state AND j.lane_id = lane.id AND j.expires_us <= {now}
      ORDER BY j.state, j.lane_id, j.expires_us LIMIT :n FOR UPDATE SKIP LOCKED) x
   LIMIT :n),
gone AS (
  DELETE FROM {jobs} j
   WHERE j.ctid = ANY (ARRAY(SELECT ctid FROM expired)) AND +j.state IN (3, 4, 6) RETURNING j.seq)
SELECT seq FROM gone

-- name: purge_lines
-- params: seqs text
-- Of jobs that the same transaction has deleted. A statement of its own: the snapshot of the one before may be older
-- than a line that was stored before the job was locked; nobody adds one after it.
WITH logs_gone AS (
  DELETE FROM {logs} g WHERE g.ctid = ANY (ARRAY(
    SELECT o.ctid FROM unnest(:seqs::bigint[]) AS e(seq) CROSS JOIN LATERAL (
      SELECT x.ctid FROM {logs} x WHERE x.job_seq = e.seq OFFSET 0) o))),
progress_gone AS (
  DELETE FROM {progress} p WHERE p.ctid = ANY (ARRAY(
    SELECT o.ctid FROM unnest(:seqs::bigint[]) AS e(seq) CROSS JOIN LATERAL (
      SELECT x.ctid FROM {progress} x WHERE x.job_seq = e.seq OFFSET 0) o))),
steps_gone AS (
  DELETE FROM {steps} s WHERE s.ctid = ANY (ARRAY(
    SELECT o.ctid FROM unnest(:seqs::bigint[]) AS e(seq) CROSS JOIN LATERAL (
      SELECT x.ctid FROM {steps} x WHERE x.job_seq = e.seq OFFSET 0) o)))
DELETE FROM {history} h WHERE h.ctid = ANY (ARRAY(
    SELECT o.ctid FROM unnest(:seqs::bigint[]) AS e(seq) CROSS JOIN LATERAL (
      SELECT x.ctid FROM {history} x WHERE x.job_seq = e.seq OFFSET 0) o))

-- name: orphans
-- params: n int
-- returns: seq int
-- Jobs that are gone and whose lines are not: somebody has deleted them by hand. Reads through all.
(SELECT job_seq FROM {logs} UNION SELECT job_seq FROM {progress} UNION SELECT job_seq FROM {history}
 UNION SELECT job_seq FROM {steps})
EXCEPT SELECT seq FROM {jobs} LIMIT :n

-- name: expired
-- params: n int, now int?
-- returns: id text
-- What purge would take.
WITH RECURSIVE {finished_lanes}
SELECT x.id
  FROM lane CROSS JOIN LATERAL (
   SELECT j.id FROM {jobs} j
    WHERE j.state IN (3, 4, 6) AND j.state = lane.state AND j.lane_id = lane.id AND j.expires_us <= {now}
    ORDER BY j.state, j.lane_id, j.expires_us LIMIT :n) x
 LIMIT :n

-- name: erase
-- params: ids text
-- returns: seq int, id text
-- Their lines go with purge_lines, in the same transaction.
WITH chosen AS MATERIALIZED (
  SELECT j.id FROM unnest(:ids::uuid[]) AS w(id) JOIN {jobs} j ON j.id = w.id
   WHERE +j.state IN (3, 4, 6) ORDER BY uuid_send(j.id) FOR UPDATE OF j)
DELETE FROM {jobs} j WHERE j.id = ANY (ARRAY(SELECT id FROM chosen)) AND +j.state IN (3, 4, 6) RETURNING j.seq, j.id

-- name: postpone
-- params: id text, now int?
-- What could not be deleted is not tried again for a day.
UPDATE {jobs} j SET expires_us = {now} + 86400000000 WHERE j.id = :id::uuid AND +j.state IN (3, 4, 6)

-- piece: may_run_earlier
-- A job with a key then waits for nothing but its key.
(+j.state = 7 OR (+j.state = 8 AND j.flags & 2 <> 0 AND j.due_us > {now}))

-- name: run_now
-- params: ids text, now int?
-- returns: id text
WITH locked AS MATERIALIZED (
  SELECT j.id FROM unnest(:ids::uuid[]) AS w(id) JOIN {jobs} j ON j.id = w.id
   WHERE {may_run_earlier} ORDER BY uuid_send(j.id) FOR NO KEY UPDATE OF j),
changed AS (
  UPDATE {jobs} j
     SET state = CASE WHEN j.flags & 2 <> 0 THEN 8 ELSE 1 END, due_us = {now}, queued_us = {now}
    FROM locked l WHERE j.id = l.id AND {may_run_earlier}
  RETURNING j.id, j.seq, j.claims, j.state, j.headers, j.queue_id, j.due_us, j.flags),
lined AS ({lined_up})
SELECT id FROM changed

-- name: edit_kinds
-- params: ids text, queue text
-- returns: id text, kind text, elsewhere int
-- Of jobs that wait: a job's kind never changes, whoever moves it meanwhile.
SELECT w.id, l.kind,
       (l.queue_id IS DISTINCT FROM (SELECT q.id FROM {queues} q WHERE q.name = :queue::text))::integer
  FROM unnest(:ids::uuid[]) AS w(id)
 CROSS JOIN LATERAL (SELECT j.lane_id FROM {jobs} j WHERE j.id = w.id AND +j.state IN (1, 7, 8) LIMIT 1) j
 CROSS JOIN LATERAL (SELECT l.kind, l.queue_id FROM {lanes} l WHERE l.id = abs(j.lane_id) LIMIT 1) l

-- name: edit
-- params: ids text, kinds text, queue text?, priority int?
-- returns: id text
-- `kinds` are those of the jobs, where a queue is given. The lane that a job is in is not looked up: somebody may have
-- moved it, while this waited for its lock, to one that is newer than this statement's snapshot. What a key has let in
-- is let in by no other: it waits.
WITH locked AS MATERIALIZED (
  SELECT j.id, w.kind, abs(j.lane_id) AS lane, j.queue_id, j.priority
    FROM unnest(:ids::uuid[], :kinds::text[]) AS w(id, kind) JOIN {jobs} j ON j.id = w.id
   WHERE +j.state IN (1, 7, 8) ORDER BY uuid_send(j.id) FOR NO KEY UPDATE OF j),
placed AS MATERIALIZED (
  SELECT k.id, coalesce(t.id, k.lane) AS lane, coalesce(t.queue_id, k.queue_id) AS queue_id,
         coalesce(:priority::integer, k.priority) AS priority, k.lane AS was_lane, k.priority AS was_priority
    FROM locked k
    LEFT JOIN LATERAL (
     SELECT t.id, t.queue_id FROM {lanes} t
      WHERE t.queue_id = (SELECT q.id FROM {queues} q WHERE q.name = :queue::text) AND t.kind = k.kind
      LIMIT 1) t ON true
   WHERE :queue::text IS NULL OR t.id IS NOT NULL),
changed AS (
  UPDATE {jobs} j
     SET state = CASE WHEN j.flags & 2 <> 0 AND j.queue_id <> p.queue_id THEN 8 ELSE j.state END,
         lane_id = CASE WHEN j.lane_id < 0 THEN -p.lane ELSE p.lane END, queue_id = p.queue_id, priority = p.priority
    FROM placed p
   WHERE j.id = p.id AND (p.was_lane <> p.lane OR p.was_priority <> p.priority)
  RETURNING j.id, j.seq, j.claims, j.state, j.headers, j.queue_id, j.due_us, j.flags),
lined AS ({lined_up})
SELECT id FROM changed

-- name: take_away
-- params: ids text, ends int, now int?
-- returns: id text
WITH locked AS MATERIALIZED (
  SELECT j.id FROM unnest(:ids::uuid[]) AS w(id) JOIN {jobs} j ON j.id = w.id
   WHERE +j.state IN (2, 5) ORDER BY uuid_send(j.id) FOR NO KEY UPDATE OF j),
changed AS (
  UPDATE {jobs} j
     SET state = CASE WHEN j.state = 5 THEN 6 WHEN :ends = 1 THEN 4 WHEN j.flags & 2 <> 0 THEN 8 ELSE 1 END,
         lease_token = 0,
         attempt = j.attempt - CASE WHEN j.state = 2 AND :ends = 0 THEN 1 ELSE 0 END,
         queued_us = CASE WHEN j.state = 2 AND :ends = 0 THEN {now} ELSE j.queued_us END,
         finished_us = CASE WHEN j.state = 5 OR :ends = 1 THEN {now} END,
         expires_us = CASE WHEN j.state = 5 OR :ends = 1 THEN {now} + coalesce(j.retention_us,
                        CASE j.state WHEN 5 THEN 86400000000 ELSE 604800000000 END) END,
         notes = j.notes + 1
    FROM locked l
   WHERE j.id = l.id AND +j.state IN (2, 5)
  RETURNING j.id, j.seq, j.state, j.notes, j.claims, j.attempt, j.worker),
noted AS (
  INSERT INTO {history} (job_seq, n, claim, at_us, attempt, cause, worker, message)
  SELECT seq, notes, claims, {now}, attempt + CASE WHEN state IN (1, 8) THEN 1 ELSE 0 END,
         CASE state WHEN 6 THEN 7 ELSE 9 END, worker, 'taken away by an operator' FROM changed),
trimmed AS ({trim})
SELECT id FROM changed
