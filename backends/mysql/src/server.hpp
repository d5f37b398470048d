#pragma once
/// \file
/// The server behind the dialect: what sql/server.hpp asks of MySQL and MariaDB.

#include <mutex>

#include "connection.hpp"
#include "names.hpp"
#include "operations.hpp"
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
  std::vector<std::string> self_check(sql::Session& session) override;
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

  void make_lanes(const sql::Work& work, std::span<const sql::LaneName> lanes) override {
    mysql::make_lanes(work, schema_.queries, lanes);
  }
  std::vector<Enqueued> enqueue(sql::Work& work, std::span<const backend::EnqueueItem> items) override {
    auto answers = mysql::enqueue(context(work), items);
    marks_.stored(items);
    return answers;
  }
  std::vector<CancelStatus> cancel(sql::Work& work, std::span<const JobId> ids) override {
    return mysql::cancel(context(work), ids);
  }
  backend::ClaimResult claim(sql::Work& work, const sql::Claim& claim) override {
    return mysql::claim(context(work), claim);
  }
  backend::ClaimResult claim_some(sql::Work& work, const backend::ClaimRequest& request,
                                  const sql::Selection& selection) override {
    return mysql::claim_some(context(work), request, selection);
  }
  bool give_up(sql::Work& work, JobId id, std::string_view message) override {
    return mysql::give_up(context(work), id, message);
  }
  std::vector<Job> claimed(sql::Work& work, const backend::ClaimRequest& request) override {
    return mysql::claimed(context(work), request.token);
  }
  std::vector<FinishStatus> finish(sql::Work& work, std::span<const backend::Finish> items) override {
    auto answers = mysql::finish(context(work), items);
    marks_.given_back(items);
    return answers;
  }
  std::vector<LeaseStatus> heartbeat(sql::Work& work, std::span<const backend::LeaseRef> leases) override {
    return mysql::heartbeat(context(work), leases);
  }
  std::vector<bool> publish(sql::Work& work, std::span<const backend::Interim> items) override {
    return mysql::publish(context(work), items);
  }
  ReapReport reap(sql::Work& work, std::span<const std::string> queues, std::size_t limit,
                  std::span<const JobId> only) override {
    auto report = mysql::reap(context(work), queues, limit, only);
    if (!report.returned.empty()) marks_.forget();
    return report;
  }
  std::vector<JobId> ended(sql::Work& work, std::span<const std::string> queues, std::size_t limit) override {
    return mysql::ended(context(work), queues, limit);
  }
  std::vector<bool> take_back_crashes(sql::Work& work, std::span<const backend::OutlivedClaim> claims) override {
    return mysql::take_back_crashes(context(work), claims);
  }
  std::size_t purge(sql::Work& work, std::size_t limit) override {
    const std::size_t purged = mysql::purge(context(work), limit);
    if (purged == 0 && !work.begun()) names_.step(work, schema_.queries);
    return purged;
  }
  std::vector<JobId> expired(sql::Work& work, std::size_t limit) override {
    return mysql::expired(context(work), limit);
  }
  void postpone(sql::Work& work, JobId id) override { mysql::postpone(context(work), id); }
  std::vector<ActionStatus> act(sql::Work& work, std::span<const JobId> ids, backend::Action what) override {
    auto answers = mysql::act(context(work), ids, what);
    marks_.forget();
    return answers;
  }
  std::vector<RequeueStatus> requeue(sql::Work& work, std::span<const JobId> ids) override {
    auto answers = mysql::requeue(context(work), ids);
    marks_.forget();
    return answers;
  }
  std::vector<bool> append_logs(sql::Work& work, std::span<const LogLine> lines) override {
    return mysql::append_logs(context(work), lines);
  }

 private:
  [[nodiscard]] std::unique_ptr<sql::Connection> connect(const Options& options);
  Context context(sql::Work& work) { return {work, work.session(), schema_.queries, here_, marks_}; }

  backend::Capabilities capabilities_{  // the number is the first connection's
      .transactional_ddl = false,
      .cross_process_wakeup = false,
      .database_clock = true,
      .hand_over = true,
      .workers = true};

  const Options options_;
  const Schema schema_;
  ClaimedHere here_;
  sql::Marks marks_;
  NameSweep names_;
  mutable std::mutex mutex_;
  bool first_ = true;  // nothing was connected yet
  std::string description_ = "MySQL or MariaDB";
};

}  // namespace sqlq::mysql
