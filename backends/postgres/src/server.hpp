#pragma once
/// \file
/// PostgreSQL as a server backend. What each operation means stands in sqlq/backend/dialect.hpp and sql/operations.hpp;
/// here is how PostgreSQL does it: a whole batch in one statement, which commits by itself, and a second one to explain
/// what was refused.

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "notifier.hpp"
#include "options.hpp"
#include "schema.hpp"
#include "sql/marks.hpp"
#include "sql/server.hpp"

namespace sqlq::postgres {

class PgConnection;

class PgServer final : public sql::Server {
 public:
  explicit PgServer(Options options);

  const backend::Capabilities& capabilities() const noexcept override { return capabilities_; }
  std::string description() const override;
  std::vector<Finding> self_check(sql::Session& session) override;
  std::unique_ptr<sql::Connection> connect() override { return connect(options_); }
  std::unique_ptr<sql::Connection> connect_to_renew() override { return connect(renewing_); }
  bool locked_out(const Error& error) const noexcept override;
  std::unique_ptr<sql::Session> borrow(const Tx& tx) override;

  sql::Marks* marks() noexcept override { return &marks_; }
  const sql::Catalogue& queries() const noexcept override { return schema_.catalogue(); }
  std::span<const Migration> migrations() const noexcept override { return schema_.migrations(); }
  int migrate(sql::Connection& connection, backend::Direction direction, int target, const backend::Now& now) override;
  void teardown(sql::Connection& connection) override;
  std::string layout() const override;

  // produce.cpp
  void make_lanes(sql::Work& work, std::span<const sql::LaneName> lanes) override;
  std::vector<Enqueued> enqueue(sql::Work& work, std::span<const backend::EnqueueItem> items) override;
  std::vector<CancelStatus> cancel(sql::Work& work, std::span<const JobId> ids) override;
  std::vector<RequeueStatus> requeue(sql::Work& work, std::span<const JobId> ids) override;
  // transfer.cpp
  std::vector<backend::StoreStatus> store_jobs(sql::Work& work, sql::DistinctJobs jobs) override;
  // edit.cpp
  std::vector<ActionStatus> edit(sql::Work& work, std::span<const JobId> ids,
                                 const backend::JobChange& change) override;
  // claim.cpp
  backend::ClaimResult claim(sql::Work& work, const sql::Claim& claim) override;
  backend::ClaimResult claim_some(sql::Work& work, const backend::ClaimRequest& request,
                                  const sql::Selection& selection) override;
  bool give_up(sql::Work& work, JobId id, std::string_view message) override;
  std::vector<Job> claimed(sql::Work& work, const backend::ClaimRequest& request) override;
  // lease.cpp
  std::vector<FinishStatus> finish(sql::Work& work, std::span<const backend::Finish> items) override;
  std::vector<LeaseStatus> heartbeat(sql::Work& work, std::span<const backend::LeaseRef> leases) override;
  // keep.cpp
  std::vector<bool> publish(sql::Work& work, std::span<const backend::Interim> items) override;
  ReapReport reap(sql::Work& work, std::span<const std::string> queues, std::size_t limit,
                  std::span<const JobId> only) override;
  std::vector<JobId> ended(sql::Work& work, std::span<const std::string> queues, std::size_t limit) override;
  std::vector<bool> take_back_crashes(sql::Work& work, std::span<const backend::OutlivedClaim> claims) override;
  std::size_t purge(sql::Work& work, std::size_t limit) override;
  std::vector<JobId> expired(sql::Work& work, std::size_t limit) override;
  void postpone(sql::Work& work, JobId id) override;
  std::vector<ActionStatus> act(sql::Work& work, std::span<const JobId> ids, backend::Action what) override;
  std::vector<bool> append_logs(sql::Work& work, std::span<const LogLine> lines) override;

  // gates.cpp
  std::vector<std::int64_t> let_in(sql::Work& work, std::span<const std::int64_t> seqs) override;

  // steps.cpp
  std::optional<sql::LockedJob> lock_job(sql::Work& work, JobId id) override;
  std::vector<std::optional<StepRecord>> add_steps(sql::Work& work,
                                                   std::span<const backend::NewStep> steps) override;
  void tell_job(sql::Work& work, JobId id, std::int64_t seq, bool on) override;
  void wake(sql::Work& work, std::span<const JobId> ids) override;

  void announce() noexcept override;
  void announce_when_committed(sql::Session& borrowed) override;
  std::shared_ptr<void> watch(std::function<void()> heard) override;

 private:
  [[nodiscard]] std::unique_ptr<sql::Connection> connect(const Options& options);
  /// Begins a transaction that no other migration runs beside.
  void begin_alone(PgConnection& c) const;
  [[nodiscard]] TimePoint time_of(sql::Session& s, const backend::Now& now) const;
  /// In one transaction, as far as that goes; `current` is where it led.
  int migrate_inside(PgConnection& c, backend::Direction direction, int target, const backend::Now& now, int& current);
  /// One step that runs outside of a transaction; 0 when another process did it meanwhile.
  int migrate_outside(backend::Direction direction, int target, const backend::Now& now);
  [[nodiscard]] Notifier& notifier();
  [[nodiscard]] bool time_to_sweep(const sql::Work& work);

  const Options options_;
  const Options renewing_;  // of connections for heartbeats
  const Schema schema_;
  const Queries& q_ = schema_.queries();
  const backend::Capabilities capabilities_;
  sql::Marks marks_;
  mutable std::mutex mutex_;
  std::string version_;                  // of the server, once connected
  std::optional<std::int64_t> next_sweep_{};
  std::unique_ptr<Notifier> notifier_;   // made when first needed; last: its thread uses the others
};

}  // namespace sqlq::postgres
