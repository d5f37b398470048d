DROP TABLE {steps};
DROP TABLE {periodic};
