-- Jobs on their way out of a database and into it.

-- name: transfer_job
-- params: id text, lane int, queue int, state int, priority int, due int, attempt int, max_attempts int, crashes int, max_crashes int, claims int, keepalive int, timeout int, retention int?, created int, queued int, started int?, heartbeat int?, finished int?, expires int?, worker text, unique_key text?, params text, result text, headers text?, flags int
-- A job as it was elsewhere.
INSERT INTO sqlq_jobs (id, lane_id, queue_id, state, priority, due_us, attempt, max_attempts, crashes, max_crashes,
                       claims, keepalive_us, timeout_us, retention_us, created_us, queued_us, started_us, heartbeat_us,
                       finished_us, expires_us, worker, unique_key, params, result, headers, flags)
VALUES (:id, :lane, :queue, :state, :priority, :due, :attempt, :max_attempts, :crashes, :max_crashes, :claims,
        :keepalive, :timeout, :retention, :created, :queued, :started, :heartbeat, :finished, :expires, :worker,
        :unique_key, :params, :result, :headers, :flags)
ON CONFLICT DO NOTHING

-- name: transfer_attempt
-- params: seq int, n int, claim int, attempt int, cause int, at int, worker text, message text
INSERT INTO sqlq_history (job_seq, n, claim, attempt, cause, at_us, worker, message)
VALUES (:seq, :n, :claim, :attempt, :cause, :at, :worker, :message)

-- name: transfer_step
-- params: seq int, kind int, name text, number int, ord int, claim int, at int, until int?, value text
INSERT INTO sqlq_steps (job_seq, kind, name, n, ord, claim, at_us, until_us, value)
VALUES (:seq, :kind, :name, :number, :ord, :claim, :at, :until, :value)

-- name: transfer_ids
-- params: after text, n int
-- returns: id text
SELECT id FROM sqlq_jobs INDEXED BY sqlq_jobs_id WHERE id > :after ORDER BY id LIMIT :n

-- name: transfer_sizes
-- params: ids text
-- returns: id text, bytes int, history int, log int, steps int
-- How large the texts of jobs are, with histories, logs and steps, and how many lines these have. As BLOB: in bytes.
SELECT j.id,
       length(CAST(j.params AS BLOB)) + length(CAST(j.result AS BLOB)) + coalesce(length(CAST(j.headers AS BLOB)), 0)
         + (SELECT coalesce(sum(length(CAST(h.message AS BLOB))), 0) FROM sqlq_history h WHERE h.job_seq = j.seq)
         + (SELECT coalesce(sum(length(CAST(g.text AS BLOB))), 0) FROM sqlq_logs g WHERE g.job_seq = j.seq)
         + (SELECT coalesce(sum(length(CAST(t.value AS BLOB))), 0) FROM sqlq_steps t WHERE t.job_seq = j.seq),
       (SELECT count(*) FROM sqlq_history h WHERE h.job_seq = j.seq),
       (SELECT count(*) FROM sqlq_logs g WHERE g.job_seq = j.seq),
       (SELECT count(*) FROM sqlq_steps t WHERE t.job_seq = j.seq)
  FROM json_each(:ids) x CROSS JOIN sqlq_jobs j ON j.id = x.value

-- name: transfer_history
-- params: ids text
-- returns: id text, n int, claim int, attempt int, cause int, at int, worker text, message text
SELECT j.id, h.n, h.claim, h.attempt, h.cause, h.at_us, h.worker, h.message
  FROM json_each(:ids) x CROSS JOIN sqlq_jobs j ON j.id = x.value CROSS JOIN sqlq_history h ON h.job_seq = j.seq

-- name: transfer_log
-- params: ids text
-- returns: id text, token int, claim int, attempt int, number int, at int, level int, text text
-- Whoever wrote the lines has no lease any more, as far as others are concerned.
SELECT j.id, 0, g.claim, g.attempt, g.n, g.at_us, g.level, g.text
  FROM json_each(:ids) x CROSS JOIN sqlq_jobs j ON j.id = x.value CROSS JOIN sqlq_logs g ON g.job_seq = j.seq

-- name: transfer_steps
-- params: ids text
-- returns: id text, ord int, kind int, name text, number int, claim int, at int, until int?, value text
SELECT j.id, t.ord, t.kind, t.name, t.n, t.claim, t.at_us, t.until_us, t.value
  FROM json_each(:ids) x CROSS JOIN sqlq_jobs j ON j.id = x.value CROSS JOIN sqlq_steps t ON t.job_seq = j.seq
