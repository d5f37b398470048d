-- What is done to jobs that are held: outcomes, heartbeats, results, logs, histories, and rescue when a lease ends.

-- name: lock
-- params: now int?, seqs list
-- returns: now int, seq int, id text, queue int, lane int, state int, token int, ended int, priority int, due int, queued int, attempt int, max_attempts int, crashes int, max_crashes int, claims int, worker text, retention int?, unique_key text?, flags int
SELECT {now}, j.seq, j.id, j.queue_id, j.lane_id, j.state, j.lease_token, j.ended, j.priority, j.due_us, j.queued_us,
       j.attempt, j.max_attempts, j.crashes, j.max_crashes, j.claims, {worker}, j.retention_us,
       j.unique_key, j.flags
  FROM {jobs} j FORCE INDEX (PRIMARY) WHERE j.seq IN (:seqs) ORDER BY j.seq FOR UPDATE

-- name: lock_free
-- params: now int?, seqs list
-- returns: now int, seq int, id text, queue int, lane int, state int, token int, ended int, priority int, due int, queued int, attempt int, max_attempts int, crashes int, max_crashes int, claims int, worker text, retention int?, unique_key text?, flags int
-- The same, but what somebody else has locked is passed over.
SELECT {now}, j.seq, j.id, j.queue_id, j.lane_id, j.state, j.lease_token, j.ended, j.priority, j.due_us, j.queued_us,
       j.attempt, j.max_attempts, j.crashes, j.max_crashes, j.claims, {worker}, j.retention_us,
       j.unique_key, j.flags
  FROM {jobs} j FORCE INDEX (PRIMARY) WHERE j.seq IN (:seqs) ORDER BY j.seq FOR UPDATE SKIP LOCKED

-- name: ended
-- params: steady int?, spared int, n int
-- returns: queue int, token int, seq int
-- What had ended (microseconds `spared` or more) before this began. The second part finds nothing and locks no row, but
-- waits while somebody keeps others from writing to the table: then nobody can renew either.
(SELECT c.queue_id, c.token, j.seq FROM {claims} c
 STRAIGHT_JOIN JSON_TABLE(c.jobs, '$[*]' COLUMNS (seq BIGINT PATH '$')) x
 STRAIGHT_JOIN {jobs} j FORCE INDEX (PRIMARY) ON j.seq = x.seq
 WHERE c.until_us <= {steady} AND j.state IN (2, 5) AND j.lease_token = c.token
   AND j.lease_until_us <= {steady} - :spared
 LIMIT :n) UNION ALL
(SELECT 0, 0, g.seq FROM {jobs} g FORCE INDEX (PRIMARY) WHERE g.seq = 0 FOR UPDATE)

-- name: ended_of
-- params: queues list, steady int?, spared int, n int
-- returns: queue int, token int, seq int
(SELECT c.queue_id, c.token, j.seq FROM {queues} q FORCE INDEX (sqlq_queues_name)
 STRAIGHT_JOIN {claims} c FORCE INDEX (PRIMARY) ON c.queue_id = q.id
 STRAIGHT_JOIN JSON_TABLE(c.jobs, '$[*]' COLUMNS (seq BIGINT PATH '$')) x
 STRAIGHT_JOIN {jobs} j FORCE INDEX (PRIMARY) ON j.seq = x.seq
 WHERE q.name IN (:queues) AND c.until_us <= {steady} AND j.state IN (2, 5) AND j.lease_token = c.token
   AND j.lease_until_us <= {steady} - :spared
 LIMIT :n) UNION ALL
(SELECT 0, 0, g.seq FROM {jobs} g FORCE INDEX (PRIMARY) WHERE g.seq = 0 FOR UPDATE)

-- name: ids
-- params: seqs list
-- returns: id text
SELECT j.id FROM {jobs} j FORCE INDEX (PRIMARY) WHERE j.seq IN (:seqs)

-- name: ended_lock
-- params: now int?, seqs list, steady int?
-- returns: now int, seq int, id text, queue int, lane int, state int, token int, ended int, priority int, due int, queued int, attempt int, max_attempts int, crashes int, max_crashes int, claims int, worker text, retention int?, unique_key text?, flags int
-- What is locked is being renewed, finished or reaped by somebody else.
SELECT {now}, j.seq, j.id, j.queue_id, j.lane_id, j.state, j.lease_token, j.ended, j.priority, j.due_us, j.queued_us,
       j.attempt, j.max_attempts, j.crashes, j.max_crashes, j.claims, {worker}, j.retention_us,
       j.unique_key, j.flags
  FROM {jobs} j FORCE INDEX (PRIMARY)
 WHERE j.seq IN (:seqs) AND j.state IN (2, 5) AND j.lease_until_us <= {steady}
 ORDER BY j.seq FOR UPDATE SKIP LOCKED

-- name: jobs_write
-- params: seqs list, was list, states list, dues list, attempts list, crashes list, tokens list, ended list, queued list, finished list, expires list, results list
-- What rows locked before become: each list has the rows' values in the order of `seqs`. Was: rows of seq, state and
-- token as they must still be. A result that is NULL leaves the old one. (No join with a table of values: in a borrowed
-- session MySQL may want a default database for it, and MariaDB may call it unsafe.)
UPDATE {jobs} FORCE INDEX (PRIMARY)
   SET state = ELT(FIELD(seq, :seqs), :states), due_us = ELT(FIELD(seq, :seqs), :dues),
       attempt = ELT(FIELD(seq, :seqs), :attempts), crashes = ELT(FIELD(seq, :seqs), :crashes),
       lease_token = ELT(FIELD(seq, :seqs), :tokens), ended = ELT(FIELD(seq, :seqs), :ended),
       queued_us = ELT(FIELD(seq, :seqs), :queued),
       finished_us = ELT(FIELD(seq, :seqs), :finished), expires_us = ELT(FIELD(seq, :seqs), :expires),
       result = COALESCE(ELT(FIELD(seq, :seqs), :results), result)
 WHERE seq IN (:seqs) AND (seq, state, lease_token) IN (:was)

-- name: jobs_state
-- params: seqs list, was list, states list, finished list, expires list
-- The same where nothing else changes, as in a cancel: a role may be granted these columns and no others.
UPDATE {jobs} FORCE INDEX (PRIMARY)
   SET state = ELT(FIELD(seq, :seqs), :states),
       finished_us = ELT(FIELD(seq, :seqs), :finished), expires_us = ELT(FIELD(seq, :seqs), :expires)
 WHERE seq IN (:seqs) AND (seq, state, lease_token) IN (:was)

-- name: jobs_due
-- params: seqs list, was list, states list, dues list, queued list
-- The same where jobs that wait become due, as by a signal.
UPDATE {jobs} FORCE INDEX (PRIMARY)
   SET state = ELT(FIELD(seq, :seqs), :states), due_us = ELT(FIELD(seq, :seqs), :dues),
       queued_us = ELT(FIELD(seq, :seqs), :queued)
 WHERE seq IN (:seqs) AND (seq, state, lease_token) IN (:was)

-- name: clock
-- params: now int?
-- returns: now int
SELECT {now}

-- name: succeed
-- params: now int?, seqs list, token int
-- Jobs of one claim, without unique keys, that end well and without a result.
UPDATE {jobs} FORCE INDEX (PRIMARY)
   SET state = 3, ended = 1, finished_us = {now},
       expires_us = {now} + LEAST(COALESCE(retention_us, 86400000000), 4000000000000000000)
 WHERE seq IN (:seqs) AND lease_token = :token AND state = 2

-- name: succeed_mixed
-- params: now int?, seqs list, leases list
-- The same for jobs of many claims; leases: rows of seq and token. A fifth dearer.
UPDATE {jobs} FORCE INDEX (PRIMARY)
   SET state = 3, ended = 1, finished_us = {now},
       expires_us = {now} + LEAST(COALESCE(retention_us, 86400000000), 4000000000000000000)
 WHERE seq IN (:seqs) AND (seq, lease_token) IN (:leases) AND state = 2

-- name: finished_add
-- params: groups text
-- Groups of jobs that finished alike, as a JSON array of [one of them, all of them as text].
INSERT INTO {finished} (lane_id, state, expires_us, jobs)
SELECT j.lane_id, j.state, j.expires_us, g.jobs
  FROM JSON_TABLE(:groups, '$[*]' COLUMNS (seq BIGINT PATH '$[0]', jobs MEDIUMTEXT PATH '$[1]')) g
 STRAIGHT_JOIN {jobs} j FORCE INDEX (PRIMARY) ON j.seq = g.seq

-- name: heartbeat
-- params: now int?, steady int?, seqs list, leases list, n int
-- Passes over rows that somebody has locked: one of them must not keep the others from being renewed. The LIMIT (n: of
-- all rows) makes MySQL keep the inner statement apart, without it the outer one waits for the locks.
UPDATE (SELECT h.seq FROM {jobs} h FORCE INDEX (PRIMARY)
         WHERE h.seq IN (:seqs) AND (h.seq, h.lease_token) IN (:leases) AND h.state IN (2, 5)
         LIMIT :n FOR UPDATE SKIP LOCKED) held
 STRAIGHT_JOIN {jobs} j FORCE INDEX (PRIMARY) ON j.seq = held.seq
   SET j.heartbeat_us = {now}, j.lease_until_us = {steady} + j.keepalive_us

-- name: leases
-- params: seqs list
-- returns: id text, state int, token int
SELECT j.id, j.state, j.lease_token FROM {jobs} j FORCE INDEX (PRIMARY) WHERE j.seq IN (:seqs)

-- name: leases_share
-- params: seqs list
-- returns: seq int, id text, token int
-- Held until the lines are stored, so that a job's lines are numbered and purged by nobody else meanwhile.
SELECT j.seq, j.id, j.lease_token FROM {jobs} j FORCE INDEX (PRIMARY)
 WHERE j.seq IN (:seqs) ORDER BY j.seq LOCK IN SHARE MODE

-- name: history_last
-- params: seqs list
-- returns: seq int, n int
SELECT h.job_seq, MAX(h.n) FROM {history} h FORCE INDEX (PRIMARY) WHERE h.job_seq IN (:seqs) GROUP BY h.job_seq

-- name: history_last_now
-- params: seqs list
-- returns: seq int, n int
-- In a borrowed transaction, whose snapshot may be older than the last line.
SELECT h.job_seq, MAX(h.n) FROM {history} h FORCE INDEX (PRIMARY) WHERE h.job_seq IN (:seqs) GROUP BY h.job_seq
  LOCK IN SHARE MODE

-- name: history_add
-- params: rows list
-- Rows: seq, n, claim, attempt, cause, at, worker, message.
INSERT INTO {history} (job_seq, n, claim, attempt, cause, at_us, worker, message) VALUES :rows

-- name: history_trim
-- params: seq int, n int
DELETE FROM {history} WHERE job_seq = :seq AND n <= :n

-- name: crash_lines
-- params: seq int, claim int, worker text
-- returns: n int, cause int, counts int
-- The line about the end of a claim's lease. Counts: no snooze and no operator has come after it.
SELECT h.n, h.cause, NOT EXISTS (SELECT 1 FROM {history} l FORCE INDEX (PRIMARY)
                                  WHERE l.job_seq = h.job_seq AND l.n > h.n AND l.cause IN (6, 8, 9))
  FROM {history} h FORCE INDEX (PRIMARY)
 WHERE h.job_seq = :seq AND h.claim = :claim AND h.worker = :worker AND h.cause IN (4, 10)

-- name: crash_line_outage
-- params: text text, seq int, n int
UPDATE {history} FORCE INDEX (PRIMARY) SET cause = 10, message = CONCAT(message, :text)
 WHERE job_seq = :seq AND n = :n AND cause = 4

-- name: crashes_set
-- params: crashes int, seq int
UPDATE {jobs} FORCE INDEX (PRIMARY) SET crashes = :crashes WHERE seq = :seq

-- name: log_last
-- params: seqs list, claims list
-- returns: seq int, n int
-- Claims: rows of seq and claim.
SELECT g.job_seq, MAX(g.n) FROM {logs} g FORCE INDEX (PRIMARY)
 WHERE g.job_seq IN (:seqs) AND (g.job_seq, g.claim) IN (:claims) GROUP BY g.job_seq

-- name: log_add
-- params: rows list
-- Rows: seq, claim, n, attempt, at, level, text. A line that is there already stays as it is.
INSERT INTO {logs} (job_seq, claim, n, attempt, at_us, level, text) VALUES :rows ON DUPLICATE KEY UPDATE level = level

-- name: log_cut
-- params: seq int, lines int, bytes int
-- returns: claim int, n int
-- The newest line that is too much, if any is.
SELECT o.claim, o.n
  FROM (SELECT g.claim, g.n, ROW_NUMBER() OVER (ORDER BY g.claim DESC, g.n DESC) AS row_no,
               SUM(LENGTH(g.text)) OVER (ORDER BY g.claim DESC, g.n DESC ROWS UNBOUNDED PRECEDING) AS bytes
          FROM {logs} g FORCE INDEX (PRIMARY) WHERE g.job_seq = :seq) o
 WHERE o.row_no > :lines OR o.bytes > :bytes ORDER BY o.claim DESC, o.n DESC LIMIT 1

-- name: log_trim
-- params: seq int, claim int, n int
DELETE g FROM {logs} g FORCE INDEX (PRIMARY)
 WHERE g.job_seq = :seq AND (g.claim < :claim OR (g.claim = :claim AND g.n <= :n))

-- name: publish_lock
-- params: seqs list
-- returns: id text, seq int, token int, claims int
SELECT j.id, j.seq, j.lease_token, j.claims FROM {jobs} j FORCE INDEX (PRIMARY)
 WHERE j.seq IN (:seqs) AND j.state IN (2, 5) ORDER BY j.seq FOR UPDATE SKIP LOCKED

-- name: publish_result
-- params: result text, seq int
UPDATE {jobs} SET result = :result WHERE seq = :seq

-- name: publish_progress
-- params: seq int, claim int, done int, total int, now int?, note text
INSERT INTO {progress} (job_seq, claim, done, total, at_us, note)
VALUES (:seq, :claim, :done, :total, {now}, :note)
ON DUPLICATE KEY UPDATE claim = VALUES(claim), done = VALUES(done), total = VALUES(total), at_us = VALUES(at_us),
                        note = VALUES(note)
