DROP TRIGGER sqlq_jobs_deleted_steps;
DROP TABLE sqlq_steps;
DROP TABLE sqlq_periodic;
