-- The inbox: rows that somebody has written by hand.

-- name: inbox_rows
-- params: after int, n int, most int
-- returns: n int, kind text, params text?, too_long int, queue text?, priority int?, run_at int?, odd_run_at int, unique_key text?, max_attempts int?, timeout int?, headers text?, job_id text?
-- Without locks. Params and headers of more than `most` bytes are left out.
SELECT i.n, i.kind, IF(COALESCE(LENGTH(i.params), 0) + COALESCE(LENGTH(i.headers), 0) > :most, NULL, i.params),
       COALESCE(LENGTH(i.params), 0) + COALESCE(LENGTH(i.headers), 0) > :most, i.queue, i.priority,
       TIMESTAMPDIFF(MICROSECOND, '1970-01-01', i.run_at),
       i.run_at IS NOT NULL AND TIMESTAMPDIFF(MICROSECOND, '1970-01-01', i.run_at) IS NULL, i.unique_key,
       i.max_attempts, i.timeout_s,
       IF(COALESCE(LENGTH(i.params), 0) + COALESCE(LENGTH(i.headers), 0) > :most, NULL, i.headers), i.job_id
  FROM {inbox} i FORCE INDEX (PRIMARY)
 WHERE i.n > :after ORDER BY i.n LIMIT :n

-- name: inbox_lock
-- params: numbers text
-- returns: n int
-- Waits for nobody. The LIMIT: see periodic_lock.
SELECT i.n
  FROM (SELECT x.n FROM JSON_TABLE(:numbers, '$[*]' COLUMNS (n BIGINT PATH '$')) x LIMIT 1000000) w
 STRAIGHT_JOIN {inbox} i FORCE INDEX (PRIMARY) ON i.n = w.n
   FOR UPDATE SKIP LOCKED

-- name: inbox_remove
-- params: numbers text
DELETE {inbox} FROM JSON_TABLE(:numbers, '$[*]' COLUMNS (n BIGINT PATH '$')) x
 STRAIGHT_JOIN {inbox} FORCE INDEX (PRIMARY) ON {inbox}.n = x.n

-- name: inbox_keep
-- params: n int, problem text
UPDATE {inbox} FORCE INDEX (PRIMARY) SET n = -n, problem = :problem WHERE n = :n

-- name: inbox_counts
-- params: cap int
-- returns: waiting int, kept int
SELECT (SELECT COUNT(*) FROM (SELECT i.n FROM {inbox} i FORCE INDEX (PRIMARY)
                               WHERE i.n > 0 ORDER BY i.n LIMIT :cap) w),
       (SELECT COUNT(*) FROM (SELECT i.n FROM {inbox} i FORCE INDEX (PRIMARY)
                               WHERE i.n < 0 ORDER BY i.n LIMIT :cap) k)
