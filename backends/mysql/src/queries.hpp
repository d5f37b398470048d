#pragma once
/// \file
/// The statements of schema/mysql/queries.sql, found once by name. Each is described there.

#include "sql/catalogue.hpp"

namespace sqlq::mysql {

struct Queries {
  const sql::Catalogue& catalogue;

  const sql::Statement& lanes_of = catalogue["lanes_of"];
  const sql::Statement& lanes_of_all = catalogue["lanes_of_all"];
  const sql::Statement& lane_again = catalogue["lane_again"];
  const sql::Statement& queue_lock = catalogue["queue_lock"];
  const sql::Statement& queue_lock_there = catalogue["queue_lock_there"];
  const sql::Statement& queue_lock_make = catalogue["queue_lock_make"];
  const sql::Statement& queue_turn = catalogue["queue_turn"];
  const sql::Statement& room = catalogue["room"];
  const sql::Statement& due_by_time = catalogue["due_by_time"];
  const sql::Statement& next_level = catalogue["next_level"];
  const sql::Statement& due_of_level = catalogue["due_of_level"];
  const sql::Statement& due_lock = catalogue["due_lock"];
  const sql::Statement& promote = catalogue["promote"];
  const sql::Statement& ready_add = catalogue["ready_add"];
  const sql::Statement& ready_remove = catalogue["ready_remove"];
  const sql::Statement& ready_remove_alike = catalogue["ready_remove_alike"];
  const sql::Statement& scheduled_add = catalogue["scheduled_add"];
  const sql::Statement& scheduled_remove = catalogue["scheduled_remove"];
  const sql::Statement& scheduled_remove_one = catalogue["scheduled_remove_one"];
  const sql::Statement& peek = catalogue["peek"];
  const sql::Statement& ready_without_job = catalogue["ready_without_job"];
  const sql::Statement& take = catalogue["take"];
  const sql::Statement& lane_next = catalogue["lane_next"];
  const sql::Statement& take_some = catalogue["take_some"];
  const sql::Statement& claim = catalogue["claim"];
  const sql::Statement& claims_add = catalogue["claims_add"];
  const sql::Statement& claims_lock = catalogue["claims_lock"];
  const sql::Statement& claims_leave = catalogue["claims_leave"];
  const sql::Statement& claims_end = catalogue["claims_end"];
  const sql::Statement& worker_make = catalogue["worker_make"];
  const sql::Statement& worker_wake = catalogue["worker_wake"];
  const sql::Statement& names_gone = catalogue["names_gone"];
  const sql::Statement& names_asleep = catalogue["names_asleep"];
  const sql::Statement& names_lock = catalogue["names_lock"];
  const sql::Statement& names_sleep = catalogue["names_sleep"];
  const sql::Statement& names_still_asleep = catalogue["names_still_asleep"];
  const sql::Statement& names_used = catalogue["names_used"];
  const sql::Statement& names_remove = catalogue["names_remove"];
  const sql::Statement& claimed = catalogue["claimed"];
  const sql::Statement& lane = catalogue["lane"];
  const sql::Statement& lane_now = catalogue["lane_now"];
  const sql::Statement& lanes_named = catalogue["lanes_named"];
  const sql::Statement& queues_make = catalogue["queues_make"];
  const sql::Statement& lanes_make = catalogue["lanes_make"];
  const sql::Statement& keys_add = catalogue["keys_add"];
  const sql::Statement& keys_remove = catalogue["keys_remove"];
  const sql::Statement& jobs_insert = catalogue["jobs_insert"];
  const sql::Statement& ready_insert = catalogue["ready_insert"];
  const sql::Statement& scheduled_insert = catalogue["scheduled_insert"];
  const sql::Statement& ready_insert_ids = catalogue["ready_insert_ids"];
  const sql::Statement& scheduled_insert_ids = catalogue["scheduled_insert_ids"];
  const sql::Statement& id_holders = catalogue["id_holders"];
  const sql::Statement& id_holders_now = catalogue["id_holders_now"];
  const sql::Statement& key_holders = catalogue["key_holders"];
  const sql::Statement& key_holders_now = catalogue["key_holders_now"];
  const sql::Statement& keys_free = catalogue["keys_free"];
  const sql::Statement& find = catalogue["find"];
  const sql::Statement& find_now = catalogue["find_now"];
  const sql::Statement& lock = catalogue["lock"];
  const sql::Statement& lock_free = catalogue["lock_free"];
  const sql::Statement& ended = catalogue["ended"];
  const sql::Statement& ended_of = catalogue["ended_of"];
  const sql::Statement& claims_too_large = catalogue["claims_too_large"];
  const sql::Statement& claims_held = catalogue["claims_held"];
  const sql::Statement& ids = catalogue["ids"];
  const sql::Statement& ended_lock = catalogue["ended_lock"];
  const sql::Statement& jobs_write = catalogue["jobs_write"];
  const sql::Statement& jobs_state = catalogue["jobs_state"];
  const sql::Statement& clock = catalogue["clock"];
  const sql::Statement& succeed = catalogue["succeed"];
  const sql::Statement& succeed_mixed = catalogue["succeed_mixed"];
  const sql::Statement& finished_add = catalogue["finished_add"];
  const sql::Statement& heartbeat = catalogue["heartbeat"];
  const sql::Statement& leases = catalogue["leases"];
  const sql::Statement& leases_share = catalogue["leases_share"];
  const sql::Statement& history_last = catalogue["history_last"];
  const sql::Statement& history_last_now = catalogue["history_last_now"];
  const sql::Statement& history_add = catalogue["history_add"];
  const sql::Statement& history_trim = catalogue["history_trim"];
  const sql::Statement& crash_lines = catalogue["crash_lines"];
  const sql::Statement& crash_line_outage = catalogue["crash_line_outage"];
  const sql::Statement& crashes_set = catalogue["crashes_set"];
  const sql::Statement& log_last = catalogue["log_last"];
  const sql::Statement& log_add = catalogue["log_add"];
  const sql::Statement& expired = catalogue["expired"];
  const sql::Statement& finished_left = catalogue["finished_left"];
  const sql::Statement& finished_remove = catalogue["finished_remove"];
  const sql::Statement& expired_lock = catalogue["expired_lock"];
  const sql::Statement& finished_ids = catalogue["finished_ids"];
  const sql::Statement& postpone = catalogue["postpone"];
  const sql::Statement& purge_logs = catalogue["purge_logs"];
  const sql::Statement& purge_progress = catalogue["purge_progress"];
  const sql::Statement& log_cut = catalogue["log_cut"];
  const sql::Statement& log_trim = catalogue["log_trim"];
  const sql::Statement& publish_lock = catalogue["publish_lock"];
  const sql::Statement& publish_result = catalogue["publish_result"];
  const sql::Statement& publish_progress = catalogue["publish_progress"];
  const sql::Statement& purge_history = catalogue["purge_history"];
  const sql::Statement& purge_jobs = catalogue["purge_jobs"];
  const sql::Statement& borrowed = catalogue["borrowed"];
  const sql::Statement& last_id_restore = catalogue["last_id_restore"];
  const sql::Statement& server = catalogue["server"];
  const sql::Statement& settings = catalogue["settings"];
  const sql::Statement& without_jobs = catalogue["without_jobs"];
  const sql::Statement& old_transactions = catalogue["old_transactions"];
  const sql::Statement& migration_lock = catalogue["migration_lock"];
  const sql::Statement& migration_unlock = catalogue["migration_unlock"];
  const sql::Statement& migrations_exist = catalogue["migrations_exist"];
  const sql::Statement& migrations_make = catalogue["migrations_make"];
  const sql::Statement& migrations_begun = catalogue["migrations_begun"];
  const sql::Statement& migration_begin = catalogue["migration_begin"];
  const sql::Statement& migration_add = catalogue["migration_add"];
  const sql::Statement& migration_remove = catalogue["migration_remove"];
  const sql::Statement& objects = catalogue["objects"];
  const sql::Statement& in_the_way = catalogue["in_the_way"];
};

}  // namespace sqlq::mysql
