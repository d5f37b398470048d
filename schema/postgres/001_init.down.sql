DROP VIEW {jobs_readable};
DROP TABLE {progress};
DROP TABLE {logs};
DROP TABLE {history};
DROP TABLE {jobs};
DROP TABLE {lanes};
DROP TABLE {queues};
