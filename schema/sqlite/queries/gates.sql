-- Limits by key: letting in jobs that wait (sqlq/limits.hpp). core/gate.hpp decides which.

-- name: gate_in
-- params: ids text
-- A JSON array of ids of jobs that wait: those with a key come into its line when they are due. One that was let in
-- comes at once: whether it has started since is not counted yet.
INSERT INTO sqlq_gated (job_seq, queue_id, key, stage, first, second, claims)
SELECT j.seq, j.queue_id, json_extract(j.headers, '$."sqlq-key"'), 2, 0, j.due_us, j.claims
  FROM json_each(:ids) x CROSS JOIN sqlq_jobs j ON j.id = x.value
 WHERE j.state = 8 AND j.flags & 2
ON CONFLICT (job_seq) DO UPDATE SET queue_id = excluded.queue_id, first = 0, stage = 2,
                                    second = CASE stage WHEN 0 THEN 0 ELSE excluded.second END

-- name: gates_arrived
-- params: now int, n int
-- returns: queue int, key text
-- Of jobs that have come, the first n; a key may be there several times.
SELECT queue_id, key FROM sqlq_gated WHERE stage = 2 AND second <= :now ORDER BY second LIMIT :n

-- name: gates_due
-- params: now int, n int
-- returns: queue int, key text
SELECT queue_id, key FROM sqlq_gates WHERE look_us <= :now ORDER BY look_us LIMIT :n

-- name: gates_named
-- params: names text
-- returns: queue int, key text
-- A JSON array of [queue, key], both names.
SELECT q.id, x.value ->> 1 FROM json_each(:names) x CROSS JOIN sqlq_queues q ON q.name = x.value ->> 0

-- name: gates_next
-- returns: at int?, now int
-- When there will be something to look at; and the clock, where it is the database's.
SELECT min(at), 0 FROM (SELECT min(second) AS at FROM sqlq_gated WHERE stage = 2
                        UNION ALL SELECT min(look_us) FROM sqlq_gates WHERE look_us IS NOT NULL)

-- name: gates_make
-- params: gates text
-- A JSON array of [queue id, key]. Those that are not there.
INSERT INTO sqlq_gates (queue_id, key) SELECT value ->> 0, value ->> 1 FROM json_each(:gates) WHERE true
ON CONFLICT DO NOTHING

-- name: gates_lock
-- params: now int, gates text
-- returns: now int, queue int, key text, settings text, next_start int, shut_until int, let_in int
-- Locks them, but for those that somebody else has locked.
SELECT :now, g.queue_id, g.key, g.settings, g.next_start_us, g.shut_until_us, g.let_in_us
  FROM json_each(:gates) x CROSS JOIN sqlq_gates g ON g.queue_id = x.value ->> 0 AND g.key = x.value ->> 1

-- name: gates_lines
-- params: gates text
-- returns: queue int, key text, of_all text?, head int?, later int?
-- Of gates that are locked. A statement after the lock: the one that takes it may see what was before the look of
-- somebody else ended. of_all: the settings of all keys; head: the seq of the first in line; later: when the first
-- comes that is not in line.
SELECT g.queue_id, g.key,
       (SELECT a.settings FROM sqlq_gates a WHERE a.queue_id = g.queue_id AND a.key = ''),
       (SELECT d.job_seq FROM sqlq_gated d WHERE d.queue_id = g.queue_id AND d.key = g.key AND d.stage = 1
         ORDER BY d.first, d.second, d.job_seq LIMIT 1),
       (SELECT min(d.second) FROM sqlq_gated d
         WHERE d.queue_id = g.queue_id AND d.key = g.key AND d.stage = 2 AND d.first = 0)
  FROM json_each(:gates) x CROSS JOIN sqlq_gates g ON g.queue_id = x.value ->> 0 AND g.key = x.value ->> 1

-- name: gates_inside
-- params: gates text, n int
-- returns: queue int, key text, first int, counted int, started int?, seq int, state int?, claims int?, due int?, priority int?
-- Jobs that were let in, after the lock: of all these gates the first n. Of one that is gone nothing is known.
SELECT d.queue_id, d.key, d.first, d.claims, j.started_us, d.job_seq, j.state, j.claims, j.due_us, j.priority
  FROM json_each(:gates) x
 CROSS JOIN sqlq_gated d ON d.queue_id = x.value ->> 0 AND d.key = x.value ->> 1 AND d.stage = 0
  LEFT JOIN sqlq_jobs j ON j.seq = d.job_seq
 LIMIT :n

-- name: gates_came
-- params: now int, gates text, n int
-- returns: queue int, key text, first int, counted int, started int?, seq int, state int?, claims int?, due int?, priority int?
-- Jobs that have come and stand in no line yet: of all these gates the first n.
SELECT d.queue_id, d.key, d.first, d.claims, j.started_us, d.job_seq, j.state, j.claims, j.due_us, j.priority
  FROM json_each(:gates) x
 CROSS JOIN sqlq_gated d ON d.queue_id = x.value ->> 0 AND d.key = x.value ->> 1 AND d.stage = 2 AND d.first = 0
   AND d.second <= :now
  LEFT JOIN sqlq_jobs j ON j.seq = d.job_seq
 LIMIT :n

-- name: gate_line
-- params: queue int, key text, n int
-- returns: seq int, state int?, claims int?, due int?, priority int?
-- The first of a line, in any order.
SELECT d.job_seq, j.state, j.claims, j.due_us, j.priority
  FROM (SELECT job_seq FROM sqlq_gated
         WHERE queue_id = :queue AND key = :key AND stage = 1 ORDER BY first, second, job_seq LIMIT :n) d
  LEFT JOIN sqlq_jobs j ON j.seq = d.job_seq

-- name: gated_states
-- params: seqs text
-- returns: seq int, state int?, claims int?, due int?, priority int?
-- The same of these.
SELECT x.value, j.state, j.claims, j.due_us, j.priority FROM json_each(:seqs) x LEFT JOIN sqlq_jobs j ON j.seq = x.value

-- name: let_in
-- params: seqs text
-- returns: seq int
-- waiting -> pending. Of those that somebody has locked, or that wait no more, nothing is answered.
UPDATE sqlq_jobs SET state = 1 WHERE seq IN (SELECT value FROM json_each(:seqs)) AND +state = 8 RETURNING seq

-- name: gated_set
-- params: rows text
-- A JSON array of [seq, stage it had, stage, first, second, claims]. A row that somebody has put elsewhere meanwhile
-- stays there. Waits for no row, where it could: for one that is locked the same holds.
UPDATE sqlq_gated
   SET stage = x.value ->> 2, first = x.value ->> 3, second = x.value ->> 4, claims = x.value ->> 5
  FROM json_each(:rows) x
 WHERE job_seq = x.value ->> 0 AND stage = x.value ->> 1

-- name: gated_drop
-- params: rows text
-- A JSON array of [seq, stage it had].
DELETE FROM sqlq_gated
 WHERE job_seq IN (SELECT value ->> 0 FROM json_each(:rows))
   AND (job_seq, stage) IN (SELECT value ->> 0, value ->> 1 FROM json_each(:rows))

-- name: gates_set
-- params: rows text
-- A JSON array of [queue, key, next_start, shut_until, let_in, look or null], all locked.
UPDATE sqlq_gates
   SET next_start_us = x.value ->> 2, shut_until_us = x.value ->> 3, let_in_us = x.value ->> 4,
       look_us = x.value ->> 5, turn = turn + 1
  FROM json_each(:rows) x
 WHERE queue_id = x.value ->> 0 AND sqlq_gates.key = x.value ->> 1

-- name: gates_drop
-- params: gates text
-- A JSON array of [queue, key], all locked: those with nothing to remember, of which no job is there.
DELETE FROM sqlq_gates
 WHERE queue_id IN (SELECT value ->> 0 FROM json_each(:gates)) AND key IN (SELECT value ->> 1 FROM json_each(:gates))
   AND (queue_id, key) IN (SELECT value ->> 0, value ->> 1 FROM json_each(:gates)) AND settings = ''
   AND NOT EXISTS (SELECT 1 FROM sqlq_gated d WHERE d.queue_id = sqlq_gates.queue_id AND d.key = sqlq_gates.key)

-- name: gate_settings
-- params: queue text
-- returns: settings text
SELECT g.settings FROM sqlq_gates g JOIN sqlq_queues q ON q.id = g.queue_id WHERE q.name = :queue AND g.key = ''

-- name: gate_set
-- params: queue text, key text, settings text, now int
-- The queue is there. Looked at at once, but for the row of all keys.
INSERT INTO sqlq_gates (queue_id, key, settings, look_us)
SELECT q.id, :key, :settings, iif(:key = '', NULL, :now) FROM sqlq_queues q WHERE q.name = :queue
ON CONFLICT (queue_id, key) DO UPDATE SET settings = excluded.settings, look_us = excluded.look_us, turn = turn + 1

-- name: gates_look_all
-- params: queue text, now int
-- All keys of a queue are to be looked at.
UPDATE sqlq_gates SET look_us = :now
 WHERE queue_id = (SELECT q.id FROM sqlq_queues q WHERE q.name = :queue) AND key <> ''

-- name: gate_shut
-- params: queue text, key text, pause int?, now int
-- Never shorter than before. pause: NULL: until it is opened.
INSERT INTO sqlq_gates (queue_id, key, shut_until_us, look_us)
SELECT q.id, :key, coalesce(:now + :pause, 9223372036854775807), :now FROM sqlq_queues q WHERE q.name = :queue
ON CONFLICT (queue_id, key) DO UPDATE SET shut_until_us = max(shut_until_us, excluded.shut_until_us),
                                          look_us = excluded.look_us, turn = turn + 1

-- name: gate_open
-- params: queue text, key text, now int
UPDATE sqlq_gates SET shut_until_us = 0, look_us = :now, turn = turn + 1
 WHERE queue_id = (SELECT q.id FROM sqlq_queues q WHERE q.name = :queue) AND key = :key

-- name: gate_list
-- params: queue text, after text, n int
-- returns: key text
-- Keys of a queue, in order. Jumps from key to key along the indexes.
WITH RECURSIVE known(key) AS (
  SELECT min(key) FROM (SELECT min(g.key) AS key FROM sqlq_gates g, sqlq_queues q
                         WHERE q.name = :queue AND g.queue_id = q.id AND g.key > :after
                        UNION ALL SELECT min(d.key) FROM sqlq_gated d, sqlq_queues q
                         WHERE q.name = :queue AND d.queue_id = q.id AND d.key > :after)
  UNION ALL
  SELECT (SELECT min(key) FROM (SELECT min(g.key) AS key FROM sqlq_gates g, sqlq_queues q
                                 WHERE q.name = :queue AND g.queue_id = q.id AND g.key > known.key
                                UNION ALL SELECT min(d.key) FROM sqlq_gated d, sqlq_queues q
                                 WHERE q.name = :queue AND d.queue_id = q.id AND d.key > known.key))
    FROM known WHERE known.key IS NOT NULL)
SELECT key FROM known WHERE key IS NOT NULL LIMIT :n

-- name: gate_get
-- params: queue text, key text, cap int
-- returns: settings text?, next_start int?, shut_until int?, inside int, waiting int
-- Jobs as their own states say, counted up to cap.
SELECT g.settings, g.next_start_us, g.shut_until_us,
       (SELECT count(*) FROM (SELECT 1 FROM sqlq_gated d CROSS JOIN sqlq_jobs j ON j.seq = d.job_seq
                               WHERE d.queue_id = q.id AND d.key = :key AND d.stage = 0 AND j.state IN (1, 2, 5, 7)
                               LIMIT :cap)),
       (SELECT count(*) FROM (SELECT 1 FROM sqlq_gated d CROSS JOIN sqlq_jobs j ON j.seq = d.job_seq
                               WHERE d.queue_id = q.id AND d.key = :key AND j.state = 8 LIMIT :cap))
  FROM sqlq_queues q LEFT JOIN sqlq_gates g ON g.queue_id = q.id AND g.key = :key
 WHERE q.name = :queue

-- name: gate_jobs
-- params: queue text, key text, n int
-- returns: id text
-- Some of those inside.
SELECT j.id FROM sqlq_queues q CROSS JOIN sqlq_gated d ON d.queue_id = q.id AND d.key = :key AND d.stage = 0
 CROSS JOIN sqlq_jobs j ON j.seq = d.job_seq
 WHERE q.name = :queue AND j.state IN (1, 2, 5, 7) ORDER BY j.seq LIMIT :n

-- piece: line_of_job
sqlq_jobs j CROSS JOIN sqlq_gated m ON m.job_seq = j.seq
 CROSS JOIN sqlq_gated d ON d.queue_id = m.queue_id AND d.key = m.key AND d.stage = 1
 WHERE j.id = :id AND j.state = 8

-- name: gate_before
-- params: id text, cap int
-- returns: n int
-- Jobs in line before one that stands in line, or all of the line for one that comes later.
SELECT count(*) FROM (
  SELECT 1 FROM {line_of_job} AND m.stage = 2
  UNION ALL
  SELECT 1 FROM {line_of_job} AND m.stage = 1 AND d.first < m.first
  UNION ALL
  SELECT 1 FROM {line_of_job} AND m.stage = 1 AND d.first = m.first AND d.second < m.second
  UNION ALL
  SELECT 1 FROM {line_of_job} AND m.stage = 1 AND d.first = m.first AND d.second = m.second AND d.job_seq < m.job_seq
  LIMIT :cap)

-- name: gates_forget
-- params: queue text
-- Of a queue that has no jobs. And gated_forget.
DELETE FROM sqlq_gates WHERE queue_id = (SELECT q.id FROM sqlq_queues q WHERE q.name = :queue)

-- name: gated_forget
-- params: queue text
DELETE FROM sqlq_gated WHERE queue_id = (SELECT q.id FROM sqlq_queues q WHERE q.name = :queue)
