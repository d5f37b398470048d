#pragma once
/// \file
/// The Dialect of every SQL database: each verb is written here once, over the operations of a database
/// (operations.hpp) or named statements (reading.hpp), and runs where its runner says (runner.hpp).

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sqlq/backend/dialect.hpp>
#include <sqlq/export.hpp>

#include "sql/claim_apart.hpp"
#include "sql/enqueue_queue.hpp"
#include "sql/gates.hpp"
#include "sql/hints.hpp"
#include "sql/inbox.hpp"
#include "sql/insight.hpp"
#include "sql/known_lanes.hpp"
#include "sql/operations.hpp"
#include "sql/periodic.hpp"
#include "sql/reading.hpp"
#include "sql/runner.hpp"
#include "sql/steps.hpp"
#include "sql/strays.hpp"
#include "sql/transfer.hpp"
#include "sql/worker_registry.hpp"

namespace sqlq::sql {

class SQLQ_API SqlDialect final : public backend::Dialect,
                         public backend::HandOver,
                         public backend::Outages,
                         public backend::Editing {
 public:
  using Now = backend::Now;

  SqlDialect(std::unique_ptr<Operations> operations, std::unique_ptr<Runner> runner, std::shared_ptr<Clock> clock);

  const backend::Capabilities& capabilities() const noexcept override { return runner_->capabilities(); }
  std::string description() const override { return runner_->description(); }
  std::vector<Finding> self_check() override;

  std::span<const Migration> migrations() const noexcept override { return operations_->migrations(); }
  MigrationStatus migration_status() override;
  int migrate(backend::Direction direction, int target, Now now) override;
  void teardown() override;

  std::vector<Enqueued> enqueue(std::span<const backend::EnqueueItem> items, const Tx* tx, Now now) override;
  std::vector<CancelStatus> cancel(std::span<const JobId> ids, const Tx* tx, Now now) override;

  backend::ClaimResult claim(const backend::ClaimRequest& request) override;
  backend::HandOver* hand_over() noexcept override { return this; }
  bool always_pays() const noexcept override { return runner_->one_writer(); }
  backend::HandOverResult finish_and_claim(const backend::HandOverRequest& request) override;
  std::vector<FinishStatus> finish(std::span<const backend::Finish> items, const Tx* tx, Now now) override;
  std::vector<LeaseStatus> heartbeat(std::span<const backend::LeaseRef> leases, Now now) override;
  std::vector<bool> publish(std::span<const backend::Interim> items, Now now) override;
  ReapReport reap(std::span<const std::string> queues, std::size_t limit, Now now) override;
  backend::Outages* outages() noexcept override { return this; }
  std::optional<SteadyPoint> locked_since() const noexcept override { return runner_->lock_watch().taken_since(); }
  std::vector<bool> take_back_crashes(std::span<const backend::OutlivedClaim> claims, Now now) override;

  PurgeReport purge(std::size_t limit, Now now) override;
  std::vector<ActionStatus> act(std::span<const JobId> ids, backend::Action what, Now now) override;
  std::vector<RequeueStatus> requeue(std::span<const JobId> ids, Now now) override;
  backend::Editing* editing() noexcept override { return this; }
  std::vector<ActionStatus> edit(std::span<const JobId> ids, const backend::JobChange& change, Now now) override;
  std::vector<bool> append_logs(std::span<const LogLine> lines) override;

  // Over named statements.
  std::vector<std::optional<Job>> get(std::span<const JobId> ids, const Tx* within) override;
  JobPage list(const JobFilter& filter, const Page& page) override;
  JobCounts counts(std::string_view queue, std::uint64_t cap) override;
  std::vector<WaitingKind> waiting_kinds(std::size_t limit, Now now) override;
  std::vector<AttemptRecord> history(JobId id, std::size_t limit) override;
  std::vector<std::optional<AttemptRecord>> last_records(std::span<const JobId> ids) override;
  std::vector<LogLine> read_logs(JobId id, std::int64_t after_claim, std::int64_t after_number,
                                 std::size_t limit) override;
  std::vector<Queue> queues(std::string_view after, std::size_t limit) override;
  std::optional<Queue> queue(std::string_view name) override;
  std::optional<QueueStats> queue_stats(std::string_view name, std::uint64_t cap, Now now) override;
  void queue_upsert(std::string_view name, const QueueOptions& options, Now now) override;
  bool queue_update(std::string_view name, const backend::QueueChange& change) override;
  DeleteQueueStatus queue_delete(std::string_view name) override;

  std::unique_ptr<backend::Subscription> subscribe(std::function<void()> hint) override {
    return hints_.subscribe(std::move(hint));
  }
  backend::Workers* workers() noexcept override { return workers_.get(); }
  backend::Insight* insight() noexcept override { return insight_.get(); }
  backend::Transfer* transfer() noexcept override { return transfer_.get(); }
  backend::Periodic* periodic() noexcept override { return periodic_.get(); }
  backend::Steps* steps() noexcept override { return steps_.get(); }
  backend::Inbox* inbox() noexcept override { return inbox_.get(); }
  backend::Gates* gates() noexcept override { return gates_.get(); }

 private:
  using Claiming = core::FunctionRef<backend::ClaimResult(Work&, const Claim&)>;

  /// What an operation answers, by the last try.
  template <class Operation>
  auto write(Task task, const Now& now, const Operation& operation);
  template <class Operation>
  auto write(const Now& now, const Operation& operation) {
    return write(Task::plain, now, operation);
  }
  /// The same in the user's transaction, where there is one.
  template <class Operation>
  auto write_or_within(const Tx* tx, const Now& now, const Operation& operation);
  /// For verbs of several named statements, with the time of the request in microseconds (none: the database's own).
  template <class Operation>
  auto write_named(const Now& now, const Operation& operation);
  /// For operations on these jobs that may make jobs with a key wait.
  template <class Operation>
  auto write_in_line(std::span<const JobId> ids, const Now& now, const Operation& operation);
  template <class Operation>
  auto read(const Operation& operation, Statements statements = Statements::one);

  std::vector<Enqueued> store(std::span<const backend::EnqueueItem> items, const Tx* tx, const Now& now,
                              Task task = Task::plain);
  std::vector<backend::StoreStatus> store_whole(std::span<const backend::StoredJob> jobs, const Now& now);
  /// Calls `store` once the lanes of these jobs are there; again when somebody tore the schema down and made it anew,
  /// unless `once`.
  void with_lanes(std::span<const backend::EnqueueItem> items, const Now& now, bool once,
                  core::FunctionRef<void()> store);
  void make_missing_lanes(std::span<const backend::EnqueueItem> items, const Now& now);
  backend::HandOverResult take(const backend::HandOverRequest& request, Claiming claiming);
  void give_back_strays(const Now& now);
  bool give_up(JobId id, std::string_view why, const Now& now);
  [[nodiscard]] StoringHost storing();
  /// Tells this process's workers, and others where the database does not do it.
  void tell() noexcept;
  /// Jobs that were told to go on may have become ready, or will when the user's transaction is committed.
  void woke(bool committed) noexcept;
  /// The same when jobs may have become ready at places where they were before.
  template <class Result>
  Result ready_again(Result result) noexcept {
    if (Marks* const marks = operations_->marks()) marks->forget();
    tell();
    return result;
  }

  const std::unique_ptr<Operations> operations_;
  const std::unique_ptr<Runner> runner_;
  const ReadQueries queries_;
  const std::unique_ptr<backend::Workers> workers_;
  const std::unique_ptr<backend::Insight> insight_;
  const std::unique_ptr<backend::Transfer> transfer_;
  const std::unique_ptr<backend::Periodic> periodic_;
  const std::unique_ptr<backend::Steps> steps_;
  const std::unique_ptr<backend::Inbox> inbox_;
  const std::unique_ptr<backend::Gates> gates_;  // null: the database has none
  const std::shared_ptr<Clock> clock_;
  KnownLanes lanes_;
  Strays strays_;
  SetAside aside_;
  std::optional<EnqueueQueue> producing_;
  Hints hints_;  // last: its watcher uses the others
};

}  // namespace sqlq::sql
