DROP VIEW sqlq_jobs_readable;
DROP TABLE sqlq_facts;
DROP TABLE sqlq_progress;
DROP TABLE sqlq_logs;
DROP TABLE sqlq_history;
DROP TABLE sqlq_jobs;
DROP TABLE sqlq_lanes;
DROP TABLE sqlq_queues;
