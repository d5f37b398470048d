-- The registry of workers goes here.
DROP TABLE sqlq_agenda;
