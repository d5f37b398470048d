#pragma once
/// \file
/// A worker without threads on a clock without time: for unit tests of your handlers.
///
///     TEST(Mail, ReminderWaitsTenMinutes) {
///       sqlq::testing::Harness q{url, handlers()};              // an in-memory database is enough
///       q.client().enqueue(SendEmail{"bob@example.org", "hi"}, {.delay = 10min});
///       EXPECT_EQ(q.work_due(), 0u);
///       q.advance(10min);
///       EXPECT_EQ(q.work_due(), 1u);
///     }
///
///     TEST(Order, IsGivenUpWithoutAnApproval) {                  // a workflow that waits 7 days (steps.hpp)
///       const auto order = q.client().enqueue(Order{42});
///       q.work_for(std::chrono::days(6));
///       EXPECT_EQ(q.client().find(order.id)->state, sqlq::JobState::scheduled);
///       q.work_for(std::chrono::days(2));                         // or q.client().signal(order.id, "approved", ...)
///       EXPECT_EQ(q.client().find(order.id)->state, sqlq::JobState::success);
///     }

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <sqlq/admin.hpp>
#include <sqlq/client.hpp>
#include <sqlq/database.hpp>
#include <sqlq/export.hpp>
#include <sqlq/handlers.hpp>
#include <sqlq/testing/manual_clock.hpp>
#include <sqlq/worker.hpp>

namespace sqlq::testing {

/// Runs the real services of a worker step by step on the calling thread. The database at `url` is opened with a
/// manual clock and migrated.
///
/// Thread-safety: one thread. Errors: those of open, migrate and of every call; handlers' exceptions become failed
/// attempts as in a worker.
class SQLQ_API Harness {
 public:
  /// On a database of this URL, which the harness opens and migrates.
  Harness(std::string_view url, Handlers handlers, WorkerOptions options = {})
      : Harness(at(url), std::move(handlers), std::move(options)) {}
  /// On a database that you have opened with that clock: for other options, and for a backend of yours.
  Harness(std::shared_ptr<ManualClock> clock, Database db, Handlers handlers, WorkerOptions options = {})
      : Harness(Opened{std::move(clock), std::move(db)}, std::move(handlers), std::move(options)) {}
  ~Harness();
  Harness(const Harness&) = delete;
  Harness& operator=(const Harness&) = delete;

  /// The handle that it works on.
  [[nodiscard]] Database& database() noexcept;
  /// A client of the database.
  [[nodiscard]] Client client() const;
  /// The operator's side of it.
  [[nodiscard]] Admin admin() const;
  /// The time of the database and of the harness.
  [[nodiscard]] ManualClock& clock() noexcept;
  /// clock().advance(by)
  void advance(Duration by);

  /// Fires the schedules that are due. Then lets jobs with keys in, claims and runs jobs one after the other until
  /// none is due, each handler on this thread; writes outcomes and logs. A batch of a batch handler is run when it is
  /// full or nothing else is due, and its jobs count as an execution each.
  /// Returns how many executions there were (retries with zero delay included), at most `limit`.
  std::size_t work_due(std::size_t limit = 10000);
  /// The first moment after now at which a scheduled job becomes due: a retry, a snooze, the sleep or the wait of a
  /// workflow; at which a schedule fires; or at which a key may have room for a job that waits. Empty: none does.
  [[nodiscard]] std::optional<TimePoint> next_due() const;
  /// Lets `time` pass, stopping at each moment at which a job or a schedule becomes due to do as work_due: weeks of a
  /// workflow take milliseconds. Returns how many executions there were; after `limit` of them it returns at once.
  std::size_t work_for(Duration time, std::size_t limit = 10000);
  /// One sweep: reap, purge. Throws what these do.
  void sweep();
  /// Counts as of a worker.
  [[nodiscard]] WorkerStats stats() const;
  /// Events the worker reported so far.
  [[nodiscard]] const std::vector<WorkerEvent>& events() const;

 private:
  /// Opened where the harness is used: which backends there are is said by what the tests link.
  struct Opened {
    std::shared_ptr<ManualClock> clock;
    Database db;
  };
  static Opened at(std::string_view url) {
    auto clock = std::make_shared<ManualClock>();
    Database db = open(url, {.clock = clock});
    return {std::move(clock), std::move(db)};
  }
  Harness(Opened opened, Handlers handlers, WorkerOptions options);

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sqlq::testing
