DROP TABLE {registry};
DROP TABLE {agenda};
