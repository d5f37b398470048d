DROP TABLE sqlq_registry;
DROP TABLE sqlq_agenda;
