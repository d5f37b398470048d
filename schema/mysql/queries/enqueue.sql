-- Storing jobs, with the queues and lanes they need.

-- name: ready_add
-- params: rows list
-- Rows: lane, priority, due, seq.
INSERT INTO {ready} (lane_id, priority, due_us, seq) VALUES :rows

-- name: scheduled_add
-- params: rows list
-- Rows: lane, due, seq, priority.
INSERT INTO {scheduled} (lane_id, due_us, seq, priority) VALUES :rows

-- name: lane
-- params: now int?, queue text, kind text
-- returns: now int, id int, queue_id int
SELECT {now}, l.id, l.queue_id FROM {lanes} l WHERE l.queue = :queue AND l.kind = :kind

-- name: lane_now
-- params: now int?, queue text, kind text
-- returns: now int, id int, queue_id int
-- In a borrowed transaction, whose snapshot may be older than the lane. Lanes are never written again.
SELECT {now}, l.id, l.queue_id FROM {lanes} l WHERE l.queue = :queue AND l.kind = :kind LOCK IN SHARE MODE

-- name: lanes_named
-- params: names list, now int?
-- returns: now int, id int?, name text?, kind text?
-- The time, in a row of its own, and the queues of these names with their lanes.
SELECT {now}, NULL, NULL, NULL
 UNION ALL
SELECT {now}, q.id, q.name, l.kind FROM {queues} q FORCE INDEX (sqlq_queues_name)
  LEFT JOIN {lanes} l FORCE INDEX (sqlq_lanes_name) ON l.queue = q.name WHERE q.name IN (:names)

-- name: queues_make
-- params: rows list
-- Rows: name, description, time. A duplicate is an error and undoes the statement.
INSERT INTO {queues} (name, description, created_us) VALUES :rows

-- name: lanes_make
-- params: rows list
-- Rows: queue_id, queue, kind. A duplicate is an error and undoes the statement.
INSERT INTO {lanes} (queue_id, queue, kind) VALUES :rows

-- name: keys_add
-- params: rows list
-- Rows: unique key, id. A duplicate is an error and undoes the statement.
INSERT INTO {keys} (unique_key, id) VALUES :rows

-- name: keys_remove
-- params: keys list
DELETE FROM {keys} WHERE unique_key IN (:keys)

-- name: jobs_insert
-- params: rows list
-- A duplicate id is an error and undoes the statement: nothing else may be ignored with it.
INSERT INTO {jobs} (id, lane_id, queue_id, state, priority, due_us, max_attempts, max_crashes, keepalive_us, timeout_us,
                    retention_us, created_us, queued_us, unique_key, params)
VALUES :rows

-- name: jobs_insert_headers
-- params: rows list
-- The same for a batch in which some have headers; flags: 4 for those with a key.
INSERT INTO {jobs} (id, lane_id, queue_id, state, priority, due_us, max_attempts, max_crashes, keepalive_us, timeout_us,
                    retention_us, created_us, queued_us, unique_key, params, headers, flags)
VALUES :rows

-- name: workers_named
-- params: names list
-- returns: number int, name text, asleep int
-- The numbers of these names, which nobody removes before the end of the transaction (names_sleep).
SELECT w.id, w.name, COALESCE(w.asleep_us, 0) <> 0 FROM {workers} w FORCE INDEX (sqlq_workers_name)
 WHERE w.name IN (:names) LOCK IN SHARE MODE

-- name: ready_insert
-- params: n int
-- The pending ones of the n jobs that were just inserted: their seqs follow one another, for both servers know how many
-- there will be. Where several servers write (auto_increment_increment), jobs of the others lie between them.
INSERT INTO {ready} (lane_id, priority, due_us, seq)
SELECT j.lane_id, j.priority, j.due_us, j.seq FROM {jobs} j FORCE INDEX (PRIMARY)
 WHERE j.seq BETWEEN LAST_INSERT_ID() AND LAST_INSERT_ID() + (:n - 1) * @@auto_increment_increment
   AND (j.seq - LAST_INSERT_ID()) % @@auto_increment_increment = 0 AND j.state = 1

-- name: scheduled_insert
-- params: n int
INSERT INTO {scheduled} (lane_id, due_us, seq, priority)
SELECT j.lane_id, j.due_us, j.seq, j.priority FROM {jobs} j FORCE INDEX (PRIMARY)
 WHERE j.seq BETWEEN LAST_INSERT_ID() AND LAST_INSERT_ID() + (:n - 1) * @@auto_increment_increment
   AND (j.seq - LAST_INSERT_ID()) % @@auto_increment_increment = 0 AND j.state = 7

-- name: ready_insert_ids
-- params: ids list
-- In borrowed transactions, where a range that is read keeps others from inserting behind it.
INSERT INTO {ready} (lane_id, priority, due_us, seq)
SELECT j.lane_id, j.priority, j.due_us, j.seq FROM {jobs} j FORCE INDEX (sqlq_jobs_id)
 WHERE j.id IN (:ids) AND j.state = 1

-- name: scheduled_insert_ids
-- params: ids list
INSERT INTO {scheduled} (lane_id, due_us, seq, priority)
SELECT j.lane_id, j.due_us, j.seq, j.priority FROM {jobs} j FORCE INDEX (sqlq_jobs_id)
 WHERE j.id IN (:ids) AND j.state = 7

-- name: id_holders
-- params: ids list
-- returns: id text
SELECT j.id FROM {jobs} j FORCE INDEX (sqlq_jobs_id) WHERE j.id IN (:ids)

-- name: id_holders_now
-- params: ids list
-- returns: id text
SELECT j.id FROM {jobs} j FORCE INDEX (sqlq_jobs_id) WHERE j.id IN (:ids) LOCK IN SHARE MODE

-- name: key_holders
-- params: keys list
-- returns: id text, unique_key text, gone int
-- gone: the job was deleted by hand.
SELECT k.id, k.unique_key, j.id IS NULL FROM {keys} k FORCE INDEX (PRIMARY)
  LEFT JOIN {jobs} j FORCE INDEX (sqlq_jobs_id) ON j.id = k.id
 WHERE k.unique_key IN (:keys)

-- name: key_holders_now
-- params: keys list
-- returns: id text, unique_key text, gone int
SELECT k.id, k.unique_key, j.id IS NULL FROM {keys} k FORCE INDEX (PRIMARY)
  LEFT JOIN {jobs} j FORCE INDEX (sqlq_jobs_id) ON j.id = k.id
 WHERE k.unique_key IN (:keys) LOCK IN SHARE MODE

-- name: keys_free
-- params: keys list, rows list
-- Rows: unique key, id.
DELETE FROM {keys} WHERE unique_key IN (:keys) AND (unique_key, id) IN (:rows)

-- name: find
-- params: ids list
-- returns: seq int, id text, state int, token int, queue int, lane int, retention int?, keyed int
SELECT j.seq, j.id, j.state, j.lease_token, j.queue_id, j.lane_id, j.retention_us, j.unique_key IS NOT NULL
  FROM {jobs} j FORCE INDEX (sqlq_jobs_id) WHERE j.id IN (:ids)

-- name: find_now
-- params: ids list
-- returns: seq int, id text, state int, token int, queue int, lane int, retention int?, keyed int
-- In a borrowed transaction, whose snapshot may be older than the jobs. Locks entries of the index only, so it can
-- tell the seq only; ids never change.
SELECT j.seq, j.id, 0, 0, 0, 0, 0, 0 FROM {jobs} j FORCE INDEX (sqlq_jobs_id) WHERE j.id IN (:ids) LOCK IN SHARE MODE

-- name: borrowed
-- returns: client text, connection text, results text?, no_backslash int, whole_results int, unique_checks int, packet int, last_id int
-- What of the settings of somebody else's connection matters to our statements.
SELECT @@character_set_client, @@character_set_connection, @@character_set_results,
       FIND_IN_SET('NO_BACKSLASH_ESCAPES', @@sql_mode) > 0, @@sql_select_limit >= 9223372036854775807,
       @@unique_checks, @@max_allowed_packet, LAST_INSERT_ID()

-- name: last_id_restore
-- params: id int
-- returns: id int
SELECT LAST_INSERT_ID(:id)
