#pragma once
// The meaning of a queue, without any storage: the operations of backend/dialect.hpp, item by item, on a plain value.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sqlq/backend/dialect.hpp>

#include "core/gate.hpp"
#include "testing/memory_workers.hpp"

namespace sqlq::testing {

/// What happens again and again. A row that was removed and made anew has another version than before.
struct PeriodicRows {
  std::map<std::string, backend::PeriodicRow, std::less<>> rows{};
  std::int64_t version = 0;  ///< the newest
};

/// Copy it to have a snapshot. Thread-safety: that of a value.
class MemoryQueue {
 public:
  /// Changes that the storage refuses for good.
  struct Refuses {
    std::function<bool(const Job&)> start{};   ///< true: it can neither be started nor taken back
    std::function<bool(const Job&)> change{};  ///< true: it cannot be changed at all
  };

  Enqueued enqueue(const backend::EnqueueItem& item, Instant now);
  CancelStatus cancel(JobId id, Instant now);

  /// `refuses`, as below; those that can be ended are.
  backend::HandOverResult finish_and_claim(const backend::HandOverRequest& wanted, Instant now,
                                           const Refuses& refuses);
  FinishStatus finish(const backend::Finish& item, Instant now);
  bool publish(const backend::Interim& item, Instant now);
  LeaseStatus heartbeat(const backend::LeaseRef& lease, Instant now);
  ReapReport reap(std::span<const std::string> queues, std::size_t limit, Instant now, const Refuses& refuses);
  bool take_back_crash(const backend::OutlivedClaim& claim, Instant now);
  /// After a restart of the host nobody can hold a lease.
  void end_all_leases();

  PurgeReport purge(std::size_t limit, Instant now);
  RequeueStatus requeue(JobId id, Instant now);
  ActionStatus act(JobId id, backend::Action what, Instant now);
  ActionStatus edit(JobId id, const backend::JobChange& change, Instant now);

  [[nodiscard]] std::optional<Job> get(JobId id) const;
  [[nodiscard]] JobPage list(const JobFilter& filter, const Page& page) const;
  [[nodiscard]] JobCounts counts(std::string_view queue, std::uint64_t cap) const;
  [[nodiscard]] std::vector<WaitingKind> waiting_kinds(std::size_t limit, Instant now) const;
  [[nodiscard]] CappedCount jobs_before(JobId id, std::uint64_t cap, Instant now) const;
  [[nodiscard]] std::vector<AttemptRecord> history(JobId id, std::size_t limit) const;
  [[nodiscard]] std::vector<std::optional<AttemptRecord>> last_records(std::span<const JobId> ids) const;
  [[nodiscard]] std::vector<LogLine> read_logs(JobId id, std::int64_t after_claim, std::int64_t after_number,
                                               std::size_t limit) const;

  [[nodiscard]] std::vector<Queue> queues(std::string_view after, std::size_t limit) const;
  [[nodiscard]] std::optional<Queue> queue(std::string_view name) const;
  void queue_upsert(std::string_view name, const QueueOptions& options, Instant now);
  bool queue_update(std::string_view name, const backend::QueueChange& change);
  DeleteQueueStatus queue_delete(std::string_view name);
  [[nodiscard]] std::optional<QueueStats> queue_stats(std::string_view name, std::uint64_t cap, Instant now) const;

  bool append_log(const LogLine& line);

  [[nodiscard]] std::vector<StepRecord> read_steps(JobId id) const;
  backend::RecordAnswer record_step(const backend::NewStep& step, Instant now);
  /// The same where the job's row is not locked: what the job was told is not taken back.
  backend::RecordAnswer record_step_within(const backend::NewStep& step, Instant now);
  struct Signal {
    JobId id{};
    std::string_view name{};
    std::string_view value{};
    SignalMode mode = SignalMode::first;
  };
  SignalStatus signal(const Signal& signal, Instant now);
  void wake(JobId id, Instant now);
  bool forget_steps(JobId id, const std::optional<backend::Steps::From>& from, bool signals);

  backend::GatesLooked look_at_gates(std::span<const backend::GateName> named, std::size_t limit, Instant now);
  void set_gate(const backend::GateName& gate, std::string_view settings, Instant now);
  void shut_gate(const backend::GateName& gate, Duration pause, Instant now);
  [[nodiscard]] std::string gate_settings(std::string_view queue) const;
  [[nodiscard]] std::vector<backend::GateRow> list_gates(std::string_view queue, std::string_view after,
                                                         std::size_t limit, std::uint64_t cap, Instant now) const;
  [[nodiscard]] std::optional<backend::GateRow> gate(const backend::GateName& name, std::uint64_t cap,
                                                     Instant now) const;
  [[nodiscard]] CappedCount before_in_line(JobId id, std::uint64_t cap, Instant now) const;

  [[nodiscard]] std::vector<JobId> ids_after(JobId after, std::size_t limit) const;
  [[nodiscard]] std::optional<backend::StoredJob> whole(JobId id) const;
  backend::StoreStatus store(const backend::StoredJob& stored, Instant now);

  WorkerRows workers{};
  PeriodicRows periodic{};

  /// Has something happened since the last call that workers wait for?
  [[nodiscard]] bool take_news() noexcept { return std::exchange(news_, false); }
  void has_news() noexcept { news_ = true; }

 private:
  struct Row {
    Job job{};
    std::uint64_t number = 0;  // order of insertion
    SteadyPoint lease_until{};
    std::optional<backend::FinishKind> ended{};  // how the lease of the job's token was
    std::optional<TimePoint> expires{};
    std::vector<AttemptRecord> history{};
    std::map<std::pair<std::int64_t, std::int64_t>, LogLine> logs{};  // by claim and number
    std::vector<StepRecord> steps{};  // in the order of their recording
    bool told = false;                // to go on at its next snooze
    std::string key{};                // empty: it is in no gate's way
    bool counted = false;             // by the rate of its key: the last start
  };
  struct Gate {
    std::string settings{};
    core::GateState state{};
  };

  [[nodiscard]] Row* find(JobId id);
  [[nodiscard]] const Row* find(JobId id) const;
  [[nodiscard]] const Row* live_with(std::string_view key) const;
  [[nodiscard]] bool has_jobs(std::string_view queue) const;
  [[nodiscard]] bool is_there(std::string_view queue) const;
  Queue& queue_made(std::string_view name, Instant now);
  [[nodiscard]] std::map<std::string_view, std::uint64_t> held_by_queue() const;
  void promote(Instant now);
  /// Says whether the job could be ended.
  bool give_up(Row& row, const Refuses& refuses, Instant now);
  void take(Row& row, const backend::ClaimRequest& request, Instant now);
  void put_back(Row& row, JobState state, Instant now);
  void end(Row& row, JobState state, Instant now);
  void go_on(Row& row, Instant now);
  void take_back(Row& row, Instant now, ReapReport& report);

  /// A key's jobs that have not finished, by number.
  using AtGate = std::map<std::int64_t, const Row*>;
  [[nodiscard]] std::map<backend::GateName, AtGate> gates_with_jobs() const;
  [[nodiscard]] AtGate at_gate(const backend::GateName& name) const;
  [[nodiscard]] KeyLimits limits_of(const backend::GateName& name) const;
  [[nodiscard]] std::optional<backend::GateRow> gate_row(const backend::GateName& name, const AtGate& jobs,
                                                         std::uint64_t cap, Instant now) const;
  std::size_t look_at(const backend::GateName& name, const AtGate& jobs, bool may_let_in, Instant now,
                      backend::GatesLooked& looked);
  void count_start(Row& row, Instant now);
  void hold_after_error(const Row& row);
  static bool comes_later(const Row& row, Instant now);

  std::map<JobId, Row> rows_;
  std::map<std::string, Queue, std::less<>> queues_;
  std::map<backend::GateName, Gate> gates_;  // those with settings or something to remember
  std::set<std::string, std::less<>> deleted_;  // of the queues; one is there all the same while it has jobs
  std::map<JobId, SteadyPoint> passed_over_;  // until then
  std::uint64_t inserted_ = 0;
  bool news_ = false;
};

}  // namespace sqlq::testing
