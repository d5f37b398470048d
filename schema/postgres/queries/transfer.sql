-- Jobs on their way out of a database and into it.

-- name: transfer_jobs
-- params: ids text, queues text, kinds text, states text, priorities text, dues text, attempts text, max_attempts text, crashes text, max_crashes text, claims text, notes text, keepalives text, timeouts text, retentions text, created text, queued text, started text, heartbeats text, finished text, expires text, workers text, unique_keys text, params text, results text, headers text, flags text
-- returns: id text, seq int
-- Jobs as they were elsewhere: passes over those in whose way others are, and answers the others.
INSERT INTO {jobs} (id, lane_id, queue_id, state, priority, due_us, attempt, max_attempts, crashes, max_crashes, claims,
                    notes, keepalive_us, timeout_us, retention_us, created_us, queued_us, started_us, heartbeat_us,
                    finished_us, expires_us, worker, unique_key, params, result, headers, flags)
SELECT i.id, l.id * CASE WHEN i.crashes > 0 AND i.crashes + 1 >= i.max_crashes THEN -1 ELSE 1 END, l.queue_id, i.state,
       i.priority, i.due, i.attempt, i.max_attempts, i.crashes, i.max_crashes, i.claims, i.notes, i.keepalive,
       i.timeout, i.retention, i.created, i.queued, i.started, i.heartbeat, i.finished, i.expires, i.worker,
       i.unique_key, i.params, i.result, i.headers, i.flags
  FROM unnest(:ids::uuid[], :queues::text[], :kinds::text[], :states::smallint[], :priorities::integer[],
              :dues::bigint[], :attempts::integer[], :max_attempts::integer[], :crashes::integer[],
              :max_crashes::integer[], :claims::bigint[], :notes::bigint[], :keepalives::bigint[], :timeouts::bigint[],
              :retentions::bigint[], :created::bigint[], :queued::bigint[], :started::bigint[], :heartbeats::bigint[],
              :finished::bigint[], :expires::bigint[], :workers::text[], :unique_keys::text[], :params::text[],
              :results::text[], :headers::text[], :flags::smallint[]) WITH ORDINALITY
       AS i(id, queue, kind, state, priority, due, attempt, max_attempts, crashes, max_crashes, claims, notes,
            keepalive, timeout, retention, created, queued, started, heartbeat, finished, expires, worker, unique_key,
            params, result, headers, flags, n)
  LEFT JOIN LATERAL (SELECT l.id, l.queue_id FROM {queues} q JOIN {lanes} l ON l.queue_id = q.id
                      WHERE q.name = i.queue AND l.kind = i.kind) l ON true
 ORDER BY i.n
ON CONFLICT DO NOTHING
RETURNING id, seq

-- name: transfer_lines
-- params: history_seqs text, history_numbers text, history_claims text, history_ats text, history_attempts text, causes text, workers text, messages text, log_seqs text, log_numbers text, log_claims text, log_ats text, log_attempts text, levels text, texts text
-- Histories and logs of jobs that the same transaction has stored.
WITH noted AS (
  INSERT INTO {history} (job_seq, n, claim, at_us, attempt, cause, worker, message)
  SELECT i.seq, i.n, i.claim, i.at, i.attempt, i.cause, i.worker, i.message
    FROM unnest(:history_seqs::bigint[], :history_numbers::bigint[], :history_claims::bigint[], :history_ats::bigint[],
                :history_attempts::integer[], :causes::smallint[], :workers::text[], :messages::text[])
         AS i(seq, n, claim, at, attempt, cause, worker, message))
INSERT INTO {logs} (job_seq, claim, n, at_us, attempt, level, text)
SELECT i.seq, i.claim, i.n, i.at, i.attempt, i.level, i.text
  FROM unnest(:log_seqs::bigint[], :log_numbers::bigint[], :log_claims::bigint[], :log_ats::bigint[],
              :log_attempts::integer[], :levels::smallint[], :texts::text[])
       AS i(seq, n, claim, at, attempt, level, text)

-- name: transfer_steps_add
-- params: seqs text, kinds text, names text, numbers text, ords text, claims text, ats text, untils text, step_values text
-- Their steps.
INSERT INTO {steps} (job_seq, kind, name, n, ord, claim, at_us, until_us, value)
SELECT i.seq, i.kind, i.name, i.n, i.ord, i.claim, i.at, i.until, i.value
  FROM unnest(:seqs::bigint[], :kinds::smallint[], :names::text[], :numbers::bigint[], :ords::bigint[],
              :claims::bigint[], :ats::bigint[], :untils::bigint[], :step_values::text[])
       AS i(seq, kind, name, n, ord, claim, at, until, value)

-- name: transfer_ids
-- params: after text, n int
-- returns: id text
SELECT j.id FROM {jobs} j WHERE j.id > :after::uuid ORDER BY j.id LIMIT :n

-- name: transfer_sizes
-- params: ids text
-- returns: id text, bytes int, history int, log int, steps int
-- How large the texts of jobs are, with histories, logs and steps, and how many lines these have.
SELECT j.id,
       octet_length(j.params) + octet_length(j.result) + coalesce(octet_length(j.headers), 0) + h.bytes + g.bytes
       + t.bytes,
       h.n, g.n, t.n
  FROM json_array_elements_text(:ids::json) AS w(id)
  JOIN {jobs} j ON j.id = w.id::uuid
 CROSS JOIN LATERAL (SELECT count(*) AS n, coalesce(sum(octet_length(x.message)), 0) AS bytes
                       FROM {history} x WHERE x.job_seq = j.seq) h
 CROSS JOIN LATERAL (SELECT count(*) AS n, coalesce(sum(octet_length(x.text)), 0) AS bytes
                       FROM {logs} x WHERE x.job_seq = j.seq) g
 CROSS JOIN LATERAL (SELECT count(*) AS n, coalesce(sum(octet_length(x.value)), 0) AS bytes
                       FROM {steps} x WHERE x.job_seq = j.seq) t

-- name: transfer_history
-- params: ids text
-- returns: id text, n int, claim int, attempt int, cause int, at int, worker text, message text
SELECT j.id, h.n, h.claim, h.attempt, h.cause, h.at_us, h.worker, h.message
  FROM json_array_elements_text(:ids::json) AS w(id)
  JOIN {jobs} j ON j.id = w.id::uuid JOIN {history} h ON h.job_seq = j.seq

-- name: transfer_log
-- params: ids text
-- returns: id text, token int, claim int, attempt int, number int, at int, level int, text text
-- Whoever wrote the lines has no lease any more, as far as others are concerned.
SELECT j.id, 0, g.claim, g.attempt, g.n, g.at_us, g.level, g.text
  FROM json_array_elements_text(:ids::json) AS w(id)
  JOIN {jobs} j ON j.id = w.id::uuid JOIN {logs} g ON g.job_seq = j.seq

-- name: transfer_steps
-- params: ids text
-- returns: id text, ord int, kind int, name text, number int, claim int, at int, until int?, value text
SELECT j.id, t.ord, t.kind, t.name, t.n, t.claim, t.at_us, t.until_us, t.value
  FROM json_array_elements_text(:ids::json) AS w(id)
  JOIN {jobs} j ON j.id = w.id::uuid JOIN {steps} t ON t.job_seq = j.seq
