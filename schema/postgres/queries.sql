-- Every statement of the PostgreSQL backend. Each begins with its name, its parameters and its columns, with their
-- types; a `?` behind a type means it may be NULL. States are literals, so that partial indexes apply.
--
-- Names in braces: tables as the schema of the URL has them; the time in microseconds, which is the server's unless a
-- test gives it (now, steady); what the statement has taken until now, in microseconds (took); the pieces below, which
-- several statements share. Lists travel as one text each, in the notation of arrays, and are walked with unnest.
--
-- Plans must be right whatever the statistics say. Tables are reached by subqueries that run once per item (LATERAL
-- with ORDER BY and LIMIT as an index has it) or by joins from few rows along a key; our own connections forbid the
-- other kinds of plan besides (src/connection.cpp). A plus before a column keeps an index from being used for it: where
-- the key is known, a partial index that happens to be empty must not look cheaper.
--
-- Whoever changes several jobs locks them in the order of their ids or skips locked ones. What must hold of a row is
-- said again in the UPDATE that changes it, for the row may have changed while its lock was waited for. Who skips
-- locked rows changes them by their place in the table (ctid), which needs no index; one that has moved between the
-- start of the statement and its lock is passed over like a locked one.
--
-- A test prepares each on a fresh schema and compares the declarations with what the server says; another asserts
-- plans.

-- piece: job_types
id text, state int, priority int, params text, result text, unique_key text?, attempt int, max_attempts int,
crashes int, max_crashes int, claims int, token int, worker text, keepalive int, timeout int, retention int?,
created int, queued int, due int, started int?, heartbeat int?, finished int?, headers text?

-- piece: job
j.id, j.state, j.priority, j.params, j.result, j.unique_key, j.attempt, j.max_attempts, j.crashes, j.max_crashes,
j.claims, j.lease_token, j.worker, j.keepalive_us, j.timeout_us, j.retention_us, j.created_us, j.queued_us, j.due_us,
j.started_us, j.heartbeat_us, j.finished_us, j.headers

-- piece: trim
-- A job's history keeps its last 1000 lines. `changed` has the jobs, with the number of the newest.
DELETE FROM {history} h WHERE h.ctid = ANY (ARRAY(
  SELECT o.ctid FROM changed e CROSS JOIN LATERAL (
    SELECT x.ctid FROM {history} x WHERE x.job_seq = e.seq AND x.n <= e.notes - 1000 OFFSET 0) o
   WHERE e.notes > 1000))

-- name: queue_make
-- params: names text, now int?
-- Existing ones are left out first: a conflict would use up a number.
INSERT INTO {queues} (name, created_us)
SELECT w.name, {now} FROM unnest(:names::text[]) AS w(name)
 WHERE NOT EXISTS (SELECT 1 FROM {queues} q WHERE q.name = w.name)
 GROUP BY w.name ORDER BY w.name
ON CONFLICT DO NOTHING

-- name: lane_make
-- params: queues text, kinds text
INSERT INTO {lanes} (queue_id, kind)
SELECT q.id, w.kind FROM unnest(:queues::text[], :kinds::text[]) AS w(queue, kind) JOIN {queues} q ON q.name = w.queue
 WHERE NOT EXISTS (SELECT 1 FROM {lanes} l WHERE l.queue_id = q.id AND l.kind = w.kind)
 ORDER BY q.id, w.kind
ON CONFLICT DO NOTHING

-- piece: batch
queues text, kinds text, now int?, run_ats text, delays text, priorities text, max_attempts text, max_crashes text,
keepalives text, timeouts text, retentions text, ids text, shapes text, params text

-- piece: shape
shape AS MATERIALIZED (
  SELECT array_agg(l.id ORDER BY w.n) AS lanes, array_agg(l.queue_id ORDER BY w.n) AS queues,
         array_agg(CASE WHEN w.run_at > {now} OR w.delay > 0 THEN 7 ELSE 1 END ORDER BY w.n) AS states,
         array_agg(CASE WHEN w.run_at IS NOT NULL THEN greatest(w.run_at, {now})
                        ELSE {now} + least(greatest(w.delay, 0), 9223372036854775807 - greatest({now}, 0)) END
                   ORDER BY w.n) AS dues
    FROM unnest(:queues::text[], :kinds::text[], :run_ats::bigint[], :delays::bigint[]) WITH ORDINALITY
         AS w(queue, kind, run_at, delay, n)
    LEFT JOIN LATERAL (SELECT l.id, l.queue_id FROM {queues} q JOIN {lanes} l ON l.queue_id = q.id
                        WHERE q.name = w.queue AND l.kind = w.kind) l ON true)

-- piece: shaped_columns
lane_id, queue_id, state, priority, due_us, max_attempts, max_crashes, keepalive_us, timeout_us, retention_us

-- piece: shaped
coalesce((SELECT lanes FROM shape)[i.shape],
         nullif(current_setting('transaction_isolation'), 'read committed')::integer),
(SELECT queues FROM shape)[i.shape], (SELECT states FROM shape)[i.shape], (:priorities::integer[])[i.shape],
(SELECT dues FROM shape)[i.shape], (:max_attempts::integer[])[i.shape], (:max_crashes::integer[])[i.shape],
(:keepalives::bigint[])[i.shape], (:timeouts::bigint[])[i.shape],
nullif((:retentions::bigint[])[i.shape], -1)

-- name: job_insert
-- params: {batch}
-- New jobs without unique keys; when an id is there already, the unique index refuses them all. (A third faster than to
-- be ready for conflicts, which needs each row written, looked for and confirmed.)
--
-- What the jobs of a batch have in common, nearly everything, is their shape: each item names its shape by its place in
-- the lists of shapes. A lane that is not there is a NULL that the column refuses; in a transaction whose snapshot may
-- be older than the lane, the cast fails instead and tells the two apart. A time that has passed means now: else a
-- run_at of long ago would overtake every job that waits. A retention of -1 is none.
WITH {shape}
INSERT INTO {jobs} (id, {shaped_columns}, created_us, queued_us, params)
SELECT i.id,
       {shaped}, {now}, {now}, i.params
  FROM unnest(:ids::uuid[], :shapes::integer[], :params::text[])
       AS i(id, shape, params)

-- name: job_insert_headers
-- params: {batch}, headers text
-- The same for a batch in which some have headers (docs/decisions/0050).
WITH {shape}
INSERT INTO {jobs} (id, {shaped_columns}, created_us, queued_us, params, headers)
SELECT i.id,
       {shaped}, {now}, {now}, i.params, i.headers
  FROM unnest(:ids::uuid[], :shapes::integer[], :params::text[], :headers::text[])
       AS i(id, shape, params, headers)

-- piece: drawn
drawn AS MATERIALIZED (
  SELECT CASE :numbered WHEN 0 THEN ARRAY(SELECT nextval({jobs_seq}) FROM unnest(:ids::uuid[])) END AS seqs)

-- piece: place
CASE :numbered WHEN 0 THEN (SELECT seqs FROM drawn)[i.rank] ELSE i.rank END

-- name: job_insert_new
-- params: {batch}, unique_keys text, ranks text, numbered int
-- returns: id text, unique_key text?
-- The same for jobs of which some may be there already: passes over those and answers the others. The items come in
-- the order in which their keys are to be locked; their place in the insertion order is the how manyth each is for its
-- caller, or a number from seqs_draw.
WITH {shape}, {drawn}
INSERT INTO {jobs} (id, seq, {shaped_columns}, created_us, queued_us, unique_key, params) OVERRIDING SYSTEM VALUE
SELECT i.id, {place},
       {shaped}, {now}, {now}, i.unique_key, i.params
  FROM unnest(:ids::uuid[], :shapes::integer[], :unique_keys::text[], :ranks::bigint[], :params::text[])
       AS i(id, shape, unique_key, rank, params)
ON CONFLICT DO NOTHING
RETURNING id, unique_key

-- name: job_insert_new_headers
-- params: {batch}, unique_keys text, ranks text, numbered int, headers text
-- returns: id text, unique_key text?
-- The same for a batch in which some have headers.
WITH {shape}, {drawn}
INSERT INTO {jobs} (id, seq, {shaped_columns}, created_us, queued_us, unique_key, params, headers)
       OVERRIDING SYSTEM VALUE
SELECT i.id, {place},
       {shaped}, {now}, {now}, i.unique_key, i.params, i.headers
  FROM unnest(:ids::uuid[], :shapes::integer[], :unique_keys::text[], :ranks::bigint[], :params::text[],
              :headers::text[])
       AS i(id, shape, unique_key, rank, params, headers)
ON CONFLICT DO NOTHING
RETURNING id, unique_key

-- name: seqs_draw
-- params: n int
-- returns: seq int
-- So many numbers in the insertion order.
SELECT nextval({jobs_seq}) FROM generate_series(1, :n)

-- name: holders
-- params: ids text, unique_keys text
-- returns: n int, id text?
-- Which job is in the way of each item; none: it went away meanwhile.
SELECT w.n, coalesce((SELECT j.id FROM {jobs} j WHERE j.id = w.id),
                     (SELECT j.id FROM {jobs} j WHERE j.unique_key = w.unique_key AND j.state IN (1, 2, 5, 7)))
  FROM unnest(:ids::uuid[], :unique_keys::text[]) WITH ORDINALITY AS w(id, unique_key, n)

-- name: transfer_jobs
-- params: ids text, queues text, kinds text, states text, priorities text, dues text, attempts text, max_attempts text, crashes text, max_crashes text, claims text, notes text, keepalives text, timeouts text, retentions text, created text, queued text, started text, heartbeats text, finished text, expires text, workers text, unique_keys text, params text, results text, headers text
-- returns: id text, seq int
-- Jobs as they were elsewhere: passes over those in whose way others are, and answers the others. The unique index
-- knows nothing of waiting jobs (8): of these the key is looked for.
INSERT INTO {jobs} (id, lane_id, queue_id, state, priority, due_us, attempt, max_attempts, crashes, max_crashes, claims,
                    notes, keepalive_us, timeout_us, retention_us, created_us, queued_us, started_us, heartbeat_us,
                    finished_us, expires_us, worker, unique_key, params, result, headers)
SELECT i.id, l.id * CASE WHEN i.crashes > 0 AND i.crashes + 1 >= i.max_crashes THEN -1 ELSE 1 END, l.queue_id, i.state,
       i.priority, i.due, i.attempt, i.max_attempts, i.crashes, i.max_crashes, i.claims, i.notes, i.keepalive,
       i.timeout, i.retention, i.created, i.queued, i.started, i.heartbeat, i.finished, i.expires, i.worker,
       i.unique_key, i.params, i.result, i.headers
  FROM unnest(:ids::uuid[], :queues::text[], :kinds::text[], :states::smallint[], :priorities::integer[],
              :dues::bigint[], :attempts::integer[], :max_attempts::integer[], :crashes::integer[],
              :max_crashes::integer[], :claims::bigint[], :notes::bigint[], :keepalives::bigint[], :timeouts::bigint[],
              :retentions::bigint[], :created::bigint[], :queued::bigint[], :started::bigint[], :heartbeats::bigint[],
              :finished::bigint[], :expires::bigint[], :workers::text[], :unique_keys::text[], :params::text[],
              :results::text[], :headers::text[]) WITH ORDINALITY
       AS i(id, queue, kind, state, priority, due, attempt, max_attempts, crashes, max_crashes, claims, notes,
            keepalive, timeout, retention, created, queued, started, heartbeat, finished, expires, worker, unique_key,
            params, result, headers, n)
  LEFT JOIN LATERAL (SELECT l.id, l.queue_id FROM {queues} q JOIN {lanes} l ON l.queue_id = q.id
                      WHERE q.name = i.queue AND l.kind = i.kind) l ON true
 WHERE i.state <> 8 OR (SELECT o.id FROM {jobs} o
                         WHERE o.unique_key = i.unique_key AND o.state IN (1, 2, 5, 7)) IS NULL
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

-- name: transaction_id
-- returns: id text
SELECT pg_current_xact_id()

-- name: transactions_over
-- params: ids text
-- returns: id text, committed int
-- Those that are over. After a failover the server may never have seen one: to ask for its status is an error.
SELECT w.id, (w.status = 'committed')::integer
  FROM (SELECT t.id, CASE WHEN t.id::xid8 >= pg_snapshot_xmax(pg_current_snapshot()) THEN 'in progress'
                          ELSE pg_xact_status(t.id::xid8) END AS status
          FROM unnest(:ids::text[]) AS t(id)) w
 WHERE w.status IS DISTINCT FROM 'in progress'

-- name: announce
-- params: channel text
-- returns: nothing text
SELECT pg_notify(:channel::text, '')

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

-- name: probe
-- params: ids text
-- returns: id text, state int, token int, ended int
SELECT j.id, j.state, j.lease_token, j.ended FROM unnest(:ids::uuid[]) AS w(id) JOIN {jobs} j ON j.id = w.id

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
   WHERE (SELECT o.id FROM {jobs} o WHERE o.unique_key = l.unique_key AND o.state IN (1, 2, 5, 7)) IS NULL
   ORDER BY coalesce('k' || unique_key, 'i' || id), n),
changed AS (
  UPDATE {jobs} j
     SET state = 1, attempt = 0, crashes = 0, lane_id = abs(j.lane_id), lease_token = 0, due_us = {now},
         queued_us = {now}, result = '', finished_us = NULL, expires_us = NULL, notes = j.notes + 1
   WHERE j.id = ANY (ARRAY(SELECT id FROM chosen)) AND +j.state IN (3, 4, 6)
  RETURNING j.id, j.seq, j.notes, j.claims),
noted AS (
  INSERT INTO {history} (job_seq, n, claim, at_us, attempt, cause, worker, message)
  SELECT seq, notes, claims, {now}, 0, 8, '', 'put back by an operator' FROM changed),
trimmed AS ({trim})
SELECT id FROM changed

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

-- name: succeed
-- params: ids text, tokens text, results text, now int?
-- returns: n int, state int
-- What finish does to a batch in which every kind is 1, the usual one: no lock before the change, so that each row is
-- found once. The ids come in order. Who was asked to cancel is told by the state after it.
WITH changed AS (
  UPDATE {jobs} j
     SET state = CASE j.state WHEN 5 THEN 6 ELSE 3 END, ended = 1,
         result = CASE i.result WHEN '' THEN j.result ELSE i.result END, finished_us = {now},
         expires_us = {now} + coalesce(j.retention_us, 86400000000),
         notes = j.notes + CASE j.state WHEN 5 THEN 1 ELSE 0 END
    FROM unnest(:ids::uuid[], :tokens::bigint[], :results::text[]) WITH ORDINALITY AS i(id, token, result, n)
   WHERE j.id = i.id AND +j.state IN (2, 5) AND j.lease_token = i.token AND i.token <> 0
  RETURNING i.n, j.state, j.seq, j.notes, j.claims, j.attempt, j.worker),
noted AS (
  INSERT INTO {history} (job_seq, n, claim, at_us, attempt, cause, worker, message)
  SELECT seq, notes, claims, {now}, attempt, 7, worker, '' FROM changed WHERE state = 6),
trimmed AS ({trim})
SELECT n, state FROM changed

-- name: finish
-- params: ids text, tokens text, kinds text, results text, messages text, causes text, delays text, now int?
-- returns: n int, was int, goes_on int
-- Kinds: 1 success, 2 retry, 3 fail, 4 cancel, 5 snooze, 6 release. Who was asked to cancel ends as cancelled whatever
-- the kind. A released job keeps its place, a snooze forgets crashes. 7 days for errored, 24 h for the others. A job
-- that was told to go on (bit 1 of its flags) does so instead of a snooze. Answers what each ended job was before; the
-- others are not held with that token.
WITH item AS MATERIALIZED (
  SELECT * FROM unnest(:ids::uuid[], :tokens::bigint[], :kinds::smallint[], :results::text[], :messages::text[],
                       :causes::smallint[], :delays::bigint[]) WITH ORDINALITY
                AS i(id, token, kind, result, message, cause, delay, n)),
held AS MATERIALIZED (
  SELECT j.id, j.state AS was, i.token, i.kind, i.result, i.message, i.cause, i.n,
         j.state = 2 AND i.kind = 5 AND j.flags & 1 <> 0 AS goes_on,
         CASE WHEN i.kind = 5 AND j.flags & 1 <> 0 THEN 0 ELSE i.delay END AS delay
    FROM item i JOIN {jobs} j ON j.id = i.id
   WHERE +j.state IN (2, 5) AND j.lease_token = i.token AND i.token <> 0
   ORDER BY uuid_send(j.id) FOR NO KEY UPDATE OF j),
changed AS (
  UPDATE {jobs} j
     SET state = CASE WHEN j.state = 5 THEN 6 WHEN h.kind = 1 THEN 3 WHEN h.kind = 3 THEN 4 WHEN h.kind = 4 THEN 6
                      WHEN h.kind <> 6 AND h.delay > 0 THEN 7 ELSE 1 END,
         ended = h.kind,
         result = CASE h.result WHEN '' THEN j.result ELSE h.result END,
         attempt = j.attempt - CASE WHEN j.state = 2 AND h.kind IN (5, 6) THEN 1 ELSE 0 END,
         crashes = CASE WHEN j.state = 2 AND h.kind = 5 THEN 0 ELSE j.crashes END,
         lane_id = CASE WHEN j.state = 2 AND h.kind = 5 THEN abs(j.lane_id) ELSE j.lane_id END,
         due_us = CASE WHEN j.state = 2 AND h.kind IN (2, 5)
                       THEN {now} + least(greatest(h.delay, 0), 9223372036854775807 - greatest({now}, 0))
                       ELSE j.due_us END,
         queued_us = CASE WHEN j.state = 2 AND h.kind IN (2, 5, 6) THEN {now} ELSE j.queued_us END,
         finished_us = CASE WHEN j.state = 5 OR h.kind IN (1, 3, 4) THEN {now} END,
         expires_us = CASE WHEN j.state = 5 OR h.kind IN (1, 3, 4) THEN {now} + coalesce(j.retention_us,
                        CASE WHEN j.state = 2 AND h.kind = 3 THEN 604800000000 ELSE 86400000000 END) END,
         notes = j.notes + CASE WHEN j.state = 2 AND h.kind = 1 THEN 0 ELSE 1 END,
         flags = CASE WHEN h.goes_on THEN j.flags & ~1 ELSE j.flags END
    FROM held h
   WHERE j.id = h.id AND +j.state IN (2, 5) AND j.lease_token = h.token
  RETURNING h.n, h.was, h.goes_on, h.kind, h.message, h.cause, j.seq, j.state, j.notes, j.claims, j.attempt, j.worker),
noted AS (
  INSERT INTO {history} (job_seq, n, claim, at_us, attempt, cause, worker, message)
  SELECT seq, notes, claims, {now}, attempt + CASE WHEN was = 2 AND kind IN (5, 6) THEN 1 ELSE 0 END,
         CASE WHEN state = 6 THEN 7 WHEN kind = 5 THEN 6 WHEN kind = 6 THEN 5 ELSE cause END, worker, message
    FROM changed WHERE state <> 3),
trimmed AS ({trim})
SELECT n, was, goes_on::integer FROM changed

-- name: heartbeat
-- params: ids text, tokens text, now int?, steady int?
-- returns: n int, state int
-- Passes over rows that somebody has locked: one long transaction must not keep the other leases from being renewed.
WITH held AS MATERIALIZED (
  SELECT j.id, i.token, i.n
    FROM unnest(:ids::uuid[], :tokens::bigint[]) WITH ORDINALITY AS i(id, token, n) JOIN {jobs} j ON j.id = i.id
   WHERE +j.state IN (2, 5) AND j.lease_token = i.token AND i.token <> 0
   ORDER BY uuid_send(j.id) FOR NO KEY UPDATE OF j SKIP LOCKED)
UPDATE {jobs} j SET heartbeat_us = {now}, lease_until_us = {steady} + j.keepalive_us
  FROM held h
 WHERE j.id = h.id AND +j.state IN (2, 5) AND j.lease_token = h.token
RETURNING h.n, j.state

-- name: ended
-- params: queues text?, n int, steady int?, spared int
-- returns: id text
-- What reap would take back.
SELECT j.id FROM {jobs} j
 WHERE j.state IN (2, 5) AND j.lease_until_us <= {steady} - :spared
   AND (:queues::text[] IS NULL OR j.queue_id = ANY (ARRAY(
         SELECT q.id FROM {queues} q WHERE q.name = ANY (:queues::text[]))))
 LIMIT :n

-- piece: may_run_again
-- After the crash that is being recorded.
j.attempt < j.max_attempts AND (j.crashes + 1 < j.max_crashes OR (j.crashes > 0 AND j.lease_token < 0))

-- name: reap
-- params: queues text?, only text?, n int, now int?, steady int?, spared int
-- returns: id text, state int
-- It waits while somebody keeps others from writing to the table, and takes what had ended (microseconds `spared` or
-- more) before it began to. A row that is locked is being renewed or finished. A lease is only compared with its end:
-- one that seems to begin in the future was renewed since this statement began, or the server's clock was put back and
-- its holder lives. Who has become a suspect (is_suspect in sqlq/job.hpp) waits in the lane of suspects from now on.
-- One that was claimed beside others, with a negative token, is not ended by its crash.
WITH gone AS MATERIALIZED (
  SELECT j.ctid FROM {jobs} j
   WHERE j.state IN (2, 5) AND j.lease_until_us <= {steady} - :spared
     AND (:queues::text[] IS NULL OR j.queue_id = ANY (ARRAY(
           SELECT q.id FROM {queues} q WHERE q.name = ANY (:queues::text[]))))
     AND (:only::uuid[] IS NULL OR j.id = ANY (:only::uuid[]))
   LIMIT :n FOR NO KEY UPDATE SKIP LOCKED),
changed AS (
  UPDATE {jobs} j
     SET state = CASE WHEN j.state = 5 THEN 6
                      WHEN {may_run_again} THEN 1
                      ELSE 4 END,
         lane_id = abs(j.lane_id) * CASE WHEN j.crashes + 2 >= j.max_crashes THEN -1 ELSE 1 END,
         crashes = j.crashes + 1, lease_token = 0, queued_us = {now}, notes = j.notes + 1,
         finished_us = CASE WHEN j.state = 2 AND {may_run_again} THEN NULL
                            ELSE {now} END,
         expires_us = CASE WHEN j.state = 2 AND {may_run_again} THEN NULL
                           ELSE {now} + coalesce(j.retention_us,
                                                 CASE j.state WHEN 5 THEN 86400000000 ELSE 604800000000 END) END
   WHERE j.ctid = ANY (ARRAY(SELECT ctid FROM gone)) AND +j.state IN (2, 5) AND j.lease_until_us <= {steady} - :spared
  RETURNING j.id, j.seq, j.state, j.notes, j.claims, j.attempt, j.worker,
            'lease ended: no heartbeat from worker ''' || j.worker || ''' in time; the job ' ||
            CASE j.state WHEN 1 THEN 'is pending again' WHEN 6 THEN 'is cancelled, as was asked'
                         ELSE 'has used up its attempts or crashes and is errored' END AS message),
noted AS (
  INSERT INTO {history} (job_seq, n, claim, at_us, attempt, cause, worker, message)
  SELECT seq, notes, claims, {now}, attempt, 4, worker, message FROM changed),
trimmed AS ({trim}),
logged AS (
  INSERT INTO {logs} (job_seq, claim, n, at_us, attempt, level, text)
  SELECT e.seq, e.claims,
         coalesce((SELECT max(g.n) FROM {logs} g WHERE g.job_seq = e.seq AND g.claim = e.claims), 0) + 1,
         {now}, e.attempt, 3, e.message
    FROM changed e)
SELECT id, state FROM changed

-- name: jobs_lock
-- params: ids text
-- returns: id text
SELECT j.id FROM unnest(:ids::uuid[]) AS w(id) JOIN {jobs} j ON j.id = w.id
 ORDER BY uuid_send(j.id) FOR NO KEY UPDATE OF j

-- name: crashes_take_back
-- params: ids text, claims text, workers text, now int?
-- returns: n int
-- Under jobs_lock and after it, so that it sees what those who had the locks have written. Lines of history that a
-- snooze or an operator's act follows are of crashes that are forgotten. Who is no suspect any more (is_suspect in
-- sqlq/job.hpp) goes back to the usual lane. Only a job that was reaped is errored without a token.
WITH line AS MATERIALIZED (
  SELECT i.n, j.id, h.place, h.number, h.cause, i.claim = j.claims AS last,
         NOT EXISTS (SELECT 1 FROM {history} f
                      WHERE f.job_seq = j.seq AND f.n > h.number AND f.cause IN (6, 8, 9)) AS counts
    FROM unnest(:ids::uuid[], :claims::bigint[], :workers::text[]) WITH ORDINALITY AS i(id, claim, worker, n)
    JOIN {jobs} j ON j.id = i.id
   CROSS JOIN LATERAL (
     SELECT x.ctid AS place, x.n AS number, x.cause FROM {history} x
      WHERE x.job_seq = j.seq AND x.claim = i.claim AND x.worker = i.worker AND x.cause IN (4, 10) OFFSET 0) h),
noted AS (
  UPDATE {history} h
     SET cause = 10, message = h.message || '; its worker lives, so this was an outage and no crash'
   WHERE h.ctid = ANY (ARRAY(SELECT place FROM line WHERE cause = 4))),
less AS MATERIALIZED (
  SELECT j.id, l.crashes,
         j.state = 4 AND j.lease_token = 0 AND j.attempt < j.max_attempts AND j.crashes >= j.max_crashes
           AND (l.crashes < j.max_crashes OR l.last)
           AND (SELECT o.id FROM {jobs} o
                 WHERE o.unique_key = j.unique_key AND o.state IN (1, 2, 5, 7)) IS NULL AS again
    FROM (SELECT x.id, bool_or(x.last) AS last, count(DISTINCT x.number) AS n FROM line x
           WHERE x.cause = 4 AND x.counts GROUP BY x.id) t
   CROSS JOIN LATERAL (SELECT * FROM {jobs} o WHERE o.id = t.id) j
   CROSS JOIN LATERAL (SELECT greatest(j.crashes - t.n, 0)::integer AS crashes, t.last) l),
back AS (
  UPDATE {jobs} j
     SET crashes = l.crashes,
         lane_id = abs(j.lane_id) * CASE WHEN l.crashes > 0 AND l.crashes + 1 >= j.max_crashes THEN -1 ELSE 1 END,
         state = CASE WHEN l.again THEN 1 ELSE j.state END,
         queued_us = CASE WHEN l.again THEN {now} ELSE j.queued_us END,
         finished_us = CASE WHEN l.again THEN NULL ELSE j.finished_us END,
         expires_us = CASE WHEN l.again THEN NULL ELSE j.expires_us END
    FROM less l WHERE j.id = l.id)
SELECT n FROM line

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

-- name: run_now
-- params: ids text, now int?
-- returns: id text
WITH locked AS MATERIALIZED (
  SELECT j.id FROM unnest(:ids::uuid[]) AS w(id) JOIN {jobs} j ON j.id = w.id
   WHERE +j.state = 7 ORDER BY uuid_send(j.id) FOR NO KEY UPDATE OF j)
UPDATE {jobs} j SET state = 1, due_us = {now}, queued_us = {now}
  FROM locked l WHERE j.id = l.id AND +j.state = 7 RETURNING j.id

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
-- moved it, while this waited for its lock, to one that is newer than this statement's snapshot.
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
   WHERE :queue::text IS NULL OR t.id IS NOT NULL)
UPDATE {jobs} j
   SET lane_id = CASE WHEN j.lane_id < 0 THEN -p.lane ELSE p.lane END, queue_id = p.queue_id, priority = p.priority
  FROM placed p
 WHERE j.id = p.id AND (p.was_lane <> p.lane OR p.was_priority <> p.priority)
RETURNING j.id

-- name: take_away
-- params: ids text, ends int, now int?
-- returns: id text
WITH locked AS MATERIALIZED (
  SELECT j.id FROM unnest(:ids::uuid[]) AS w(id) JOIN {jobs} j ON j.id = w.id
   WHERE +j.state IN (2, 5) ORDER BY uuid_send(j.id) FOR NO KEY UPDATE OF j),
changed AS (
  UPDATE {jobs} j
     SET state = CASE WHEN j.state = 5 THEN 6 WHEN :ends = 1 THEN 4 ELSE 1 END, lease_token = 0,
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
  SELECT seq, notes, claims, {now}, attempt + CASE state WHEN 1 THEN 1 ELSE 0 END,
         CASE state WHEN 6 THEN 7 ELSE 9 END, worker, 'taken away by an operator' FROM changed),
trimmed AS ({trim})
SELECT id FROM changed

-- name: log_add
-- params: ids text, tokens text, claims text, numbers text, attempts text, ats text, levels text, texts text
-- returns: n int
-- Answers which lines' leases may still write. The lock keeps the job from being purged meanwhile, and nothing else.
WITH line AS MATERIALIZED (
  SELECT i.*, j.seq
    FROM unnest(:ids::uuid[], :tokens::bigint[], :claims::bigint[], :numbers::bigint[], :attempts::integer[],
                :ats::bigint[], :levels::smallint[], :texts::text[]) WITH ORDINALITY
           AS i(id, token, claim, number, attempt, at, level, text, n)
   CROSS JOIN LATERAL (
     SELECT j.seq FROM {jobs} j WHERE j.id = i.id AND j.lease_token = i.token AND i.token <> 0 FOR KEY SHARE) j),
made AS (
  INSERT INTO {logs} (job_seq, claim, n, at_us, attempt, level, text)
  SELECT seq, claim, number, at, attempt, level, text FROM line ORDER BY n
  ON CONFLICT DO NOTHING)
SELECT n FROM line

-- name: steps
-- params: id text, n int
-- returns: kind int, name text, number int, claim int, at int, until int?, value text
SELECT s.kind, s.name, s.n, s.claim, s.at_us, s.until_us, s.value
  FROM {steps} s WHERE s.job_seq = (SELECT j.seq FROM {jobs} j WHERE j.id = :id::uuid)
 ORDER BY s.ord, s.kind, s.name, s.n LIMIT :n

-- name: step_has
-- params: id text, kind int, name text, number int
-- returns: n int
SELECT count(*) FROM {steps} s
 WHERE s.job_seq = (SELECT j.seq FROM {jobs} j WHERE j.id = :id::uuid)
   AND s.kind = :kind AND s.name = :name AND s.n = :number

-- name: step_job
-- params: now int?, id text
-- returns: now int, seq int, state int, token int, claims int, flags int, rows int, last int
-- A job, how many rows its steps have, and the largest number of them in the order of recording.
SELECT {now}, j.seq, j.state, j.lease_token, j.claims, j.flags, s.rows, s.last
  FROM {jobs} j
 CROSS JOIN LATERAL (SELECT count(*) AS rows, coalesce(max(x.ord), 0) AS last
                       FROM {steps} x WHERE x.job_seq = j.seq) s
 WHERE j.id = :id::uuid

-- name: step_lock
-- params: now int?, id text
-- returns: now int, seq int, state int, claims int
SELECT {now}, j.seq, j.state, j.claims FROM {jobs} j WHERE j.id = :id::uuid FOR NO KEY UPDATE

-- name: step_add
-- params: id text, token int, kind int, name text, number int, ord int, claim int, at int, until int?, value text
-- If the lease holds. Nothing of the job's row is locked: a heartbeat passes over locked rows.
INSERT INTO {steps} (job_seq, kind, name, n, ord, claim, at_us, until_us, value)
SELECT j.seq, :kind, :name, :number, :ord, :claim, :at, :until, :value
  FROM {jobs} j WHERE j.id = :id::uuid AND +j.state IN (2, 5) AND j.lease_token = :token
ON CONFLICT DO NOTHING

-- name: steps_add
-- params: ids text, tokens text, kinds text, names text, numbers text, jsons text, most int, now int?
-- returns: n int, claim int, at int
-- As step_add, of many. Those of jobs that have `most` rows are left out.
WITH held AS MATERIALIZED (
  SELECT i.n, j.seq, j.claims, i.kind, i.name, i.number, i.json, {now} AS at, s.last
    FROM unnest(:ids::uuid[], :tokens::bigint[], :kinds::smallint[], :names::text[], :numbers::bigint[],
                :jsons::text[]) WITH ORDINALITY AS i(id, token, kind, name, number, json, n)
    JOIN {jobs} j ON j.id = i.id
   CROSS JOIN LATERAL (SELECT count(*) AS rows, coalesce(max(x.ord), 0) AS last
                         FROM {steps} x WHERE x.job_seq = j.seq) s
   WHERE +j.state IN (2, 5) AND j.lease_token = i.token AND i.token <> 0 AND s.rows < :most),
added AS (
  INSERT INTO {steps} (job_seq, kind, name, n, ord, claim, at_us, until_us, value)
  SELECT seq, kind, name, number, last + 1, claims, at, NULL, json FROM held
  ON CONFLICT DO NOTHING RETURNING job_seq, kind, name, n, at_us)
SELECT h.n, h.claims, a.at_us FROM added a
  JOIN held h ON h.seq = a.job_seq AND h.kind = a.kind AND h.name = a.name AND h.number = a.n

-- name: step_insert
-- params: seq int, kind int, name text, number int, ord int, claim int, at int, until int?, value text
INSERT INTO {steps} (job_seq, kind, name, n, ord, claim, at_us, until_us, value)
VALUES (:seq, :kind, :name, :number, :ord, :claim, :at, :until, :value)
ON CONFLICT DO NOTHING

-- name: step_find
-- params: seq int, name text, number int
-- returns: kind int, name text, number int, claim int, at int, until int?, value text, ord int
-- The rows of every kind.
SELECT s.kind, s.name, s.n, s.claim, s.at_us, s.until_us, s.value, s.ord
  FROM generate_series(1, 7) AS k(kind)
 CROSS JOIN LATERAL (SELECT x.* FROM {steps} x
                      WHERE x.job_seq = :seq AND x.kind = k.kind AND x.name = :name AND x.n = :number OFFSET 0) s

-- name: step_signal_last
-- params: seq int, name text
-- returns: number int?
SELECT max(s.n) FROM {steps} s WHERE s.job_seq = :seq AND s.kind = 4 AND s.name = :name

-- name: step_replace
-- params: seq int, name text, ord int, at int, value text
UPDATE {steps} s SET ord = :ord, at_us = :at, value = :value
 WHERE s.job_seq = :seq AND s.kind = 4 AND s.name = :name AND s.n = 0

-- name: step_tell
-- params: told int, id text
-- Bit 1 of the flags.
UPDATE {jobs} j SET flags = (j.flags & ~1) | :told WHERE j.id = :id::uuid AND (j.flags & 1) <> :told

-- name: steps_wake
-- params: ids text, now int?
-- Under jobs_lock and after it, so that it sees what those who had the locks have written. Jobs that wait for children
-- are due, those that are held are told to go on.
UPDATE {jobs} j
   SET state = CASE j.state WHEN 7 THEN 1 ELSE j.state END,
       due_us = CASE j.state WHEN 7 THEN {now} ELSE j.due_us END,
       queued_us = CASE j.state WHEN 7 THEN {now} ELSE j.queued_us END,
       flags = CASE j.state WHEN 7 THEN j.flags ELSE j.flags | 1 END
  FROM unnest(:ids::uuid[]) AS w(id)
 WHERE j.id = w.id
   AND ((+j.state IN (2, 5) AND j.flags & 1 = 0)
        OR (+j.state = 7 AND (SELECT s.kind FROM {steps} s WHERE s.job_seq = j.seq AND s.kind = 7 LIMIT 1) = 7))

-- name: steps_forget
-- params: seq int, ord int
-- All but signals, from this one on in the order of recording.
DELETE FROM {steps} s WHERE s.job_seq = :seq AND s.kind <> 4 AND s.ord >= :ord

-- name: steps_forget_signals
-- params: seq int, ord int
-- Before steps_forget. One that has been waited for counts as recorded with its wait.
DELETE FROM {steps} s
 WHERE s.job_seq = :seq AND s.kind = 4
   AND coalesce((SELECT w.ord FROM {steps} w
                  WHERE w.job_seq = s.job_seq AND w.kind = 3 AND w.name = s.name AND w.n = s.n), s.ord) >= :ord

-- name: log_trim
-- params: id text, lines int, bytes int
-- All up to the newest line that is too much, if any is.
DELETE FROM {logs} g
 USING (SELECT o.job_seq, o.claim, o.n
          FROM (SELECT x.job_seq, x.claim, x.n, row_number() OVER newest AS lines,
                       sum(octet_length(x.text)) OVER newest AS bytes
                  FROM {logs} x WHERE x.job_seq = (SELECT j.seq FROM {jobs} j WHERE j.id = :id::uuid)
                WINDOW newest AS (ORDER BY x.claim DESC, x.n DESC ROWS UNBOUNDED PRECEDING)) o
         WHERE o.lines > :lines OR o.bytes > :bytes ORDER BY o.claim DESC, o.n DESC LIMIT 1) last
 WHERE g.job_seq = last.job_seq AND (g.claim, g.n) <= (last.claim, last.n)

-- name: publish
-- params: ids text, tokens text, results text, told text, dones text, totals text, notes text, now int?
-- returns: n int
-- Waits for nobody's lock. An empty result leaves what is there.
WITH held AS MATERIALIZED (
  SELECT j.id, j.seq, j.claims, i.token, i.result, i.told, i.done, i.total, i.note, i.n
    FROM unnest(:ids::uuid[], :tokens::bigint[], :results::text[], :told::smallint[], :dones::bigint[],
                :totals::bigint[], :notes::text[]) WITH ORDINALITY
           AS i(id, token, result, told, done, total, note, n)
    JOIN {jobs} j ON j.id = i.id
   WHERE +j.state IN (2, 5) AND j.lease_token = i.token AND i.token <> 0 FOR NO KEY UPDATE OF j SKIP LOCKED),
kept AS (
  UPDATE {jobs} j SET result = h.result FROM held h
   WHERE j.id = h.id AND h.result <> '' AND +j.state IN (2, 5) AND j.lease_token = h.token),
said AS (
  INSERT INTO {progress} (job_seq, claim, done, total, at_us, note)
  SELECT seq, claims, done, total, {now}, note FROM held WHERE told = 1 ORDER BY seq
  ON CONFLICT (job_seq) DO UPDATE SET claim = excluded.claim, done = excluded.done, total = excluded.total,
                                      at_us = excluded.at_us, note = excluded.note)
SELECT n FROM held

-- name: get
-- params: ids text
-- returns: queue text, kind text, {job_types}
SELECT q.name, l.kind, {job}
  FROM json_array_elements_text(:ids::json) AS w(id)
  JOIN {jobs} j ON j.id = w.id::uuid JOIN {lanes} l ON l.id = abs(j.lane_id) JOIN {queues} q ON q.id = l.queue_id

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
   WHERE ((:states >> f.state) & 1) = 1),
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

-- name: worker_seen
-- params: busy int, now int?, name text, id int, draining int
-- The worker is there, and what it knows of `draining` is still true.
UPDATE {registry} SET busy = :busy, seen_us = {now}
 WHERE name = :name AND id = :id AND draining = :draining

-- name: worker_draining
-- params: name text, id int
-- returns: draining int
SELECT draining FROM {registry} WHERE name = :name AND id = :id

-- name: worker_add
-- params: name text, id int, host text, pid int, version text, queues text, kinds text, slots int, busy int, now int?, running int, draining int
INSERT INTO {registry} (name, id, host, pid, version, queues, kinds, slots, busy, started_us, seen_us, draining)
VALUES (:name, :id, :host, :pid, :version, :queues, :kinds, :slots, :busy, {now} - :running, {now}, :draining)

-- name: worker_remove
-- params: name text, id int, seen int?
-- With `seen`: only when it was not seen since.
DELETE FROM {registry} WHERE name = :name AND id = :id AND seen_us = coalesce(:seen, seen_us)

-- name: workers
-- params: now int?, expiry int, after text, after_id int, n int
-- returns: name text, id int, host text, pid int, version text, queues text, kinds text, slots int, busy int, started int, seen int, draining int
SELECT name, id, host, pid, version, queues, kinds, slots, busy, started_us, seen_us, draining
  FROM {registry}
 WHERE seen_us > {now} - :expiry AND (name > :after OR (name = :after AND id > :after_id))
 ORDER BY name, id
 LIMIT :n

-- name: workers_drain
-- params: draining int, name text, now int?, expiry int
UPDATE {registry} SET draining = :draining WHERE name = :name AND seen_us > {now} - :expiry

-- name: workers_expired
-- params: now int?, expiry int, n int
-- returns: name text, id int, seen int
-- Reads the whole table: a row for each worker that runs.
SELECT name, id, seen_us FROM {registry} WHERE seen_us <= {now} - :expiry ORDER BY seen_us LIMIT :n

-- name: periodic_first
-- params: now int?
-- returns: now int, next int?
-- When the first row is to be looked at.
SELECT {now}, (SELECT p.next_us FROM {periodic} p WHERE p.next_us IS NOT NULL ORDER BY p.next_us, p.name LIMIT 1)

-- name: periodic_due
-- params: now int, n int
-- returns: name text, version int, next int?, definition text, state text
SELECT name, version, next_us, definition, state FROM {periodic}
 WHERE next_us <= :now ORDER BY next_us, name LIMIT :n

-- name: periodic_next
-- params: now int
-- returns: next int?
SELECT next_us FROM {periodic} WHERE next_us > :now ORDER BY next_us, name LIMIT 1

-- name: periodic_list
-- params: after text, n int
-- returns: name text, version int, next int?, definition text, state text
SELECT name, version, next_us, definition, state FROM {periodic} WHERE name > :after ORDER BY name LIMIT :n

-- name: periodic_get
-- params: names text
-- returns: name text, version int, next int?, definition text, state text
SELECT p.name, p.version, p.next_us, p.definition, p.state
  FROM json_array_elements_text(:names::json) AS w(name) JOIN {periodic} p ON p.name = w.name

-- name: periodic_versions
-- params: names text
-- returns: name text, version int, next int?
SELECT p.name, p.version, p.next_us
  FROM json_array_elements_text(:names::json) AS w(name) JOIN {periodic} p ON p.name = w.name

-- name: periodic_lock
-- params: names text
-- returns: name text, version int, next int?
-- Waits for nobody.
SELECT p.name, p.version, p.next_us
  FROM json_array_elements_text(:names::json) AS w(name) JOIN {periodic} p ON p.name = w.name
   FOR UPDATE OF p SKIP LOCKED

-- name: periodic_add
-- params: rows text
-- In order of name. One that somebody else has added, or is adding, is left out.
INSERT INTO {periodic} (name, version, next_us, definition, state)
SELECT w.name, w.becomes, w.next, w.definition, w.state
  FROM json_to_recordset(:rows::json) AS w(name text, becomes bigint, next bigint, definition text, state text)
ON CONFLICT DO NOTHING

-- name: periodic_set
-- params: rows text
UPDATE {periodic} p SET version = w.becomes, next_us = w.next, definition = w.definition, state = w.state
  FROM json_to_recordset(:rows::json)
       AS w(name text, version bigint, becomes bigint, next bigint, definition text, state text)
 WHERE p.name = w.name AND p.version = w.version

-- name: periodic_remove
-- params: rows text
DELETE FROM {periodic} p USING json_to_recordset(:rows::json) AS w(name text, version bigint)
 WHERE p.name = w.name AND p.version = w.version

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
               WHERE l.queue_id = q.id))

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

-- name: migration_lock
-- returns: locked int
-- One migration of this schema at a time, until the end of the transaction. Nobody waits in a statement: CREATE INDEX
-- CONCURRENTLY of the one that has the lock waits for all statements that began before it.
SELECT pg_try_advisory_xact_lock(hashtextextended('sqlq migrations of ' || {schema_name}, 0))::integer

-- name: migration_lock_session
-- returns: locked int
-- The same until the end of the session.
SELECT pg_try_advisory_lock(hashtextextended('sqlq migrations of ' || {schema_name}, 0))::integer

-- name: schema_exists
-- returns: n int
SELECT count(*) FROM pg_catalog.pg_namespace WHERE nspname = {schema_name}

-- name: schema_make
CREATE SCHEMA {schema}

-- name: schema_make_if_missing
-- For scripts. It needs the right to make schemas even where there is nothing to make.
CREATE SCHEMA IF NOT EXISTS {schema}

-- name: clock_now
-- params: now int?
-- returns: now int
SELECT {now}

-- name: migrations_exist
-- returns: n int
SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname = {schema_name} AND tablename = 'sqlq_migrations'

-- name: jobs_exist
-- returns: n int
SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname = {schema_name} AND tablename = 'sqlq_jobs'

-- name: migrations_any
-- returns: n int
SELECT count(*) FROM {migrations}

-- name: migrations_make
CREATE TABLE IF NOT EXISTS {migrations} (
  version integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, applied_us bigint NOT NULL)

-- name: migrations
-- returns: version int, name text, checksum text, applied int, compatible_from int?
-- Tables of version 1 lack compatible_from: then the name means the column of `otherwise`.
SELECT m.version, m.name, m.checksum, m.applied_us,
       (SELECT compatible_from FROM {migrations} c WHERE c.version = m.version)
  FROM {migrations} m CROSS JOIN (SELECT NULL::integer AS compatible_from) otherwise ORDER BY m.version

-- name: migration_add
-- params: version int, name text, checksum text, now int?
INSERT INTO {migrations} (version, name, checksum, applied_us) VALUES (:version, :name, :checksum, {now})

-- name: migration_compatible
-- params: version int, compatible_from int
UPDATE {migrations} SET compatible_from = :compatible_from WHERE version = :version

-- name: migration_remove
-- params: version int
DELETE FROM {migrations} WHERE version = :version

-- name: drops
-- returns: sql text
-- What teardown runs: all views with one statement, then all tables with one, so that their order does not matter.
SELECT 'DROP ' || o.kind || ' ' || string_agg(format('%I.%I', o.schema, o.name), ', ' ORDER BY o.name)
  FROM (SELECT CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END AS kind, s.nspname AS schema, c.relname AS name
          FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace s ON s.oid = c.relnamespace
         WHERE s.nspname = {schema_name} AND c.relkind IN ('r', 'p', 'v') AND c.relname IN ({made})) o
 GROUP BY o.kind ORDER BY o.kind DESC

-- name: in_the_way
-- returns: name text
-- Views and foreign keys of the user's, without which our tables cannot be dropped.
WITH ours AS (
  SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace s ON s.oid = c.relnamespace
   WHERE s.nspname = {schema_name} AND c.relkind IN ('r', 'p', 'v') AND c.relname IN ({made})),
theirs AS (
  SELECT r.ev_class AS oid FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid
   WHERE d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass
     AND d.refobjid IN (SELECT oid FROM ours)
  UNION
  SELECT k.conrelid FROM pg_catalog.pg_constraint k
   WHERE k.contype = 'f' AND k.confrelid IN (SELECT oid FROM ours))
SELECT format('%I.%I', s.nspname, c.relname)
  FROM theirs t JOIN pg_catalog.pg_class c ON c.oid = t.oid JOIN pg_catalog.pg_namespace s ON s.oid = c.relnamespace
 WHERE t.oid NOT IN (SELECT oid FROM ours) ORDER BY 1

-- name: settings
-- returns: name text, setting text
SELECT name, setting FROM pg_catalog.pg_settings
 WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit', 'synchronous_standby_names', 'server_encoding',
                'autovacuum', 'default_transaction_isolation', 'server_version_num')

-- name: standbys
-- returns: n int
SELECT count(*) FROM pg_catalog.pg_stat_replication

-- name: old_snapshots
-- params: seconds int
-- returns: who text, seconds int, cure text
-- Transactions that have been open for so long and keep vacuum from its work; the oldest first.
SELECT * FROM (
  SELECT concat('a transaction of process ', a.pid, ' (', concat_ws(', ', 'user ' || a.usename,
                'application ' || nullif(a.application_name, ''), 'database ' || a.datname, a.state), ')'),
         extract(epoch FROM statement_timestamp() - a.xact_start)::bigint AS seconds,
         concat('SELECT pg_terminate_backend(', a.pid, ')')
    FROM pg_catalog.pg_stat_activity a
   WHERE (a.backend_xmin IS NOT NULL OR a.backend_xid IS NOT NULL) AND a.backend_type <> 'autovacuum worker'
  UNION ALL
  SELECT concat('the prepared transaction ', quote_literal(p.gid), ' (user ', p.owner, ', database ', p.database, ')'),
         extract(epoch FROM statement_timestamp() - p.prepared)::bigint,
         concat('ROLLBACK PREPARED ', quote_literal(p.gid))
    FROM pg_catalog.pg_prepared_xacts p) o
 WHERE o.seconds >= :seconds ORDER BY o.seconds DESC LIMIT 5

-- name: old_slots
-- returns: name text, age int, used int
-- Slots that keep dead rows: nobody uses them, or their standby is far behind.
SELECT s.slot_name::text, age(s.xmin)::bigint, s.active::integer FROM pg_catalog.pg_replication_slots s
 WHERE s.xmin IS NOT NULL AND (NOT s.active OR age(s.xmin) > 1000000) ORDER BY 2 DESC LIMIT 5

-- name: sees_others
-- returns: n int
SELECT pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')::integer

-- name: dead_rows
-- returns: place text, dead int, live int, autovacuum_off int
SELECT c.relname::text, pg_stat_get_dead_tuples(c.oid), pg_stat_get_live_tuples(c.oid),
       EXISTS (SELECT 1 FROM pg_options_to_table(c.reloptions) o
                WHERE o.option_name = 'autovacuum_enabled' AND NOT o.option_value::boolean)::integer
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace s ON s.oid = c.relnamespace
 WHERE s.nspname = {schema_name} AND c.relname IN ({made}) AND c.relkind = 'r' ORDER BY 1

-- name: plan_matters
-- returns: n int
-- A small table may as well be read whole.
SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace s ON s.oid = c.relnamespace
 WHERE s.nspname = {schema_name} AND c.relname = 'sqlq_jobs' AND c.relpages >= 1000

-- name: plan
-- returns: line text
-- Of the look that every claim begins with, in the same words; it is not run.
EXPLAIN (COSTS OFF)
SELECT j.priority, j.due_us, j.seq FROM {jobs} j
 WHERE j.state = 1 AND j.lane_id = 1 AND (j.priority, j.due_us, j.seq) >= (1, 1, 1)
 ORDER BY j.lane_id, j.priority, j.due_us, j.seq LIMIT 10

-- name: insight_place
-- params: now int?, id text
-- returns: now int, queue_id int, priority int, due int, seq int
-- The place of a job in the order of claims, if it is in it.
SELECT {now}, queue_id, priority, due_us, seq FROM {jobs}
 WHERE id = :id::uuid AND (state = 1 OR (state = 7 AND due_us <= {now}))

-- name: insight_lanes
-- params: queue_id int
-- returns: lane int, ready int, first_due int?
-- The lanes of a queue: whether they have pending jobs, and when the first scheduled one is due.
SELECT l.id * s.sign,
       ((SELECT j.lane_id FROM {jobs} j WHERE j.state = 1 AND j.lane_id = l.id * s.sign
          ORDER BY j.lane_id, j.priority, j.due_us, j.seq LIMIT 1) IS NOT NULL)::int,
       (SELECT j.due_us FROM {jobs} j WHERE j.state = 7 AND j.lane_id = l.id * s.sign
         ORDER BY j.lane_id, j.due_us LIMIT 1)
  FROM {lanes} l CROSS JOIN (VALUES (1), (-1)) AS s(sign) WHERE l.queue_id = :queue_id

-- name: insight_ready
-- params: lane int, priority int, due int, seq int, n int
-- returns: n int
-- How many pending jobs of a lane are before a place.
SELECT count(*) FROM (
  SELECT 1 FROM {jobs} WHERE state = 1 AND lane_id = :lane AND (priority, due_us, seq) < (:priority, :due, :seq)
   ORDER BY lane_id, priority, due_us, seq LIMIT :n) c

-- name: insight_level
-- params: lane int, after int, last int
-- returns: priority int
-- The next priority with scheduled jobs.
SELECT priority FROM {jobs} WHERE state = 7 AND lane_id = :lane AND priority > :after AND priority <= :last
 ORDER BY lane_id, priority, due_us, seq LIMIT 1

-- name: insight_due
-- params: lane int, priority int, due int, seq int, n int
-- returns: n int
-- How many scheduled jobs of a priority are before a place.
SELECT count(*) FROM (
  SELECT 1 FROM {jobs}
   WHERE state = 7 AND lane_id = :lane AND priority = :priority AND (due_us, seq) < (:due, :seq)
   ORDER BY lane_id, priority, due_us, seq LIMIT :n) c

-- name: layout
-- returns: place text, kind text, name text, definition text
-- The columns and indexes of our tables (src/sql/layout.hpp), in words that are the same for all versions and settings:
-- quote_all_identifiers adds quotes. A test compares what a fresh schema has with layout.txt.
WITH t AS (
  SELECT c.oid, substr(c.relname, 6) AS name FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace s ON s.oid = c.relnamespace
   WHERE s.nspname = {schema_name} AND c.relname IN ({made}) AND c.relkind IN ('r', 'p'))
SELECT t.name, 'column', a.attname::text,
       translate(pg_catalog.format_type(a.atttypid, a.atttypmod), '"', '')
       || coalesce((SELECT ' COLLATE ' || l.collname FROM pg_catalog.pg_collation l
                     WHERE l.oid = a.attcollation AND l.collname <> 'default'), '')
       || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
       || CASE a.attidentity WHEN 'a' THEN ' GENERATED ALWAYS AS IDENTITY'
                             WHEN 'd' THEN ' GENERATED BY DEFAULT AS IDENTITY'
                             ELSE coalesce(' DEFAULT '
                                           || translate(pg_catalog.pg_get_expr(d.adbin, d.adrelid), '"', ''), '')
          END
  FROM t JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum
UNION ALL
SELECT t.name, 'index', x.relname::text,
       CASE WHEN i.indisprimary THEN 'PRIMARY ' WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END
       || translate(regexp_replace(pg_catalog.pg_get_indexdef(i.indexrelid), '^.* USING ', ''), '"', '')
       || CASE WHEN i.indisvalid THEN '' ELSE ' INVALID' END
  FROM t JOIN pg_catalog.pg_index i ON i.indrelid = t.oid JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
