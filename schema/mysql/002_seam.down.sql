-- Each statement may be run again: MySQL and MariaDB commit at each one.
DROP TABLE IF EXISTS {registry};
DROP TABLE IF EXISTS {agenda};
