-- Jobs that wait for their keys become pending: version 4 has nobody who lets them in.
DROP TRIGGER sqlq_jobs_deleted_gated;
DROP TABLE sqlq_gated;
DROP TABLE sqlq_gates;
UPDATE sqlq_jobs SET state = CASE state WHEN 8 THEN 1 ELSE state END, flags = flags & ~2 WHERE flags & 2;
