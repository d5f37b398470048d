#pragma once
/// \file
/// The operations of the dialect on one session, inside a transaction somebody else opened. What each means stands in
/// sqlq/backend/dialect.hpp; here is how SQLite does it.
///
/// Writers run under BEGIN IMMEDIATE: nobody else writes meanwhile, so what a statement reads still holds for the next.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sqlq/backend/dialect.hpp>

#include "queries.hpp"
#include "sql/selection.hpp"
#include "sql/session.hpp"

namespace sqlq::sqlite {

/// The session of a transaction, the statements and the time it happens at.
struct Context {
  sql::Session& session;
  const Queries& q;
  Instant now{};
  /// Whether an operation may count on all its jobs being as they usually are, and throw Error(retry_transaction) when
  /// one of them is not.
  bool as_usual = false;
};

// produce.cpp
std::vector<Enqueued> enqueue(const Context& c, std::span<const backend::EnqueueItem> items);
std::vector<CancelStatus> cancel(const Context& c, std::span<const JobId> ids);
std::vector<RequeueStatus> requeue(const Context& c, std::span<const JobId> ids);
std::vector<ActionStatus> act(const Context& c, std::span<const JobId> ids, backend::Action what);

// claim.cpp
backend::HandOverResult finish_and_claim(const Context& c, const backend::HandOverRequest& wanted);
backend::ClaimResult claim_some(const Context& c, const backend::ClaimRequest& request,
                                const sql::Selection& selection);

// lease.cpp
std::vector<FinishStatus> finish(const Context& c, std::span<const backend::Finish> items);
std::vector<LeaseStatus> heartbeat(const Context& c, std::span<const backend::LeaseRef> leases);
std::vector<bool> publish(const Context& c, std::span<const backend::Interim> items);
/// Of leases that had ended at `ended_by`. With `only`: of these jobs.
ReapReport reap(const Context& c, std::span<const std::string> queues, std::size_t limit, SteadyPoint ended_by,
                std::span<const JobId> only);
std::vector<JobId> ended(const Context& c, std::span<const std::string> queues, std::size_t limit,
                         SteadyPoint ended_by);
/// As sql::Server::give_up; a lease that had ended at `ended_by`.
bool give_up(const Context& c, JobId id, std::string_view message, SteadyPoint ended_by);
std::vector<bool> take_back_crashes(const Context& c, std::span<const backend::OutlivedClaim> claims);
/// Leases measured on another steady clock (the host restarted) have ended.
void end_foreign_leases(const Context& c, const std::string& epoch);

// keep.cpp: history, logs, purge
struct Attempt {
  std::int64_t seq = 0;
  std::int64_t claim = 0;
  std::int64_t attempt = 0;
  std::string worker{};
};
void add_history(const Context& c, const Attempt& attempt, Cause cause, std::string_view message);
std::vector<bool> append_logs(const Context& c, std::span<const LogLine> lines);
PurgeReport purge(const Context& c, std::size_t limit);
/// Deletes finished jobs with all that belongs to them. Error(refused), nothing deleted, when one is kept.
std::size_t purge_jobs(const Context& c, std::span<const std::int64_t> seqs);

}  // namespace sqlq::sqlite
