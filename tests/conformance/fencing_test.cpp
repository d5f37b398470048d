// Promise I4: whoever lost the lease changes nothing and is told so; but a ping tells that the process lives, so that
// the end of its lease was no crash.

#include <sqlq/conformance/suite.hpp>

namespace sqlq::conformance {
namespace {

using namespace std::chrono_literals;

LogLine line_of(const Job& job, std::int64_t number, TimePoint at) {
  return {.job = job.id,
          .token = job.lease_token,
          .claim = job.claims,
          .attempt = job.attempt,
          .number = number,
          .at = at,
          .level = LogLevel::info,
          .text = "a line"};
}

/// Every write that a lease allows, none of which may reach the job.
void expect_all_refused(Client client, backend::Dialect& dialect, const Job& stale, TimePoint now) {
  EXPECT_EQ(client.ping(stale), LeaseStatus::lost);
  EXPECT_FALSE(client.set_result(stale, R"("stolen")"));
  EXPECT_FALSE(client.set_progress(stale, {.done = 1}));
  EXPECT_EQ(client.success(stale), FinishStatus::stale);
  EXPECT_EQ(client.success(stale, R"("stolen")"), FinishStatus::stale);
  EXPECT_EQ(client.error(stale, "stolen"), FinishStatus::stale);
  EXPECT_EQ(client.error(stale, "stolen", {.discard = true}), FinishStatus::stale);
  EXPECT_EQ(client.cancelled(stale), FinishStatus::stale);
  EXPECT_EQ(client.snooze(stale, 1s), FinishStatus::stale);
  EXPECT_EQ(client.release(stale), FinishStatus::stale);
  EXPECT_EQ(dialect.append_logs(std::vector<LogLine>{line_of(stale, 99, now)}), std::vector<bool>{false});
}

Job without_its_crash(Job job) {
  EXPECT_EQ(job.crashes, 1);
  job.crashes = 0;
  return job;
}

void expect_same(const Job& a, const Job& b) {
  EXPECT_EQ(a.state, b.state);
  EXPECT_EQ(a.attempt, b.attempt);
  EXPECT_EQ(a.claims, b.claims);
  EXPECT_EQ(a.crashes, b.crashes);
  EXPECT_EQ(a.result, b.result);
  EXPECT_EQ(a.lease_token, b.lease_token);
  EXPECT_EQ(a.run_at, b.run_at);
  EXPECT_EQ(a.heartbeat_at, b.heartbeat_at);
  EXPECT_EQ(a.finished_at, b.finished_at);
}

}  // namespace

TEST_P(Fencing, AReapedWorkerChangesNothing) {
  const JobId id = enqueue();
  const Job stale = take();
  clock().advance(31s);
  ASSERT_EQ(client().reap().returned, std::vector<JobId>{id});
  EXPECT_EQ(causes(id), std::vector<Cause>{Cause::lease_ended});
  const Job before = capabilities().outages ? without_its_crash(row(id)) : row(id);
  const std::vector<LogLine> lines = admin().logs(id);
  expect_all_refused(client(), dialect(), stale, clock().now());
  expect_same(row(id), before);
  EXPECT_EQ(causes(id), std::vector<Cause>{capabilities().outages ? Cause::outage : Cause::lease_ended});
  EXPECT_EQ(admin().logs(id).size(), lines.size());
}

TEST_P(Fencing, AReapedWorkerCannotFinishItsSuccessorsAttempt) {
  const JobId id = enqueue();
  const Job stale = take();
  clock().advance(31s);
  ASSERT_EQ(client().reap().total(), 1u);
  const Job fresh = take();
  ASSERT_EQ(fresh.id, id);
  const Job before = capabilities().outages ? without_its_crash(row(id)) : row(id);
  expect_all_refused(client(), dialect(), stale, clock().now());
  expect_same(row(id), before);
  EXPECT_EQ(client().ping(fresh), LeaseStatus::renewed);
  EXPECT_EQ(client().success(fresh, "1"), FinishStatus::applied);
  EXPECT_EQ(row(id).result, "1");
}

TEST_P(Fencing, AReapedWorkerCannotChangeAFinishedJob) {
  const JobId id = enqueue();
  const Job stale = take();
  clock().advance(31s);
  ASSERT_EQ(client().reap().total(), 1u);
  EXPECT_EQ(client().success(take(), "1"), FinishStatus::applied);
  const Job before = capabilities().outages ? without_its_crash(row(id)) : row(id);
  expect_all_refused(client(), dialect(), stale, clock().now());
  expect_same(row(id), before);
}

TEST_P(Fencing, AReleasedJobBelongsToTheNextClaim) {
  const JobId id = enqueue();
  const Job first = take();
  EXPECT_EQ(client().release(first), FinishStatus::applied);
  const Job second = take();
  const Job before = row(id);
  expect_all_refused(client(), dialect(), first, clock().now());
  expect_same(row(id), before);
  EXPECT_EQ(client().success(second), FinishStatus::applied);
}

TEST_P(Fencing, AMadeUpTokenIsNoToken) {
  const JobId id = enqueue();
  const Job job = take();
  const Job before = row(id);
  for (const std::int64_t token : {std::int64_t{0}, std::int64_t{1}, ~job.lease_token.value}) {
    Job forged = job;
    forged.lease_token = {token};
    expect_all_refused(client(), dialect(), forged, clock().now());
  }
  expect_same(row(id), before);
  EXPECT_EQ(client().success(job), FinishStatus::applied);
}

TEST_P(Fencing, ATokenOpensOneJobOnly) {
  enqueue();
  enqueue();
  const Job a = take();
  const Job b = take();
  Job mixed = a;
  mixed.lease_token = b.lease_token;
  expect_all_refused(client(), dialect(), mixed, clock().now());
  EXPECT_EQ(state(a.id), JobState::running);
  EXPECT_EQ(state(b.id), JobState::running);
}

TEST_P(Fencing, JobsThatWereNeverClaimedCannotBeFinished) {
  const JobId pending = enqueue();
  const JobId scheduled = enqueue({.delay = 1h});
  for (const JobId id : {pending, scheduled}) {
    const Job before = row(id);
    expect_all_refused(client(), dialect(), before, clock().now());
    expect_same(row(id), before);
  }
}

TEST_P(Fencing, JobsThatDoNotExistAreStale) {
  enqueue();
  Job job = take();
  job.id = JobId::make(clock().now());
  expect_all_refused(client(), dialect(), job, clock().now());
}

TEST_P(Fencing, OneStaleItemDoesNotKeepTheOthersFromBeingDone) {
  for (int i = 0; i < 3; ++i) enqueue();
  const std::vector<Job> jobs = claim(3);
  std::vector<backend::Finish> items;
  for (const Job& job : jobs) items.push_back({.id = job.id, .token = job.lease_token});
  items[1].token.value ^= 1;
  EXPECT_EQ(dialect().finish(items, nullptr, clock().instant()),
            (std::vector<FinishStatus>{FinishStatus::applied, FinishStatus::stale, FinishStatus::applied}));
  EXPECT_EQ(state(jobs[0].id), JobState::success);
  EXPECT_EQ(state(jobs[1].id), JobState::running);
  EXPECT_EQ(state(jobs[2].id), JobState::success);

  std::vector<Job> pinged = jobs;
  pinged[0].lease_token.value ^= 1;
  EXPECT_EQ(client().ping(pinged),
            (std::vector<LeaseStatus>{LeaseStatus::lost, LeaseStatus::renewed, LeaseStatus::lost}));
}

TEST_P(Fencing, ReapingAndFinishingAtOnceLeaveOneWinner) {
  std::vector<NewJob> jobs(40, NewJob{.kind = "work"});
  client().enqueue_many(jobs);
  const std::vector<Job> claimed = claim(40);
  clock().advance(31s);
  std::vector<FinishStatus> said(claimed.size());
  ReapReport report;
  const Database second = another();
  in_threads(2, [&](int t) {
    if (t == 0) {
      report = Client{second}.reap();
    } else {
      Client mine{db()};
      for (std::size_t i = 0; i < claimed.size(); ++i) said[i] = mine.success(claimed[i]);
    }
  });
  std::size_t stale = 0;
  for (std::size_t i = 0; i < claimed.size(); ++i) {
    const bool won = said[i] == FinishStatus::applied;
    EXPECT_EQ(state(claimed[i].id), won ? JobState::success : JobState::pending);
    if (!won) ++stale;
  }
  EXPECT_EQ(report.total(), stale);
}

}  // namespace sqlq::conformance
