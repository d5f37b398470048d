-- Each statement may be run again: MySQL and MariaDB commit at each one.
DROP VIEW IF EXISTS {jobs_readable};
DROP TABLE IF EXISTS {progress};
DROP TABLE IF EXISTS {logs};
DROP TABLE IF EXISTS {history};
DROP TABLE IF EXISTS {finished};
DROP TABLE IF EXISTS {claims};
DROP TABLE IF EXISTS {scheduled};
DROP TABLE IF EXISTS {ready};
DROP TABLE IF EXISTS {keys};
DROP TABLE IF EXISTS {jobs};
DROP TABLE IF EXISTS {workers};
DROP TABLE IF EXISTS {queue_locks};
DROP TABLE IF EXISTS {lanes};
DROP TABLE IF EXISTS {queues};
