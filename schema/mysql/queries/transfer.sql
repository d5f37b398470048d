-- Jobs on their way out of a database and into it.

-- name: transfer_jobs
-- params: rows list
-- Jobs as they were elsewhere. A duplicate id is an error and undoes the statement.
INSERT INTO {jobs} (id, lane_id, queue_id, state, priority, due_us, attempt, max_attempts, crashes, max_crashes, claims,
                    keepalive_us, timeout_us, retention_us, created_us, queued_us, started_us, heartbeat_us,
                    finished_us, expires_us, worker_id, unique_key, params, result, headers, flags)
VALUES :rows

-- name: transfer_steps_add
-- params: rows list
-- Rows: job, kind, name, number, ord, claim, at, until, value.
INSERT INTO {steps} (job_seq, kind, name, n, ord, claim, at_us, until_us, value) VALUES :rows

-- name: transfer_ids
-- params: after text, n int
-- returns: id text
SELECT j.id FROM {jobs} j FORCE INDEX (sqlq_jobs_id) WHERE j.id > UNHEX(REPLACE(:after, '-', ''))
 ORDER BY j.id LIMIT :n

-- name: transfer_sizes
-- params: ids text
-- returns: id text, bytes int, history int, log int, steps int
-- How large the texts of jobs are, with histories, logs and steps, and how many lines these have.
SELECT j.id,
       LENGTH(j.params) + COALESCE(LENGTH(j.result), 0) + COALESCE(LENGTH(j.headers), 0)
         + (SELECT CAST(COALESCE(SUM(LENGTH(h.message)), 0) AS SIGNED)
              FROM {history} h FORCE INDEX (PRIMARY) WHERE h.job_seq = j.seq)
         + (SELECT CAST(COALESCE(SUM(LENGTH(g.text)), 0) AS SIGNED)
              FROM {logs} g FORCE INDEX (PRIMARY) WHERE g.job_seq = j.seq)
         + (SELECT CAST(COALESCE(SUM(LENGTH(t.value)), 0) AS SIGNED)
              FROM {steps} t FORCE INDEX (PRIMARY) WHERE t.job_seq = j.seq),
       (SELECT COUNT(*) FROM {history} h FORCE INDEX (PRIMARY) WHERE h.job_seq = j.seq),
       (SELECT COUNT(*) FROM {logs} g FORCE INDEX (PRIMARY) WHERE g.job_seq = j.seq),
       (SELECT COUNT(*) FROM {steps} t FORCE INDEX (PRIMARY) WHERE t.job_seq = j.seq)
  FROM JSON_TABLE(:ids, '$[*]' COLUMNS (id CHAR(36) CHARACTER SET utf8mb4 PATH '$')) x
 STRAIGHT_JOIN {jobs} j FORCE INDEX (sqlq_jobs_id) ON j.id = UNHEX(REPLACE(x.id, '-', ''))

-- name: transfer_history
-- params: ids text
-- returns: id text, n int, claim int, attempt int, cause int, at int, worker text, message text
SELECT j.id, h.n, h.claim, h.attempt, h.cause, h.at_us, h.worker, h.message
  FROM JSON_TABLE(:ids, '$[*]' COLUMNS (id CHAR(36) CHARACTER SET utf8mb4 PATH '$')) x
 STRAIGHT_JOIN {jobs} j FORCE INDEX (sqlq_jobs_id) ON j.id = UNHEX(REPLACE(x.id, '-', ''))
 STRAIGHT_JOIN {history} h FORCE INDEX (PRIMARY) ON h.job_seq = j.seq

-- name: transfer_log
-- params: ids text
-- returns: id text, token int, claim int, attempt int, number int, at int, level int, text text
-- Whoever wrote the lines has no lease any more, as far as others are concerned.
SELECT j.id, 0, g.claim, g.attempt, g.n, g.at_us, g.level, g.text
  FROM JSON_TABLE(:ids, '$[*]' COLUMNS (id CHAR(36) CHARACTER SET utf8mb4 PATH '$')) x
 STRAIGHT_JOIN {jobs} j FORCE INDEX (sqlq_jobs_id) ON j.id = UNHEX(REPLACE(x.id, '-', ''))
 STRAIGHT_JOIN {logs} g FORCE INDEX (PRIMARY) ON g.job_seq = j.seq

-- name: transfer_steps
-- params: ids text
-- returns: id text, ord int, kind int, name text, number int, claim int, at int, until int?, value text
SELECT j.id, t.ord, t.kind, t.name, t.n, t.claim, t.at_us, t.until_us, t.value
  FROM JSON_TABLE(:ids, '$[*]' COLUMNS (id CHAR(36) CHARACTER SET utf8mb4 PATH '$')) x
 STRAIGHT_JOIN {jobs} j FORCE INDEX (sqlq_jobs_id) ON j.id = UNHEX(REPLACE(x.id, '-', ''))
 STRAIGHT_JOIN {steps} t FORCE INDEX (PRIMARY) ON t.job_seq = j.seq
