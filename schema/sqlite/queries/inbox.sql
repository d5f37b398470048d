-- The inbox: rows that somebody has written by hand.

-- name: inbox_rows
-- params: after int, n int, most int
-- returns: n int, kind text, params text?, too_long int, queue text?, priority int?, run_at int?, odd_run_at int, unique_key text?, max_attempts int?, timeout int?, headers text?, job_id text?
-- Texts longer than any can be are cut; params and headers of more than `most` bytes are left out.
SELECT n, substr(kind, 1, 1000), iif(size > :most, NULL, params), size > :most, substr(queue, 1, 1000), priority,
       CAST((julianday(run_at) - 2440587.5) * 86400000 + 0.5 AS INTEGER) * 1000,
       run_at IS NOT NULL AND julianday(run_at) IS NULL, substr(unique_key, 1, 1000), max_attempts, timeout_s,
       iif(size > :most, NULL, headers), substr(job_id, 1, 1000)
  FROM (SELECT *, coalesce(length(CAST(params AS BLOB)), 0) + coalesce(length(CAST(headers AS BLOB)), 0) AS size
          FROM sqlq_inbox WHERE n > :after ORDER BY n LIMIT :n)

-- name: inbox_lock
-- params: numbers text
-- returns: n int
-- The transaction has the file's lock.
SELECT n FROM sqlq_inbox WHERE n IN (SELECT value FROM json_each(:numbers))

-- name: inbox_remove
-- params: numbers text
DELETE FROM sqlq_inbox WHERE n IN (SELECT value FROM json_each(:numbers))

-- name: inbox_keep
-- params: n int, problem text
UPDATE sqlq_inbox SET n = -n, problem = :problem WHERE n = :n

-- name: inbox_counts
-- params: cap int
-- returns: waiting int, kept int
SELECT (SELECT count(*) FROM (SELECT 1 FROM sqlq_inbox WHERE n > 0 ORDER BY n LIMIT :cap)),
       (SELECT count(*) FROM (SELECT 1 FROM sqlq_inbox WHERE n < 0 ORDER BY n LIMIT :cap))
