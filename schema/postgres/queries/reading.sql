-- Lists, counts, histories, logs, and queues.

-- name: get
-- params: ids text
-- returns: queue text, kind text, {job_types}
SELECT q.name, l.kind, {job}
  FROM json_array_elements_text(:ids::json) AS w(id)
  JOIN {jobs} j ON j.id = w.id::uuid JOIN {lanes} l ON l.id = abs(j.lane_id) JOIN {queues} q ON q.id = l.queue_id

-- piece: filter_types
-- What jobs a list is about, but for their ids. `states` is a set of bits, one for each state's number; of the texts
-- those that are NULL do not restrict. `payloads`: 0 leaves params and result out, unread.
states int, queues text?, kinds text?, unique_key text?, created_from int, created_to int, lowest int, highest int,
error text?, payloads int

-- piece: listed
-- What is not selected is not read, however long.
q.name, l.kind, j.id, j.state, j.priority, CASE WHEN :payloads = 1 THEN j.params ELSE '' END,
CASE WHEN :payloads = 1 THEN j.result ELSE '' END, j.unique_key, j.attempt, j.max_attempts, j.crashes, j.max_crashes,
j.claims, j.lease_token, j.worker, j.keepalive_us, j.timeout_us, j.retention_us, j.created_us, j.queued_us, j.due_us,
j.started_us, j.heartbeat_us, j.finished_us, j.headers

-- piece: named
-- Where a job's lane is.
CROSS JOIN LATERAL (SELECT l.kind, l.queue_id FROM {lanes} l WHERE l.id = abs(j.lane_id) LIMIT 1) l
CROSS JOIN LATERAL (SELECT q.name FROM {queues} q WHERE q.id = l.queue_id LIMIT 1) q

-- piece: of_lane
(:queues::text IS NULL OR l.queue_id IN (
  SELECT q.id FROM {queues} q WHERE q.name = ANY (ARRAY(SELECT json_array_elements_text(:queues::text::json)))))
AND (:kinds::text IS NULL OR l.kind IN (SELECT json_array_elements_text(:kinds::text::json)))

-- piece: fits
-- The planner takes a CASE to hold for every second job: of a filter it would believe that it leaves none.
CASE WHEN ((:states >> j.state) & 1) = 1 AND (:unique_key::text IS NULL OR j.unique_key = :unique_key::text)
AND j.created_us BETWEEN :created_from AND :created_to AND j.priority BETWEEN :lowest AND :highest
AND (:error::text IS NULL OR strpos((SELECT h.message FROM {history} h WHERE h.job_seq = j.seq AND h.n = j.notes)
                                    COLLATE "C", :error::text) > 0) THEN TRUE ELSE FALSE END

-- piece: waiting_of_queue
-- Those that have a key. Jobs of the queue q.
(SELECT j.* FROM (SELECT d.job_seq, d.job_id FROM {gated} d WHERE d.queue_id = q.id
                   ORDER BY d.queue_id, d.key, d.stage, d.first, d.second, d.job_seq LIMIT {unbounded}) d
  CROSS JOIN LATERAL (SELECT j.* FROM {jobs} j
                       WHERE j.id = d.job_id AND j.seq = d.job_seq AND +j.state = 8 LIMIT 1) j)

-- name: list
-- params: before text, down_to text, {filter_types}, n int
-- returns: queue text, kind text, {job_types}
-- A page walks the id index downwards from `before`.
SELECT {listed}
  FROM {jobs} j {named}
 WHERE j.id < :before::uuid AND j.id >= :down_to::uuid AND {of_lane} AND {fits}
 ORDER BY j.id DESC LIMIT :n

-- name: list_ids
-- params: ids text, {filter_types}, n int
-- returns: queue text, kind text, {job_types}
-- The same of these jobs.
SELECT {listed}
  FROM json_array_elements_text(:ids::json) AS w(id)
 CROSS JOIN LATERAL (SELECT j.* FROM {jobs} j WHERE j.id = w.id::uuid LIMIT 1) j {named}
 WHERE {of_lane} AND {fits}
 ORDER BY j.id DESC LIMIT :n

-- name: list_bound
-- params: before text, n int
-- returns: id text
-- Of the jobs below `before` the one that comes after the first n; none: there are no more than n.
SELECT j.id FROM {jobs} j WHERE j.id < :before::uuid ORDER BY j.id DESC LIMIT 1 OFFSET :n

-- name: list_few
-- params: before text, {filter_types}, n int
-- returns: queue text, kind text, {job_types}
-- The same where few jobs are wanted: reads them from the indexes of their states, and sorts them.
WITH wanted AS MATERIALIZED (SELECT l.id FROM {lanes} l WHERE {of_lane}),
lane AS MATERIALIZED (SELECT id FROM wanted UNION ALL SELECT -id FROM wanted),
few AS MATERIALIZED (
  SELECT x.id FROM lane CROSS JOIN LATERAL (
    SELECT j.id FROM {jobs} j WHERE j.state = 1 AND j.lane_id = lane.id AND {fits}
     ORDER BY j.lane_id, j.priority, j.due_us, j.seq OFFSET 0) x
   WHERE ((:states >> 1) & 1) = 1
  UNION ALL
  SELECT x.id FROM lane CROSS JOIN LATERAL (
    SELECT j.id FROM {jobs} j WHERE j.state = 7 AND j.lane_id = lane.id AND {fits}
     ORDER BY j.lane_id, j.due_us OFFSET 0) x
   WHERE ((:states >> 7) & 1) = 1
  UNION ALL
  SELECT x.id
    FROM (SELECT j.id, j.lane_id FROM {jobs} j WHERE j.state IN (2, 5) AND {fits} ORDER BY j.queue_id OFFSET 0) x
   WHERE x.lane_id IN (SELECT id FROM lane)
  UNION ALL
  SELECT x.id FROM (VALUES (3), (4), (6)) AS f(state) CROSS JOIN lane CROSS JOIN LATERAL (
    SELECT j.id FROM {jobs} j WHERE j.state IN (3, 4, 6) AND j.state = f.state AND j.lane_id = lane.id AND {fits}
     ORDER BY j.state, j.lane_id, j.expires_us OFFSET 0) x
   WHERE ((:states >> f.state) & 1) = 1
  UNION ALL
  SELECT x.id
    FROM (SELECT j.id, j.lane_id FROM {queues} q CROSS JOIN LATERAL {waiting_of_queue} j WHERE {fits} OFFSET 0) x
   WHERE ((:states >> 8) & 1) = 1 AND x.lane_id IN (SELECT id FROM lane)),
page AS MATERIALIZED (SELECT f.id FROM few f WHERE f.id < :before::uuid ORDER BY f.id DESC LIMIT :n)
SELECT {listed}
  FROM page JOIN {jobs} j ON j.id = page.id {named}
 ORDER BY j.id DESC

-- name: progress
-- params: ids text
-- returns: id text, claim int, done int, total int, at int, note text
SELECT j.id, p.claim, p.done, p.total, p.at_us, p.note
  FROM json_array_elements_text(:ids::json) AS w(id)
  JOIN {jobs} j ON j.id = w.id::uuid JOIN {progress} p ON p.job_seq = j.seq

-- name: count_pending
-- params: queues text?, kinds text?, cap int
-- returns: n int
SELECT count(*) FROM (
  SELECT 1 FROM {lanes} l CROSS JOIN (VALUES (1), (-1)) AS n(sign)
   CROSS JOIN LATERAL (SELECT 1 FROM {jobs} j WHERE j.state = 1 AND j.lane_id = l.id * n.sign
                        ORDER BY j.lane_id, j.priority, j.due_us, j.seq LIMIT :cap) j
   WHERE {of_lane} LIMIT :cap) c

-- name: count_pending_all
-- params: cap int
-- returns: n int
SELECT count(*) FROM (SELECT 1 FROM {jobs} WHERE state = 1 ORDER BY lane_id, priority, due_us, seq LIMIT :cap) c

-- name: count_scheduled
-- params: queues text?, kinds text?, cap int
-- returns: n int
SELECT count(*) FROM (
  SELECT 1 FROM {lanes} l CROSS JOIN (VALUES (1), (-1)) AS n(sign)
   CROSS JOIN LATERAL (SELECT 1 FROM {jobs} j WHERE j.state = 7 AND j.lane_id = l.id * n.sign
                        ORDER BY j.lane_id, j.due_us LIMIT :cap) j
   WHERE {of_lane} LIMIT :cap) c

-- name: count_waiting
-- params: queues text?, kinds text?, cap int
-- returns: n int
-- Of those that have a key.
SELECT count(*) FROM (
  SELECT 1 FROM {queues} q CROSS JOIN LATERAL {waiting_of_queue} j
   CROSS JOIN LATERAL (SELECT l.kind, l.queue_id FROM {lanes} l WHERE l.id = abs(j.lane_id) LIMIT 1) l
   WHERE {of_lane} LIMIT :cap) c

-- name: count_held
-- params: queues text?, state int, cap int
-- returns: n int
SELECT count(*) FROM (
  SELECT 1 FROM {jobs} WHERE state IN (2, 5) AND state = :state
     AND (:queues::text IS NULL OR queue_id IN (
       SELECT q.id FROM {queues} q WHERE q.name = ANY (ARRAY(SELECT json_array_elements_text(:queues::text::json)))))
   ORDER BY queue_id LIMIT :cap) c

-- name: count_finished
-- params: queues text?, kinds text?, state int, cap int
-- returns: n int
SELECT count(*) FROM (
  SELECT 1 FROM {lanes} l CROSS JOIN (VALUES (1), (-1)) AS n(sign)
   CROSS JOIN LATERAL (SELECT 1 FROM {jobs} j
                        WHERE j.state IN (3, 4, 6) AND j.state = :state AND j.lane_id = l.id * n.sign
                        ORDER BY j.state, j.lane_id, j.expires_us LIMIT :cap) j
   WHERE {of_lane} LIMIT :cap) c

-- name: count_finished_all
-- params: state int, cap int
-- returns: n int
SELECT count(*) FROM (
  SELECT 1 FROM {jobs} WHERE state IN (3, 4, 6) AND state = :state ORDER BY state, lane_id, expires_us LIMIT :cap) c

-- name: waiting_kinds
-- params: now int?, n int
-- returns: queue text, kind text
-- Jumps from lane to lane along the indexes: the cost is the number of lanes that have pending or scheduled jobs.
WITH RECURSIVE ready(lane) AS (
  (SELECT lane_id FROM {jobs} WHERE state = 1 ORDER BY lane_id, priority, due_us, seq LIMIT 1)
  UNION ALL
  SELECT n.lane_id FROM ready CROSS JOIN LATERAL (
    SELECT j.lane_id FROM {jobs} j WHERE j.state = 1 AND j.lane_id > ready.lane
     ORDER BY j.lane_id, j.priority, j.due_us, j.seq LIMIT 1) n),
later(lane, due) AS (
  (SELECT lane_id, due_us FROM {jobs} WHERE state = 7 ORDER BY lane_id, due_us LIMIT 1)
  UNION ALL
  SELECT n.* FROM later CROSS JOIN LATERAL (
    SELECT j.lane_id, j.due_us FROM {jobs} j WHERE j.state = 7 AND j.lane_id > later.lane
     ORDER BY j.lane_id, j.due_us LIMIT 1) n),
work(lane) AS (
  SELECT lane FROM ready
  UNION ALL
  SELECT lane FROM later WHERE due <= {now} AND lane NOT IN (SELECT lane FROM ready))
SELECT q.name, l.kind
  FROM work JOIN {lanes} l ON l.id = abs(work.lane) JOIN {queues} q ON q.id = l.queue_id
 WHERE work.lane > 0 OR -work.lane NOT IN (SELECT lane FROM work) LIMIT :n

-- name: history
-- params: id text, n int
-- returns: claim int, attempt int, cause int, at int, worker text, message text
SELECT h.claim, h.attempt, h.cause, h.at_us, h.worker, h.message
  FROM {history} h WHERE h.job_seq = (SELECT j.seq FROM {jobs} j WHERE j.id = :id::uuid) ORDER BY h.n LIMIT :n

-- name: last_records
-- params: ids text
-- returns: id text, claim int, attempt int, cause int, at int, worker text, message text
-- A JSON array of ids. The newest line of each history.
SELECT j.id, h.claim, h.attempt, h.cause, h.at_us, h.worker, h.message
  FROM json_array_elements_text(:ids::json) AS w(id) JOIN {jobs} j ON j.id = w.id::uuid
 CROSS JOIN LATERAL (
   SELECT o.claim, o.attempt, o.cause, o.at_us, o.worker, o.message FROM {history} o WHERE o.job_seq = j.seq
    ORDER BY o.job_seq DESC, o.n DESC LIMIT 1) h

-- name: log_read
-- params: id text, claim int, number int, n int
-- returns: token int, claim int, attempt int, number int, at int, level int, text text
SELECT (SELECT j.lease_token FROM {jobs} j WHERE j.id = :id::uuid), g.claim, g.attempt, g.n, g.at_us, g.level, g.text
  FROM {logs} g
 WHERE g.job_seq = (SELECT j.seq FROM {jobs} j WHERE j.id = :id::uuid) AND (g.claim, g.n) > (:claim, :number)
 ORDER BY g.claim, g.n LIMIT :n

-- name: queues
-- params: after text, n int
-- returns: name text, description text, concurrency int?, priority int, paused int, created int, hidden int
SELECT name, description, concurrency, priority, paused, created_us, hidden FROM {queues}
 WHERE name > :after ORDER BY name LIMIT :n

-- name: queue
-- params: name text
-- returns: name text, description text, concurrency int?, priority int, paused int, created int, hidden int
SELECT name, description, concurrency, priority, paused, created_us, hidden FROM {queues} WHERE name = :name

-- name: queue_upsert
-- params: name text, description text, concurrency int?, priority int, now int?
INSERT INTO {queues} (name, description, concurrency, priority, created_us)
VALUES (:name, :description, :concurrency, :priority, {now})
ON CONFLICT (name) DO UPDATE SET description = excluded.description, concurrency = excluded.concurrency,
                                 priority = excluded.priority, hidden = 0

-- name: queue_update
-- params: description text?, limited int, concurrency int?, priority int?, paused int?, name text
-- returns: name text
UPDATE {queues}
   SET description = coalesce(:description, description),
       concurrency = CASE :limited WHEN 1 THEN :concurrency ELSE concurrency END,
       priority = coalesce(:priority, priority), paused = coalesce(:paused, paused), hidden = 0
 WHERE name = :name
RETURNING name

-- name: queue_used
-- params: name text
-- returns: n int
-- Has it any job?
SELECT 1 FROM {queues} q
 WHERE q.name = :name AND (
   EXISTS (SELECT 1 FROM {lanes} l CROSS JOIN (VALUES (1), (-1)) AS n(sign)
            CROSS JOIN LATERAL (SELECT 1 FROM {jobs} j WHERE j.state = 1 AND j.lane_id = l.id * n.sign
                                 ORDER BY j.lane_id, j.priority, j.due_us, j.seq LIMIT 1) x
            WHERE l.queue_id = q.id)
   OR EXISTS (SELECT 1 FROM {lanes} l CROSS JOIN (VALUES (1), (-1)) AS n(sign)
               CROSS JOIN LATERAL (SELECT 1 FROM {jobs} j WHERE j.state = 7 AND j.lane_id = l.id * n.sign
                                    ORDER BY j.lane_id, j.due_us LIMIT 1) x
               WHERE l.queue_id = q.id)
   OR (SELECT j.queue_id FROM {jobs} j WHERE j.state IN (2, 5) AND j.queue_id = q.id
        ORDER BY j.queue_id LIMIT 1) IS NOT NULL
   OR EXISTS (SELECT 1 FROM {lanes} l CROSS JOIN (VALUES (1), (-1)) AS n(sign)
               CROSS JOIN (VALUES (3), (4), (6)) AS f(state)
               CROSS JOIN LATERAL (SELECT 1 FROM {jobs} j
                                    WHERE j.state IN (3, 4, 6) AND j.state = f.state AND j.lane_id = l.id * n.sign
                                    ORDER BY j.state, j.lane_id, j.expires_us LIMIT 1) x
               WHERE l.queue_id = q.id)
   OR EXISTS (SELECT 1 FROM {waiting_of_queue} j))

-- name: queue_hide
-- params: name text
UPDATE {queues} SET description = '', concurrency = NULL, priority = 1, paused = 0, hidden = 1 WHERE name = :name

-- name: oldest_due
-- params: queue text, now int?
-- returns: due int?
-- Jumps from priority to priority along the ready index, at most 900 in a lane.
WITH RECURSIVE step(lane, priority, due, n) AS (
  SELECT f.lane_id, f.priority, f.due_us, 1
    FROM {queues} q JOIN {lanes} l ON l.queue_id = q.id CROSS JOIN (VALUES (1), (-1)) AS s(sign)
   CROSS JOIN LATERAL (
     SELECT j.lane_id, j.priority, j.due_us FROM {jobs} j WHERE j.state = 1 AND j.lane_id = l.id * s.sign
      ORDER BY j.lane_id, j.priority, j.due_us, j.seq LIMIT 1) f
   WHERE q.name = :queue
  UNION ALL
  SELECT f.lane_id, f.priority, f.due_us, step.n + 1
    FROM step CROSS JOIN LATERAL (
      SELECT j.lane_id, j.priority, j.due_us FROM {jobs} j
       WHERE j.state = 1 AND j.lane_id = step.lane AND j.priority > step.priority
       ORDER BY j.lane_id, j.priority, j.due_us, j.seq LIMIT 1) f
   WHERE step.n < 900)
SELECT least((SELECT min(due) FROM step),
             (SELECT min(s.due_us)
                FROM {lanes} l CROSS JOIN (VALUES (1), (-1)) AS n(sign)
               CROSS JOIN LATERAL (SELECT j.due_us FROM {jobs} j WHERE j.state = 7 AND j.lane_id = l.id * n.sign
                                    ORDER BY j.lane_id, j.due_us LIMIT 1) s
               WHERE l.queue_id = (SELECT id FROM {queues} WHERE name = :queue) AND s.due_us <= {now}))
