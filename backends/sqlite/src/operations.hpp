#pragma once
/// \file
/// The operations of the dialect, inside a transaction that somebody else began. What each means stands in
/// sqlq/backend/dialect.hpp and sql/operations.hpp; here is how SQLite does it.
///
/// Writers run under BEGIN IMMEDIATE: nobody else writes meanwhile, so what a statement reads still holds for the next.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "schema.hpp"
#include "sql/operations.hpp"

namespace sqlq::sqlite {

class Operations final : public sql::Operations {
 public:
  // schema.cpp
  const sql::Catalogue& queries() const noexcept override { return catalogue(); }
  std::span<const Migration> migrations() const noexcept override { return known_migrations(); }
  int migrate(sql::Connection& connection, backend::Direction direction, int target,
              const backend::Now& now) override;
  void teardown(sql::Connection& connection) override;
  std::string layout() const override;

  // produce.cpp
  std::vector<Enqueued> enqueue(sql::Work& work, std::span<const backend::EnqueueItem> items) override;
  std::vector<CancelStatus> cancel(sql::Work& work, std::span<const JobId> ids) override;
  std::vector<RequeueStatus> requeue(sql::Work& work, std::span<const JobId> ids) override;
  std::vector<ActionStatus> act(sql::Work& work, std::span<const JobId> ids, backend::Action what) override;

  // transfer.cpp
  std::vector<backend::StoreStatus> store_jobs(sql::Work& work, sql::DistinctJobs jobs) override;
  // edit.cpp
  std::vector<ActionStatus> edit(sql::Work& work, std::span<const JobId> ids,
                                 const backend::JobChange& change) override;

  // claim.cpp
  backend::ClaimResult claim(sql::Work& work, const sql::Claim& wanted) override;
  backend::ClaimResult claim_some(sql::Work& work, const backend::ClaimRequest& request,
                                  const sql::Selection& selection) override;

  // lease.cpp
  std::vector<FinishStatus> finish(sql::Work& work, std::span<const backend::Finish> items) override;
  std::vector<LeaseStatus> heartbeat(sql::Work& work, std::span<const backend::LeaseRef> leases) override;
  std::vector<bool> publish(sql::Work& work, std::span<const backend::Interim> items) override;
  ReapReport reap(sql::Work& work, std::span<const std::string> queues, std::size_t limit,
                  std::span<const JobId> only) override;
  std::vector<JobId> ended(sql::Work& work, std::span<const std::string> queues, std::size_t limit) override;
  bool give_up(sql::Work& work, JobId id, std::string_view message) override;
  std::vector<bool> take_back_crashes(sql::Work& work, std::span<const backend::OutlivedClaim> claims) override;

  // gates.cpp
  std::vector<std::int64_t> let_in(sql::Work& work, std::span<const std::int64_t> seqs) override;

  // keep.cpp
  std::vector<bool> append_logs(sql::Work& work, std::span<const LogLine> lines) override;
  std::size_t purge(sql::Work& work, std::size_t limit) override;
  std::vector<JobId> expired(sql::Work& work, std::size_t limit) override;
  void postpone(sql::Work& work, JobId id) override;

  // steps.cpp
  std::optional<sql::LockedJob> lock_job(sql::Work& work, JobId id) override;
  void tell_job(sql::Work& work, JobId id, std::int64_t seq, bool on) override;
  void wake(sql::Work& work, std::span<const JobId> ids) override;
};

/// The parts of an operation share it: the session of its transaction, the statements and the time it happens at.
struct Context {
  explicit Context(sql::Work& work)
      : session(work.session()), now(*work.now()), ended_by(now.steady - Duration(work.spared())),
        as_usual(work.as_usual()) {}

  sql::Session& session;
  const Queries& q = queries();
  Instant now;
  SteadyPoint ended_by;  ///< leases that had ended then may be taken back
  bool as_usual;         ///< Work::as_usual
};

/// Leases measured on another steady clock (the host restarted) have ended.
void end_foreign_leases(const Context& c, const std::string& epoch);

struct Attempt {
  std::int64_t seq = 0;
  std::int64_t claim = 0;
  std::int64_t attempt = 0;
  std::string worker{};
};
void add_history(const Context& c, const Attempt& attempt, Cause cause, std::string_view message);
/// Adds a line to a job's log; one that is there already stays.
void add_log_line(const Context& c, std::int64_t seq, const LogLine& line);
/// Deletes finished jobs with all that belongs to them. Error(refused), nothing deleted, when one is kept.
std::size_t purge_jobs(const Context& c, std::span<const std::int64_t> seqs);

}  // namespace sqlq::sqlite
