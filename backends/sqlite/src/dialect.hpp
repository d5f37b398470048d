#pragma once
/// \file
/// The Dialect of SQLite: sends each operation to the writer, to a reader, or into the user's transaction.

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <sqlq/backend/dialect.hpp>

#include "operations.hpp"
#include "readers.hpp"
#include "sql/claim_apart.hpp"
#include "sql/sql_dialect.hpp"
#include "writer.hpp"

namespace sqlq::sqlite {

class SqliteDialect final : public sql::SqlDialect, public backend::HandOver {
 public:
  SqliteDialect(Options options, std::shared_ptr<Clock> clock);

  const backend::Capabilities& capabilities() const noexcept override { return capabilities_; }
  std::string description() const override;
  std::vector<std::string> self_check() override;

  std::span<const Migration> migrations() const noexcept override;
  MigrationStatus migration_status() override;
  int migrate(backend::Direction direction, int target, backend::Now now) override;
  void teardown() override;

  std::vector<Enqueued> enqueue(std::span<const backend::EnqueueItem> items, const Tx* within,
                                backend::Now now) override;
  std::vector<CancelStatus> cancel(std::span<const JobId> ids, const Tx* within, backend::Now now) override;
  backend::ClaimResult claim(const backend::ClaimRequest& request) override;
  backend::HandOver* hand_over() noexcept override { return this; }
  bool always_pays() const noexcept override { return true; }
  backend::HandOverResult finish_and_claim(const backend::HandOverRequest& request) override;
  std::vector<FinishStatus> finish(std::span<const backend::Finish> items, const Tx* within, backend::Now now) override;
  std::vector<LeaseStatus> heartbeat(std::span<const backend::LeaseRef> leases, backend::Now now) override;
  std::vector<bool> publish(std::span<const backend::Interim> items, backend::Now now) override;
  ReapReport reap(std::span<const std::string> queues, std::size_t limit, backend::Now now) override;
  std::vector<bool> take_back_crashes(std::span<const backend::OutlivedClaim> claims, backend::Now now) override;
  PurgeReport purge(std::size_t limit, backend::Now now) override;
  std::vector<ActionStatus> act(std::span<const JobId> ids, backend::Action what, backend::Now now) override;
  std::vector<RequeueStatus> requeue(std::span<const JobId> ids, backend::Now now) override;

  std::vector<bool> append_logs(std::span<const LogLine> lines) override;
  std::optional<SteadyPoint> locked_since() const noexcept override { return lock_watch().taken_since(); }

  [[nodiscard]] const core::LockWatch& lock_watch() const noexcept { return writer_.lock_watch(); }

 protected:
  const sql::ReadQueries& read_queries() const noexcept override;
  sql::Hints& hints() noexcept override { return hints_; }
  void run_read(const Read& read_it, sql::Statements statements) override;
  void run_read_within(const Tx& tx, const Read& read_it) override;
  void run_write(backend::Now now, const Write& write_it) override;
  std::optional<std::int64_t> wall_us(backend::Now now) const override;
  void tell() noexcept override { hints_.notify(); }

 private:
  template <class Result>
  Result write(backend::Now now, const std::function<Result(const Context&)>& operation);
  template <class Result>
  Result write_leases(backend::Now now, const std::function<Result(const Context&)>& operation);
  template <class Result>
  Result claiming(backend::Now now, const std::function<Result(const Context&)>& operation);
  template <class Result>
  Result within(const Tx& tx, backend::Now now, const std::function<Result(const Context&)>& operation);
  template <class Result>
  Result read(const std::function<Result(const Context&)>& operation);
  /// Leases that have ended may be taken back if they had then. Under the lock, so that nobody else takes it for long
  /// between this look and the write.
  [[nodiscard]] SteadyPoint ended_by(Instant now) const;
  bool give_up(JobId id, std::string_view why, backend::Now now);
  [[nodiscard]] sqlite3* borrowed_handle(const Tx& tx);
  [[nodiscard]] bool foreign_commit();
  /// Under the write lock. What a request says was read before it waited for the lock: by a test's clock, which others
  /// read as well, it may be over.
  [[nodiscard]] Instant at(backend::Now now) const {
    const bool over = now && clock_->simulated() && now->steady < clock_->steady();
    return now && !over ? *now : clock_->instant();
  }

  const Options options_;
  const backend::Capabilities capabilities_;
  const std::shared_ptr<Clock> clock_;
  Writer writer_;
  Readers readers_;
  sql::SetAside aside_;
  std::mutex epoch_mutex_;
  std::string epoch_;             // the steady clock all leases in the file are known to be measured with
  std::atomic<bool> enlisted_{false};  // this process is in the file
  std::int64_t data_version_ = 0;  // only touched by the watching thread
  sql::Hints hints_;               // last: its watcher uses the others
};

}  // namespace sqlq::sqlite
