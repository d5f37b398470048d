#pragma once
/// \file
/// The statements of schema/postgres/queries, found once by name. Each is described there.

#include "sql/catalogue.hpp"

namespace sqlq::postgres {

struct Queries {
  const sql::Catalogue& catalogue;

  const sql::Statement& queue_make = catalogue["queue_make"];
  const sql::Statement& lane_make = catalogue["lane_make"];
  const sql::Statement& job_insert = catalogue["job_insert"];
  const sql::Statement& job_insert_headers = catalogue["job_insert_headers"];
  const sql::Statement& job_insert_new = catalogue["job_insert_new"];
  const sql::Statement& job_insert_new_headers = catalogue["job_insert_new_headers"];
  const sql::Statement& seqs_draw = catalogue["seqs_draw"];
  const sql::Statement& holders = catalogue["holders"];
  const sql::Statement& transfer_jobs = catalogue["transfer_jobs"];
  const sql::Statement& transfer_lines = catalogue["transfer_lines"];
  const sql::Statement& transfer_steps_add = catalogue["transfer_steps_add"];
  const sql::Statement& transaction_id = catalogue["transaction_id"];
  const sql::Statement& transactions_over = catalogue["transactions_over"];
  const sql::Statement& announce = catalogue["announce"];
  const sql::Statement& cancel = catalogue["cancel"];
  const sql::Statement& probe = catalogue["probe"];
  const sql::Statement& requeue = catalogue["requeue"];
  const sql::Statement& edit_kinds = catalogue["edit_kinds"];
  const sql::Statement& edit = catalogue["edit"];
  const sql::Statement& due_by_time = catalogue["due_by_time"];
  const sql::Statement& due_by_rank = catalogue["due_by_rank"];
  const sql::Statement& promote = catalogue["promote"];
  const sql::Statement& lanes_of_all = catalogue["lanes_of_all"];
  const sql::Statement& lanes_of_queues = catalogue["lanes_of_queues"];
  const sql::Statement& lanes_again = catalogue["lanes_again"];
  const sql::Statement& queue_lock = catalogue["queue_lock"];
  const sql::Statement& rooms = catalogue["rooms"];
  const sql::Statement& peek = catalogue["peek"];
  const sql::Statement& claim = catalogue["claim"];
  const sql::Statement& lane_next = catalogue["lane_next"];
  const sql::Statement& claim_some = catalogue["claim_some"];
  const sql::Statement& give_up = catalogue["give_up"];
  const sql::Statement& claimed = catalogue["claimed"];
  const sql::Statement& succeed = catalogue["succeed"];
  const sql::Statement& finish = catalogue["finish"];
  const sql::Statement& heartbeat = catalogue["heartbeat"];
  const sql::Statement& ended = catalogue["ended"];
  const sql::Statement& reap = catalogue["reap"];
  const sql::Statement& jobs_lock = catalogue["jobs_lock"];
  const sql::Statement& crashes_take_back = catalogue["crashes_take_back"];
  const sql::Statement& purge = catalogue["purge"];
  const sql::Statement& expired = catalogue["expired"];
  const sql::Statement& erase = catalogue["erase"];
  const sql::Statement& postpone = catalogue["postpone"];
  const sql::Statement& run_now = catalogue["run_now"];
  const sql::Statement& take_away = catalogue["take_away"];
  const sql::Statement& purge_lines = catalogue["purge_lines"];
  const sql::Statement& orphans = catalogue["orphans"];
  const sql::Statement& let_in = catalogue["let_in"];
  const sql::Statement& step_lock = catalogue["step_lock"];
  const sql::Statement& steps_add = catalogue["steps_add"];
  const sql::Statement& step_tell = catalogue["step_tell"];
  const sql::Statement& steps_wake = catalogue["steps_wake"];
  const sql::Statement& log_add = catalogue["log_add"];
  const sql::Statement& log_trim = catalogue["log_trim"];
  const sql::Statement& publish = catalogue["publish"];
  const sql::Statement& migration_lock = catalogue["migration_lock"];
  const sql::Statement& migration_lock_session = catalogue["migration_lock_session"];
  const sql::Statement& schema_exists = catalogue["schema_exists"];
  const sql::Statement& schema_make = catalogue["schema_make"];
  const sql::Statement& clock_now = catalogue["clock_now"];
  const sql::Statement& drops = catalogue["drops"];
  const sql::Statement& in_the_way = catalogue["in_the_way"];
  const sql::Statement& settings = catalogue["settings"];
  const sql::Statement& standbys = catalogue["standbys"];
  const sql::Statement& old_snapshots = catalogue["old_snapshots"];
  const sql::Statement& old_slots = catalogue["old_slots"];
  const sql::Statement& sees_others = catalogue["sees_others"];
  const sql::Statement& dead_rows = catalogue["dead_rows"];
  const sql::Statement& plan_matters = catalogue["plan_matters"];
  const sql::Statement& plan = catalogue["plan"];
};

}  // namespace sqlq::postgres
