-- The inbox: rows that somebody has written by hand.

-- name: inbox_rows
-- params: after int, n int, most int
-- returns: n int, kind text, params text?, too_long int, queue text?, priority int?, run_at int?, odd_run_at int, unique_key text?, max_attempts int?, timeout int?, headers text?, job_id text?
-- Without locks. Texts longer than any can be are cut; params and headers of more than `most` bytes are left out.
SELECT i.n, left(i.kind, 1000), CASE l.too_long WHEN 0 THEN i.params END, l.too_long, left(i.queue, 1000), i.priority,
       CASE l.odd_run_at WHEN 0 THEN (extract(epoch FROM i.run_at) * 1000000)::bigint END, l.odd_run_at,
       left(i.unique_key, 1000), i.max_attempts, i.timeout_s, CASE l.too_long WHEN 0 THEN i.headers END,
       left(i.job_id, 1000)
  FROM {inbox} i
 CROSS JOIN LATERAL (
   SELECT (coalesce(octet_length(i.params), 0) + coalesce(octet_length(i.headers), 0) > :most)::integer AS too_long,
          (i.run_at NOT BETWEEN '0001-01-01 00:00Z' AND '290000-01-01 00:00Z' AND i.run_at IS NOT NULL)::integer
            AS odd_run_at) l
 WHERE i.n > :after ORDER BY i.n LIMIT :n

-- name: inbox_lock
-- params: numbers text
-- returns: n int
-- Waits for nobody.
SELECT i.n FROM json_array_elements_text(:numbers::json) AS w(n) JOIN {inbox} i ON i.n = w.n::bigint
   FOR UPDATE OF i SKIP LOCKED

-- name: inbox_remove
-- params: numbers text
DELETE FROM {inbox} WHERE n = ANY (ARRAY(SELECT w.n::bigint FROM json_array_elements_text(:numbers::json) AS w(n)))

-- name: inbox_keep
-- params: n int, problem text
UPDATE {inbox} SET n = -n, problem = :problem WHERE n = :n

-- name: inbox_counts
-- params: cap int
-- returns: waiting int, kept int
SELECT (SELECT count(*) FROM (SELECT 1 FROM {inbox} WHERE n > 0 ORDER BY n LIMIT :cap) w),
       (SELECT count(*) FROM (SELECT 1 FROM {inbox} WHERE n < 0 ORDER BY n LIMIT :cap) k)
