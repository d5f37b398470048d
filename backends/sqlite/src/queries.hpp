#pragma once
/// \file
/// The statements of schema/sqlite/queries, found once by name. Each is described there.

#include "sql/catalogue.hpp"

namespace sqlq::sqlite {

struct Queries {
  const sql::Catalogue& catalogue;
  const sql::Statement& plan = catalogue["plan"];
  const sql::Statement& lane = catalogue["lane"];
  const sql::Statement& queue_make = catalogue["queue_make"];
  const sql::Statement& lane_make = catalogue["lane_make"];
  const sql::Statement& job_insert = catalogue["job_insert"];
  const sql::Statement& job_insert_headers = catalogue["job_insert_headers"];
  const sql::Statement& id_taken = catalogue["id_taken"];
  const sql::Statement& key_holder = catalogue["key_holder"];
  const sql::Statement& transfer_job = catalogue["transfer_job"];
  const sql::Statement& transfer_attempt = catalogue["transfer_attempt"];
  const sql::Statement& transfer_step = catalogue["transfer_step"];
  const sql::Statement& promote = catalogue["promote"];
  const sql::Statement& due_by_time = catalogue["due_by_time"];
  const sql::Statement& due_by_rank = catalogue["due_by_rank"];
  const sql::Statement& lanes_of_all = catalogue["lanes_of_all"];
  const sql::Statement& lanes_of_queue = catalogue["lanes_of_queue"];
  const sql::Statement& held = catalogue["held"];
  const sql::Statement& peek = catalogue["peek"];
  const sql::Statement& lane_next = catalogue["lane_next"];
  const sql::Statement& give_up = catalogue["give_up"];
  const sql::Statement& claim = catalogue["claim"];
  const sql::Statement& claimed = catalogue["claimed"];
  const sql::Statement& succeed = catalogue["succeed"];
  const sql::Statement& finish_success = catalogue["finish_success"];
  const sql::Statement& finish_end = catalogue["finish_end"];
  const sql::Statement& finish_back = catalogue["finish_back"];
  const sql::Statement& probe = catalogue["probe"];
  const sql::Statement& heartbeat = catalogue["heartbeat"];
  const sql::Statement& cancel_waiting = catalogue["cancel_waiting"];
  const sql::Statement& cancel_running = catalogue["cancel_running"];
  const sql::Statement& reap = catalogue["reap"];
  const sql::Statement& ended = catalogue["ended"];
  const sql::Statement& reap_log = catalogue["reap_log"];
  const sql::Statement& processes = catalogue["processes"];
  const sql::Statement& process_add = catalogue["process_add"];
  const sql::Statement& processes_forget = catalogue["processes_forget"];
  const sql::Statement& processes_forget_foreign = catalogue["processes_forget_foreign"];
  const sql::Statement& crash_line = catalogue["crash_line"];
  const sql::Statement& crash_line_outage = catalogue["crash_line_outage"];
  const sql::Statement& crash_take_back = catalogue["crash_take_back"];
  const sql::Statement& crash_revive = catalogue["crash_revive"];
  const sql::Statement& history_add = catalogue["history_add"];
  const sql::Statement& history_trim = catalogue["history_trim"];
  const sql::Statement& end_all_leases = catalogue["end_all_leases"];
  const sql::Statement& held_seqs = catalogue["held_seqs"];
  const sql::Statement& fact = catalogue["fact"];
  const sql::Statement& fact_set = catalogue["fact_set"];
  const sql::Statement& expired = catalogue["expired"];
  const sql::Statement& ids_of = catalogue["ids_of"];
  const sql::Statement& purge_jobs = catalogue["purge_jobs"];
  const sql::Statement& requeue = catalogue["requeue"];
  const sql::Statement& edit_look = catalogue["edit_look"];
  const sql::Statement& edit = catalogue["edit"];
  const sql::Statement& run_now = catalogue["run_now"];
  const sql::Statement& take_away = catalogue["take_away"];
  const sql::Statement& postpone = catalogue["postpone"];
  const sql::Statement& log_guard = catalogue["log_guard"];
  const sql::Statement& log_add = catalogue["log_add"];
  const sql::Statement& log_cut = catalogue["log_cut"];
  const sql::Statement& log_trim = catalogue["log_trim"];
  const sql::Statement& publish_result = catalogue["publish_result"];
  const sql::Statement& publish_progress = catalogue["publish_progress"];
  const sql::Statement& step_job = catalogue["step_job"];
  const sql::Statement& step_tell = catalogue["step_tell"];
  const sql::Statement& step_wake = catalogue["step_wake"];
  const sql::Statement& step_wake_waiting = catalogue["step_wake_waiting"];
  const sql::Statement& let_in = catalogue["let_in"];
  const sql::Statement& begin = catalogue["begin"];
  const sql::Statement& commit = catalogue["commit"];
  const sql::Statement& data_version = catalogue["data_version"];
};

}  // namespace sqlq::sqlite
