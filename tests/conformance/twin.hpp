#pragma once
/// \file
/// A queue and a model of it, side by side: each command is given to the one, and its answer compared with what the
/// other says. Time stands still between commands, so every answer is determined.

#include <array>
#include <cstdint>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include <sqlq/admin.hpp>
#include <sqlq/backend/dialect.hpp>
#include <sqlq/client.hpp>
#include <sqlq/context.hpp>
#include <sqlq/outcome.hpp>
#include <sqlq/schedule.hpp>
#include <sqlq/testing/harness.hpp>
#include <sqlq/testing/manual_clock.hpp>

namespace sqlq::conformance {

/// Something to do. Any command means something at any time: what it is about is chosen among what there is then, by
/// the numbers. Zeros choose the simplest.
struct Command {
  enum class Kind : std::uint8_t {
    enqueue,
    enqueue_many,
    enqueue_again,
    claim,
    success,
    error,
    discard,
    cancelled,
    snooze,
    release,
    ping,
    cancel,
    reap,
    purge,
    requeue,
    pause,
    resume,
    limit,
    priority,
    advance,
    run_now,   ///< of a job
    run,       ///< by a worker, whose handler has durable steps
    record,    ///< a step, by hand
    signal,
    restart,
    sync,
    pause_schedule,
    resume_schedule,
    remove_schedule,
    fire,      ///< Schedules::run_now
    tick,      ///< a worker looks for schedules that are due
    look,      ///< somebody looks at all keys
    limit_keys,
  };
  Kind kind = Kind::enqueue;
  std::array<std::uint8_t, 32> choices{};
};

/// How often each kind should come, of a hundred or so.
[[nodiscard]] const std::vector<std::pair<std::size_t, Command::Kind>>& usual_commands();

/// The queue did not do what the model says; what() has the difference and what was done before.
class Mismatch : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Thread-safety: one thread at a time. Every member but the constructor throws Mismatch.
class Twin {
 public:
  /// The database has no jobs and no schedules. Commands go through any of the handles, which are on one storage and
  /// have that clock. What the backend cannot do is left out.
  Twin(const std::vector<Database>& handles, const std::shared_ptr<testing::ManualClock>& clock,
       const backend::Capabilities& capabilities);
  Twin(const Twin&) = delete;
  Twin& operator=(const Twin&) = delete;

  void apply(const Command& command);
  /// Everything there is: jobs, their histories, counts.
  void compare();

 private:
  /// Whether its next snooze ends at once, because a signal has come meanwhile.
  enum class Told : std::uint8_t { no, perhaps, yes };
  struct Known {
    int number = 0;  ///< of its name in messages
    int order = 0;   ///< of its insertion; jobs of ticks that were fired together have the same
    std::string queue{};
    std::string kind{};
    std::string key{};
    std::string gate{};  ///< the key for the limits of its queue
    JobState state = JobState::pending;
    int priority = 10;
    int attempt = 0;
    int max_attempts = 1;
    int crashes = 0;
    int max_crashes = 1;
    std::int64_t claims = 0;
    LeaseToken token{};
    std::optional<Command::Kind> ended{};  ///< how its lease was: an error for good counts as a discarded one
    Duration keepalive{};
    std::optional<Duration> retention{};
    TimePoint run_at{};
    SteadyPoint lease_until{};
    TimePoint expires{};
    std::string result{};
    std::vector<std::pair<std::int64_t, Cause>> history{};
    std::vector<StepRecord> steps{};  ///< in the order of their recording
    Told told = Told::no;

    [[nodiscard]] bool is_held() const { return state == JobState::running || state == JobState::cancelling; }
    [[nodiscard]] bool is_suspect() const { return sqlq::is_suspect(crashes, max_crashes); }
    [[nodiscard]] bool is_over() const { return is_finished(state); }
    void record(Cause cause) { history.emplace_back(claims, cause); }
  };
  struct Lane {
    int priority = 1;
    std::optional<std::uint32_t> limit{};
    std::optional<std::uint32_t> per_key{};
    bool paused = false;
  };
  using Entry = std::pair<const JobId, Known>;
  using Key = std::tuple<StepKind, std::string, std::int64_t>;
  /// One execution by the worker, as its handler has it.
  struct Execution {
    JobId id{};
    std::set<Key> met{};            ///< the steps that it has come to
    std::set<std::string> stale{};  ///< values of signals that were replaced meanwhile
    Command::Kind way = Command::Kind::success;
    Duration delay{};
    std::string result{};
    std::exception_ptr mismatch{};
  };
  /// A schedule. Its ticks up to `decided` were fired, skipped or missed, or are kept or carried.
  struct Periodic {
    Schedule asked{};
    TimePoint added{};
    TimePoint decided{};
    bool paused = false;
    std::vector<TimePoint> carried{};  ///< due when the rule was changed
    std::optional<TimePoint> kept{};   ///< fires when the last job has finished
    bool perhaps = false;              ///< what is carried or kept may have been decided on, or given up
    std::set<TimePoint> perhaps_kept{};  // one of these may be the one that is kept
    ScheduleState was{};               ///< when it was looked at last
  };

  void obey(const Command& command);

  // Choices of the command that is being done.
  int number(int least, int most);
  std::size_t index(std::size_t size) { return static_cast<std::size_t>(number(0, static_cast<int>(size) - 1)); }
  std::vector<std::string> some_of(const std::vector<std::string>& all);
  Client& client() { return clients_[index(clients_.size())]; }
  Entry* any_job();
  const Job* any_lease();

  // What is true.
  [[nodiscard]] std::uint64_t held(const std::string& queue) const;
  [[nodiscard]] bool ready(const Known& job, const std::vector<std::string>& queues,
                           const std::vector<std::string>& kinds) const;
  [[nodiscard]] std::tuple<int, int, TimePoint> rank(const Known& job) const;
  [[nodiscard]] const Known* first_ready(const std::vector<std::string>& queues,
                                         const std::vector<std::string>& kinds, bool suspects) const;
  [[nodiscard]] std::optional<JobId> live_with(const std::string& key) const;
  [[nodiscard]] std::string name(JobId id) const;

  // What becomes true.
  void end(Known& job, JobState how) const;
  void cancel_waiting(Known& job) const;
  void take(const Job& job, const std::vector<std::string>& queues, const std::vector<std::string>& kinds,
            bool& suspects);
  void end_lease(JobId id, Known& job, Command::Kind how, Duration delay, const std::string& result, bool cancelled);
  void snooze(JobId id, Known& job, Duration delay) const;
  void adopt_due(JobId id, Known& job) const;
  void run_again(JobId id, Known& job);
  void wait_until(Known& job, Duration delay) const;
  void put_back(JobId id, Known& job) const;
  Enqueued expect_enqueued(const NewJob& job);

  // Commands.
  NewJob some_new_job();
  void enqueue(std::size_t n);
  void enqueue_again();
  void check_answers(const std::vector<NewJob>& jobs, const std::vector<Enqueued>& answers);
  void claim();
  void finish(Command::Kind how);
  void ping();
  void take_back_crash(JobId id, Known& job, std::int64_t claim);
  void cancel();
  void reap();
  void purge();
  void requeue();
  void change_queue(Command::Kind how);
  void advance();
  void run_now();

  // Keys (twin_keys.cpp).
  void look();
  void limit_keys();
  void let_in();
  [[nodiscard]] std::size_t inside(const Known& like) const;
  [[nodiscard]] static JobState back(const Known& job, JobState state);

  // Steps (twin_steps.cpp, twin_signals.cpp).
  static StepRecord* find(Known& job, StepKind kind, std::string_view name, std::int64_t number);
  StepRecord& add(Known& job, StepKind kind, std::string_view name, std::int64_t number, std::string value = {},
                  std::optional<TimePoint> until = {}) const;
  void run();
  void given_back();
  Outcome execute(JobContext& context);
  Outcome act(JobContext& context, Known& job);
  bool met_before(JobContext& context, StepKind kind, StepName name);
  void do_step(JobContext& context, Known& job);
  void do_sleep(JobContext& context, Known& job);
  void do_wait(JobContext& context, Known& job);
  void do_since(JobContext& context, Known& job);
  [[noreturn]] void suspended(TimePoint until, const std::optional<TimePoint>& expected);
  void adopt_step(JobId id, Known& job, StepKind kind, StepName name, TimePoint until) const;
  void record();
  void signal();
  void send(JobId id, Known* job);
  void restart();
  void compare_steps(JobId id, const Known& job) const;

  // Schedules (twin_schedules.cpp).
  Schedules schedules() { return Schedules(client().database()); }
  Schedule some_schedule();
  void sync();
  void steer(Command::Kind how);
  void fire();
  void tick();
  void look_at(const std::string& name, Periodic& schedule, const std::vector<Job>& fired);
  void add_fired(const Periodic& schedule, const Job& job, int order);
  [[nodiscard]] std::optional<TimePoint> tick_after(const Periodic& schedule, TimePoint after) const;
  [[nodiscard]] std::vector<TimePoint> due(const Periodic& schedule) const;
  void compare_schedules();

  void done(std::string line) { trace_.push_back(std::move(line)); }
  void require(bool holds, const std::string& otherwise) const;
  template <class T>
  void same(const T& is, const T& should, const std::string& what) const;

  std::vector<Client> clients_;
  mutable Admin admin_;
  testing::ManualClock& clock_;
  const backend::Capabilities capabilities_;
  testing::Harness worker_;
  std::map<JobId, Known> jobs_{};
  std::map<std::string, Lane> lanes_{};
  std::vector<Job> leases_{};
  std::vector<NewJob> enqueued_{};
  std::map<std::string, Periodic> schedules_{};
  std::optional<Execution> execution_{};
  int inserted_ = 0;
  const Command* command_ = nullptr;
  std::size_t choice_ = 0;
  std::vector<std::string> trace_{};
};

/// Leaves no jobs and no schedules, whatever the database held: cancels what lives, ends leases, lets retention pass.
/// Moves the clock.
void clear(Client client, Admin admin, testing::ManualClock& clock);

}  // namespace sqlq::conformance
