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

-- piece: unbounded
-- A limit that the planner does not know: it walks along the index, for whoever reads this may need the first few only.
(SELECT 9223372036854775807)

-- piece: lined_up
-- Of the jobs in `changed`, whose rows are locked, those that wait for their keys come into the line when they are due.
-- One that was let in comes at once: whether it has started since is not counted yet.
INSERT INTO {gated} AS g (job_seq, job_id, queue_id, key, stage, first, second, claims)
SELECT e.seq, e.id, e.queue_id, e.headers::json ->> 'sqlq-key', 2, 0, e.due_us, e.claims
  FROM changed e WHERE e.state = 8 AND e.flags & 2 <> 0 ORDER BY e.seq
ON CONFLICT (job_seq) DO UPDATE SET queue_id = excluded.queue_id, stage = 2, first = 0,
                                    second = CASE g.stage WHEN 0 THEN 0 ELSE excluded.second END
