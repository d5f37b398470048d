-- Limits by key: letting in jobs that wait (sqlq/limits.hpp). core/gate.hpp decides which.
--
-- A look waits for nobody: a user's transaction may keep jobs and their rows of gated for long. A DELETE or an
-- UPDATE of several tables locks what its subqueries read, also in READ COMMITTED; an INSERT ... SELECT does not.

-- piece: gate_names
JSON_TABLE(:gates, '$[*]' COLUMNS (queue_id INT PATH '$[0]',
                                   name VARCHAR(255) CHARACTER SET utf8mb4 PATH '$[1]')) x

-- piece: of_gate
d.queue_id = x.queue_id AND d.gate_key = CAST(x.name AS BINARY)

-- piece: come_in
STRAIGHT_JOIN JSON_TABLE(CONVERT(j.headers USING utf8mb4), '$' COLUMNS (
                 name VARCHAR(255) CHARACTER SET utf8mb4 PATH '$."sqlq-key"')) h
 WHERE j.state = 8 AND (j.flags & 4) = 4 AND h.name IS NOT NULL
ON DUPLICATE KEY UPDATE queue_id = VALUES(queue_id), first = 0, second = IF(stage = 0, 0, VALUES(second)), stage = 2

-- name: gate_in
-- params: ids text
-- A JSON array of ids of jobs that wait: those with a key come into its line when they are due. One that was let in
-- comes at once: whether it has started since is not counted yet. (`second` is written before `stage`, which it reads.)
INSERT INTO {gated} (job_seq, queue_id, gate_key, stage, first, second, claims)
SELECT j.seq, j.queue_id, CAST(h.name AS BINARY), 2, 0, j.due_us, j.claims
  FROM JSON_TABLE(:ids, '$[*]' COLUMNS (id CHAR(36) CHARACTER SET utf8mb4 PATH '$')) x
 STRAIGHT_JOIN {jobs} j FORCE INDEX (sqlq_jobs_id) ON j.id = UNHEX(REPLACE(x.id, '-', ''))
{come_in}

-- name: gate_in_seqs
-- params: seqs text
-- The same in borrowed transactions, where MariaDB locks an entry of another unique index together with the gap before
-- it, and keeps others from inserting there.
INSERT INTO {gated} (job_seq, queue_id, gate_key, stage, first, second, claims)
SELECT j.seq, j.queue_id, CAST(h.name AS BINARY), 2, 0, j.due_us, j.claims
  FROM JSON_TABLE(:seqs, '$[*]' COLUMNS (seq BIGINT PATH '$')) x
 STRAIGHT_JOIN {jobs} j FORCE INDEX (PRIMARY) ON j.seq = x.seq
{come_in}

-- name: gates_arrived
-- params: now int?, n int
-- returns: queue int, key text
-- Of jobs that have come, the first n; a key may be there several times.
SELECT d.queue_id, d.gate_key FROM {gated} d FORCE INDEX (sqlq_gated_later)
 WHERE d.stage = 2 AND d.second <= {now} ORDER BY d.stage, d.second LIMIT :n

-- name: gates_due
-- params: now int?, n int
-- returns: queue int, key text
SELECT g.queue_id, g.gate_key FROM {gates} g FORCE INDEX (sqlq_gates_look)
 WHERE g.look_us <= {now} ORDER BY g.look_us LIMIT :n

-- name: gates_named
-- params: names text
-- returns: queue int, key text
-- A JSON array of [queue, key], both names.
SELECT q.id, CAST(x.name AS BINARY)
  FROM JSON_TABLE(:names, '$[*]' COLUMNS (queue VARCHAR(255) CHARACTER SET utf8mb4 PATH '$[0]',
                                          name VARCHAR(255) CHARACTER SET utf8mb4 PATH '$[1]')) x
 STRAIGHT_JOIN {queues} q FORCE INDEX (sqlq_queues_name) ON q.name = CAST(x.queue AS BINARY)

-- name: gates_next
-- returns: at int?, now int
-- When there will be something to look at; and the clock, where it is the database's.
SELECT MIN(e.at), {clock}
  FROM (SELECT (SELECT d.second FROM {gated} d FORCE INDEX (sqlq_gated_later)
                 WHERE d.stage = 2 ORDER BY d.stage, d.second LIMIT 1) AS at
         UNION ALL
        SELECT (SELECT MIN(g.look_us) FROM {gates} g FORCE INDEX (sqlq_gates_look))) e

-- name: gates_make
-- params: gates text
-- A JSON array of [queue id, key], in order. Reads without locks which are there, for inserting these would wait for
-- who has them. Two who make the same: the second waits until the first has committed.
INSERT INTO {gates} (queue_id, gate_key, settings)
SELECT x.queue_id, CAST(x.name AS BINARY), X'' FROM {gate_names}
 WHERE NOT EXISTS (SELECT 1 FROM {gates} d FORCE INDEX (PRIMARY) WHERE {of_gate})
ON DUPLICATE KEY UPDATE turn = turn

-- name: gates_lock
-- params: now int?, gates text
-- returns: now int, queue int, key text, settings text, next_start int, shut_until int, let_in int
-- Locks them, but for those that somebody else has locked. The LIMIT: see periodic_lock.
SELECT {now}, g.queue_id, g.gate_key, g.settings, g.next_start_us, g.shut_until_us, g.let_in_us
  FROM (SELECT x.queue_id, CAST(x.name AS BINARY) AS name FROM {gate_names} LIMIT 1000000) w
 STRAIGHT_JOIN {gates} g FORCE INDEX (PRIMARY) ON g.queue_id = w.queue_id AND g.gate_key = w.name
   FOR UPDATE SKIP LOCKED

-- name: gates_lines
-- params: gates text
-- returns: queue int, key text, of_all text?, head int?, later int?
-- Of gates that are locked. A statement after the lock: the one that takes it may see what was before the look of
-- somebody else ended. of_all: the settings of all keys; head: the seq of the first in line; later: when the first
-- comes that is not in line.
SELECT g.queue_id, g.gate_key,
       (SELECT a.settings FROM {gates} a FORCE INDEX (PRIMARY) WHERE a.queue_id = g.queue_id AND a.gate_key = X''),
       (SELECT d.job_seq FROM {gated} d FORCE INDEX (sqlq_gated_line)
         WHERE d.queue_id = g.queue_id AND d.gate_key = g.gate_key AND d.stage = 1
         ORDER BY d.queue_id, d.gate_key, d.stage, d.first, d.second, d.job_seq LIMIT 1),
       (SELECT MIN(d.second) FROM {gated} d FORCE INDEX (sqlq_gated_line)
         WHERE d.queue_id = g.queue_id AND d.gate_key = g.gate_key AND d.stage = 2 AND d.first = 0)
  FROM (SELECT x.queue_id, CAST(x.name AS BINARY) AS name FROM {gate_names} LIMIT 1000000) w
 STRAIGHT_JOIN {gates} g FORCE INDEX (PRIMARY) ON g.queue_id = w.queue_id AND g.gate_key = w.name

-- name: gates_inside
-- params: gates text, n int
-- returns: queue int, key text, first int, counted int, started int?, seq int, state int?, claims int?, due int?, priority int?
-- Jobs that were let in, after the lock: of all these gates the first n. Of one that is gone nothing is known.
SELECT d.queue_id, d.gate_key, d.first, d.claims, j.started_us, d.job_seq, j.state, j.claims, j.due_us, j.priority
  FROM {gate_names}
 STRAIGHT_JOIN {gated} d FORCE INDEX (sqlq_gated_line) ON {of_gate} AND d.stage = 0
  LEFT JOIN {jobs} j FORCE INDEX (PRIMARY) ON j.seq = d.job_seq
 LIMIT :n

-- name: gates_came
-- params: now int?, gates text, n int
-- returns: queue int, key text, first int, counted int, started int?, seq int, state int?, claims int?, due int?, priority int?
-- Jobs that have come and stand in no line yet: of all these gates the first n.
SELECT d.queue_id, d.gate_key, d.first, d.claims, j.started_us, d.job_seq, j.state, j.claims, j.due_us, j.priority
  FROM {gate_names}
 STRAIGHT_JOIN {gated} d FORCE INDEX (sqlq_gated_line)
    ON {of_gate} AND d.stage = 2 AND d.first = 0 AND d.second <= {now}
  LEFT JOIN {jobs} j FORCE INDEX (PRIMARY) ON j.seq = d.job_seq
 LIMIT :n

-- name: gate_line
-- params: queue int, key text, n int
-- returns: seq int, state int?, claims int?, due int?, priority int?
-- The first of a line.
SELECT d.job_seq, j.state, j.claims, j.due_us, j.priority
  FROM (SELECT g.job_seq, g.first, g.second FROM {gated} g FORCE INDEX (sqlq_gated_line)
         WHERE g.queue_id = :queue AND g.gate_key = :key AND g.stage = 1
         ORDER BY g.queue_id, g.gate_key, g.stage, g.first, g.second, g.job_seq LIMIT :n) d
  LEFT JOIN {jobs} j FORCE INDEX (PRIMARY) ON j.seq = d.job_seq
 ORDER BY d.first, d.second, d.job_seq

-- name: gated_states
-- params: seqs text
-- returns: seq int, state int?, claims int?, due int?, priority int?
-- The same of these.
SELECT x.seq, j.state, j.claims, j.due_us, j.priority
  FROM JSON_TABLE(:seqs, '$[*]' COLUMNS (seq BIGINT PATH '$')) x
  LEFT JOIN {jobs} j FORCE INDEX (PRIMARY) ON j.seq = x.seq

-- name: let_in_lock
-- params: seqs list
-- returns: seq int, ready_lane int, priority int, due int
-- What somebody has locked is passed over.
SELECT j.seq, {ready_lane}, j.priority, j.due_us FROM {jobs} j FORCE INDEX (PRIMARY)
 WHERE j.seq IN (:seqs) AND j.state = 8 ORDER BY j.seq FOR UPDATE SKIP LOCKED

-- name: let_in
-- params: seqs list
-- waiting -> pending. Rows locked before.
UPDATE {jobs} FORCE INDEX (PRIMARY) SET state = 1 WHERE seq IN (:seqs) AND state = 8

-- name: gated_set
-- params: rows text
-- A JSON array of [seq, stage it had, stage, first, second, claims]. A row that somebody has put elsewhere meanwhile
-- stays there, and so does one that somebody has locked: he has locked its job before, so it is of none that was let
-- in.
UPDATE (SELECT w.seq, w.stage, w.first, w.second, w.claims
          FROM (SELECT x.seq, x.was, x.stage, x.first, x.second, x.claims
                  FROM JSON_TABLE(:rows, '$[*]' COLUMNS (
                         seq BIGINT PATH '$[0]', was INT PATH '$[1]', stage INT PATH '$[2]', first BIGINT PATH '$[3]',
                         second BIGINT PATH '$[4]', claims BIGINT PATH '$[5]')) x LIMIT 1000000) w
         STRAIGHT_JOIN {gated} h FORCE INDEX (PRIMARY) ON h.job_seq = w.seq AND h.stage = w.was
         LIMIT 1000000 FOR UPDATE SKIP LOCKED) held
 STRAIGHT_JOIN {gated} d FORCE INDEX (PRIMARY) ON d.job_seq = held.seq
   SET d.stage = held.stage, d.first = held.first, d.second = held.second, d.claims = held.claims

-- name: gated_drop
-- params: rows text
-- A JSON array of [seq, stage it had]. As gated_set.
DELETE d
  FROM (SELECT w.seq
          FROM (SELECT x.seq, x.was FROM JSON_TABLE(:rows, '$[*]' COLUMNS (
                         seq BIGINT PATH '$[0]', was INT PATH '$[1]')) x LIMIT 1000000) w
         STRAIGHT_JOIN {gated} h FORCE INDEX (PRIMARY) ON h.job_seq = w.seq AND h.stage = w.was
         LIMIT 1000000 FOR UPDATE SKIP LOCKED) held
 STRAIGHT_JOIN {gated} d FORCE INDEX (PRIMARY) ON d.job_seq = held.seq

-- name: gates_set
-- params: rows text
-- A JSON array of [queue, key, next_start, shut_until, let_in, look or null], all locked.
UPDATE JSON_TABLE(:rows, '$[*]' COLUMNS (
         queue_id INT PATH '$[0]', name VARCHAR(255) CHARACTER SET utf8mb4 PATH '$[1]',
         next_start BIGINT PATH '$[2]', shut_until BIGINT PATH '$[3]', let_in BIGINT PATH '$[4]',
         look BIGINT PATH '$[5]')) x
 STRAIGHT_JOIN {gates} d FORCE INDEX (PRIMARY) ON {of_gate}
   SET d.next_start_us = x.next_start, d.shut_until_us = x.shut_until, d.let_in_us = x.let_in, d.look_us = x.look,
       d.turn = d.turn + 1

-- name: gates_drop
-- params: gates text
-- A JSON array of [queue, key], all locked: those with nothing to remember, of which no job is there. What a user's
-- transaction has not committed yet is passed over: it comes in its time. (MariaDB reads a NOT EXISTS from the whole
-- index.)
DELETE d FROM {gate_names} STRAIGHT_JOIN {gates} d FORCE INDEX (PRIMARY) ON {of_gate}
 WHERE d.settings = X''
   AND (SELECT h.job_seq FROM {gated} h FORCE INDEX (sqlq_gated_line)
         WHERE h.queue_id = d.queue_id AND h.gate_key = d.gate_key
         ORDER BY h.queue_id, h.gate_key, h.stage, h.first, h.second, h.job_seq LIMIT 1 FOR UPDATE SKIP LOCKED) IS NULL

-- name: gate_settings
-- params: queue text
-- returns: settings text
SELECT g.settings FROM {queues} q FORCE INDEX (sqlq_queues_name)
 STRAIGHT_JOIN {gates} g FORCE INDEX (PRIMARY) ON g.queue_id = q.id AND g.gate_key = X''
 WHERE q.name = :queue

-- name: gate_set
-- params: queue text, key text, settings text, now int?
-- The queue is there. Looked at at once, but for the row of all keys.
INSERT INTO {gates} (queue_id, gate_key, settings, look_us)
SELECT q.id, :key, :settings, IF(:key = X'', NULL, {now})
  FROM {queues} q FORCE INDEX (sqlq_queues_name) WHERE q.name = :queue
ON DUPLICATE KEY UPDATE settings = VALUES(settings), look_us = VALUES(look_us), turn = turn + 1

-- name: gates_look_all
-- params: queue text, now int?
-- All keys of a queue are to be looked at.
UPDATE {gates} FORCE INDEX (PRIMARY) SET look_us = {now}, turn = turn + 1
 WHERE queue_id = (SELECT q.id FROM {queues} q WHERE q.name = :queue) AND gate_key > X''

-- name: gate_shut
-- params: queue text, key text, pause int?, now int?
-- Never shorter than before. pause: NULL: until it is opened.
INSERT INTO {gates} (queue_id, gate_key, settings, shut_until_us, look_us)
SELECT q.id, :key, X'', IF(:pause IS NULL, 9223372036854775807, {now} + COALESCE(:pause, 0)), {now}
  FROM {queues} q FORCE INDEX (sqlq_queues_name) WHERE q.name = :queue
ON DUPLICATE KEY UPDATE shut_until_us = GREATEST(shut_until_us, VALUES(shut_until_us)), look_us = VALUES(look_us),
                        turn = turn + 1

-- name: gate_open
-- params: queue text, key text, now int?
UPDATE {gates} FORCE INDEX (PRIMARY) SET shut_until_us = 0, look_us = {now}, turn = turn + 1
 WHERE queue_id = (SELECT q.id FROM {queues} q WHERE q.name = :queue) AND gate_key = :key

-- name: gate_list
-- params: queue text, after text, n int
-- returns: key text
-- Keys of a queue, in order. Jumps from key to key along the indexes of both tables. No key has a byte FF.
WITH RECURSIVE known (queue_id, k, n) AS (
  SELECT q.id,
         LEAST(COALESCE((SELECT g.gate_key FROM {gates} g FORCE INDEX (PRIMARY)
                          WHERE g.queue_id = q.id AND g.gate_key > :after
                          ORDER BY g.queue_id, g.gate_key LIMIT 1), X'FF'),
               COALESCE((SELECT d.gate_key FROM {gated} d FORCE INDEX (sqlq_gated_line)
                          WHERE d.queue_id = q.id AND d.gate_key > :after
                          ORDER BY d.queue_id, d.gate_key LIMIT 1), X'FF')), 1
    FROM {queues} q FORCE INDEX (sqlq_queues_name) WHERE q.name = :queue
  UNION ALL
  SELECT known.queue_id,
         LEAST(COALESCE((SELECT g.gate_key FROM {gates} g FORCE INDEX (PRIMARY)
                          WHERE g.queue_id = known.queue_id AND g.gate_key > known.k
                          ORDER BY g.queue_id, g.gate_key LIMIT 1), X'FF'),
               COALESCE((SELECT d.gate_key FROM {gated} d FORCE INDEX (sqlq_gated_line)
                          WHERE d.queue_id = known.queue_id AND d.gate_key > known.k
                          ORDER BY d.queue_id, d.gate_key LIMIT 1), X'FF')), known.n + 1
    FROM known WHERE known.k <> X'FF' AND known.n < :n)
SELECT k FROM known WHERE k <> X'FF' ORDER BY n LIMIT :n

-- name: gate_get
-- params: queue text, key text, cap int
-- returns: settings text?, next_start int?, shut_until int?, inside int, waiting int
-- Jobs as their own states say, counted up to cap.
SELECT g.settings, g.next_start_us, g.shut_until_us,
       (SELECT COUNT(*) FROM (
          SELECT 1 FROM {queues} p FORCE INDEX (sqlq_queues_name)
           STRAIGHT_JOIN {gated} d FORCE INDEX (sqlq_gated_line)
              ON d.queue_id = p.id AND d.gate_key = :key AND d.stage = 0
           STRAIGHT_JOIN {jobs} j FORCE INDEX (PRIMARY) ON j.seq = d.job_seq
           WHERE p.name = :queue AND j.state IN (1, 2, 5, 7) LIMIT :cap) i),
       (SELECT COUNT(*) FROM (
          SELECT 1 FROM {queues} p FORCE INDEX (sqlq_queues_name)
           STRAIGHT_JOIN {gated} d FORCE INDEX (sqlq_gated_line) ON d.queue_id = p.id AND d.gate_key = :key
           STRAIGHT_JOIN {jobs} j FORCE INDEX (PRIMARY) ON j.seq = d.job_seq
           WHERE p.name = :queue AND j.state = 8 LIMIT :cap) w)
  FROM {queues} q FORCE INDEX (sqlq_queues_name)
  LEFT JOIN {gates} g FORCE INDEX (PRIMARY) ON g.queue_id = q.id AND g.gate_key = :key
 WHERE q.name = :queue

-- name: gate_jobs
-- params: queue text, key text, n int
-- returns: id text
-- Some of those inside.
SELECT j.id FROM {queues} q FORCE INDEX (sqlq_queues_name)
 STRAIGHT_JOIN {gated} d FORCE INDEX (sqlq_gated_line) ON d.queue_id = q.id AND d.gate_key = :key AND d.stage = 0
 STRAIGHT_JOIN {jobs} j FORCE INDEX (PRIMARY) ON j.seq = d.job_seq
 WHERE q.name = :queue AND j.state IN (1, 2, 5, 7) ORDER BY j.seq LIMIT :n

-- name: gate_before
-- params: id text, cap int
-- returns: n int
-- Jobs in line before one that stands in line, or all of the line for one that comes later.
SELECT COUNT(*) FROM (
  SELECT 1 FROM {jobs} j FORCE INDEX (sqlq_jobs_id)
   STRAIGHT_JOIN {gated} m FORCE INDEX (PRIMARY) ON m.job_seq = j.seq
   STRAIGHT_JOIN {gated} d FORCE INDEX (sqlq_gated_line)
      ON d.queue_id = m.queue_id AND d.gate_key = m.gate_key AND d.stage = 1
     AND (m.stage = 2 OR d.first < m.first
          OR (d.first = m.first AND (d.second < m.second OR (d.second = m.second AND d.job_seq < m.job_seq))))
   WHERE j.id = UNHEX(REPLACE(:id, '-', '')) AND j.state = 8 AND m.stage > 0 LIMIT :cap) c

-- name: gates_forget
-- params: queue text
-- Of a queue that has no jobs. And gated_forget.
DELETE g FROM {queues} q FORCE INDEX (sqlq_queues_name)
 STRAIGHT_JOIN {gates} g FORCE INDEX (PRIMARY) ON g.queue_id = q.id WHERE q.name = :queue

-- name: gated_forget
-- params: queue text
DELETE d FROM {queues} q FORCE INDEX (sqlq_queues_name)
 STRAIGHT_JOIN {gated} d FORCE INDEX (sqlq_gated_line) ON d.queue_id = q.id WHERE q.name = :queue
