-- Jobs that wait for their keys become pending: version 4 has nobody who lets them in.
DROP TABLE {gated};
DROP TABLE {gates};
UPDATE {jobs} SET state = CASE state WHEN 8 THEN 1 ELSE state END, flags = flags & ~2 WHERE flags & 2 <> 0;
DROP INDEX {schema}.sqlq_jobs_unique;
CREATE UNIQUE INDEX sqlq_jobs_unique ON {jobs} (unique_key) WHERE unique_key IS NOT NULL AND state IN (1, 2, 5, 7);
