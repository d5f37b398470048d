-- Each statement may be run again: MySQL and MariaDB commit at each one.
-- The registry of workers goes here.
DROP TABLE IF EXISTS {agenda};
