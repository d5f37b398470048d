-- The registry of workers goes here.
DROP TABLE {agenda};
