-- Which jobs are due and come first, and claiming them.

-- name: due_by_time
-- params: now int?, lanes text, counts text
-- returns: lane int, priority int, due int, seq int
SELECT p.lane, s.priority, s.due_us, s.seq
  FROM unnest(:lanes::integer[], :counts::bigint[]) AS p(lane, count)
 CROSS JOIN LATERAL (
   SELECT j.priority, j.due_us, j.seq FROM {jobs} j
    WHERE j.state = 7 AND j.lane_id = p.lane AND j.due_us <= {now} ORDER BY j.lane_id, j.due_us LIMIT p.count) s

-- name: due_by_rank
-- params: now int?, lane int, n int
-- returns: priority int, due int, seq int
-- The first due jobs of a lane in claim order. Jumps from priority to priority along the index, over those of which no
-- job is due as well: over a thousand at most.
WITH RECURSIVE level(priority, number) AS (
  (SELECT j.priority, 1 FROM {jobs} j WHERE j.state = 7 AND j.lane_id = :lane
    ORDER BY j.lane_id, j.priority, j.due_us, j.seq LIMIT 1)
  UNION ALL
  SELECT n.priority, level.number + 1 FROM level CROSS JOIN LATERAL (
    SELECT j.priority FROM {jobs} j WHERE j.state = 7 AND j.lane_id = :lane AND j.priority > level.priority
     ORDER BY j.lane_id, j.priority, j.due_us, j.seq LIMIT 1) n
   WHERE level.number < 1000)
SELECT s.priority, s.due_us, s.seq
  FROM level CROSS JOIN LATERAL (
    SELECT j.priority, j.due_us, j.seq FROM {jobs} j
     WHERE j.state = 7 AND j.lane_id = :lane AND j.priority = level.priority AND j.due_us <= {now}
     ORDER BY j.lane_id, j.priority, j.due_us, j.seq LIMIT :n) s
 LIMIT :n

-- name: lane_next
-- params: now int?, lanes text, n int
-- returns: lane int, priority int, due int, seq int, id text
-- The first pending jobs of each lane, and those that are due; without locks.
SELECT p.lane, j.priority, j.due_us, j.seq, j.id
  FROM unnest(:lanes::integer[]) AS p(lane)
 CROSS JOIN LATERAL (
   (SELECT j.priority, j.due_us, j.seq, j.id FROM {jobs} j WHERE j.state = 1 AND j.lane_id = p.lane
     ORDER BY j.lane_id, j.priority, j.due_us, j.seq LIMIT :n)
   UNION ALL
   (SELECT j.priority, j.due_us, j.seq, j.id FROM {jobs} j
     WHERE j.state = 7 AND j.lane_id = p.lane AND j.due_us <= {now} ORDER BY j.lane_id, j.due_us LIMIT :n)) j

-- piece: start
UPDATE {jobs} j
   SET state = 2, attempt = j.attempt + 1, claims = j.claims + 1, lease_token = :token, worker = :worker,
       started_us = {now}, heartbeat_us = {now}, lease_until_us = {steady} + j.keepalive_us
 WHERE j.ctid = ANY (ARRAY(SELECT ctid FROM pick))

-- name: claim_some
-- params: ids text, token int, worker text, now int?, steady int?
-- returns: lane int, seq int, {job_types}
-- Of these jobs, pending or due, those that nobody else has locked.
WITH pick AS MATERIALIZED (
  SELECT j.ctid FROM {jobs} j
   WHERE j.id = ANY (:ids::uuid[]) AND (+j.state = 1 OR (+j.state = 7 AND j.due_us <= {now}))
   FOR NO KEY UPDATE SKIP LOCKED)
{start} AND +j.state IN (1, 7)
RETURNING j.lane_id, j.seq, {job}

-- name: give_up
-- params: id text, message text, now int?, steady int?
-- returns: id text
-- Of held jobs, those that reap would take back. What is locked is passed over.
WITH locked AS MATERIALIZED (
  SELECT j.id FROM {jobs} j
   WHERE j.id = :id::uuid AND (+j.state IN (1, 7) OR (+j.state IN (2, 5) AND j.lease_until_us <= {steady}))
   FOR NO KEY UPDATE SKIP LOCKED),
changed AS (
  UPDATE {jobs} j
     SET state = 4, lease_token = 0, notes = j.notes + 1, finished_us = {now},
         expires_us = {now} + coalesce(j.retention_us, 604800000000)
    FROM locked l
   WHERE j.id = l.id AND +j.state IN (1, 2, 5, 7)
  RETURNING j.id, j.seq, j.notes, j.claims, j.attempt, j.worker),
noted AS (
  INSERT INTO {history} (job_seq, n, claim, at_us, attempt, cause, worker, message)
  SELECT seq, notes, claims, {now}, attempt, 1, worker, :message FROM changed),
trimmed AS ({trim})
SELECT id FROM changed

-- name: promote
-- params: now int?, lanes text, priorities text, counts text
-- So many due jobs of each priority of each lane become pending. What another claim is moving is passed over.
WITH due AS MATERIALIZED (
  SELECT s.ctid
    FROM unnest(:lanes::integer[], :priorities::integer[], :counts::bigint[]) AS p(lane, priority, count)
   CROSS JOIN LATERAL (
     SELECT j.ctid FROM {jobs} j
      WHERE j.state = 7 AND j.lane_id = p.lane AND j.priority = p.priority AND j.due_us <= {now}
      ORDER BY j.lane_id, j.priority, j.due_us, j.seq LIMIT p.count FOR NO KEY UPDATE SKIP LOCKED) s)
UPDATE {jobs} j SET state = 1 WHERE j.ctid = ANY (ARRAY(SELECT ctid FROM due)) AND +j.state = 7

-- piece: held_of_queue
-- So many of its jobs are held; not counted further than its limit.
(SELECT count(*) FROM (
  SELECT 1 FROM {jobs} h WHERE h.state IN (2, 5) AND h.queue_id = q.id LIMIT q.concurrency) held)

-- name: lanes_of_all
-- params: now int?, kinds text?
-- returns: now int, took int, lane int?, queue_id int?, queue text?, kind text?, queue_priority int?, concurrency int?, priority int?, due int?, seq int?, first_due int?
-- The lanes that have work: the place of the first pending job in one row, the time of the first scheduled one in
-- another. Jumps from lane to lane along the indexes: the cost is the number of such lanes. One row at least: in the
-- last one is how many microseconds the statement has taken. A limited queue that is full has no lanes.
WITH RECURSIVE ready(lane, priority, due, seq) AS (
  (SELECT lane_id, priority, due_us, seq FROM {jobs} WHERE state = 1
    ORDER BY lane_id, priority, due_us, seq LIMIT 1)
  UNION ALL
  SELECT n.* FROM ready CROSS JOIN LATERAL (
    SELECT j.lane_id, j.priority, j.due_us, j.seq FROM {jobs} j WHERE j.state = 1 AND j.lane_id > ready.lane
     ORDER BY j.lane_id, j.priority, j.due_us, j.seq LIMIT 1) n),
later(lane, due) AS (
  (SELECT lane_id, due_us FROM {jobs} WHERE state = 7 ORDER BY lane_id, due_us LIMIT 1)
  UNION ALL
  SELECT n.* FROM later CROSS JOIN LATERAL (
    SELECT j.lane_id, j.due_us FROM {jobs} j WHERE j.state = 7 AND j.lane_id > later.lane
     ORDER BY j.lane_id, j.due_us LIMIT 1) n)
SELECT {now}, {took}, w.*
  FROM (SELECT 1) one
  LEFT JOIN (
    SELECT a.lane, l.queue_id, q.name, l.kind, q.priority AS queue_priority, q.concurrency, a.priority, a.due, a.seq,
           a.first_due
      FROM (SELECT lane, priority, due, seq, NULL::bigint AS first_due FROM ready
             UNION ALL SELECT lane, NULL, NULL, NULL, due FROM later) a
      JOIN {lanes} l ON l.id = abs(a.lane) JOIN {queues} q ON q.id = l.queue_id
     WHERE q.paused = 0 AND (:kinds::text[] IS NULL OR l.kind = ANY (:kinds::text[]))
       AND (q.concurrency IS NULL OR q.concurrency > {held_of_queue})) w ON true

-- name: lanes_of_queues
-- params: now int?, queues text, kinds text?
-- returns: now int, took int, lane int?, queue_id int?, queue text?, kind text?, queue_priority int?, concurrency int?, priority int?, due int?, seq int?, first_due int?
SELECT {now}, {took}, w.*
  FROM (SELECT 1) one
  LEFT JOIN (
    SELECT l.id * n.sign, l.queue_id, q.name, l.kind, q.priority AS queue_priority, q.concurrency, r.priority, r.due_us,
           r.seq, s.due_us AS first_due
      FROM {queues} q JOIN {lanes} l ON l.queue_id = q.id CROSS JOIN (VALUES (1), (-1)) AS n(sign)
      LEFT JOIN LATERAL (SELECT j.priority, j.due_us, j.seq FROM {jobs} j
                          WHERE j.state = 1 AND j.lane_id = l.id * n.sign
                          ORDER BY j.lane_id, j.priority, j.due_us, j.seq LIMIT 1) r ON true
      LEFT JOIN LATERAL (SELECT j.due_us FROM {jobs} j WHERE j.state = 7 AND j.lane_id = l.id * n.sign
                          ORDER BY j.lane_id, j.due_us LIMIT 1) s ON true
     WHERE q.name = ANY (:queues::text[]) AND q.paused = 0
       AND (:kinds::text[] IS NULL OR l.kind = ANY (:kinds::text[]))
       AND coalesce(r.due_us, s.due_us) IS NOT NULL
       AND (q.concurrency IS NULL OR q.concurrency > {held_of_queue})) w ON true

-- name: lanes_again
-- params: now int?, lanes text, priorities text, dues text, seqs text
-- returns: now int, took int, lane int?, queue_id int?, queue text?, kind text?, queue_priority int?, concurrency int?, priority int?, due int?, seq int?, first_due int?
-- The same for lanes that had work a moment ago; looks from the places on where their first jobs were then.
SELECT {now}, {took}, w.*
  FROM (SELECT 1) one
  LEFT JOIN (
    SELECT p.lane, l.queue_id, q.name, l.kind, q.priority AS queue_priority, q.concurrency, r.priority, r.due_us, r.seq,
           s.due_us AS first_due
      FROM unnest(:lanes::integer[], :priorities::integer[], :dues::bigint[], :seqs::bigint[])
           AS p(lane, priority, due, seq)
      JOIN {lanes} l ON l.id = abs(p.lane) JOIN {queues} q ON q.id = l.queue_id
      LEFT JOIN LATERAL (SELECT j.priority, j.due_us, j.seq FROM {jobs} j
                          WHERE j.state = 1 AND j.lane_id = p.lane
                            AND (j.priority, j.due_us, j.seq) >= (p.priority, p.due, p.seq)
                          ORDER BY j.lane_id, j.priority, j.due_us, j.seq LIMIT 1) r ON true
      LEFT JOIN LATERAL (SELECT j.due_us FROM {jobs} j WHERE j.state = 7 AND j.lane_id = p.lane
                          ORDER BY j.lane_id, j.due_us LIMIT 1) s ON true
     WHERE q.paused = 0 AND coalesce(r.due_us, s.due_us) IS NOT NULL
       AND (q.concurrency IS NULL OR q.concurrency > {held_of_queue})) w ON true

-- name: queue_lock
-- params: queues text
-- returns: locked text
-- Until the end of the transaction nobody else starts jobs of these queues, which have a limit.
SELECT pg_advisory_xact_lock({queues_oid}, q.id) FROM (
  SELECT n.id FROM unnest(:queues::integer[]) AS n(id) ORDER BY n.id) q

-- name: rooms
-- params: queues text
-- returns: queue_id int, room int?
-- A statement of its own, after queue_lock: it sees what the holders of the lock before us have committed. NULL: the
-- limit was taken away meanwhile.
SELECT q.id, CASE q.paused WHEN 1 THEN 0 ELSE q.concurrency - {held_of_queue} END
  FROM unnest(:queues::integer[]) AS n(id) JOIN {queues} q ON q.id = n.id

-- name: peek
-- params: lanes text, priorities text, dues text, seqs text, counts text
-- returns: lane int, priority int, due int, seq int
-- The next jobs of each lane, without locks. A lane is walked from the place of its first job on: before it there may
-- be the traces of many that were taken.
SELECT p.lane, j.priority, j.due_us, j.seq
  FROM unnest(:lanes::integer[], :priorities::integer[], :dues::bigint[], :seqs::bigint[], :counts::bigint[])
       AS p(lane, priority, due, seq, count)
 CROSS JOIN LATERAL (
   SELECT j.priority, j.due_us, j.seq FROM {jobs} j
    WHERE j.state = 1 AND j.lane_id = p.lane AND (j.priority, j.due_us, j.seq) >= (p.priority, p.due, p.seq)
    ORDER BY j.lane_id, j.priority, j.due_us, j.seq LIMIT p.count) j

-- name: claim
-- params: lanes text, priorities text, dues text, seqs text, counts text, n int, token int, worker text, now int?, steady int?
-- returns: lane int, seq int, {job_types}
-- Takes the next jobs of each lane that nobody else is taking.
WITH pick AS MATERIALIZED (
  SELECT j.ctid
    FROM unnest(:lanes::integer[], :priorities::integer[], :dues::bigint[], :seqs::bigint[], :counts::bigint[])
         AS p(lane, priority, due, seq, count)
   CROSS JOIN LATERAL (
     SELECT j.ctid FROM {jobs} j
      WHERE j.state = 1 AND j.lane_id = p.lane AND (j.priority, j.due_us, j.seq) >= (p.priority, p.due, p.seq)
      ORDER BY j.lane_id, j.priority, j.due_us, j.seq LIMIT p.count FOR NO KEY UPDATE SKIP LOCKED) j
   LIMIT :n)
{start} AND +j.state = 1
RETURNING j.lane_id, j.seq, {job}

-- name: claimed
-- params: token int
-- returns: queue text, kind text, queue_priority int, seq int, {job_types}
-- What is held with this token; held jobs are few.
SELECT q.name, l.kind, q.priority, j.seq, {job}
  FROM {jobs} j JOIN {lanes} l ON l.id = abs(j.lane_id) JOIN {queues} q ON q.id = l.queue_id
 WHERE j.state IN (2, 5) AND j.lease_token = :token
