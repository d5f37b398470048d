#include <sqlq/testing/memory_storage.hpp>

#include <array>
#include <functional>
#include <initializer_list>
#include <mutex>
#include <utility>
#include <vector>

#include <sqlq/backend/dialect.hpp>
#include <sqlq/error.hpp>

#include "testing/memory_gates.hpp"
#include "testing/memory_hints.hpp"
#include "testing/memory_impl.hpp"
#include "testing/memory_kept.hpp"
#include "testing/memory_periodic.hpp"
#include "testing/memory_transfer.hpp"

namespace sqlq::testing {
namespace {

/// There are no tables to make, so the one step is a remark; but it has to be taken, as on any database.
const std::array<Migration, 1>& known_migrations() {
  static const auto& steps = *new std::array<Migration, 1>{  // never destroyed: CONTRIBUTING.md
      Migration{1, "init", "-- nothing to make in memory\n", "-- nothing to drop in memory\n", "5153514c51000001"}};
  return steps;
}

}  // namespace

MigrationStatus MemoryStorage::Impl::status() const {
  const auto& known = known_migrations();
  MigrationStatus status{.latest = static_cast<int>(known.size())};
  for (const Applied& a : applied) {
    status.applied.push_back(a.step);
    status.current = a.step.version;
    const std::string step = "migration " + std::to_string(a.step.version);
    const bool newer = a.step.version > status.latest;
    if (newer && a.step.compatible_from <= status.latest) continue;
    if (newer) status.problem = step + " is not known to this library, nor compatible with it: use a newer sqlq";
    if (newer || a.checksum == known.at(static_cast<std::size_t>(a.step.version) - 1).checksum) continue;
    status.problem = step + " was changed after it was applied: Migrator::teardown() and migrate";
  }
  return status;
}

void MemoryStorage::Impl::require_schema() const {
  if (!applied.empty()) return;
  throw Error(Errc::schema, "the storage in memory is not migrated: call migrate() once", "memory");
}

void MemoryStorage::Impl::require_storable(std::initializer_list<std::string_view> texts) const {
  for (const std::string_view text : texts) {
    if (!refuses(text)) continue;
    throw Error(Errc::refused, "the storage in memory was told to refuse a word in the value", "memory");
  }
}

namespace {

// ------------------------------------------------------------------------------------------------- the dialect

class MemoryDialect final : public backend::Dialect,
                            public backend::HandOver,
                            public backend::Outages,
                            public backend::Editing,
                            public backend::Insight,
                            public backend::Steps {
  using Storage = MemoryStorage::Impl;
  using Now = backend::Now;

  [[nodiscard]] Instant time(Now now) const { return now ? *now : clock_->instant(); }

  /// One operation on the jobs, whole and alone.
  template <class Operation>
  auto on_jobs(Operation operation) {
    std::unique_lock lock(storage_->mutex);
    storage_->require_schema();
    auto answer = operation(storage_->queue);
    const bool news = storage_->queue.take_news();
    lock.unlock();
    if (news) storage_->hints->tell();
    return answer;
  }

  template <class Item, class Answer, class Given>
  std::vector<Answer> each(std::span<const Item> items, Now now, Answer (MemoryQueue::*operation)(Given, Instant)) {
    return on_jobs([&](MemoryQueue& jobs) {
      std::vector<Answer> answers;
      for (const Item& item : items) answers.push_back((jobs.*operation)(item, time(now)));
      return answers;
    });
  }

  /// The same, or inside the user's transaction.
  template <class Kept, class Item, class Answer, class Given>
  std::vector<Answer> each(std::span<const Item> items, const Tx* within, Now now,
                           Answer (MemoryQueue::*operation)(Given, Instant)) {
    if (within == nullptr) return each(items, now, operation);
    MemoryConnection::Impl& connection = transaction(*within);
    const std::lock_guard lock(storage_->mutex);
    storage_->require_schema();
    MemoryQueue view = connection.view();
    std::vector<Answer> answers;
    std::vector<MemoryConnection::Impl::Write> writes;
    for (const Item& item : items) {
      const Answer answer = (view.*operation)(item, time(now));
      answers.push_back(answer);
      writes.push_back([kept = Kept(item), at = time(now), answer](MemoryQueue& jobs) {
        return same(kept(jobs, at), answer);
      });
    }
    connection.writes->insert(connection.writes->end(), writes.begin(), writes.end());
    return answers;
  }

  [[nodiscard]] MemoryConnection::Impl& transaction(const Tx& within) const;

  /// What the jobs look like, or what they do inside the user's transaction.
  template <class Look>
  auto seen(const Tx* within, const Look& look) {
    if (within == nullptr) return on_jobs(look);
    MemoryConnection::Impl& connection = transaction(*within);
    const std::lock_guard lock(storage_->mutex);
    storage_->require_schema();
    return look(connection.view());
  }
  void require_storable_now(std::string_view text) const {
    const std::lock_guard lock(storage_->mutex);
    storage_->require_storable({text});
  }

 public:
  MemoryDialect(std::shared_ptr<Storage> storage, std::shared_ptr<Clock> clock);

  [[nodiscard]] const backend::Capabilities& capabilities() const noexcept override { return able_; }
  [[nodiscard]] std::string description() const override { return "memory"; }
  [[nodiscard]] std::vector<Finding> self_check() override { return {}; }

  [[nodiscard]] std::span<const Migration> migrations() const noexcept override { return known_migrations(); }
  [[nodiscard]] MigrationStatus migration_status() override {
    const std::lock_guard lock(storage_->mutex);
    return storage_->status();
  }
  int migrate(backend::Direction direction, int target, Now now) override;
  void teardown() override {
    const std::lock_guard lock(storage_->mutex);
    storage_->applied.clear();
    storage_->queue = {};
    storage_->refused.clear();
  }

  std::vector<Enqueued> enqueue(std::span<const backend::EnqueueItem> items, const Tx* within, Now now) override {
    return each<KeptEnqueue>(items, within, now, &MemoryQueue::enqueue);
  }
  std::vector<CancelStatus> cancel(std::span<const JobId> ids, const Tx* within, Now now) override {
    storage_->require_changeable(ids, [](JobId id) { return id; });
    return each<KeptCancel>(ids, within, now, &MemoryQueue::cancel);
  }
  std::vector<FinishStatus> finish(std::span<const backend::Finish> items, const Tx* within, Now now) override {
    {
      const std::lock_guard lock(storage_->mutex);
      for (const backend::Finish& item : items) storage_->require_storable({item.result, item.message});
    }
    return each<KeptFinish>(items, within, now, &MemoryQueue::finish);
  }

  backend::ClaimResult claim(const backend::ClaimRequest& request) override {
    return finish_and_claim({.claim = request}).claim;
  }
  backend::HandOver* hand_over() noexcept override { return this; }
  backend::Workers* workers() noexcept override { return &workers_; }
  backend::Transfer* transfer() noexcept override { return &transfer_; }
  backend::Periodic* periodic() noexcept override { return &periodic_; }
  backend::Gates* gates() noexcept override { return &gates_; }
  backend::HandOverResult finish_and_claim(const backend::HandOverRequest& request) override {
    return on_jobs(
        [&](MemoryQueue& jobs) { return jobs.finish_and_claim(request, time(request.claim.now), refusals()); });
  }
  std::vector<bool> publish(std::span<const backend::Interim> items, Now now) override {
    return on_jobs([&](MemoryQueue& jobs) {
      for (const backend::Interim& item : items) storage_->require_storable({item.result});
      std::vector<bool> stored;
      for (const backend::Interim& item : items) stored.push_back(jobs.publish(item, time(now)));
      return stored;
    });
  }
  std::vector<LeaseStatus> heartbeat(std::span<const backend::LeaseRef> leases, Now now) override {
    storage_->require_changeable(leases, [](const backend::LeaseRef& lease) { return lease.id; });
    return each(leases, now, &MemoryQueue::heartbeat);
  }
  ReapReport reap(std::span<const std::string> queues, std::size_t limit, Now now) override {
    return on_jobs([&](MemoryQueue& jobs) { return jobs.reap(queues, limit, time(now), refusals()); });
  }
  backend::Outages* outages() noexcept override { return this; }
  std::vector<bool> take_back_crashes(std::span<const backend::OutlivedClaim> claims, Now now) override {
    return each(claims, now, &MemoryQueue::take_back_crash);
  }
  PurgeReport purge(std::size_t limit, Now now) override {
    return on_jobs([&](MemoryQueue& jobs) { return jobs.purge(limit, time(now)); });
  }
  std::vector<RequeueStatus> requeue(std::span<const JobId> ids, Now now) override {
    storage_->require_changeable(ids, [](JobId id) { return id; });
    storage_->require_startable(ids, is_finished);
    return each(ids, now, &MemoryQueue::requeue);
  }
  backend::Editing* editing() noexcept override { return this; }
  std::vector<ActionStatus> edit(std::span<const JobId> ids, const backend::JobChange& change, Now now) override {
    storage_->require_changeable(ids, [](JobId id) { return id; });
    return on_jobs([&](MemoryQueue& jobs) {
      std::vector<ActionStatus> answers;
      for (const JobId id : ids) answers.push_back(jobs.edit(id, change, time(now)));
      return answers;
    });
  }
  std::vector<ActionStatus> act(std::span<const JobId> ids, backend::Action what, Now now) override {
    storage_->require_startable(ids, [what](JobState state) {
      return (what == backend::Action::run_now && state == JobState::scheduled) ||
             (what == backend::Action::take_away && state == JobState::running);
    });
    return on_jobs([&](MemoryQueue& jobs) {
      std::vector<ActionStatus> answers;
      for (const JobId id : ids) answers.push_back(jobs.act(id, what, time(now)));
      return answers;
    });
  }

  backend::Steps* steps() noexcept override { return this; }
  [[nodiscard]] std::vector<StepRecord> read_steps(JobId id, const Tx* within) override {
    return seen(within, [&](const MemoryQueue& jobs) { return jobs.read_steps(id); });
  }
  backend::RecordAnswer record_step(const backend::NewStep& step, const Tx* within, Now now) override {
    require_storable_now(step.value);
    const auto record = within == nullptr ? &MemoryQueue::record_step : &MemoryQueue::record_step_within;
    return each<KeptStep>(std::span(&step, 1), within, now, record).front();
  }
  SignalStatus signal(JobId id, std::string_view name, std::string_view value, SignalMode mode, const Tx* within,
                      Now now) override {
    require_storable_now(value);
    const MemoryQueue::Signal sent{.id = id, .name = name, .value = value, .mode = mode};
    return each<KeptSignal>(std::span(&sent, 1), within, now, &MemoryQueue::signal).front();
  }
  void wake(std::span<const JobId> ids, Now now) override {
    on_jobs([&](MemoryQueue& jobs) {
      for (const JobId id : ids) jobs.wake(id, time(now));
      return true;
    });
  }
  bool forget_steps(JobId id, const std::optional<From>& from, bool signals) override {
    return on_jobs([&](MemoryQueue& jobs) { return jobs.forget_steps(id, from, signals); });
  }

  [[nodiscard]] std::vector<std::optional<Job>> get(std::span<const JobId> ids, const Tx* within) override {
    return seen(within, [&](const MemoryQueue& jobs) {
      std::vector<std::optional<Job>> found;
      for (const JobId id : ids) found.push_back(jobs.get(id));
      return found;
    });
  }
  [[nodiscard]] JobPage list(const JobFilter& filter, const Page& page) override {
    return on_jobs([&](const MemoryQueue& jobs) { return jobs.list(filter, page); });
  }
  [[nodiscard]] JobCounts counts(std::string_view queue, std::uint64_t cap) override {
    return on_jobs([&](const MemoryQueue& jobs) { return jobs.counts(queue, cap); });
  }
  [[nodiscard]] std::vector<WaitingKind> waiting_kinds(std::size_t limit, Now now) override {
    return on_jobs([&](const MemoryQueue& jobs) { return jobs.waiting_kinds(limit, time(now)); });
  }
  backend::Insight* insight() noexcept override { return this; }
  [[nodiscard]] TimePoint clock_now() override { return clock_->now(); }
  [[nodiscard]] CappedCount jobs_before(JobId id, std::uint64_t cap, Now now) override {
    return on_jobs([&](const MemoryQueue& jobs) { return jobs.jobs_before(id, cap, time(now)); });
  }
  [[nodiscard]] std::vector<AttemptRecord> history(JobId id, std::size_t limit) override {
    return on_jobs([&](const MemoryQueue& jobs) { return jobs.history(id, limit); });
  }
  [[nodiscard]] std::vector<std::optional<AttemptRecord>> last_records(std::span<const JobId> ids) override {
    return on_jobs([&](const MemoryQueue& jobs) { return jobs.last_records(ids); });
  }
  [[nodiscard]] std::vector<LogLine> read_logs(JobId id, std::int64_t after_claim, std::int64_t after_number,
                                               std::size_t limit) override {
    return on_jobs([&](const MemoryQueue& jobs) { return jobs.read_logs(id, after_claim, after_number, limit); });
  }

  [[nodiscard]] std::vector<Queue> queues(std::string_view after, std::size_t limit) override {
    return on_jobs([&](const MemoryQueue& jobs) { return jobs.queues(after, limit); });
  }
  [[nodiscard]] std::optional<Queue> queue(std::string_view name) override {
    return on_jobs([&](const MemoryQueue& jobs) { return jobs.queue(name); });
  }
  void queue_upsert(std::string_view name, const QueueOptions& options, Now now) override {
    on_jobs([&](MemoryQueue& jobs) { return jobs.queue_upsert(name, options, time(now)), true; });
  }
  bool queue_update(std::string_view name, const backend::QueueChange& change) override {
    return on_jobs([&](MemoryQueue& jobs) { return jobs.queue_update(name, change); });
  }
  DeleteQueueStatus queue_delete(std::string_view name) override {
    return on_jobs([&](MemoryQueue& jobs) { return jobs.queue_delete(name); });
  }
  [[nodiscard]] std::optional<QueueStats> queue_stats(std::string_view name, std::uint64_t cap, Now now) override {
    return on_jobs([&](const MemoryQueue& jobs) { return jobs.queue_stats(name, cap, time(now)); });
  }

  std::vector<bool> append_logs(std::span<const LogLine> lines) override {
    return on_jobs([&](MemoryQueue& jobs) {
      for (const LogLine& line : lines) storage_->require_storable({line.text});
      std::vector<bool> accepted;
      for (const LogLine& line : lines) accepted.push_back(jobs.append_log(line));
      return accepted;
    });
  }

  [[nodiscard]] std::unique_ptr<backend::Subscription> subscribe(std::function<void()> hint) override {
    return std::make_unique<MemoryHints::Ear>(storage_->hints, std::move(hint));
  }

 private:
  [[nodiscard]] MemoryQueue::Refuses refusals() const {
    const auto change = [this](const Job& job) { return storage_->refuses(job.result); };
    return {.start = [=, this](const Job& job) { return storage_->refuses(job.params) || change(job); },
            .change = change};
  }

  const std::shared_ptr<Storage> storage_;
  const std::shared_ptr<Clock> clock_;
  const backend::Capabilities able_{
      .hand_over = true, .outages = true, .workers = true, .editing = true, .insight = true, .transfer = true,
      .headers = true, .periodic = true,
      .steps = true, .limits = true};
  MemoryWorkers workers_;
  MemoryTransfer transfer_;
  MemoryPeriodic periodic_;
  MemoryGates gates_;
};

MemoryDialect::MemoryDialect(std::shared_ptr<Storage> storage, std::shared_ptr<Clock> clock)
    : storage_(std::move(storage)), clock_(std::move(clock)),
      workers_([this](const auto& call) { on_jobs([&](MemoryQueue& q) { return call(q.workers), true; }); }, clock_),
      transfer_([this](const auto& call) { on_jobs([&](MemoryQueue& q) { return call(q), true; }); },
                [this](std::string_view text) { storage_->require_storable({text}); }, clock_),
      periodic_([this](const auto& call) { on_jobs([&](MemoryQueue& q) { return call(q), true; }); },
                [this](std::string_view text) { storage_->require_storable({text}); }, clock_),
      gates_([this](const auto& call) { on_jobs([&](MemoryQueue& q) { return call(q), true; }); }, clock_) {
  const std::lock_guard lock(storage_->mutex);
  if (std::exchange(storage_->steady_epoch, clock_->steady_epoch()) != clock_->steady_epoch()) {
    storage_->queue.end_all_leases();
  }
}

int MemoryDialect::migrate(backend::Direction direction, int target, Now now) {
  const std::lock_guard lock(storage_->mutex);
  MigrationStatus status = storage_->status();
  const bool unknown = direction == backend::Direction::down && status.current > status.latest;
  if (unknown && status.problem.empty()) status.problem = "a newer sqlq made the schema";
  if (!status.problem.empty()) throw Error(Errc::schema, "cannot migrate: " + status.problem, "memory");
  const Migration& init = known_migrations().front();
  if (direction == backend::Direction::up && target > status.current) {
    storage_->applied.push_back({{init.version, init.name, time(now).wall, init.version}, init.checksum});
    return 1;
  }
  if (direction == backend::Direction::down && target < status.current) {
    storage_->applied.clear();
    storage_->queue = {};
    return 1;
  }
  return 0;
}

MemoryConnection::Impl& MemoryDialect::transaction(const Tx& within) const {
  auto* connection = static_cast<MemoryConnection::Impl*>(within.handle());
  if (within.type() != connection_type || connection == nullptr || connection->storage != storage_) {
    throw Error(Errc::invalid_argument,
                "the transaction is not one of a MemoryConnection on this storage: pass MemoryConnection::tx()",
                "memory");
  }
  if (!connection->writes) throw Error(Errc::misuse, "no transaction is open on the connection: begin first", "memory");
  return *connection;
}

}  // namespace

MemoryStorage::MemoryStorage() : impl_(std::make_shared<Impl>()) {}

Database MemoryStorage::open(DatabaseOptions options) const {
  if (!options.clock) options.clock = system_clock();
  auto dialect = connect(options.clock);
  return Database(std::move(dialect), std::move(options));
}

std::unique_ptr<backend::Dialect> MemoryStorage::connect(std::shared_ptr<Clock> clock) const {
  return std::make_unique<MemoryDialect>(impl_, std::move(clock));
}

void MemoryStorage::record_migration(int version, std::string checksum, int compatible_from) {
  const std::lock_guard lock(impl_->mutex);
  std::erase_if(impl_->applied, [version](const auto& a) { return a.step.version == version; });
  impl_->applied.push_back({{version, "recorded by a test", {}, compatible_from == 0 ? version : compatible_from},
                             std::move(checksum)});
}

void MemoryStorage::refuse(std::string word) {
  const std::lock_guard lock(impl_->mutex);
  impl_->refused = std::move(word);
}

}  // namespace sqlq::testing
