-- Each statement may be run again. Jobs that wait for their keys become pending: version 4 has nobody who lets them in.
INSERT IGNORE INTO {ready} (lane_id, priority, due_us, seq)
SELECT {ready_lane}, j.priority, j.due_us, j.seq FROM {jobs} j WHERE j.state = 8 AND (j.flags & 4) = 4;
UPDATE {jobs} SET state = IF(state = 8, 1, state), flags = flags - 4 WHERE (flags & 4) = 4;
DROP TABLE IF EXISTS {gated};
DROP TABLE IF EXISTS {gates};
