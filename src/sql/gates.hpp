#pragma once
/// \file
/// Limits by key (backend::Gates), written once for every SQL database over statements that its catalogue names:
/// gate_in, gates_arrived, gates_due, gates_named, gates_next, gates_make, gates_lock, gates_inside, gates_came,
/// gate_line, gated_states, gated_set, gated_drop, gates_set, gates_drop, gate_settings, gate_set, gates_look_all,
/// gate_shut, gate_open, gate_list, gate_get, gate_jobs, gate_before. Names and rows travel as JSON. How jobs are let
/// in each database says (Operations::let_in).

#include <functional>
#include <memory>
#include <span>

#include <sqlq/backend/dialect.hpp>

#include "sql/operations.hpp"
#include "sql/reading.hpp"
#include "sql/runner.hpp"

namespace sqlq::sql {

/// Jobs were let in, or gates are to be looked at.
using GatesNews = std::function<void()>;

/// The operations, the queries and the runner must outlive it. Thread-safe.
[[nodiscard]] std::unique_ptr<backend::Gates> make_gates(Operations& operations, const ReadQueries& queries,
                                                         Runner& runner, GatesNews news);

/// The same as Operations::enqueue, and who has a key comes into the line of it.
[[nodiscard]] std::vector<Enqueued> enqueue_in_line(Operations& operations, Work& work,
                                                    std::span<const backend::EnqueueItem> items);
/// The same as Operations::store_jobs.
[[nodiscard]] std::vector<backend::StoreStatus> store_in_line(Operations& operations, Work& work, DistinctJobs jobs);
/// Jobs that have changed: those that wait for their keys (Work::keyed) come into the line.
void bring_in_line(Operations& operations, Work& work, std::span<const JobId> ids);

}  // namespace sqlq::sql
