#pragma once
// What has really happened to every job, and what must never happen.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include <sqlq/backend/dialect.hpp>
#include <sqlq/schedule.hpp>
#include <sqlq/testing/manual_clock.hpp>

namespace sqlq::simulation {

/// Sees every operation that the storage has carried out, also those whose caller was told otherwise, and follows each
/// job by the rules of job.hpp, independent of both the storage and the worker. The first breach is kept: `breach`.
class Ledger final {
 public:
  explicit Ledger(testing::ManualClock& clock) : clock_(clock) {}

  /// Empty as long as all is well; else which invariant, which job, what happened.
  [[nodiscard]] const std::string& breach() const noexcept { return breach_; }
  void fail(const std::string& invariant, JobId id, const std::string& what);
  /// A number for all that has happened so far, in order: equal runs have equal digests.
  [[nodiscard]] std::uint64_t digest() const noexcept { return digest_; }
  /// Called with a line for everything that happens.
  std::function<void(const std::string&)> trace{};
  void note(const std::string& line);
  /// For messages: the n-th job enqueued.
  [[nodiscard]] std::string name(JobId id) const;

  // ------------------------------------------------------------------------------------------------- operations
  void enqueued(std::span<const backend::EnqueueItem> items, std::span<const Enqueued> answers);
  void cancelled(std::span<const JobId> ids, std::span<const CancelStatus> answers);
  void claimed(const backend::HandOverRequest& wanted, const backend::ClaimResult& result);
  /// `asked`: when it was done, if not now.
  void finished(std::span<const backend::Finish> items, std::span<const FinishStatus> answers, backend::Now asked = {});
  void published(std::span<const backend::Interim> items, const std::vector<bool>& answers);
  void renewed(std::span<const backend::LeaseRef> leases, std::span<const LeaseStatus> answers);
  void reaped(const ReapReport& report);
  void outlived(std::span<const backend::OutlivedClaim> claims, const std::vector<bool>& answers);
  void purged(std::size_t jobs);
  void requeued(std::span<const JobId> ids, std::span<const RequeueStatus> answers);
  void queue_changed(const std::string& queue, const backend::QueueChange& change);

  void recorded(const backend::NewStep& step, const backend::RecordAnswer& answer);
  void signalled(JobId id, std::string_view name, std::string_view value, SignalStatus answer);
  void ticked(std::span<const backend::PeriodicChange> changes, std::span<const backend::PeriodicOutcome> outcomes);

  // ------------------------------------------------------------------------------------------------- promises
  /// A producer was told that the job is stored.
  void acknowledged(JobId id);
  /// The promise that it is not: the user's transaction was rolled back.
  void rolled_back(JobId id) { never_.insert(id); }
  /// A handler is about to run. `by_right` is false when an earlier execution of the job may still be running and
  /// should have been told to stop.
  void started(const Job& job, bool by_right);
  /// A step, or a wait by name, has answered an execution; empty: the time of the wait was over.
  void answered(const Job& job, StepKind kind, const std::string& name, const std::optional<std::string>& value);
  /// Nothing fails any more: no lease that begins from the first call on may ever end by itself, and an older one that
  /// does is taken back within this time of its end or of the last call.
  void expect_rescue_within(Duration time);

  [[nodiscard]] std::vector<JobId> jobs() const;
  /// Those of which more must happen.
  [[nodiscard]] std::size_t live() const noexcept { return live_; }
  /// One of those.
  [[nodiscard]] JobId a_live_one() const;
  /// The latest wall time at which something was done.
  [[nodiscard]] TimePoint latest() const noexcept { return latest_; }
  /// At the end: what the storage has must be what has happened.
  void compare(backend::Dialect& storage);
  /// The same for a schedule: its ticks are those that it counts.
  void compare(const ScheduleState& schedule);

  struct Figures {
    std::uint64_t executions = 0, replays = 0, stale = 0, reaped = 0, replaced = 0;
    std::uint64_t steps = 0, late_steps = 0, signals = 0, received = 0, expired = 0, ticks = 0;
  };
  [[nodiscard]] const Figures& figures() const noexcept { return figures_; }

 private:
  struct Known {
    int number = 0;
    std::string queue{};
    std::string key{};
    JobState state = JobState::pending;
    LeaseToken token{};
    std::optional<backend::FinishKind> ended{};  // how the lease of the token was
    SteadyPoint claimed_at{};
    SteadyPoint lease_until{};
    TimePoint due{};
    TimePoint expires{};
    std::optional<Duration> retention{};
    Duration keepalive{};
    int attempt = 0, max_attempts = 0, crashes = 0, max_crashes = 0;
    std::int64_t claims = 0;
    std::map<std::int64_t, bool> lease_ends{};  // by claim: whether a lease that ended by itself counts as a crash
    bool spared = false;            // its last crash was one beside other suspects
    bool ended_by_crashes = false;  // if it is errored
    std::string result{};
    bool promised = false;
    std::map<std::tuple<StepKind, std::string, std::int64_t>, std::string> steps{};
    bool told = false;  // it may go on at its next snooze

    [[nodiscard]] const std::string* step(StepKind kind, std::string_view name, std::int64_t n = 0) const;
  };
  struct Lane {
    std::optional<std::uint32_t> limit{};
    bool paused = false;
    std::uint32_t held = 0;
  };

  Known* find(JobId id, const char* operation);
  [[nodiscard]] const Known* live_with(const std::string& key) const;
  void hold(Known& job, const Job& said);
  static void forget_crashes(Known& job);
  void end_lease(Known& job);
  void end(Known& job, JobState state, TimePoint at);
  void carry_out(Known& job, const backend::Finish& item, TimePoint at);
  void compare_one(JobId id, const Known& known, const Job& job, std::span<const AttemptRecord> history);
  void mix(std::uint64_t value) { digest_ = (digest_ ^ value) * 1099511628211U; }

  testing::ManualClock& clock_;
  std::map<JobId, Known> jobs_;
  std::map<std::string, Lane, std::less<>> lanes_;
  std::set<JobId> never_;
  std::map<std::string, std::set<std::string>> ticks_;  // of each schedule, as its jobs' headers tell
  std::string breach_;
  std::uint64_t digest_ = 14695981039346656037U;
  std::size_t live_ = 0;
  TimePoint latest_ = TimePoint::min();
  std::optional<Duration> rescue_;
  SteadyPoint rescue_since_{};
  SteadyPoint calm_since_ = SteadyPoint::max();
  Figures figures_{};
};

}  // namespace sqlq::simulation
