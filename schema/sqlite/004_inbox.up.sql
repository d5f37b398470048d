-- sqlq: compatible from 1
--
-- A table that anybody may write to, in any language: workers make jobs of its rows (docs/inbox.md).

-- n is for us: leave it out. A column that is NULL or left out is as in EnqueueOptions (sqlq/enqueue.hpp); params are
-- JSON, run_at is UTC as SQLite's date functions write it, headers a JSON object of texts, job_id a UUID. A row of
-- which not even an errored job could be stored is kept with a negative n and the reason in `problem`.
CREATE TABLE sqlq_inbox (
  n            INTEGER PRIMARY KEY,
  kind         TEXT NOT NULL,
  params       TEXT,
  queue        TEXT,
  priority     INTEGER,
  run_at       TEXT,
  unique_key   TEXT,
  max_attempts INTEGER,
  timeout_s    INTEGER,
  headers      TEXT,
  job_id       TEXT,
  problem      TEXT
) STRICT;
