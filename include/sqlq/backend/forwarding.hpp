#pragma once
/// \file
/// A dialect that passes every operation on to another one: the base of everything that stands in front of a database
/// (metrics, faults, tests). A decorator overrides what it is about; an operation that is added to the seam later is
/// added here, and reaches the inner dialect without a change of the decorator. It has the optional parts that the
/// inner dialect has, and their operations pass through it like all others.
///
///     class Counting final : public sqlq::backend::ForwardingDialect {
///      public:
///       using ForwardingDialect::ForwardingDialect;
///       // `inner()` is the dialect behind this one; call it once, before or after what the decorator adds.
///       sqlq::backend::ClaimResult claim(const sqlq::backend::ClaimRequest& request) override {
///         ++claims;
///         return inner().claim(request);
///       }
///     };

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sqlq/backend/dialect.hpp>
#include <sqlq/export.hpp>

namespace sqlq::backend {

/// Thread-safety: that of the inner dialect, which it passes calls on to without any lock of its own.
/// Lifetime: owns the inner dialect. Subscriptions made through it are the inner dialect's.
/// Errors: those of the inner dialect, unchanged, and whatever `target` throws.
class SQLQ_TYPE ForwardingDialect
    : public Dialect, public HandOver, public Outages, public Workers, public Editing, public Insight, public Transfer,
      public Periodic, public Steps, public Inbox, public Gates {
 public:
  /// `inner` may be null when a derived class overrides `target`, and with it capabilities, description and migrations,
  /// which go to the inner dialect directly.
  explicit ForwardingDialect(std::unique_ptr<Dialect> inner) : inner_(std::move(inner)) {}

  // ---- the backend itself
  [[nodiscard]] const Capabilities& capabilities() const noexcept override { return inner_->capabilities(); }
  [[nodiscard]] std::string description() const override { return inner_->description(); }
  [[nodiscard]] std::vector<Finding> self_check() override { return target("self_check").self_check(); }

  // ---- schema
  [[nodiscard]] std::span<const Migration> migrations() const noexcept override { return inner_->migrations(); }
  [[nodiscard]] MigrationStatus migration_status() override { return target("migration_status").migration_status(); }
  int migrate(Direction direction, int version, Now now) override {
    return target("migrate").migrate(direction, version, now);
  }
  void teardown() override { target("teardown").teardown(); }

  // ---- producing
  std::vector<Enqueued> enqueue(std::span<const EnqueueItem> items, const Tx* within, Now now) override {
    return target("enqueue").enqueue(items, within, now);
  }
  std::vector<CancelStatus> cancel(std::span<const JobId> ids, const Tx* within, Now now) override {
    return target("cancel").cancel(ids, within, now);
  }

  // ---- working
  ClaimResult claim(const ClaimRequest& request) override { return target("claim").claim(request); }
  std::vector<FinishStatus> finish(std::span<const Finish> items, const Tx* within, Now now) override {
    return target("finish").finish(items, within, now);
  }
  std::vector<LeaseStatus> heartbeat(std::span<const LeaseRef> leases, Now now) override {
    return target("heartbeat").heartbeat(leases, now);
  }
  std::vector<bool> publish(std::span<const Interim> items, Now now) override {
    return target("publish").publish(items, now);
  }
  ReapReport reap(std::span<const std::string> queues, std::size_t limit, Now now) override {
    return target("reap").reap(queues, limit, now);
  }

  // ---- housekeeping
  PurgeReport purge(std::size_t limit, Now now) override { return target("purge").purge(limit, now); }
  std::vector<RequeueStatus> requeue(std::span<const JobId> ids, Now now) override {
    return target("requeue").requeue(ids, now);
  }

  std::vector<ActionStatus> act(std::span<const JobId> ids, Action what, Now now) override {
    return target("act").act(ids, what, now);
  }

  // ---- reading
  [[nodiscard]] std::vector<std::optional<Job>> get(std::span<const JobId> ids, const Tx* within) override {
    return target("get").get(ids, within);
  }
  [[nodiscard]] JobPage list(const JobFilter& filter, const Page& page) override {
    return target("list").list(filter, page);
  }
  [[nodiscard]] JobCounts counts(std::string_view queue, std::uint64_t cap) override {
    return target("counts").counts(queue, cap);
  }
  [[nodiscard]] std::vector<WaitingKind> waiting_kinds(std::size_t limit, Now now) override {
    return target("waiting_kinds").waiting_kinds(limit, now);
  }
  [[nodiscard]] std::vector<AttemptRecord> history(JobId id, std::size_t limit) override {
    return target("history").history(id, limit);
  }
  // One call for a page of jobs, and so one for whoever counts or fails them.
  [[nodiscard]] std::vector<std::optional<AttemptRecord>> last_records(std::span<const JobId> ids) override {
    return target("last_records").last_records(ids);
  }
  [[nodiscard]] std::vector<LogLine> read_logs(JobId id, std::int64_t after_claim, std::int64_t after_number,
                                               std::size_t limit) override {
    return target("read_logs").read_logs(id, after_claim, after_number, limit);
  }

  // ---- queues
  [[nodiscard]] std::vector<Queue> queues(std::string_view after, std::size_t limit) override {
    return target("queues").queues(after, limit);
  }
  [[nodiscard]] std::optional<Queue> queue(std::string_view name) override { return target("queue").queue(name); }
  void queue_upsert(std::string_view name, const QueueOptions& options, Now now) override {
    target("queue_upsert").queue_upsert(name, options, now);
  }
  bool queue_update(std::string_view name, const QueueChange& change) override {
    return target("queue_update").queue_update(name, change);
  }
  DeleteQueueStatus queue_delete(std::string_view name) override { return target("queue_delete").queue_delete(name); }
  [[nodiscard]] std::optional<QueueStats> queue_stats(std::string_view name, std::uint64_t cap, Now now) override {
    return target("queue_stats").queue_stats(name, cap, now);
  }

  // ---- logs
  std::vector<bool> append_logs(std::span<const LogLine> lines) override {
    return target("append_logs").append_logs(lines);
  }

  // ---- wake-ups
  [[nodiscard]] std::unique_ptr<Subscription> subscribe(std::function<void()> hint) override {
    return target("subscribe").subscribe(std::move(hint));
  }

  // ---- optional parts
  // Null where the inner dialect does not have the part: its operations are not called then. A decorator that has a
  // part of its own overrides the function that answers for it, and all operations of the part.
  // The parts are the inner dialect's. A decorator that hides one answers null, and its `capabilities` say so as well.
  /// Ends and claims in one call.
  [[nodiscard]] HandOver* hand_over() noexcept override { return inner_ && inner_->hand_over() ? this : nullptr; }
  [[nodiscard]] bool always_pays() const noexcept override { return inner_ && inner_->hand_over()->always_pays(); }
  HandOverResult finish_and_claim(const HandOverRequest& request) override {
    return target("finish_and_claim").hand_over()->finish_and_claim(request);
  }
  /// Tells outages from crashes.
  [[nodiscard]] Outages* outages() noexcept override { return inner_ && inner_->outages() ? this : nullptr; }
  [[nodiscard]] std::optional<SteadyPoint> locked_since() const noexcept override {
    return inner_ && inner_->outages() ? inner_->outages()->locked_since() : std::nullopt;
  }
  std::vector<bool> take_back_crashes(std::span<const OutlivedClaim> claims, Now now) override {
    return target("take_back_crashes").outages()->take_back_crashes(claims, now);
  }

  // ---- workers
  // Calls of the workers' own services and of operators: rare, and no job waits for any of them. A decorator that
  // injects faults may let them fail like all others: a worker works on.
  /// Lists the workers.
  [[nodiscard]] Workers* workers() noexcept override { return inner_ && inner_->workers() ? this : nullptr; }
  bool announce_worker(const WorkerInfo& worker, Duration running, Now now) override {
    return target("announce_worker").workers()->announce_worker(worker, running, now);
  }
  void withdraw_worker(std::string_view name, std::int64_t id) override {
    target("withdraw_worker").workers()->withdraw_worker(name, id);
  }
  [[nodiscard]] std::vector<WorkerInfo> list_workers(std::string_view after, std::int64_t after_id, std::size_t limit,
                                                     Now now) override {
    return target("list_workers").workers()->list_workers(after, after_id, limit, now);
  }
  bool drain_workers(std::string_view name, bool on, Now now) override {
    return target("drain_workers").workers()->drain_workers(name, on, now);
  }
  std::size_t expire_workers(std::size_t limit, Now now) override {
    return target("expire_workers").workers()->expire_workers(limit, now);
  }

  // ---- what operators do
  // Rare calls, by people and by the program sqlq; no worker makes them. Each part is asked for by itself: a backend
  // may have one and not the others; its operations are only called where `editing`, `insight` or `transfer` gave it.
  // Changing what waits: a decorator that keeps jobs of its own in mind learns from the ids and the change what moved.
  /// Changes jobs that wait.
  [[nodiscard]] Editing* editing() noexcept override { return inner_ && inner_->editing() ? this : nullptr; }
  std::vector<ActionStatus> edit(std::span<const JobId> ids, const JobChange& change, Now now) override {
    return target("edit").editing()->edit(ids, change, now);
  }
  // Reading only: what Admin::explain and Admin::doctor ask beside the usual reads.
  /// What explain and doctor ask.
  [[nodiscard]] Insight* insight() noexcept override { return inner_ && inner_->insight() ? this : nullptr; }
  [[nodiscard]] TimePoint clock_now() override { return target("clock_now").insight()->clock_now(); }
  [[nodiscard]] CappedCount jobs_before(JobId id, std::uint64_t cap, Now now) override {
    return target("jobs_before").insight()->jobs_before(id, cap, now);
  }
  // Whole jobs, payloads included, out of the database and into it: a decorator that counts enqueues does not see those
  // jobs in `enqueue`, and one that encrypts payloads must override both ways here too.
  /// Whole jobs out and in.
  [[nodiscard]] Transfer* transfer() noexcept override { return inner_ && inner_->transfer() ? this : nullptr; }
  [[nodiscard]] std::vector<JobId> ids_after(JobId after, std::size_t limit) override {
    return target("ids_after").transfer()->ids_after(after, limit);
  }
  [[nodiscard]] Read read_jobs(std::span<const JobId> ids, std::size_t max_bytes) override {
    return target("read_jobs").transfer()->read_jobs(ids, max_bytes);
  }
  std::vector<StoreStatus> store_jobs(std::span<const StoredJob> jobs, Now now) override {
    return target("store_jobs").transfer()->store_jobs(jobs, now);
  }

  // ---- time and steps
  // Calls of workers for schedules that are due, and of programs that make them. A decorator that counts or checks what
  // is enqueued finds the jobs of ticks in `periodic_change`, not in `enqueue`; the rows' texts are the core's own, and
  // it reads back what it wrote.
  /// Rows of schedules.
  [[nodiscard]] Periodic* periodic() noexcept override { return inner_ && inner_->periodic() ? this : nullptr; }
  [[nodiscard]] PeriodicDue periodic_due(std::size_t limit, Now now) override {
    return target("periodic_due").periodic()->periodic_due(limit, now);
  }
  [[nodiscard]] std::vector<PeriodicRow> periodic_list(std::string_view after, std::size_t limit) override {
    return target("periodic_list").periodic()->periodic_list(after, limit);
  }
  [[nodiscard]] std::vector<std::optional<PeriodicRow>> periodic_get(std::span<const std::string> names) override {
    return target("periodic_get").periodic()->periodic_get(names);
  }
  std::vector<PeriodicOutcome> periodic_change(std::span<const PeriodicChange> changes, Now now) override {
    return target("periodic_change").periodic()->periodic_change(changes, now);
  }
  // Calls of handlers, and of programs that send signals. Values of steps and signals are payloads as params are: a
  // decorator that encrypts those overrides `read_steps`, `record_step` and `signal` too, and what `record_step`
  // answers. A step that fails ends its attempt; one whose outcome is unknown is recorded once more. `has_step` follows
  // a step in the handler's own transaction: where it fails, the end of the handler looks again.
  /// Durable steps and signals.
  [[nodiscard]] Steps* steps() noexcept override { return inner_ && inner_->steps() ? this : nullptr; }
  [[nodiscard]] std::vector<StepRecord> read_steps(JobId id, const Tx* within) override {
    return target("read_steps").steps()->read_steps(id, within);
  }
  [[nodiscard]] bool has_step(JobId id, const From& key, const Tx* within) override {
    return target("has_step").steps()->has_step(id, key, within);
  }
  RecordAnswer record_step(const NewStep& step, const Tx* within, Now now) override {
    return target("record_step").steps()->record_step(step, within, now);
  }
  SignalStatus signal(JobId id, std::string_view name, std::string_view value, SignalMode mode, const Tx* within,
                      Now now) override {
    return target("signal").steps()->signal(id, name, value, mode, within, now);
  }
  void wake(std::span<const JobId> ids, Now now) override { target("wake").steps()->wake(ids, now); }
  bool forget_steps(JobId id, const std::optional<From>& from, bool signals) override {
    return target("forget_steps").steps()->forget_steps(id, from, signals);
  }
  // Calls of workers. A decorator that counts or checks what is enqueued finds the jobs of the inbox in `inbox_take`.
  // Where it fails, the rows stay and are looked at again. Rows are what others have written: params of theirs may be
  // no JSON, and were never encrypted.
  /// Jobs by plain INSERTs.
  [[nodiscard]] Inbox* inbox() noexcept override { return inner_ && inner_->inbox() ? this : nullptr; }
  [[nodiscard]] std::vector<InboxRow> inbox_rows(std::int64_t after, std::size_t limit,
                                                 std::size_t max_bytes) override {
    return target("inbox_rows").inbox()->inbox_rows(after, limit, max_bytes);
  }
  std::vector<std::optional<Enqueued>> inbox_take(std::span<const InboxItem> items, Now now) override {
    return target("inbox_take").inbox()->inbox_take(items, now);
  }
  [[nodiscard]] Counts inbox_counts(std::uint64_t cap) override {
    return target("inbox_counts").inbox()->inbox_counts(cap);
  }
  // Workers look, and now and then a call of a client that ends jobs. Where it fails, the gates are looked at again.
  /// Limits by key.
  [[nodiscard]] Gates* gates() noexcept override { return inner_ && inner_->gates() ? this : nullptr; }
  GatesLooked gates_look(std::span<const GateName> named, std::size_t limit, Now now) override {
    return target("gates_look").gates()->gates_look(named, limit, now);
  }
  void gate_set(const GateName& gate, std::string_view settings, Now now) override {
    target("gate_set").gates()->gate_set(gate, settings, now);
  }
  void gate_shut(const GateName& gate, Duration pause, Now now) override {
    target("gate_shut").gates()->gate_shut(gate, pause, now);
  }
  [[nodiscard]] std::string gate_settings(std::string_view queue) override {
    return target("gate_settings").gates()->gate_settings(queue);
  }
  [[nodiscard]] std::vector<GateRow> gate_list(std::string_view queue, std::string_view after, std::size_t limit,
                                               std::uint64_t cap) override {
    return target("gate_list").gates()->gate_list(queue, after, limit, cap);
  }
  [[nodiscard]] std::optional<GateRow> gate_get(const GateName& gate, std::uint64_t cap) override {
    return target("gate_get").gates()->gate_get(gate, cap);
  }
  [[nodiscard]] CappedCount gate_before(JobId id, std::uint64_t cap) override {
    return target("gate_before").gates()->gate_before(id, cap);
  }

 protected:
  /// The one behind this one; not to be called when it was made with none.
  [[nodiscard]] Dialect& inner() const noexcept { return *inner_; }
  /// Where an operation goes, asked before each one that is not overridden: for what shall happen before all of them,
  /// as to refuse some. Its exceptions reach the caller.
  virtual Dialect& target(const char* operation) {
    static_cast<void>(operation);
    return *inner_;
  }

 private:
  const std::unique_ptr<Dialect> inner_;
};

}  // namespace sqlq::backend
