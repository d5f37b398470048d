-- What is done to jobs that are held: outcomes, heartbeats, results, logs, histories, and rescue when a lease ends.

-- name: probe
-- params: ids text
-- returns: id text, state int, token int, ended int
SELECT j.id, j.state, j.lease_token, j.ended FROM unnest(:ids::uuid[]) AS w(id) JOIN {jobs} j ON j.id = w.id

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
-- Kinds: 1 success, 2 retry, 3 fail, 4 cancel, 5 snooze, 6 release. A job with a key (bit 2 of the flags) waits for
-- it where others are pending or scheduled. Who was asked to cancel ends as cancelled whatever the kind. A released job
-- keeps its place, a snooze forgets crashes. 7 days for errored, 24 h for the others. A job that was told to go on (bit
-- 1 of its flags) does so instead of a snooze. Answers what each ended job was before; the others are not held with
-- that token.
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
                      WHEN j.flags & 2 <> 0 THEN 8 WHEN h.kind <> 6 AND h.delay > 0 THEN 7 ELSE 1 END,
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
                      WHEN {may_run_again} THEN CASE WHEN j.flags & 2 <> 0 THEN 8 ELSE 1 END
                      ELSE 4 END,
         lane_id = abs(j.lane_id) * CASE WHEN j.crashes + 2 >= j.max_crashes THEN -1 ELSE 1 END,
         crashes = j.crashes + 1, lease_token = 0, queued_us = {now}, notes = j.notes + 1,
         finished_us = CASE WHEN j.state = 2 AND {may_run_again} THEN NULL
                            ELSE {now} END,
         expires_us = CASE WHEN j.state = 2 AND {may_run_again} THEN NULL
                           ELSE {now} + coalesce(j.retention_us,
                                                 CASE j.state WHEN 5 THEN 86400000000 ELSE 604800000000 END) END
   WHERE j.ctid = ANY (ARRAY(SELECT ctid FROM gone)) AND +j.state IN (2, 5) AND j.lease_until_us <= {steady} - :spared
  RETURNING j.id, j.seq, j.state, j.notes, j.claims, j.attempt, j.worker, j.headers, j.queue_id, j.due_us, j.flags,
            'lease ended: no heartbeat from worker ''' || j.worker || ''' in time; the job ' ||
            CASE j.state WHEN 1 THEN 'is pending again' WHEN 8 THEN 'waits for its key again'
                         WHEN 6 THEN 'is cancelled, as was asked'
                         ELSE 'has used up its attempts or crashes and is errored' END AS message),
lined AS ({lined_up}),
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
                 WHERE o.unique_key = j.unique_key AND o.state IN (1, 2, 5, 7, 8)) IS NULL AS again
    FROM (SELECT x.id, bool_or(x.last) AS last, count(DISTINCT x.number) AS n FROM line x
           WHERE x.cause = 4 AND x.counts GROUP BY x.id) t
   CROSS JOIN LATERAL (SELECT * FROM {jobs} o WHERE o.id = t.id) j
   CROSS JOIN LATERAL (SELECT greatest(j.crashes - t.n, 0)::integer AS crashes, t.last) l),
changed AS (
  UPDATE {jobs} j
     SET crashes = l.crashes,
         lane_id = abs(j.lane_id) * CASE WHEN l.crashes > 0 AND l.crashes + 1 >= j.max_crashes THEN -1 ELSE 1 END,
         state = CASE WHEN NOT l.again THEN j.state WHEN j.flags & 2 <> 0 THEN 8 ELSE 1 END,
         queued_us = CASE WHEN l.again THEN {now} ELSE j.queued_us END,
         finished_us = CASE WHEN l.again THEN NULL ELSE j.finished_us END,
         expires_us = CASE WHEN l.again THEN NULL ELSE j.expires_us END
    FROM less l WHERE j.id = l.id
  RETURNING j.id, j.seq, j.claims, j.state, j.headers, j.queue_id, j.due_us, j.flags),
lined AS ({lined_up})
SELECT n FROM line

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
