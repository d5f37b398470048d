DROP TABLE {inbox};
DROP FUNCTION {inbox_told}();
