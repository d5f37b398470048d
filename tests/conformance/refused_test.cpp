// What the database refuses for good is one job's trouble: nobody else's outcome, log or lease is held up by it.

#include <algorithm>
#include <set>

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

void run(UserConnection& connection, const Breakage& statements) {
  for (const std::string& sql : statements.sql) connection.execute(sql);
}

void expect_ended(const Job& job, const std::vector<AttemptRecord>& history) {
  EXPECT_EQ(job.state, JobState::errored);
  EXPECT_TRUE(job.finished_at);
  EXPECT_EQ(job.lease_token, LeaseToken{});
  ASSERT_EQ(history.size(), 1u);
  EXPECT_EQ(history[0].cause, Cause::failed);
  EXPECT_TRUE(history[0].message.starts_with("the database refused ")) << history[0].message;
  EXPECT_TRUE(ascii(history[0].message));
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

TEST_P(Refused, AJobThatCannotBeTakenBackIsEndedAsErrored) {
  SQLQ_NEEDS(borrowed_transactions);
  std::vector<JobId> ids;
  for (int i = 0; i < 20; ++i) ids.push_back(client().enqueue({.kind = "work", .params = i == 6 ? forbidden : "1"}).id);
  ASSERT_EQ(claim(20).size(), 20u);
  run(*user(), backend().refusals.front());
  clock().advance(1min);
  const ReapReport report = client().reap();
  EXPECT_EQ(report.returned.size(), 19u) << "innocents harmed: 0";
  EXPECT_EQ(report.errored, std::vector<JobId>{ids[6]});
  EXPECT_TRUE(report.refused.empty());
  expect_ended(row(ids[6]), admin().history(ids[6]));
  EXPECT_EQ(held(), 0u);
  EXPECT_EQ(claim(100).size(), 19u);
}

TEST_P(Refused, AJobThatCannotBeStartedIsEndedAsErroredAndKeepsNoOtherFromIt) {
  SQLQ_NEEDS(borrowed_transactions);
  const std::set<int> offenders{0, 1, 17, 40};
  std::vector<JobId> innocent, offending;
  for (int i = 0; i < 60; ++i) {
    const bool bad = offenders.contains(i);
    const NewJob job{.kind = "work", .params = bad ? forbidden : "1",
                     .options = {.queue = i % 2 == 0 ? "even" : "odd", .delay = i == 40 ? Duration(1s) : 0s}};
    (bad ? offending : innocent).push_back(client().enqueue(job).id);
  }
  run(*user(), backend().refusals.front());
  clock().advance(1min);
  EXPECT_EQ(ids_of(claim(100)), innocent) << "innocents harmed: 0, in their order";
  for (const JobId id : offending) expect_ended(row(id), admin().history(id));
  EXPECT_EQ(held(), innocent.size());
}

TEST_P(Refused, OneByOneTooAJobThatCannotBeStartedKeepsNoOtherFromIt) {
  SQLQ_NEEDS(borrowed_transactions);
  use_system_clock();
  const JobId offender = client().enqueue({.kind = "work", .params = forbidden}).id;
  std::vector<JobId> innocent;
  for (int i = 0; i < 5; ++i) innocent.push_back(enqueue());
  run(*user(), backend().refusals.front());
  Handlers handlers;
  handlers.on("work", Handlers::Function([](JobContext&) { return Outcome::done(); }));
  QuietWorker worker{db(), handlers, {.concurrency = 1, .poll = 50ms}};
  for (const JobId id : innocent) ASSERT_TRUE(reaches(id, JobState::success)) << "innocents harmed: 0";
  EXPECT_TRUE(reaches(offender, JobState::errored));
  worker->stop();
  EXPECT_TRUE(std::ranges::any_of(worker.reports(), [&](const WorkerEvent& event) {
    return event.code == WorkerEvent::Code::outcome_refused && event.job == offender;
  }));
}

TEST_P(Refused, AJobThatCannotBeEndedEitherIsPassedOverForAMinute) {
  SQLQ_NEEDS(borrowed_transactions);
  admin().create_queue("limited", {.concurrency = 3});
  const JobId stuck = enqueue({.queue = "limited"});
  {
    const Job job = take();
    EXPECT_TRUE(client().set_result(job, forbidden));
    EXPECT_EQ(client().release(job), FinishStatus::applied);
  }
  for (int i = 0; i < 9; ++i) enqueue({.queue = "limited"});
  run(*user(), backend().refusals.front());
  std::int64_t token = 0;
  const auto request = [&] {
    return dialect().claim({.limit = 100, .token = LeaseToken{++token}, .worker = "w", .now = clock().instant()});
  };
  const backend::ClaimResult first = request();
  EXPECT_EQ(first.jobs.size(), 3u) << "innocents harmed: 0, within the limit";
  EXPECT_TRUE(first.limited);
  ASSERT_EQ(first.refused.size(), 1u);
  EXPECT_EQ(first.refused[0].id, stuck);
  EXPECT_FALSE(first.refused[0].ended);
  EXPECT_EQ(state(stuck), JobState::pending);
  for (int told = 0; told < 2; ++told) {
    for (const Job& job : admin().list({.queues = {"limited"}, .states = {JobState::running}})) {
      EXPECT_EQ(client().success(job), FinishStatus::applied);
    }
    const backend::ClaimResult next = request();
    EXPECT_EQ(next.jobs.size(), 3u);
    EXPECT_EQ(next.refused.size(), static_cast<std::size_t>(told)) << "once a minute";
    clock().advance(1min);
  }
}

TEST_P(Refused, WhereNoJobCanBeStartedNoneIsEnded) {
  SQLQ_NEEDS(borrowed_transactions);
  std::vector<JobId> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(client().enqueue({.kind = "work", .params = forbidden}).id);
  run(*user(), backend().refusals.front());
  EXPECT_EQ(code_of([&] { return claim(10); }), "refused") << "an own loop is told";
  EXPECT_TRUE(claim(10).empty());
  for (const JobId id : ids) EXPECT_EQ(state(id), JobState::pending) << "the trouble may be that of all";
  const JobId innocent = enqueue();
  EXPECT_EQ(take().id, innocent);
  enqueue();
  clock().advance(1min);
  EXPECT_EQ(claim(10).size(), 1u);
  for (const JobId id : ids) EXPECT_EQ(state(id), JobState::errored) << "another one can be started";
}

TEST_P(Refused, ARenewalOfAnOwnLoopHoldsNoOtherBack) {
  SQLQ_NEEDS(borrowed_transactions);
  for (int i = 0; i < 20; ++i) enqueue({.keepalive = 30s});
  const std::vector<Job> jobs = claim(20);
  EXPECT_TRUE(client().set_result(jobs.at(6), forbidden));
  run(*user(), backend().refusals.front());
  clock().advance(20s);
  EXPECT_EQ(code_of([&] { return client().ping(jobs); }), "refused");
  clock().advance(20s);
  const ReapReport report = client().reap();
  EXPECT_EQ(report.total(), 0u) << "innocents harmed: 0";
  EXPECT_EQ(report.refused, std::vector<JobId>{jobs[6].id});
}

TEST_P(Refused, AQueueIsEmptiedOfAllThatTheDatabaseLetsGo) {
  SQLQ_NEEDS(borrowed_transactions);
  const JobId stuck = enqueue({.queue = "old"});
  {
    const Job job = take();
    EXPECT_TRUE(client().set_result(job, forbidden));
    EXPECT_EQ(client().release(job), FinishStatus::applied);
  }
  for (int i = 0; i < 20; ++i) enqueue({.queue = "old"});
  run(*user(), backend().refusals.front());
  EXPECT_EQ(admin().delete_queue("old", {.finished = true, .waiting = true}), DeleteQueueStatus::not_empty);
  const std::vector<Job> left = admin().list({.queues = {"old"}});
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0].id, stuck);
}

}  // namespace sqlq::conformance
