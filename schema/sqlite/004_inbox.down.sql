DROP TABLE sqlq_inbox;
