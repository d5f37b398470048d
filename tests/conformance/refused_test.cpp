// What the database refuses for good is one job's trouble: nobody else's outcome, log or lease is held up by it.

#include <algorithm>

#include <sqlq/conformance/suite.hpp>
#include <sqlq/sqlq.hpp>

#include "quiet_worker.hpp"

namespace sqlq::conformance {
namespace {

using namespace std::chrono_literals;

const std::string forbidden = R"("forbidden")";

bool ascii(std::string_view text) {
  return std::ranges::all_of(text, [](unsigned char c) { return c < 0x80; });
}

}  // namespace

TEST_P(Refused, AnOutcomeOrALineHoldsNoOtherBack) {
  SQLQ_NEEDS(borrowed_transactions);
  use_system_clock();
  ASSERT_FALSE(backend().refusals.empty()) << "handles are offered, but no way for the database to refuse a value";
  for (const Breakage& refusal : backend().refusals) {
    SCOPED_TRACE(refusal.name);
    Migrator{blank()}.teardown();
    blank().migrate();
    enqueue_kind("before");
    ASSERT_EQ(client().success(take(), R"("first")"), FinishStatus::applied);
    const std::unique_ptr<UserConnection> connection = user();
    for (const std::string& sql : refusal.sql) connection->execute(sql);

    std::vector<JobId> innocent;
    for (int i = 0; i < 60; ++i) innocent.push_back(enqueue());
    const JobId offender = innocent.at(20);
    innocent.erase(innocent.begin() + 20);
    Handlers handlers;
    handlers.on("work", Handlers::Function([&](JobContext& job) {
                  const bool bad = job.id() == offender;
                  job.log().info(bad ? "forbidden" : "fine");
                  if (bad) job.set_result(forbidden);
                  return Outcome::done();
                }));
    QuietWorker worker{db(), handlers, {.concurrency = 16, .poll = 50ms}};
    EXPECT_TRUE(reaches(offender, JobState::errored));
    for (const JobId id : innocent) ASSERT_TRUE(reaches(id, JobState::success));
    EXPECT_EQ(worker->stop().lost, 0u);

    for (const JobId id : innocent) {
      const auto lines = admin().logs(id);
      EXPECT_TRUE(lines.size() == 1 && lines[0].text == "fine") << "innocents harmed: 0";
    }
    EXPECT_EQ(row(offender).attempt, 1);
    EXPECT_EQ(row(offender).result, "");
    const auto history = admin().history(offender);
    ASSERT_EQ(history.size(), 1u);
    EXPECT_EQ(history[0].cause, Cause::failed);
    EXPECT_TRUE(history[0].message.starts_with("the database refused the outcome: ")) << history[0].message;
    EXPECT_TRUE(ascii(history[0].message));
    const auto events = worker.reports();
    EXPECT_TRUE(std::ranges::any_of(events, [&](const WorkerEvent& event) {
      return event.code == WorkerEvent::Code::outcome_refused && event.job == offender;
    }));
  }
  Migrator{blank()}.teardown();
}

TEST_P(Refused, IsNotCalledRetryable) {
  SQLQ_NEEDS(borrowed_transactions);
  for (const Breakage& refusal : backend().refusals) {
    SCOPED_TRACE(refusal.name);
    Migrator{blank()}.teardown();
    blank().migrate();
    enqueue();
    ASSERT_EQ(client().success(take(), R"("first")"), FinishStatus::applied);
    const JobId id = enqueue();
    const Job job = take();
    const std::unique_ptr<UserConnection> connection = user();
    for (const std::string& sql : refusal.sql) connection->execute(sql);
    const std::optional<Error> error = error_of([&] { return client().success(job, forbidden); });
    ASSERT_TRUE(error);
    EXPECT_EQ(to_string(error->code()), to_string(Errc::refused)) << error->what();
    EXPECT_FALSE(error->retryable());
    EXPECT_EQ(state(id), JobState::running) << "nothing was changed";
    EXPECT_EQ(client().success(job, R"("allowed")"), FinishStatus::applied);
  }
  Migrator{blank()}.teardown();
}

TEST_P(Refused, AJobThatCannotBeTakenBackKeepsNoOtherFromIt) {
  SQLQ_NEEDS(borrowed_transactions);
  ASSERT_FALSE(backend().refusals.empty());
  for (int i = 0; i < 20; ++i) enqueue({.queue = i % 2 == 0 ? "even" : "odd"});
  const std::vector<Job> jobs = claim(20);
  ASSERT_EQ(jobs.size(), 20u);
  const Job& stuck = jobs[6];
  EXPECT_TRUE(client().set_result(stuck, forbidden));
  const std::unique_ptr<UserConnection> connection = user();
  for (const std::string& sql : backend().refusals.front().sql) connection->execute(sql);
  clock().advance(1min);
  const ReapReport report = client().reap();
  EXPECT_EQ(report.returned.size(), 19u) << "innocents harmed: 0";
  EXPECT_EQ(report.refused, std::vector<JobId>{stuck.id});
  for (const Job& job : jobs) {
    EXPECT_EQ(state(job.id), job.id == stuck.id ? JobState::running : JobState::pending);
  }
  const ReapReport again = client().reap({{stuck.queue}});
  EXPECT_EQ(again.total(), 0u);
  EXPECT_EQ(again.refused, std::vector<JobId>{stuck.id});
  EXPECT_EQ(claim(100).size(), 19u);
}

}  // namespace sqlq::conformance
