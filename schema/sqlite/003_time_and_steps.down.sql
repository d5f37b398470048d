DROP TABLE sqlq_steps;
DROP TABLE sqlq_periodic;
