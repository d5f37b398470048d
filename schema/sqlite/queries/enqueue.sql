-- Storing jobs, with the queues and lanes they need.

-- name: lane
-- params: queue text, kind text
-- returns: id int, queue_id int
SELECT l.id, l.queue_id FROM sqlq_queues q JOIN sqlq_lanes l ON l.queue_id = q.id
 WHERE q.name = :queue AND l.kind = :kind

-- name: queue_make
-- params: name text, now int
-- On first use only: enqueue looks the lane up first, so the queue's row is never rewritten.
INSERT INTO sqlq_queues (name, created_us) VALUES (:name, :now) ON CONFLICT DO NOTHING

-- name: lane_make
-- params: queue text, kind text
INSERT INTO sqlq_lanes (queue_id, kind) SELECT id, :kind FROM sqlq_queues WHERE name = :queue

-- name: job_insert
-- params: id text, lane int, queue int, state int, priority int, due int, max_attempts int, max_crashes int, keepalive int, timeout int, retention int?, now int, unique_key text?, params text
-- No RETURNING here and in the other statements for one row: SQLite makes and drops a temporary table for each run.
INSERT INTO sqlq_jobs (id, lane_id, queue_id, state, priority, due_us, max_attempts, max_crashes, keepalive_us,
                       timeout_us, retention_us, created_us, queued_us, unique_key, params)
VALUES (:id, :lane, :queue, :state, :priority, :due, :max_attempts, :max_crashes, :keepalive,
        :timeout, :retention, :now, :now, :unique_key, :params)
ON CONFLICT DO NOTHING

-- name: job_insert_headers
-- params: id text, lane int, queue int, state int, priority int, due int, max_attempts int, max_crashes int, keepalive int, timeout int, retention int?, now int, unique_key text?, params text, headers text, flags int
-- The same for a job with headers.
INSERT INTO sqlq_jobs (id, lane_id, queue_id, state, priority, due_us, max_attempts, max_crashes, keepalive_us,
                       timeout_us, retention_us, created_us, queued_us, unique_key, params, headers, flags)
VALUES (:id, :lane, :queue, :state, :priority, :due, :max_attempts, :max_crashes, :keepalive,
        :timeout, :retention, :now, :now, :unique_key, :params, :headers, :flags)
ON CONFLICT DO NOTHING

-- name: id_taken
-- params: id text
-- returns: one int
SELECT 1 FROM sqlq_jobs WHERE id = :id

-- name: key_holder
-- params: unique_key text
-- returns: id text
SELECT id FROM sqlq_jobs WHERE unique_key = :unique_key AND expires_us IS NULL
