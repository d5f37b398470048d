#pragma once
/// \file
/// A queue and a model of it, side by side: each command is given to the one, and its answer compared with what the
/// other says. Time stands still between commands, so every answer is determined.

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include <sqlq/admin.hpp>
#include <sqlq/client.hpp>
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
  };
  Kind kind = Kind::enqueue;
  std::array<std::uint8_t, 24> choices{};
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
  /// The database has no jobs. Commands go through any of the clients, which are on one storage. `outages`: whether it
  /// takes crashes back that were none.
  Twin(std::vector<Client> clients, Admin admin, testing::ManualClock& clock, bool outages);

  void apply(const Command& command);
  /// Everything there is: jobs, their histories, counts.
  void compare();

 private:
  struct Known {
    int number = 0;  ///< of its insertion
    std::string queue{};
    std::string kind{};
    std::string key{};
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

    [[nodiscard]] bool is_held() const { return state == JobState::running || state == JobState::cancelling; }
    [[nodiscard]] bool is_suspect() const { return sqlq::is_suspect(crashes, max_crashes); }
    [[nodiscard]] bool is_over() const { return is_finished(state); }
    void record(Cause cause) { history.emplace_back(claims, cause); }
  };
  struct Lane {
    int priority = 1;
    std::optional<std::uint32_t> limit{};
    bool paused = false;
  };
  using Entry = std::pair<const JobId, Known>;

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

  void done(std::string line) { trace_.push_back(std::move(line)); }
  void require(bool holds, const std::string& otherwise) const;
  template <class T>
  void same(const T& is, const T& should, const std::string& what) const;

  std::vector<Client> clients_;
  mutable Admin admin_;
  testing::ManualClock& clock_;
  const bool outages_;
  std::map<JobId, Known> jobs_{};
  std::map<std::string, Lane> lanes_{};
  std::vector<Job> leases_{};
  std::vector<NewJob> enqueued_{};
  int inserted_ = 0;
  const Command* command_ = nullptr;
  std::size_t choice_ = 0;
  std::vector<std::string> trace_{};
};

/// Leaves no jobs, whatever the database held: cancels what lives, ends leases, lets retention pass. Moves the clock.
void clear(Client client, Admin admin, testing::ManualClock& clock);

}  // namespace sqlq::conformance
