-- Lists, counts, histories, logs, and queues.

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

-- name: get
-- params: ids text
-- returns: queue text, kind text, id text, state int, priority int, params text, result text, unique_key text?, attempt int, max_attempts int, crashes int, max_crashes int, claims int, token int, worker text, keepalive int, timeout int, retention int?, created int, queued int, due int, started int?, heartbeat int?, finished int?, headers text?
SELECT q.name, l.kind, j.id, j.state, j.priority, j.params, j.result, j.unique_key, j.attempt, j.max_attempts,
       j.crashes, j.max_crashes, j.claims, j.lease_token, j.worker, j.keepalive_us, j.timeout_us, j.retention_us,
       j.created_us, j.queued_us, j.due_us, j.started_us, j.heartbeat_us, j.finished_us, j.headers
  FROM sqlq_jobs j JOIN sqlq_lanes l ON l.id = abs(j.lane_id) JOIN sqlq_queues q ON q.id = l.queue_id
 WHERE j.id IN (SELECT value FROM json_each(:ids))

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
   WHERE j.expires_us IS NOT NULL AND ((:states >> f.state) & 1) = 1
  UNION ALL
  SELECT j.seq FROM sqlq_gated d CROSS JOIN sqlq_jobs j ON j.seq = d.job_seq
   WHERE j.state = 8 AND ((:states >> 8) & 1) = 1 AND j.lane_id IN (SELECT id FROM lane)),
page(seq) AS MATERIALIZED (
  SELECT j.seq FROM few CROSS JOIN sqlq_jobs j ON j.seq = few.seq WHERE j.id < :before AND {fits}
   ORDER BY j.id DESC LIMIT :n)
SELECT {listed}
  FROM page CROSS JOIN sqlq_jobs j ON j.seq = page.seq
 CROSS JOIN sqlq_lanes l ON l.id = abs(j.lane_id)
 CROSS JOIN sqlq_queues q ON q.id = l.queue_id
 ORDER BY j.id DESC

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

-- name: count_waiting
-- params: queues text?, kinds text?, cap int
-- returns: n int
-- Of those that have a key.
SELECT count(*) FROM (
  SELECT 1 FROM sqlq_queues q CROSS JOIN sqlq_gated d INDEXED BY sqlq_gated_line ON d.queue_id = q.id
   CROSS JOIN sqlq_jobs j ON j.seq = d.job_seq CROSS JOIN sqlq_lanes l ON l.id = abs(j.lane_id)
   WHERE j.state = 8 AND {of_lane} LIMIT :cap)

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
               WHERE l.queue_id = q.id AND j.expires_us IS NOT NULL)
   OR EXISTS (SELECT 1 FROM sqlq_gated d CROSS JOIN sqlq_jobs j ON j.seq = d.job_seq
               WHERE d.queue_id = q.id AND j.state = 8))

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
