-- Lists, counts, histories, logs, and queues.

-- name: get
-- params: ids text
-- returns: queue text, kind text, id text, state int, priority int, params text, result text?, unique_key text?, attempt int, max_attempts int, crashes int, max_crashes int, claims int, token int, worker text, keepalive int, timeout int, retention int?, created int, queued int, due int, started int?, heartbeat int?, finished int?, headers text?
SELECT l.queue, l.kind, {job}
  FROM JSON_TABLE(:ids, '$[*]' COLUMNS (id CHAR(36) CHARACTER SET utf8mb4 PATH '$')) x
 STRAIGHT_JOIN {jobs} j FORCE INDEX (sqlq_jobs_id) ON j.id = UNHEX(REPLACE(x.id, '-', ''))
 STRAIGHT_JOIN {lanes} l FORCE INDEX (PRIMARY) ON l.id = j.lane_id

-- piece: filter_types
-- What jobs a list is about, but for their ids. `states` is a set of bits, one for each state's number; what is
-- NULL, in a list too, does not restrict. `payloads`: 0 leaves params and result out, unread.
states int, queues list, kinds list, unique_key text?, created_from int, created_to int, lowest int, highest int,
error text?, payloads int

-- piece: listed_types
queue text, kind text, id text, state int, priority int, params text?, result text?, unique_key text?, attempt int,
max_attempts int, crashes int, max_crashes int, claims int, token int, worker text, keepalive int, timeout int,
retention int?, created int, queued int, due int, started int?, heartbeat int?, finished int?, headers text?

-- piece: of_lane
(COALESCE(:queues) IS NULL OR l.queue IN (:queues)) AND (COALESCE(:kinds) IS NULL OR l.kind IN (:kinds))

-- piece: payload
-- The server reads each column that a statement names, also what it shows only sometimes: hence the row once more.
LEFT JOIN {jobs} p FORCE INDEX (PRIMARY) ON p.seq = j.seq AND :payloads = 1

-- piece: fits
((:states >> j.state) & 1) = 1 AND (:unique_key IS NULL OR j.unique_key = :unique_key)
AND j.created_us BETWEEN :created_from AND :created_to AND j.priority BETWEEN :lowest AND :highest
AND (:error IS NULL OR LOCATE(:error, (SELECT h.message FROM {history} h FORCE INDEX (PRIMARY)
                                        WHERE h.job_seq = j.seq ORDER BY h.job_seq DESC, h.n DESC LIMIT 1)) > 0)

-- name: list
-- params: before text, down_to text, {filter_types}, n int
-- returns: {listed_types}
-- A page walks the id index downwards from `before`.
SELECT l.queue, l.kind, {listed_job}
  FROM {jobs} j FORCE INDEX (sqlq_jobs_id) STRAIGHT_JOIN {lanes} l FORCE INDEX (PRIMARY) ON l.id = j.lane_id {payload}
 WHERE j.id < UNHEX(REPLACE(:before, '-', '')) AND j.id >= UNHEX(REPLACE(:down_to, '-', ''))
   AND {of_lane} AND {fits}
 ORDER BY j.id DESC LIMIT :n

-- name: list_ids
-- params: ids text, {filter_types}, n int
-- returns: {listed_types}
-- The same of these jobs.
SELECT l.queue, l.kind, {listed_job}
  FROM JSON_TABLE(:ids, '$[*]' COLUMNS (id CHAR(36) CHARACTER SET utf8mb4 PATH '$')) x
 STRAIGHT_JOIN {jobs} j FORCE INDEX (sqlq_jobs_id) ON j.id = UNHEX(REPLACE(x.id, '-', ''))
 STRAIGHT_JOIN {lanes} l FORCE INDEX (PRIMARY) ON l.id = j.lane_id {payload}
 WHERE {of_lane} AND {fits}
 ORDER BY j.id DESC LIMIT :n

-- name: list_bound
-- params: before text, n int
-- returns: id text
-- Of the jobs below `before` the one that comes after the first n; none: there are no more than n.
SELECT j.id FROM {jobs} j FORCE INDEX (sqlq_jobs_id) WHERE j.id < UNHEX(REPLACE(:before, '-', ''))
 ORDER BY j.id DESC LIMIT 1 OFFSET :n

-- name: list_few
-- params: before text, {filter_types}, n int
-- returns: {listed_types}
-- The same where few jobs are wanted: reads them from the tables of their states, and sorts them.
SELECT l.queue, l.kind, {listed_job}
  FROM (SELECT j.seq FROM (
    SELECT r.seq FROM {lanes} l FORCE INDEX (sqlq_lanes_name)
     STRAIGHT_JOIN {ready} r FORCE INDEX (PRIMARY) ON r.lane_id = l.id
     WHERE {of_lane} AND ((:states >> 1) & 1) = 1
    UNION DISTINCT
    SELECT r.seq FROM {lanes} l FORCE INDEX (sqlq_lanes_name)
     STRAIGHT_JOIN {ready} r FORCE INDEX (PRIMARY) ON r.lane_id = -l.id
     WHERE {of_lane} AND ((:states >> 1) & 1) = 1
    UNION DISTINCT
    SELECT s.seq FROM {lanes} l FORCE INDEX (sqlq_lanes_name)
     STRAIGHT_JOIN {scheduled} s FORCE INDEX (PRIMARY) ON s.lane_id = l.id
     WHERE {of_lane} AND ((:states >> 7) & 1) = 1
    UNION DISTINCT
    SELECT d.job_seq FROM {queues} q STRAIGHT_JOIN {gated} d FORCE INDEX (sqlq_gated_line) ON d.queue_id = q.id
     WHERE (COALESCE(:queues) IS NULL OR q.name IN (:queues)) AND ((:states >> 8) & 1) = 1
    UNION DISTINCT
    SELECT x.seq FROM {queues} q STRAIGHT_JOIN {claims} c FORCE INDEX (PRIMARY) ON c.queue_id = q.id
     STRAIGHT_JOIN JSON_TABLE(c.jobs, '$[*]' COLUMNS (seq BIGINT PATH '$')) x
     WHERE (COALESCE(:queues) IS NULL OR q.name IN (:queues)) AND (:states & 36) <> 0
    UNION DISTINCT
    SELECT x.seq FROM {lanes} l FORCE INDEX (sqlq_lanes_name)
     STRAIGHT_JOIN (SELECT 3 AS state UNION ALL SELECT 4 UNION ALL SELECT 6) e
     STRAIGHT_JOIN {finished} f FORCE INDEX (sqlq_finished_state) ON f.state = e.state AND f.lane_id = l.id
     STRAIGHT_JOIN JSON_TABLE(f.jobs, '$[*]' COLUMNS (seq BIGINT PATH '$')) x
     WHERE {of_lane} AND ((:states >> e.state) & 1) = 1) few
 STRAIGHT_JOIN {jobs} j FORCE INDEX (PRIMARY) ON j.seq = few.seq
 STRAIGHT_JOIN {lanes} l FORCE INDEX (PRIMARY) ON l.id = j.lane_id
 WHERE j.id < UNHEX(REPLACE(:before, '-', '')) AND {of_lane} AND {fits}
 ORDER BY j.id DESC LIMIT :n) page
 STRAIGHT_JOIN {jobs} j FORCE INDEX (PRIMARY) ON j.seq = page.seq
 STRAIGHT_JOIN {lanes} l FORCE INDEX (PRIMARY) ON l.id = j.lane_id {payload}
 ORDER BY j.id DESC

-- name: progress
-- params: ids text
-- returns: id text, claim int, done int, total int, at int, note text
SELECT j.id, p.claim, p.done, p.total, p.at_us, p.note
  FROM JSON_TABLE(:ids, '$[*]' COLUMNS (id CHAR(36) CHARACTER SET utf8mb4 PATH '$')) x
 STRAIGHT_JOIN {jobs} j FORCE INDEX (sqlq_jobs_id) ON j.id = UNHEX(REPLACE(x.id, '-', ''))
 STRAIGHT_JOIN {progress} p FORCE INDEX (PRIMARY) ON p.job_seq = j.seq

-- name: count_pending
-- params: queues list, kinds list, cap int
-- returns: n int
SELECT COUNT(*) FROM (
  SELECT 1 FROM {lanes} l FORCE INDEX (sqlq_lanes_name)
   STRAIGHT_JOIN {ready} r FORCE INDEX (PRIMARY) ON r.lane_id = l.id
   WHERE {of_lane}
  UNION ALL
  SELECT 1 FROM {lanes} l FORCE INDEX (sqlq_lanes_name)
   STRAIGHT_JOIN {ready} r FORCE INDEX (PRIMARY) ON r.lane_id = -l.id
   WHERE {of_lane} LIMIT :cap) c

-- name: count_pending_all
-- params: cap int
-- returns: n int
SELECT COUNT(*) FROM (SELECT 1 FROM {ready} LIMIT :cap) c

-- name: count_scheduled
-- params: queues list, kinds list, cap int
-- returns: n int
SELECT COUNT(*) FROM (
  SELECT 1 FROM {lanes} l FORCE INDEX (sqlq_lanes_name)
   STRAIGHT_JOIN {scheduled} s FORCE INDEX (PRIMARY) ON s.lane_id = l.id
   WHERE {of_lane} LIMIT :cap) c

-- name: count_waiting
-- params: queues list, kinds list, cap int
-- returns: n int
SELECT COUNT(*) FROM (
  SELECT 1 FROM {queues} q STRAIGHT_JOIN {gated} d FORCE INDEX (sqlq_gated_line) ON d.queue_id = q.id
   STRAIGHT_JOIN {jobs} j FORCE INDEX (PRIMARY) ON j.seq = d.job_seq AND j.state = 8
   STRAIGHT_JOIN {lanes} l FORCE INDEX (PRIMARY) ON l.id = j.lane_id
   WHERE (COALESCE(:queues) IS NULL OR q.name IN (:queues)) AND {of_lane} LIMIT :cap) c

-- name: count_held
-- params: queues list, state int, cap int
-- returns: n int
SELECT COUNT(*) FROM (
  SELECT 1 FROM {queues} q STRAIGHT_JOIN {claims} c FORCE INDEX (PRIMARY) ON c.queue_id = q.id
   STRAIGHT_JOIN JSON_TABLE(c.jobs, '$[*]' COLUMNS (seq BIGINT PATH '$')) x
   STRAIGHT_JOIN {jobs} j FORCE INDEX (PRIMARY)
      ON j.seq = x.seq AND j.state = :state AND j.lease_token = c.token
   WHERE COALESCE(:queues) IS NULL OR q.name IN (:queues) LIMIT :cap) c

-- name: count_finished
-- params: queues list, kinds list, state int, cap int
-- returns: n int
-- DISTINCT: a job may have finished twice in the same microsecond of a test's clock.
SELECT COUNT(*) FROM (
  SELECT DISTINCT j.seq FROM {lanes} l FORCE INDEX (sqlq_lanes_name)
   STRAIGHT_JOIN {finished} f FORCE INDEX (sqlq_finished_state) ON f.state = :state AND f.lane_id = l.id
   STRAIGHT_JOIN JSON_TABLE(f.jobs, '$[*]' COLUMNS (seq BIGINT PATH '$')) x
   STRAIGHT_JOIN {jobs} j FORCE INDEX (PRIMARY)
      ON j.seq = x.seq AND j.state = f.state AND j.expires_us = f.expires_us
   WHERE {of_lane} LIMIT :cap) c

-- name: count_finished_all
-- params: state int, cap int
-- returns: n int
SELECT COUNT(*) FROM (
  SELECT DISTINCT j.seq FROM {finished} f FORCE INDEX (sqlq_finished_state)
   STRAIGHT_JOIN JSON_TABLE(f.jobs, '$[*]' COLUMNS (seq BIGINT PATH '$')) x
   STRAIGHT_JOIN {jobs} j FORCE INDEX (PRIMARY)
      ON j.seq = x.seq AND j.state = f.state AND j.expires_us = f.expires_us
   WHERE f.state = :state LIMIT :cap) c

-- name: waiting_kinds
-- params: now int?, n int
-- returns: queue text, kind text
-- Asks each lane for its first job: the cost is the number of lanes.
SELECT l.queue, l.kind FROM {lanes} l
 WHERE (SELECT r.seq FROM {ready} r FORCE INDEX (PRIMARY)
         WHERE r.lane_id = l.id AND r.no_prefetch IS NULL LIMIT 1) IS NOT NULL
    OR (SELECT r.seq FROM {ready} r FORCE INDEX (PRIMARY)
         WHERE r.lane_id = -l.id AND r.no_prefetch IS NULL LIMIT 1) IS NOT NULL
    OR (SELECT s.seq FROM {scheduled} s FORCE INDEX (PRIMARY)
         WHERE s.lane_id = l.id AND s.due_us <= {now} AND s.no_prefetch IS NULL LIMIT 1) IS NOT NULL LIMIT :n

-- name: history
-- params: id text, n int
-- returns: claim int, attempt int, cause int, at int, worker text, message text
SELECT h.claim, h.attempt, h.cause, h.at_us, h.worker, h.message
  FROM {jobs} j FORCE INDEX (sqlq_jobs_id) STRAIGHT_JOIN {history} h FORCE INDEX (PRIMARY) ON h.job_seq = j.seq
 WHERE j.id = UNHEX(REPLACE(:id, '-', '')) ORDER BY h.n LIMIT :n

-- name: last_records
-- params: ids text
-- returns: id text, claim int, attempt int, cause int, at int, worker text, message text
-- A JSON array of ids. The newest line of each history.
SELECT j.id, h.claim, h.attempt, h.cause, h.at_us, h.worker, h.message
  FROM JSON_TABLE(:ids, '$[*]' COLUMNS (id CHAR(36) CHARACTER SET utf8mb4 PATH '$')) x
 STRAIGHT_JOIN {jobs} j FORCE INDEX (sqlq_jobs_id) ON j.id = UNHEX(REPLACE(x.id, '-', ''))
 STRAIGHT_JOIN {history} h FORCE INDEX (PRIMARY) ON h.job_seq = j.seq
   AND h.n = (SELECT m.n FROM {history} m FORCE INDEX (PRIMARY) WHERE m.job_seq = j.seq
               ORDER BY m.job_seq DESC, m.n DESC LIMIT 1)

-- name: log_read
-- params: id text, claim int, number int, n int
-- returns: token int, claim int, attempt int, number int, at int, level int, text text
SELECT j.lease_token, g.claim, g.attempt, g.n, g.at_us, g.level, g.text
  FROM {jobs} j FORCE INDEX (sqlq_jobs_id) STRAIGHT_JOIN {logs} g FORCE INDEX (PRIMARY) ON g.job_seq = j.seq
 WHERE j.id = UNHEX(REPLACE(:id, '-', '')) AND g.claim >= :claim AND (g.claim > :claim OR g.n > :number)
 ORDER BY g.claim, g.n LIMIT :n

-- name: queues
-- params: after text, n int
-- returns: name text, description text, concurrency int?, priority int, paused int, created int, hidden int
SELECT q.name, q.description, q.concurrency, q.priority, q.paused, q.created_us, q.hidden
  FROM {queues} q FORCE INDEX (sqlq_queues_name) WHERE q.name > :after ORDER BY q.name LIMIT :n

-- name: queue
-- params: name text
-- returns: name text, description text, concurrency int?, priority int, paused int, created int, hidden int
SELECT q.name, q.description, q.concurrency, q.priority, q.paused, q.created_us, q.hidden
  FROM {queues} q WHERE q.name = :name

-- name: queue_upsert
-- params: name text, description text, concurrency int?, priority int, now int?
INSERT INTO {queues} (name, description, concurrency, priority, created_us)
VALUES (:name, :description, :concurrency, :priority, {now})
ON DUPLICATE KEY UPDATE description = :description, concurrency = :concurrency, priority = :priority, hidden = 0

-- name: queue_update
-- params: description text?, limited int, concurrency int?, priority int?, paused int?, name text
UPDATE {queues}
   SET description = COALESCE(:description, description),
       concurrency = CASE :limited WHEN 1 THEN :concurrency ELSE concurrency END,
       priority = COALESCE(:priority, priority), paused = COALESCE(:paused, paused), hidden = 0
 WHERE name = :name

-- name: queue_used
-- params: name text
-- returns: n int
-- Has it any job?
SELECT 1 FROM {queues} q FORCE INDEX (sqlq_queues_name)
 WHERE q.name = :name AND (
   EXISTS (SELECT 1 FROM {lanes} l FORCE INDEX (sqlq_lanes_name)
            STRAIGHT_JOIN {ready} r FORCE INDEX (PRIMARY) ON r.lane_id = l.id WHERE l.queue = q.name)
   OR EXISTS (SELECT 1 FROM {lanes} l FORCE INDEX (sqlq_lanes_name)
               STRAIGHT_JOIN {ready} r FORCE INDEX (PRIMARY) ON r.lane_id = -l.id WHERE l.queue = q.name)
   OR EXISTS (SELECT 1 FROM {lanes} l FORCE INDEX (sqlq_lanes_name)
               STRAIGHT_JOIN {scheduled} s FORCE INDEX (PRIMARY) ON s.lane_id = l.id WHERE l.queue = q.name)
   OR EXISTS (SELECT 1 FROM {gated} d FORCE INDEX (sqlq_gated_line)
               STRAIGHT_JOIN {jobs} j FORCE INDEX (PRIMARY) ON j.seq = d.job_seq AND j.state = 8
               WHERE d.queue_id = q.id)
   OR EXISTS (SELECT 1 FROM {claims} c FORCE INDEX (PRIMARY) WHERE c.queue_id = q.id)
   OR EXISTS (SELECT 1 FROM {lanes} l FORCE INDEX (sqlq_lanes_name)
               STRAIGHT_JOIN (SELECT 3 AS state UNION ALL SELECT 4 UNION ALL SELECT 6) e
               STRAIGHT_JOIN {finished} f FORCE INDEX (sqlq_finished_state) ON f.state = e.state AND f.lane_id = l.id
               STRAIGHT_JOIN JSON_TABLE(f.jobs, '$[*]' COLUMNS (seq BIGINT PATH '$')) x
               STRAIGHT_JOIN {jobs} j FORCE INDEX (PRIMARY) ON j.seq = x.seq AND j.state = f.state
               WHERE l.queue = q.name))

-- name: queue_hide
-- params: name text
UPDATE {queues} SET description = X'', concurrency = NULL, priority = 1, paused = 0, hidden = 1 WHERE name = :name

-- name: oldest_due
-- params: queue text, now int?
-- returns: due int?
-- Jumps from priority to priority along the ready table, at most 900 in a lane.
WITH RECURSIVE step (lane, priority, n) AS (
  SELECT l.id * s.sign,
         (SELECT r.priority FROM {ready} r FORCE INDEX (PRIMARY) WHERE r.lane_id = l.id * s.sign
           ORDER BY r.lane_id, r.priority, r.due_us, r.seq LIMIT 1), 1
    FROM {lanes} l FORCE INDEX (sqlq_lanes_name) CROSS JOIN (SELECT 1 AS sign UNION ALL SELECT -1) s
   WHERE l.queue = :queue
  UNION ALL
  SELECT step.lane, (SELECT r.priority FROM {ready} r FORCE INDEX (PRIMARY)
                      WHERE r.lane_id = step.lane AND r.priority > step.priority
                      ORDER BY r.lane_id, r.priority, r.due_us, r.seq LIMIT 1), step.n + 1
    FROM step WHERE step.priority IS NOT NULL AND step.n < 900)
SELECT MIN(o.due) FROM (
  SELECT (SELECT r.due_us FROM {ready} r FORCE INDEX (PRIMARY)
           WHERE r.lane_id = step.lane AND r.priority = step.priority
           ORDER BY r.lane_id, r.priority, r.due_us, r.seq LIMIT 1) AS due
    FROM step WHERE step.priority IS NOT NULL
  UNION ALL
  SELECT d.due FROM (SELECT (SELECT s.due_us FROM {scheduled} s FORCE INDEX (PRIMARY)
                              WHERE s.lane_id = l.id ORDER BY s.lane_id, s.due_us, s.seq LIMIT 1) AS due
                       FROM {lanes} l FORCE INDEX (sqlq_lanes_name) WHERE l.queue = :queue) d
   WHERE d.due <= {now}) o
