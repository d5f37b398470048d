-- What the next verbs stand on: plain jobs keep the statements that they had.

-- Work that is due at a time: what is to be looked at (what), and which one (ref). Rows are appended, and deleted in
-- the transaction that does the work. Several rows may say the same.
CREATE TABLE sqlq_agenda (
  id    INTEGER PRIMARY KEY,
  at_us INTEGER NOT NULL,
  what  INTEGER NOT NULL,
  ref   INTEGER NOT NULL
) STRICT;

CREATE INDEX sqlq_agenda_at ON sqlq_agenda (at_us);

-- Workers that say who they are: the table of the registry goes here.
