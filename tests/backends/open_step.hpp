#pragma once
/// \file
/// A transaction of the user's that has recorded a step and stays open: whom it keeps waiting, and whom not. For
/// databases with several writers.

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <sqlq/backend/dialect.hpp>
#include <sqlq/client.hpp>
#include <sqlq/database.hpp>
#include <sqlq/error.hpp>
#include <sqlq/job.hpp>
#include <sqlq/steps.hpp>

namespace sqlq::testing {

/// A connection of the application's.
struct Application {
  std::function<void(const std::string& sql)> exec;
  Tx tx;
};

class OpenStep {
 public:
  /// `snapshot` begins a transaction that sees what is there now and nothing later; `waits` comes back once somebody
  /// waits for a row of steps.
  OpenStep(const Database& db, std::string snapshot, std::function<void()> waits)
      : client_(db), dialect_(db.dialect()), steps_(*dialect_.steps()), snapshot_(std::move(snapshot)),
        waits_(std::move(waits)) {}

  /// The lease of the step's job is renewed, its other steps are recorded and signals stored; other jobs do not notice.
  void keeps_nobody_waiting(const Application& user) {
    for (int i = 0; i < 3; ++i) client_.enqueue(NewJob{.kind = "k"});
    const std::vector<Job> jobs = client_.claim({}, {}, 3);
    ASSERT_EQ(jobs.size(), 3U);
    user.exec("BEGIN");
    EXPECT_EQ(record(jobs[0], "book", "1", &user.tx), Status::recorded);
    int harmed = 0;
    for (const Job& job : jobs) {
      const auto before = client_.find(job.id)->heartbeat_at;
      const bool renewed = client_.ping(job) == LeaseStatus::renewed && client_.find(job.id)->heartbeat_at > before;
      harmed += renewed ? 0 : 1;
      harmed += record(job, "another", "2") == Status::recorded ? 0 : 1;
      harmed += record(job, "go", "", nullptr, StepKind::wait) == Status::recorded ? 0 : 1;
      harmed += steps_.signal(job.id, "go", "3", SignalMode::first, nullptr, {}) == SignalStatus::stored ? 0 : 1;
    }
    EXPECT_EQ(harmed, 0);
    EXPECT_EQ(client_.success(jobs[1]), FinishStatus::applied);
    EXPECT_TRUE(steps_.forget_steps(jobs[1].id, backend::Steps::From{.kind = StepKind::result, .name = "another"}));
    EXPECT_EQ(dialect_.act({&jobs[1].id, 1}, backend::Action::erase, {}).at(0), ActionStatus::done);
    EXPECT_EQ(client_.snooze(jobs[2], std::chrono::hours(1)), FinishStatus::applied);
    EXPECT_EQ(client_.find(jobs[2].id)->state, JobState::pending) << "it was told to go on";
    user.exec("COMMIT");
    EXPECT_EQ(values(jobs[0].id, "book"), std::vector<std::string>{"1"});
  }

  /// Its lease is lost while the transaction is open: whoever holds the job now waits for it, and finds what it has
  /// recorded, or records the step itself once it was rolled back.
  void is_waited_for(const Application& zombie, const Application& user) {
    client_.enqueue(NewJob{.kind = "k"});
    const Job before = client_.claim().at(0);
    zombie.exec("BEGIN");
    EXPECT_EQ(record(before, "book", "1", &zombie.tx), Status::recorded);
    const JobId id = before.id;
    dialect_.act({&id, 1}, backend::Action::take_away, {});
    const Job now = client_.claim().at(0);
    user.exec("BEGIN");
    EXPECT_EQ(record(before, "late", "1", &user.tx), Status::stale);
    user.exec("COMMIT");
    EXPECT_EQ(meanwhile([&] { return record(now, "book", "2"); }, [&] { zombie.exec("COMMIT"); }), Status::existing);
    EXPECT_EQ(values(id, "book"), std::vector<std::string>{"1"});

    zombie.exec("BEGIN");
    EXPECT_EQ(record(now, "post", "3", &zombie.tx), Status::recorded);
    user.exec("BEGIN");
    EXPECT_EQ(meanwhile([&] { return record(now, "post", "4", &user.tx); }, [&] { zombie.exec("ROLLBACK"); }),
              Status::recorded);
    user.exec("COMMIT");
    EXPECT_EQ(values(id, "post"), std::vector<std::string>{"4"});
  }

  /// What the snapshot of the user's transaction cannot see is no answer.
  void does_not_believe_old_snapshots(const Application& user) {
    client_.enqueue(NewJob{.kind = "k"});
    const Job job = client_.claim().at(0);
    user.exec(snapshot_);
    EXPECT_EQ(record(job, "book", "1"), Status::recorded);
    EXPECT_EQ(error_of([&] { static_cast<void>(record(job, "book", "2", &user.tx)); }), Errc::retry_transaction);
    user.exec("ROLLBACK");
    user.exec(snapshot_);
    EXPECT_EQ(record(job, "book", "2", &user.tx), Status::existing);
    EXPECT_EQ(record(job, "ok", "", nullptr, StepKind::wait), Status::recorded);
    EXPECT_EQ(client_.snooze(job, std::chrono::hours(1)), FinishStatus::applied);
    const auto signal = [&] { return steps_.signal(job.id, "ok", "3", SignalMode::first, &user.tx, {}); };
    EXPECT_EQ(error_of([&] { static_cast<void>(signal()); }), Errc::retry_transaction);
    user.exec("ROLLBACK");
    user.exec(snapshot_);
    EXPECT_EQ(signal(), SignalStatus::stored);
    user.exec("COMMIT");
    EXPECT_EQ(client_.find(job.id)->state, JobState::pending);
  }

 private:
  using Status = backend::RecordStatus;

  Status record(const Job& job, std::string_view name, std::string_view value, const Tx* within = nullptr,
                StepKind kind = StepKind::result) {
    return steps_
        .record_step({.id = job.id, .token = job.lease_token, .kind = kind, .name = name, .value = value}, within, {})
        .status;
  }
  std::vector<std::string> values(JobId id, std::string_view name) {
    std::vector<std::string> found;
    for (const StepRecord& step : steps_.read_steps(id, nullptr)) {
      if (step.name == name) found.push_back(step.value);
    }
    return found;
  }
  /// Of a call in a thread of its own, once it waits and `then` was done.
  Status meanwhile(const std::function<Status()>& call, const std::function<void()>& then) {
    Status status{};
    std::thread thread([&] { status = call(); });
    waits_();
    then();
    thread.join();
    return status;
  }
  static Errc error_of(const std::function<void()>& call) {
    try {
      call();
    } catch (const Error& e) {
      return e.code();
    }
    ADD_FAILURE() << "no error";
    return Errc::internal;
  }

  Client client_;
  backend::Dialect& dialect_;
  backend::Steps& steps_;
  const std::string snapshot_;
  const std::function<void()> waits_;
};

}  // namespace sqlq::testing
