#pragma once
/// \file
/// The fixture of the conformance suite and the small tools its tests share.
///
/// Each test gets a scratch database without jobs and, unless it asks for the real one, a clock that stands still.

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <sqlq/admin.hpp>
#include <sqlq/backend/dialect.hpp>
#include <sqlq/client.hpp>
#include <sqlq/conformance/backend.hpp>
#include <sqlq/database.hpp>
#include <sqlq/error.hpp>
#include <sqlq/testing/manual_clock.hpp>

namespace sqlq {

// How GoogleTest shows our values in failures.
inline void PrintTo(const JobId& id, std::ostream* out) { *out << id.to_string(); }
inline void PrintTo(JobState value, std::ostream* out) { *out << to_string(value); }
inline void PrintTo(Cause value, std::ostream* out) { *out << to_string(value); }
inline void PrintTo(FinishStatus value, std::ostream* out) { *out << to_string(value); }
inline void PrintTo(LeaseStatus value, std::ostream* out) { *out << to_string(value); }
inline void PrintTo(CancelStatus value, std::ostream* out) { *out << to_string(value); }
inline void PrintTo(RequeueStatus value, std::ostream* out) { *out << to_string(value); }

}  // namespace sqlq

namespace sqlq::conformance {

/// Base of all tests.
///
/// Thread-safety: one thread at a time, except db() and what builds on it, which any thread may use once db() was
/// called.
class Conformance : public ::testing::TestWithParam<Candidate> {
 protected:
  Conformance();
  ~Conformance() override;
  void SetUp() override;  ///< Reads what the backend declares.
  /// Drops all scratch databases, but for one that the next test may have.
  void TearDown() override;

  // ---------------------------------------------------------------------------------------------- the database
  /// The description that the test runs with. A test that asks for it keeps its scratch database to itself.
  [[nodiscard]] const Backend& backend() noexcept { return own_ = true, backend_; }
  /// What the backend declares.
  [[nodiscard]] const backend::Capabilities& capabilities() const noexcept { return capabilities_; }
  /// Does it declare this one?
  [[nodiscard]] bool has(bool backend::Capabilities::*field) const noexcept { return capabilities_.*field; }
  /// Of the test's scratch database, which is made now unless there was need of it before.
  [[nodiscard]] const std::string& url();
  /// The test's handle before any migration. Keeps the scratch database to the test.
  [[nodiscard]] Database& blank();
  /// The test's handle, migrated.
  [[nodiscard]] Database& db();
  /// A handle of its own on the same storage; where storage cannot be shared, a copy of db().
  [[nodiscard]] Database another();
  /// The URL of one more, empty scratch database.
  [[nodiscard]] std::string scratch();
  /// A handle on any URL, with the clock of the test.
  [[nodiscard]] Database open(const std::string& url, DatabaseOptions options = {}) const;

  // ---------------------------------------------------------------------------------------------- time
  /// The time of the test, unless it uses the clock of the machine.
  [[nodiscard]] testing::ManualClock& clock() noexcept { return *manual_; }
  /// The clock the test's handles are opened with.
  [[nodiscard]] std::shared_ptr<Clock> shared_clock() const noexcept { return clock_; }
  /// From here on the test runs on the machine's clock. Call it first.
  void use_system_clock();

  // ---------------------------------------------------------------------------------------------- shorthand on db()
  /// A client of db().
  [[nodiscard]] Client client() { return Client{db()}; }
  /// The operator's side of db().
  [[nodiscard]] Admin admin() { return Admin{db()}; }
  /// The seam itself.
  [[nodiscard]] backend::Dialect& dialect() { return db().ready(); }
  /// Enqueues `null` of kind "work".
  JobId enqueue(EnqueueOptions options = {}) { return enqueue_kind("work", std::move(options)); }
  /// Enqueues `null` of this kind.
  JobId enqueue_kind(const std::string& kind, EnqueueOptions options = {});
  /// Claims up to n jobs of these queues and kinds; none given: of all.
  [[nodiscard]] std::vector<Job> claim(std::size_t n, const std::vector<std::string>& queues = {},
                                       const std::vector<std::string>& kinds = {});
  /// Claims one job; a failed test if there is none.
  [[nodiscard]] Job take(const std::vector<std::string>& queues = {});
  /// The job as it is now; a failed test if it is gone.
  [[nodiscard]] Job row(JobId id);
  /// Of the job as it is now.
  [[nodiscard]] JobState state(JobId id) { return row(id).state; }
  /// Waits, in real time and not for ever, until the job is in that state. For tests with workers.
  [[nodiscard]] bool reaches(JobId id, JobState wanted);
  /// The causes of its history, oldest first.
  [[nodiscard]] std::vector<Cause> causes(JobId id);
  /// Jobs of the queue (empty: of all) that are running or cancelling.
  [[nodiscard]] std::uint64_t held(const std::string& queue = {});

  // ---------------------------------------------------------------------------------------------- borrowed connections
  /// Runs `body` once for each kind of connection the backend offers, on a fresh connection with a table
  /// `user_rows (n INTEGER)`.
  void for_each_handle(const std::function<void(UserConnection&)>& body);
  /// A connection of the first kind offered. Keeps the scratch database to the test.
  [[nodiscard]] std::unique_ptr<UserConnection> user();

 private:
  std::string make_scratch();
  Database& handle();
  bool renew();

  Backend backend_;
  backend::Capabilities capabilities_;
  std::shared_ptr<testing::ManualClock> manual_;
  std::shared_ptr<Clock> clock_;
  std::string url_;
  std::vector<std::string> scratches_;
  std::optional<Database> db_;
  bool migrated_ = false;
  bool own_ = false;  // whether the scratch database may be no more as a migration leaves it
};

/// How the message of a test begins that needs a capability which is not declared.
inline constexpr const char* not_applicable = "not applicable: ";

/// Leaves the test as not applicable unless the backend declares the capability.
#define SQLQ_NEEDS(capability)                            \
  if (!has(&::sqlq::backend::Capabilities::capability)) { \
    GTEST_SKIP() << not_applicable << #capability;        \
  }                                                       \
  static_assert(true, "so that a semicolon may follow")

/// The opposite: for what only backends without the capability promise.
#define SQLQ_NEEDS_NO(capability)                                         \
  if (has(&::sqlq::backend::Capabilities::capability)) {                  \
    GTEST_SKIP() << not_applicable << #capability << " (it is declared)"; \
  }                                                                       \
  static_assert(true, "so that a semicolon may follow")

/// Runs `body(0)` ... `body(n - 1)` on threads of their own that start together, and joins them. An exception of
/// a body fails the test.
void in_threads(int n, const std::function<void(int)>& body);

/// Something one thread waits for and another makes happen. Waiting is bounded by the real clock.
class Moment {
 public:
  Moment();
  /// Wakes the thread that waits. From any thread.
  void happen() noexcept;
  /// Did it? From any thread.
  [[nodiscard]] bool happened() const noexcept { return happened_; }
  /// Returns happened(). One thread at a time.
  bool wait(Duration at_most = std::chrono::seconds(20));

 private:
  std::unique_ptr<Signal> signal_;
  std::atomic<bool> happened_{false};
};

/// Asks again and again, in real time, until the answer is yes; false after 20 seconds.
[[nodiscard]] bool eventually(const std::function<bool()>& question);

/// The seed of this run: SQLQ_CONFORMANCE_SEED, else random.
[[nodiscard]] std::uint64_t random_seed();

/// A JSON string of exactly `bytes` bytes, quotes included (at least 2).
[[nodiscard]] std::string json_of(std::size_t bytes);

/// In the order of the jobs.
[[nodiscard]] std::vector<JobId> ids_of(const std::vector<Job>& jobs);

/// The error a call throws; empty if it throws none.
template <class Call>
[[nodiscard]] std::optional<Error> error_of(Call&& call) {
  try {
    static_cast<void>(call());
  } catch (const Error& error) {
    return error;
  }
  return {};
}

/// The name of its code, or "nothing thrown".
template <class Call>
[[nodiscard]] std::string code_of(Call&& call) {
  const std::optional<Error> error = error_of(std::forward<Call>(call));
  return error ? std::string(to_string(error->code())) : "nothing thrown";
}

/// The topics: every one is a class of tests in tests/conformance, in a file of nearly its name.
// clang-format off
#define SQLQ_CONFORMANCE_TOPICS(X, ...)                                                                    \
  X(Enqueue, __VA_ARGS__) X(Batch, __VA_ARGS__) X(Payload, __VA_ARGS__) X(Names, __VA_ARGS__)              \
  X(PriorityOrder, __VA_ARGS__) X(Claim, __VA_ARGS__) X(ClaimRace, __VA_ARGS__) X(Limits, __VA_ARGS__)     \
  X(HandOver, __VA_ARGS__) X(Workers, __VA_ARGS__) X(JobHeaders, __VA_ARGS__)                              \
  X(Fencing, __VA_ARGS__) X(FinishReplay, __VA_ARGS__) X(Retry, __VA_ARGS__) X(SnoozeRelease, __VA_ARGS__) \
  X(Cancel, __VA_ARGS__) X(Reap, __VA_ARGS__) X(Crashes, __VA_ARGS__) X(Lease, __VA_ARGS__)                \
  X(HostileClock, __VA_ARGS__) X(Scheduled, __VA_ARGS__) X(Unique, __VA_ARGS__) X(History, __VA_ARGS__)    \
  X(JobLog, __VA_ARGS__) X(Retention, __VA_ARGS__) X(Queues, __VA_ARGS__) X(ListPages, __VA_ARGS__)        \
  X(Counts, __VA_ARGS__) X(Requeue, __VA_ARGS__) X(Transaction, __VA_ARGS__) X(Migrate, __VA_ARGS__)       \
  X(WorkerRuns, __VA_ARGS__) X(Wakeup, __VA_ARGS__) X(Original, __VA_ARGS__) X(Defects, __VA_ARGS__)       \
  X(Model, __VA_ARGS__) X(Text, __VA_ARGS__) X(Secrets, __VA_ARGS__) X(Operator, __VA_ARGS__)              \
  X(OwnLoop, __VA_ARGS__) X(Refused, __VA_ARGS__) X(Publish, __VA_ARGS__) X(Filter, __VA_ARGS__)           \
  X(Edit, __VA_ARGS__) X(InBulk, __VA_ARGS__) X(Transfer, __VA_ARGS__) X(Insight, __VA_ARGS__)             \
  X(Explain, __VA_ARGS__) X(Periodic, __VA_ARGS__) X(Ticks, __VA_ARGS__) X(Steps, __VA_ARGS__)             \
  X(Workflow, __VA_ARGS__) X(BatchHandlers, __VA_ARGS__) X(Observing, __VA_ARGS__) X(Inbox, __VA_ARGS__)   \
  X(KeyWaiting, __VA_ARGS__) X(KeyRoom, __VA_ARGS__) X(KeyReturns, __VA_ARGS__) X(KeyRate, __VA_ARGS__)    \
  X(KeyLine, __VA_ARGS__) X(KeySteering, __VA_ARGS__) X(KeyReasons, __VA_ARGS__) X(KeyRace, __VA_ARGS__)   \
  X(KeyTravels, __VA_ARGS__) X(KeyRuns, __VA_ARGS__)
// clang-format on

/// Makes the class of one topic.
#define SQLQ_CONFORMANCE_DECLARE(topic, ...) \
  class topic : public Conformance {};
SQLQ_CONFORMANCE_TOPICS(SQLQ_CONFORMANCE_DECLARE, )

}  // namespace sqlq::conformance
