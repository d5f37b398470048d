-- Storing jobs, with the queues and lanes they need.

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
lane_id, queue_id, priority, due_us, max_attempts, max_crashes, keepalive_us, timeout_us, retention_us, state

-- piece: state
(SELECT states FROM shape)[i.shape]

-- piece: state_or_waiting
CASE i.flags WHEN 0 THEN {state} ELSE 8 END

-- piece: shaped
coalesce((SELECT lanes FROM shape)[i.shape],
         nullif(current_setting('transaction_isolation'), 'read committed')::integer),
(SELECT queues FROM shape)[i.shape], (:priorities::integer[])[i.shape], (SELECT dues FROM shape)[i.shape],
(:max_attempts::integer[])[i.shape], (:max_crashes::integer[])[i.shape], (:keepalives::bigint[])[i.shape],
(:timeouts::bigint[])[i.shape], nullif((:retentions::bigint[])[i.shape], -1)

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
       {shaped}, {state}, {now}, {now}, i.params
  FROM unnest(:ids::uuid[], :shapes::integer[], :params::text[])
       AS i(id, shape, params)

-- name: job_insert_headers
-- params: {batch}, headers text, flags text
-- The same for a batch in which some have headers (docs/decisions/0050). Those with flags have a key, and wait for it.
WITH {shape}
INSERT INTO {jobs} (id, {shaped_columns}, flags, created_us, queued_us, params, headers)
SELECT i.id,
       {shaped}, {state_or_waiting}, i.flags, {now}, {now}, i.params, i.headers
  FROM unnest(:ids::uuid[], :shapes::integer[], :params::text[], :headers::text[], :flags::smallint[])
       AS i(id, shape, params, headers, flags)

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
       {shaped}, {state}, {now}, {now}, i.unique_key, i.params
  FROM unnest(:ids::uuid[], :shapes::integer[], :unique_keys::text[], :ranks::bigint[], :params::text[])
       AS i(id, shape, unique_key, rank, params)
ON CONFLICT DO NOTHING
RETURNING id, unique_key

-- name: job_insert_new_headers
-- params: {batch}, unique_keys text, ranks text, numbered int, headers text, flags text
-- returns: id text, unique_key text?
-- The same for a batch in which some have headers.
WITH {shape}, {drawn}
INSERT INTO {jobs} (id, seq, {shaped_columns}, flags, created_us, queued_us, unique_key, params, headers)
       OVERRIDING SYSTEM VALUE
SELECT i.id, {place},
       {shaped}, {state_or_waiting}, i.flags, {now}, {now}, i.unique_key, i.params, i.headers
  FROM unnest(:ids::uuid[], :shapes::integer[], :unique_keys::text[], :ranks::bigint[], :params::text[],
              :headers::text[], :flags::smallint[])
       AS i(id, shape, unique_key, rank, params, headers, flags)
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
                     (SELECT j.id FROM {jobs} j WHERE j.unique_key = w.unique_key AND j.state IN (1, 2, 5, 7, 8)))
  FROM unnest(:ids::uuid[], :unique_keys::text[]) WITH ORDINALITY AS w(id, unique_key, n)

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
