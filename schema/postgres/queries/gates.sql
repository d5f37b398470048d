-- Limits by key: letting in jobs that wait (sqlq/limits.hpp). core/gate.hpp decides which.
--
-- Lists travel as JSON texts. A gate's rows are found for each gate by itself, in the order of the index, and their
-- jobs one by one by id; a job that came back after its row was made has another seq. Rows are found by seq as a range
-- in order: while the table is empty the index of the lines, which ends with the seq, would seem as good as the primary
-- key.
--
-- Rows of sqlq_gated are changed by looks, which pass over locked ones, and by whoever has just made their jobs wait,
-- with the jobs locked (`lined_up` in all.sql).

-- piece: gated_job
LEFT JOIN LATERAL (
  SELECT j.state, j.claims, j.started_us, j.due_us, j.priority FROM {jobs} j
   WHERE j.id = d.job_id AND j.seq = d.job_seq OFFSET 0) j ON true

-- name: gate_in
-- params: ids text
-- A JSON array of ids of jobs that this transaction has stored: those with a key come into its line when they are due.
WITH changed AS MATERIALIZED (
  SELECT j.* FROM json_array_elements_text(:ids::json) AS w(id)
   CROSS JOIN LATERAL (
     SELECT j.seq, j.id, j.queue_id, j.headers, j.due_us, j.claims, j.flags, j.state FROM {jobs} j
      WHERE j.id = w.id::uuid LIMIT 1) j)
{lined_up}

-- name: gates_arrived
-- params: now int?, n int
-- returns: queue int, key text
-- Of jobs that have come, the first n; a key may be there several times.
SELECT queue_id, key FROM {gated} WHERE stage = 2 AND second <= {now} ORDER BY second LIMIT :n

-- name: gates_due
-- params: now int?, n int
-- returns: queue int, key text
SELECT queue_id, key FROM {gates} WHERE look_us <= {now} ORDER BY look_us LIMIT :n

-- name: gates_named
-- params: names text
-- returns: queue int, key text
-- A JSON array of [queue, key], both names.
SELECT q.id, x.gate ->> 1
  FROM json_array_elements(:names::json) AS x(gate) JOIN {queues} q ON q.name = x.gate ->> 0

-- name: gates_next
-- returns: at int?, now int
-- When there will be something to look at; and the clock, where it is the database's.
SELECT least((SELECT second FROM {gated} WHERE stage = 2 ORDER BY second LIMIT 1),
             (SELECT look_us FROM {gates} WHERE look_us IS NOT NULL ORDER BY look_us LIMIT 1)),
       (extract(epoch FROM statement_timestamp()) * 1000000)::bigint

-- name: gates_make
-- params: gates text
-- A JSON array of [queue id, key]. Those that are not there, and that nobody else is making: he would be waited for.
-- The locks are few, so somebody else may be making another one.
INSERT INTO {gates} (queue_id, key)
SELECT (x.gate ->> 0)::integer, x.gate ->> 1
  FROM json_array_elements(:gates::json) AS x(gate)
 WHERE NOT EXISTS (SELECT 1 FROM {gates} g WHERE g.queue_id = (x.gate ->> 0)::integer AND g.key = x.gate ->> 1)
   AND pg_try_advisory_xact_lock({gates_oid}, (hashtextextended(x.gate::text, 0) & 63)::integer)
ON CONFLICT DO NOTHING

-- name: gates_lock
-- params: now int?, gates text
-- returns: now int, queue int, key text, settings text, next_start int, shut_until int, let_in int
-- Locks them, but for those that somebody else has locked.
SELECT {now}, g.queue_id, g.key, g.settings, g.next_start_us, g.shut_until_us, g.let_in_us
  FROM json_array_elements(:gates::json) AS x(gate)
  JOIN {gates} g ON g.queue_id = (x.gate ->> 0)::integer AND g.key = x.gate ->> 1
   FOR UPDATE OF g SKIP LOCKED

-- name: gates_lines
-- params: gates text
-- returns: queue int, key text, of_all text?, head int?, later int?
-- Of gates that are locked. A statement after the lock: the one that takes it may see what was before the look of
-- somebody else ended. of_all: the settings of all keys; head: the seq of the first in line; later: when the first
-- comes that is not in line.
SELECT g.queue_id, g.key,
       (SELECT a.settings FROM {gates} a WHERE a.queue_id = g.queue_id AND a.key = ''),
       (SELECT d.job_seq FROM {gated} d WHERE d.queue_id = g.queue_id AND d.key = g.key AND d.stage = 1
         ORDER BY d.queue_id, d.key, d.stage, d.first, d.second, d.job_seq LIMIT 1),
       (SELECT d.second FROM {gated} d WHERE d.queue_id = g.queue_id AND d.key = g.key AND d.stage = 2
         ORDER BY d.queue_id, d.key, d.stage, d.first, d.second, d.job_seq LIMIT 1)
  FROM json_array_elements(:gates::json) AS x(gate)
  JOIN {gates} g ON g.queue_id = (x.gate ->> 0)::integer AND g.key = x.gate ->> 1

-- name: gates_inside
-- params: gates text, n int
-- returns: queue int, key text, first int, counted int, started int?, seq int, state int?, claims int?, due int?, priority int?
-- Jobs that were let in, after the lock: of all these gates the first n. Of one that is gone nothing is known.
SELECT d.queue_id, d.key, d.first, d.claims, j.started_us, d.job_seq, j.state, j.claims, j.due_us, j.priority
  FROM json_array_elements(:gates::json) AS x(gate)
 CROSS JOIN LATERAL (
   SELECT d.queue_id, d.key, d.first, d.claims, d.job_seq, d.job_id FROM {gated} d
    WHERE d.queue_id = (x.gate ->> 0)::integer AND d.key = x.gate ->> 1 AND d.stage = 0 OFFSET 0) d
  {gated_job}
 LIMIT :n

-- name: gates_came
-- params: now int?, gates text, n int
-- returns: queue int, key text, first int, counted int, started int?, seq int, state int?, claims int?, due int?, priority int?
-- Jobs that have come and stand in no line yet: of all these gates the first n. The stage is none that the planner
-- knows: it would look through the jobs of all gates that have come.
SELECT d.queue_id, d.key, d.first, d.claims, j.started_us, d.job_seq, j.state, j.claims, j.due_us, j.priority
  FROM json_array_elements(:gates::json) AS x(gate)
 CROSS JOIN LATERAL (
   SELECT d.queue_id, d.key, d.first, d.claims, d.job_seq, d.job_id FROM {gated} d
    WHERE d.queue_id = (x.gate ->> 0)::integer AND d.key = x.gate ->> 1 AND d.stage = (SELECT 2::smallint)
      AND d.first = 0 AND d.second <= {now}
    ORDER BY d.queue_id, d.key, d.stage, d.first, d.second, d.job_seq LIMIT :n) d
  {gated_job}
 LIMIT :n

-- name: gate_line
-- params: queue int, key text, n int
-- returns: seq int, state int?, claims int?, due int?, priority int?
-- The first of a line.
SELECT d.job_seq, j.state, j.claims, j.due_us, j.priority
  FROM (SELECT d.job_seq, d.job_id, d.first, d.second FROM {gated} d
         WHERE d.queue_id = :queue AND d.key = :key AND d.stage = 1
         ORDER BY d.queue_id, d.key, d.stage, d.first, d.second, d.job_seq LIMIT :n) d
  {gated_job}
 ORDER BY d.first, d.second, d.job_seq

-- name: gated_states
-- params: seqs text
-- returns: seq int, state int?, claims int?, due int?, priority int?
-- The same of these.
SELECT x.seq::bigint, j.state, j.claims, j.due_us, j.priority
  FROM json_array_elements_text(:seqs::json) AS x(seq)
  LEFT JOIN LATERAL (
    SELECT d.job_seq, d.job_id FROM {gated} d WHERE d.job_seq BETWEEN x.seq::bigint AND x.seq::bigint
     ORDER BY d.job_seq LIMIT 1) d ON true
  {gated_job}

-- name: let_in
-- params: seqs text
-- returns: seq int
-- waiting -> pending. Of those that somebody has locked, or that wait no more, nothing is answered.
WITH pick AS MATERIALIZED (
  SELECT j.ctid
    FROM unnest(:seqs::bigint[]) AS w(seq)
   CROSS JOIN LATERAL (
     SELECT d.job_id FROM {gated} d WHERE d.job_seq BETWEEN w.seq AND w.seq ORDER BY d.job_seq LIMIT 1) d
   CROSS JOIN LATERAL (
     SELECT j.ctid FROM {jobs} j
      WHERE j.id = d.job_id AND j.seq = w.seq AND +j.state = 8 FOR NO KEY UPDATE SKIP LOCKED) j)
UPDATE {jobs} j SET state = 1
 WHERE j.ctid = ANY (ARRAY(SELECT ctid FROM pick)) AND +j.state = 8
RETURNING j.seq

-- piece: gated_rows
-- Those whose stage is still the one that is named, and that nobody has locked.
w AS MATERIALIZED (
  SELECT d.job_seq, x.item
    FROM json_array_elements(:rows::json) AS x(item)
   CROSS JOIN LATERAL (
     SELECT d.job_seq FROM {gated} d
      WHERE d.job_seq = (x.item ->> 0)::bigint AND d.stage = (x.item ->> 1)::smallint
        FOR NO KEY UPDATE SKIP LOCKED) d)

-- name: gated_set
-- params: rows text
-- A JSON array of [seq, stage it had, stage, first, second, claims]. A row that somebody has put elsewhere meanwhile
-- stays there.
WITH {gated_rows}
UPDATE {gated} d
   SET stage = (w.item ->> 2)::smallint, first = (w.item ->> 3)::bigint, second = (w.item ->> 4)::bigint,
       claims = (w.item ->> 5)::bigint
  FROM w WHERE d.job_seq = w.job_seq

-- name: gated_drop
-- params: rows text
-- A JSON array of [seq, stage it had].
WITH {gated_rows}
DELETE FROM {gated} d USING w WHERE d.job_seq = w.job_seq

-- name: gates_set
-- params: rows text
-- A JSON array of [queue, key, next_start, shut_until, let_in, look or null], all locked.
UPDATE {gates} g
   SET next_start_us = (x.item ->> 2)::bigint, shut_until_us = (x.item ->> 3)::bigint,
       let_in_us = (x.item ->> 4)::bigint, look_us = (x.item ->> 5)::bigint, turn = g.turn + 1
  FROM json_array_elements(:rows::json) AS x(item)
 WHERE g.queue_id = (x.item ->> 0)::integer AND g.key = x.item ->> 1

-- name: gates_drop
-- params: gates text
-- A JSON array of [queue, key], all locked: those with nothing to remember, of which no job is there.
DELETE FROM {gates} g
 USING json_array_elements(:gates::json) AS x(gate)
 WHERE g.queue_id = (x.gate ->> 0)::integer AND g.key = x.gate ->> 1 AND g.settings = ''
   AND (SELECT d.queue_id FROM {gated} d WHERE d.queue_id = g.queue_id AND d.key = g.key
         ORDER BY d.queue_id, d.key, d.stage, d.first, d.second, d.job_seq LIMIT 1) IS NULL

-- name: gate_settings
-- params: queue text
-- returns: settings text
SELECT g.settings FROM {queues} q JOIN {gates} g ON g.queue_id = q.id AND g.key = '' WHERE q.name = :queue

-- name: gate_set
-- params: queue text, key text, settings text, now int?
-- The queue is there. Looked at at once, but for the row of all keys.
INSERT INTO {gates} AS g (queue_id, key, settings, look_us)
SELECT q.id, :key, :settings, CASE :key::text WHEN '' THEN NULL ELSE {now} END FROM {queues} q WHERE q.name = :queue
ON CONFLICT (queue_id, key) DO UPDATE SET settings = excluded.settings, look_us = excluded.look_us, turn = g.turn + 1

-- name: gates_look_all
-- params: queue text, now int?
-- All keys of a queue are to be looked at.
UPDATE {gates} g SET look_us = {now}
 WHERE g.queue_id = (SELECT q.id FROM {queues} q WHERE q.name = :queue) AND g.key > ''

-- name: gate_shut
-- params: queue text, key text, pause int?, now int?
-- Never shorter than before. pause: NULL: until it is opened.
INSERT INTO {gates} AS g (queue_id, key, shut_until_us, look_us)
SELECT q.id, :key, coalesce({now} + :pause, 9223372036854775807), {now} FROM {queues} q WHERE q.name = :queue
ON CONFLICT (queue_id, key) DO UPDATE SET shut_until_us = greatest(g.shut_until_us, excluded.shut_until_us),
                                          look_us = excluded.look_us, turn = g.turn + 1

-- name: gate_open
-- params: queue text, key text, now int?
UPDATE {gates} g SET shut_until_us = 0, look_us = {now}, turn = g.turn + 1
 WHERE g.queue_id = (SELECT q.id FROM {queues} q WHERE q.name = :queue) AND g.key = :key

-- piece: next_key
-- The one that comes after `known`.
least((SELECT g.key FROM {gates} g WHERE g.queue_id = known.queue_id AND g.key > known.key
        ORDER BY g.queue_id, g.key LIMIT 1),
      (SELECT d.key FROM {gated} d WHERE d.queue_id = known.queue_id AND d.key > known.key
        ORDER BY d.queue_id, d.key, d.stage, d.first, d.second, d.job_seq LIMIT 1))

-- name: gate_list
-- params: queue text, after text, n int
-- returns: key text
-- Keys of a queue, in order. Jumps from key to key along the indexes.
WITH RECURSIVE step(queue_id, key, n) AS (
  SELECT q.id, :after::text COLLATE "C", 0 FROM {queues} q WHERE q.name = :queue
  UNION ALL
  SELECT known.queue_id, {next_key}, known.n + 1 FROM step known WHERE known.key IS NOT NULL AND known.n < :n)
SELECT key FROM step WHERE key IS NOT NULL AND n > 0

-- name: gate_get
-- params: queue text, key text, cap int
-- returns: settings text?, next_start int?, shut_until int?, inside int, waiting int
-- Jobs as their own states say, counted up to cap.
SELECT g.settings, g.next_start_us, g.shut_until_us,
       (SELECT count(*) FROM (
          SELECT 1 FROM {gated} d {gated_job}
           WHERE d.queue_id = q.id AND d.key = :key AND d.stage = 0 AND j.state IN (1, 2, 5, 7) LIMIT :cap) c),
       (SELECT count(*) FROM (
          SELECT 1 FROM (SELECT d.job_seq, d.job_id FROM {gated} d WHERE d.queue_id = q.id AND d.key = :key
                          ORDER BY d.queue_id, d.key, d.stage, d.first, d.second, d.job_seq LIMIT {unbounded}) d
            {gated_job}
           WHERE j.state = 8 LIMIT :cap) c)
  FROM {queues} q LEFT JOIN {gates} g ON g.queue_id = q.id AND g.key = :key
 WHERE q.name = :queue

-- name: gate_jobs
-- params: queue text, key text, n int
-- returns: id text
-- Some of those inside.
SELECT d.job_id
  FROM {queues} q
 CROSS JOIN LATERAL (
   SELECT d.job_seq, d.job_id FROM {gated} d WHERE d.queue_id = q.id AND d.key = :key AND d.stage = 0
    ORDER BY d.queue_id, d.key, d.stage, d.first, d.second, d.job_seq OFFSET 0) d
  {gated_job}
 WHERE q.name = :queue AND j.state IN (1, 2, 5, 7) LIMIT :n

-- name: gate_before
-- params: id text, cap int
-- returns: n int
-- Jobs in line before one that stands in line, or all of the line for one that comes later.
SELECT count(*) FROM (
  SELECT 1
    FROM {jobs} j
    JOIN {gated} m ON m.job_seq = j.seq
   CROSS JOIN LATERAL (
     SELECT 1 FROM {gated} d
      WHERE d.queue_id = m.queue_id AND d.key = m.key AND d.stage = 1
        AND (m.stage = 2 OR (d.first, d.second, d.job_seq) < (m.first, m.second, m.job_seq))
      ORDER BY d.queue_id, d.key, d.stage, d.first, d.second, d.job_seq LIMIT :cap) d
   WHERE j.id = :id::uuid AND +j.state = 8 AND m.stage > 0 LIMIT :cap) c

-- name: gates_forget
-- params: queue text
-- Of a queue that has no jobs. And gated_forget.
DELETE FROM {gates} WHERE queue_id = (SELECT q.id FROM {queues} q WHERE q.name = :queue)

-- name: gated_forget
-- params: queue text
DELETE FROM {gated} WHERE queue_id = (SELECT q.id FROM {queues} q WHERE q.name = :queue)
