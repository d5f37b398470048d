#pragma once
/// \file
/// MySQL and MariaDB as a server backend. What each operation means stands in sqlq/backend/dialect.hpp and
/// sql/operations.hpp.

#include <cstdint>
#include <mutex>
#include <optional>

#include "connection.hpp"
#include "context.hpp"
#include "names.hpp"
#include "options.hpp"
#include "schema.hpp"
#include "sql/marks.hpp"
#include "sql/server.hpp"

namespace sqlq::mysql {

class MysqlServer final : public sql::Server {
 public:
  explicit MysqlServer(Options options) : options_(std::move(options)), schema_(options_) {}

  const backend::Capabilities& capabilities() const noexcept override { return capabilities_; }
  std::string description() const override;
  std::vector<Finding> self_check(sql::Session& session) override;
  std::unique_ptr<sql::Connection> connect() override { return connect(options_); }
  std::unique_ptr<sql::Connection> connect_to_renew() override;
  bool locked_out(const Error& error) const noexcept override;
  std::unique_ptr<sql::Session> borrow(const Tx& tx) override;

  const sql::Catalogue& queries() const noexcept override { return schema_.catalogue; }
  std::span<const Migration> migrations() const noexcept override { return schema_.migrations; }
  int migrate(sql::Connection& connection, backend::Direction direction, int target,
              const backend::Now& now) override {
    marks_.forget();
    return mysql::migrate(connection, schema_, direction, target, now);
  }
  void teardown(sql::Connection& connection) override {
    marks_.forget();
    mysql::teardown(connection, schema_);
  }

  std::string layout() const override;
  bool hides_tables(sql::Session& session) const override;

  sql::Marks* marks() noexcept override { return &marks_; }

  // lanes.cpp
  void make_lanes(sql::Work& work, std::span<const sql::LaneName> lanes) override;
  // produce.cpp
  std::vector<Enqueued> enqueue(sql::Work& work, std::span<const backend::EnqueueItem> items) override;
  // transfer.cpp
  std::vector<backend::StoreStatus> store_jobs(sql::Work& work, sql::DistinctJobs jobs) override;
  // admin.cpp
  std::vector<CancelStatus> cancel(sql::Work& work, std::span<const JobId> ids) override;
  std::vector<RequeueStatus> requeue(sql::Work& work, std::span<const JobId> ids) override;
  std::vector<ActionStatus> act(sql::Work& work, std::span<const JobId> ids, backend::Action what) override;
  // edit.cpp
  std::vector<ActionStatus> edit(sql::Work& work, std::span<const JobId> ids,
                                 const backend::JobChange& change) override;
  // claim.cpp
  backend::ClaimResult claim(sql::Work& work, const sql::Claim& claim) override;
  backend::ClaimResult claim_some(sql::Work& work, const backend::ClaimRequest& request,
                                  const sql::Selection& selection) override;
  std::vector<Job> claimed(sql::Work& work, const backend::ClaimRequest& request) override;
  // lease.cpp
  std::vector<FinishStatus> finish(sql::Work& work, std::span<const backend::Finish> items) override;
  std::vector<LeaseStatus> heartbeat(sql::Work& work, std::span<const backend::LeaseRef> leases) override;
  ReapReport reap(sql::Work& work, std::span<const std::string> queues, std::size_t limit,
                  std::span<const JobId> only) override;
  std::vector<JobId> ended(sql::Work& work, std::span<const std::string> queues, std::size_t limit) override;
  bool give_up(sql::Work& work, JobId id, std::string_view message) override;
  // outage.cpp
  std::vector<bool> take_back_crashes(sql::Work& work, std::span<const backend::OutlivedClaim> claims) override;
  // keep.cpp
  std::vector<bool> publish(sql::Work& work, std::span<const backend::Interim> items) override;
  std::vector<bool> append_logs(sql::Work& work, std::span<const LogLine> lines) override;
  std::size_t purge(sql::Work& work, std::size_t limit) override;
  std::vector<JobId> expired(sql::Work& work, std::size_t limit) override;
  void postpone(sql::Work& work, JobId id) override;
  // steps.cpp
  std::optional<sql::LockedJob> lock_job(sql::Work& work, JobId id) override;
  std::size_t insert_step(sql::Work& work, const sql::Statement& statement,
                          std::initializer_list<sql::Arg> args) override;
  std::vector<std::optional<StepRecord>> add_steps(sql::Work& work,
                                                   std::span<const backend::NewStep> steps) override;
  void tell_job(sql::Work& work, JobId id, std::int64_t seq, bool on) override;
  void wake(sql::Work& work, std::span<const JobId> ids) override;
  // promote.cpp
  void line_in(sql::Work& work, std::span<const JobId> ids) override;
  std::vector<std::int64_t> let_in(sql::Work& work, std::span<const std::int64_t> seqs) override;

 private:
  [[nodiscard]] std::unique_ptr<sql::Connection> connect(const Options& options);
  [[nodiscard]] bool time_to_shrink(const sql::Work& work);
  Context context(sql::Work& work) { return {work, work.session(), schema_.queries, here_, marks_}; }

  backend::Capabilities capabilities_{  // the number is the first connection's
      .transactional_ddl = false,
      .cross_process_wakeup = false,
      .database_clock = true,
      .hand_over = true,
      .outages = true,
      .workers = true,
      .editing = true,
      .insight = true,
      .transfer = true,
      .headers = true,
      .periodic = true,
      .steps = true,
      .inbox = true,
      .limits = true};

  const Options options_;
  const Schema schema_;
  ClaimedHere here_;
  sql::Marks marks_;
  NameSweep names_;
  mutable std::mutex mutex_;
  bool first_ = true;  // nothing was connected yet
  std::optional<std::int64_t> next_shrink_{};
  std::string description_ = "MySQL or MariaDB";
};

}  // namespace sqlq::mysql
