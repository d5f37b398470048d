#pragma once
/// \file
/// A dialect for unit tests: every operation throws Error(internal) until a test overrides it, so that a test sees
/// exactly the calls it expects and no other.

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <sqlq/backend/dialect.hpp>
#include <sqlq/database.hpp>
#include <sqlq/error.hpp>

namespace sqlq::testing {

/// The schema is up to date unless `status` is changed.
class FakeDialect : public backend::Dialect {
 public:
  backend::Capabilities able{};  ///< what it says it can; changed before it is used

  MigrationStatus status{.current = 1, .latest = 1};
  std::vector<Migration> known{Migration{1, "init", "make tables;\n", "drop tables;\n", "0123456789abcdef"}};

  [[nodiscard]] const backend::Capabilities& capabilities() const noexcept override { return able; }
  [[nodiscard]] std::string description() const override { return "fake"; }
  [[nodiscard]] std::vector<std::string> self_check() override { return {}; }
  [[nodiscard]] std::span<const Migration> migrations() const noexcept override { return known; }
  [[nodiscard]] MigrationStatus migration_status() override { return status; }

  int migrate(backend::Direction, int, backend::Now) override { unexpected("migrate"); }
  void teardown() override { unexpected("teardown"); }
  std::vector<Enqueued> enqueue(std::span<const backend::EnqueueItem>, const Tx*, backend::Now) override {
    unexpected("enqueue");
  }
  std::vector<CancelStatus> cancel(std::span<const JobId>, const Tx*, backend::Now) override { unexpected("cancel"); }
  backend::ClaimResult claim(const backend::ClaimRequest&) override { unexpected("claim"); }
  std::vector<FinishStatus> finish(std::span<const backend::Finish>, const Tx*, backend::Now) override {
    unexpected("finish");
  }
  std::vector<LeaseStatus> heartbeat(std::span<const backend::LeaseRef>, backend::Now) override {
    unexpected("heartbeat");
  }
  ReapReport reap(std::span<const std::string>, std::size_t, backend::Now) override { unexpected("reap"); }
  std::size_t purge(std::size_t, backend::Now) override { unexpected("purge"); }
  std::vector<RequeueStatus> requeue(std::span<const JobId>, backend::Now) override { unexpected("requeue"); }
  [[nodiscard]] std::vector<std::optional<Job>> get(std::span<const JobId>) override { unexpected("get"); }
  [[nodiscard]] std::vector<Job> list(const JobFilter&, const Page&) override { unexpected("list"); }
  [[nodiscard]] JobCounts counts(std::string_view, std::uint64_t) override { unexpected("counts"); }
  [[nodiscard]] std::vector<WaitingKind> waiting_kinds(std::size_t) override { unexpected("waiting_kinds"); }
  [[nodiscard]] std::vector<AttemptRecord> history(JobId, std::size_t) override { unexpected("history"); }
  [[nodiscard]] std::vector<LogLine> read_logs(JobId, std::int64_t, std::int64_t, std::size_t) override {
    unexpected("read_logs");
  }
  [[nodiscard]] std::vector<Queue> queues(std::string_view, std::size_t) override { unexpected("queues"); }
  [[nodiscard]] std::optional<Queue> queue(std::string_view) override { unexpected("queue"); }
  void queue_upsert(std::string_view, const QueueOptions&, backend::Now) override { unexpected("queue_upsert"); }
  bool queue_update(std::string_view, const backend::QueueChange&) override { unexpected("queue_update"); }
  std::vector<bool> append_logs(std::span<const LogLine>) override { unexpected("append_logs"); }
  [[nodiscard]] std::unique_ptr<backend::Subscription> subscribe(std::function<void()>) override {
    unexpected("subscribe");
  }

 private:
  [[noreturn]] static void unexpected(const char* operation) {
    throw Error(Errc::internal, std::string(operation) + " was not expected");
  }
};

/// A database over a fake, and the fake itself, which lives as long as the database.
template <class Fake>
struct FakeDatabase {
  explicit FakeDatabase(DatabaseOptions options = {}) : FakeDatabase(std::make_unique<Fake>(), std::move(options)) {}

  Fake& fake;
  Database db;

 private:
  FakeDatabase(std::unique_ptr<Fake> dialect, DatabaseOptions options)
      : fake(*dialect), db(std::move(dialect), std::move(options)) {}
};

}  // namespace sqlq::testing
