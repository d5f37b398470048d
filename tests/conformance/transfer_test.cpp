// Promise I17: a job that is moved between databases arrives whole. Here the operations of a backend; the stream and
// the copy are in transfer_stream_test.cpp.

#include <algorithm>
#include <array>
#include <string>

#include <sqlq/conformance/suite.hpp>
#include <sqlq/migrator.hpp>

#include "transferred.hpp"

namespace sqlq::conformance {
namespace {

using namespace std::chrono_literals;

using Ids = std::vector<JobId>;
using Stored = std::vector<backend::StoredJob>;
using backend::StoreStatus;
using Outcomes = std::vector<StoreStatus>;

JobId id_of(std::uint8_t first, std::uint8_t last) {
  std::array<std::uint8_t, 16> bytes{};
  bytes.front() = first;
  bytes.back() = last;
  return JobId{bytes};
}

Ids ids_of_all(const Stored& jobs) {
  Ids ids;
  for (const backend::StoredJob& stored : jobs) ids.push_back(stored.job.id);
  return ids;
}

/// All of these, in as many reads as it takes.
Stored read(backend::Dialect& dialect, const Ids& ids, std::size_t max_bytes = 1U << 30U) {
  Stored all;
  for (std::size_t at = 0; at < ids.size();) {
    auto some = dialect.transfer()->read_jobs(std::span(ids).subspan(at), max_bytes);
    if (some.read == 0 || some.read > ids.size() - at) {
      ADD_FAILURE() << "looked at " << some.read << " of " << ids.size() - at;
      break;
    }
    at += some.read;
    std::ranges::move(some.jobs, std::back_inserter(all));
  }
  return all;
}

}  // namespace

TEST_P(Transfer, IsThereWhenItIsDeclared) { EXPECT_EQ(dialect().transfer() != nullptr, capabilities().transfer); }

TEST_P(Transfer, IdsComeAscendingByteByByteAndInPieces) {
  SQLQ_NEEDS(transfer);
  backend::Transfer& part = *dialect().transfer();
  EXPECT_TRUE(part.ids_after({}, 10).empty());
  const Ids all{id_of(0, 1), id_of(1, 0), id_of(0x7F, 0xFF), id_of(0x80, 0), id_of(0x80, 0x80), id_of(0xFF, 0xFF)};
  for (const std::size_t i : {3u, 0u, 5u, 1u, 4u, 2u}) enqueue({.id = all[i]});
  EXPECT_EQ(claim(2).size(), 2u);  // what is held has its id
  EXPECT_EQ(part.ids_after({}, 10'000), all);
  Ids walked;
  for (JobId after;;) {
    const Ids some = part.ids_after(after, 4);
    EXPECT_LE(some.size(), 4u);
    if (some.empty()) break;
    walked.insert(walked.end(), some.begin(), some.end());
    after = some.back();
  }
  EXPECT_EQ(walked, all);
  EXPECT_EQ(part.ids_after(id_of(0x7F, 0xFE), 1), Ids{all[2]}) << "nobody has the id given";
  EXPECT_TRUE(part.ids_after(all.back(), 1).empty());
}

TEST_P(Transfer, JobsAreReadWholeAndInTheOrderAsked) {
  SQLQ_NEEDS(transfer);
  const JobId first = enqueue({.delay = 1h, .unique_key = "k"});
  const JobId second = enqueue({.priority = 1});
  const Job job = take();
  const auto sink = database_log_sink(db());
  JobLogger(job, sink, shared_clock()).warn("a line");
  sink->flush();
  EXPECT_EQ(client().error(job, "no", {.discard = true}), FinishStatus::applied);
  const JobId held = enqueue();
  EXPECT_EQ(take().id, held);

  const Ids asked{held, JobId::make(clock().now()), second, first, id_of(1, 1)};
  const auto answer = dialect().transfer()->read_jobs(asked, 1U << 30U);
  EXPECT_EQ(answer.read, asked.size());
  ASSERT_EQ(ids_of_all(answer.jobs), (Ids{held, second, first}));
  for (const backend::StoredJob& stored : answer.jobs) {
    const JobId id = stored.job.id;
    EXPECT_EQ(shown(stored), shown({row(id), admin().history(id), admin().logs(id)}));
  }
  EXPECT_EQ(answer.jobs[1].history.size(), 1u);
  EXPECT_EQ(answer.jobs[1].log.size(), 1u);
}

TEST_P(Transfer, HeadersAndStepsArriveWithTheirJobs) {
  SQLQ_NEEDS(transfer);
  Stored jobs;
  for (const JobState state : idle_states) jobs.push_back(equipped(travelled(state, clock().now()), capabilities()));
  jobs.push_back(equipped(plain(clock().now(), "apart"), capabilities()));
  jobs.push_back(plain(clock().now()));
  EXPECT_EQ(dialect().transfer()->store_jobs(jobs, clock().instant()), Outcomes(jobs.size(), StoreStatus::stored));
  EXPECT_EQ(shown(read(dialect(), ids_of_all(jobs))), shown(jobs));
  EXPECT_EQ(shown(read(dialect(), ids_of_all(jobs), 1)), shown(jobs));
  for (const backend::StoredJob& stored : jobs) EXPECT_EQ(row(stored.job.id).headers, stored.job.headers);
  EXPECT_EQ(take({"apart"}).headers, jobs[jobs.size() - 2].job.headers);
  for (backend::StoredJob& stored : jobs) {  // those that are there stay as they are
    stored.job.headers.clear();
    stored.steps.clear();
  }
  EXPECT_EQ(dialect().transfer()->store_jobs(jobs, clock().instant()), Outcomes(jobs.size(), StoreStatus::existing_id));
  const Job kept = row(jobs[0].job.id);
  EXPECT_EQ(kept.headers.empty(), !capabilities().headers);
}

TEST_P(Transfer, StepsThatArrivedAreThoseOfTheJob) {
  SQLQ_NEEDS(transfer);
  SQLQ_NEEDS(steps);
  const backend::StoredJob stored = equipped(travelled(JobState::scheduled, clock().now()), capabilities());
  EXPECT_EQ(dialect().transfer()->store_jobs({&stored, 1}, clock().instant()), Outcomes{StoreStatus::stored});
  const backend::StoredJob read{.steps = dialect().steps()->read_steps(stored.job.id, nullptr)};
  EXPECT_EQ(shown(read), shown(backend::StoredJob{.steps = stored.steps}));
}

TEST_P(Transfer, AWorkflowThatArrivedGoesOnWhereItWas) {
  SQLQ_NEEDS(transfer);
  SQLQ_NEEDS(steps);
  backend::StoredJob stored = plain(clock().now());
  stored.steps = {{.name = "charge", .claim = 1, .at = clock().now() - 1h, .value = "1"},
                  {.kind = StepKind::signal, .name = "approved", .at = clock().now() - 2h, .value = "true"}};
  EXPECT_EQ(dialect().transfer()->store_jobs({&stored, 1}, clock().instant()), Outcomes{StoreStatus::stored});
  const Job job = take({"moved"});
  const auto record = [&](std::string_view name, std::string_view value) {
    return dialect().steps()->record_step(
        {.id = job.id, .token = job.lease_token, .kind = StepKind::result, .name = name, .value = value}, nullptr,
        clock().instant());
  };
  const backend::RecordAnswer again = record("charge", "2");
  EXPECT_EQ(again.status, backend::RecordStatus::existing);
  EXPECT_EQ(again.step.value, "1") << "what is done stays done";
  EXPECT_EQ(record("ship", "3").status, backend::RecordStatus::recorded);
  std::string order;
  for (const StepRecord& step : dialect().steps()->read_steps(job.id, nullptr)) order += step.name + " ";
  EXPECT_EQ(order, "charge approved ship ");
}

TEST_P(Transfer, LargeStepsAreReadInPieces) {
  SQLQ_NEEDS(transfer);
  SQLQ_NEEDS(steps);
  Stored jobs;
  for (int i = 0; i < 4; ++i) {
    jobs.push_back(plain(clock().now()));
    for (int n = 0; n < 3; ++n) {
      jobs.back().steps.push_back({.name = "row", .number = n, .claim = 1, .at = clock().now(),
                                   .value = json_of(100'000)});
    }
  }
  EXPECT_EQ(dialect().transfer()->store_jobs(jobs, clock().instant()), Outcomes(jobs.size(), StoreStatus::stored));
  const Ids ids = ids_of_all(jobs);
  EXPECT_EQ(dialect().transfer()->read_jobs(ids, 700'000).read, 2u);
  EXPECT_EQ(shown(read(dialect(), ids, 700'000)), shown(jobs));
}

TEST_P(Transfer, LargeJobsAreReadInPieces) {
  SQLQ_NEEDS(transfer);
  Ids ids{id_of(0, 9)};
  for (int i = 0; i < 5; ++i) {
    const NewJob large{.kind = "work", .params = json_of(100'000)};
    ids.push_back(client().enqueue(large).id);
    ids.push_back(id_of(1, static_cast<std::uint8_t>(i)));
  }
  const Stored whole = read(dialect(), ids);
  ASSERT_EQ(whole.size(), 5u);
  for (const std::size_t max_bytes : {1u, 150'000u, 250'000u, 600'000u}) {
    EXPECT_EQ(shown(read(dialect(), ids, max_bytes)), shown(whole)) << max_bytes;
    EXPECT_GE(dialect().transfer()->read_jobs(ids, max_bytes).jobs.size(), 1u) << "the first id is of nobody";
  }
  EXPECT_EQ(dialect().transfer()->read_jobs(ids, 600'000).read, ids.size()) << "they fit";
  const auto none = dialect().transfer()->read_jobs(Ids{id_of(0, 9), id_of(1, 0)}, 1);
  EXPECT_TRUE(none.jobs.empty());
  EXPECT_EQ(none.read, 2u);
}

TEST_P(Transfer, EveryStateArrivesAsItWas) {
  SQLQ_NEEDS(transfer);
  Stored jobs;
  for (const JobState state : idle_states) jobs.push_back(travelled(state, clock().now()));
  jobs.push_back(plain(clock().now()));
  jobs.back().job.retention = 0s;
  std::ranges::reverse(jobs);  // not in the order of their ids
  EXPECT_EQ(dialect().transfer()->store_jobs(jobs, clock().instant()), Outcomes(jobs.size(), StoreStatus::stored));
  EXPECT_EQ(shown(read(dialect(), ids_of_all(jobs))), shown(jobs));
  EXPECT_EQ(dialect().transfer()->store_jobs(jobs, clock().instant()), Outcomes(jobs.size(), StoreStatus::existing_id));
  clock().advance(1s);
  EXPECT_EQ(shown(read(dialect(), ids_of_all(jobs))), shown(jobs)) << "a replay changes nothing";

  ASSERT_TRUE(admin().queue("moved")) << "made on the way";
  EXPECT_EQ(admin().queue("moved")->priority, 1);
  EXPECT_EQ(admin().queue("moved")->concurrency, std::nullopt);
  EXPECT_FALSE(admin().queue("moved")->paused);
  const JobCounts counts = admin().counts("moved");
  EXPECT_EQ(counts.at(JobState::pending).value, 2u);
  for (const JobState state : {JobState::scheduled, JobState::success, JobState::errored, JobState::cancelled}) {
    EXPECT_EQ(counts.at(state).value, 1u) << to_string(state);
  }
  EXPECT_EQ(held(), 0u);
}

TEST_P(Transfer, TheLongestHistoryAndLogArriveWhole) {
  SQLQ_NEEDS(transfer);
  backend::StoredJob job = travelled(JobState::errored, clock().now());
  job.history.resize(1, job.history[0]);
  job.history[0].message = std::string(64U << 10U, 'm');
  while (job.history.size() < 1000) {
    job.history.push_back({.claim = static_cast<std::int64_t>(job.history.size()), .at = clock().now()});
  }
  job.log.resize(1, job.log[0]);
  job.log[0].text = std::string(16U << 10U, 't');
  while (job.log.size() < 10'000) {
    job.log.push_back(job.log.back());
    job.log.back().text = "short";
    ++job.log.back().number;
  }
  EXPECT_EQ(dialect().transfer()->store_jobs({&job, 1}, clock().instant()), Outcomes{StoreStatus::stored});
  EXPECT_TRUE(shown(read(dialect(), {job.job.id})) == shown(Stored{job})) << "too long to show";
  EXPECT_EQ(admin().history(job.job.id, 1000).size(), 1000u);
  EXPECT_EQ(admin().logs(job.job.id, {0, 0}, 10'000).size(), 10'000u);
}

TEST_P(Transfer, OfTwoInOneCallTheFirstWins) {
  SQLQ_NEEDS(transfer);
  Stored jobs;
  for (int i = 0; i < 7; ++i) {
    jobs.push_back(plain(clock().now()));
    jobs.back().job.priority = i;
  }
  std::ranges::reverse(jobs);  // ids descend, so that no order of locking is that of the call
  for (const std::size_t i : {1u, 2u, 3u, 4u}) jobs[i].job.unique_key = "key";
  jobs[1] = travelled(JobState::cancelled, clock().now());
  jobs[1].job.unique_key = "key";
  jobs[3].job.state = JobState::waiting;
  jobs[5].job.id = jobs[0].job.id;
  jobs[6].job.unique_key = "KEY";
  EXPECT_EQ(dialect().transfer()->store_jobs(jobs, clock().instant()),
            (Outcomes{StoreStatus::stored, StoreStatus::stored, StoreStatus::stored, StoreStatus::existing_key,
                     StoreStatus::existing_key, StoreStatus::existing_id, StoreStatus::stored}));
  EXPECT_EQ(shown(read(dialect(), {jobs[0].job.id, jobs[1].job.id, jobs[2].job.id, jobs[6].job.id})),
            shown(Stored{jobs[0], jobs[1], jobs[2], jobs[6]}));
  EXPECT_EQ(dialect().transfer()->ids_after({}, 100).size(), 4u);
}

TEST_P(Transfer, AJobThatIsThereIsLeftAlone) {
  SQLQ_NEEDS(transfer);
  const JobId running = enqueue({.unique_key = "running"});
  const Job lease = take();
  const JobId pending = enqueue({.unique_key = "pending"});
  const Job before = row(pending);
  Stored jobs;
  for (const JobId id : {running, pending}) {  // that have ended where they come from
    jobs.push_back(travelled(JobState::success, clock().now()));
    jobs.back().job.id = id;
  }
  for (const char* key : {"running", "pending"}) {
    jobs.push_back(plain(clock().now()));
    jobs.back().job.unique_key = key;
  }
  EXPECT_EQ(dialect().transfer()->store_jobs(jobs, clock().instant()),
            (Outcomes{StoreStatus::existing_id, StoreStatus::existing_id, StoreStatus::existing_key,
                     StoreStatus::existing_key}));
  EXPECT_EQ(shown({row(pending), {}, {}}), shown({before, {}, {}}));
  EXPECT_TRUE(admin().history(pending).empty());
  EXPECT_TRUE(admin().logs(pending).empty());
  EXPECT_EQ(client().ping(lease), LeaseStatus::renewed);
  EXPECT_EQ(client().success(lease), FinishStatus::applied);
  EXPECT_EQ(dialect().transfer()->store_jobs({&jobs[2], 1}, clock().instant()), Outcomes{StoreStatus::stored})
      << "the key is free";
}

TEST_P(Transfer, OneThatIsRefusedKeepsTheWholeCallOut) {
  SQLQ_NEEDS(transfer);
  SQLQ_NEEDS(borrowed_transactions);
  for (const Breakage& refusal : backend().refusals) {
    SCOPED_TRACE(refusal.name);
    Migrator{blank()}.teardown();
    blank().migrate();
    enqueue_kind("before");
    ASSERT_EQ(client().success(take(), R"("first")"), FinishStatus::applied);
    const std::unique_ptr<UserConnection> connection = user();
    for (const std::string& sql : refusal.sql) connection->execute(sql);

    Stored jobs;
    for (int i = 0; i < 3; ++i) {
      jobs.push_back(travelled(JobState::success, clock().now()));
      jobs.back().job.result = R"("fine")" + std::string(static_cast<std::size_t>(i), ' ');
    }
    jobs[1].job.result = R"("forbidden s3cret")";
    const auto error = error_of([&] { return dialect().transfer()->store_jobs(jobs, clock().instant()); });
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code(), Errc::refused);
    EXPECT_EQ(std::string(error->what()).find("s3cret"), std::string::npos);
    EXPECT_EQ(dialect().transfer()->ids_after({}, 10).size(), 1u);
    EXPECT_TRUE(admin().history(jobs[0].job.id).empty());
    EXPECT_TRUE(admin().logs(jobs[0].job.id).empty());
    EXPECT_EQ(dialect().transfer()->store_jobs(Stored{jobs[0], jobs[2]}, clock().instant()),
              Outcomes(2, StoreStatus::stored));
  }
  Migrator{blank()}.teardown();
}

// ------------------------------------------------------------------------------------------- a life afterwards

TEST_P(Transfer, StoredJobsAreClaimedInTheOrderOfAllAndGoOnCounting) {
  SQLQ_NEEDS(transfer);
  const TimePoint now = clock().now();
  const JobId local = enqueue({.queue = "moved"});
  Stored jobs;
  for (int i = 0; i < 2; ++i) jobs.push_back(plain(now - 1h));
  for (const JobState state : idle_states) jobs.push_back(travelled(state, now));
  jobs[0].job.run_at = now - 10min;
  jobs[1].job.run_at = now - 20min;
  ASSERT_EQ(dialect().transfer()->store_jobs(jobs, clock().instant()), Outcomes(jobs.size(), StoreStatus::stored));
  const backend::StoredJob& urgent = jobs[2];
  const backend::StoredJob& scheduled = jobs[3];

  EXPECT_EQ(admin().stats()[0].oldest_due, urgent.job.run_at);
  const std::vector<Job> taken = claim(100);
  EXPECT_EQ(ids_of(taken), (Ids{urgent.job.id, jobs[1].job.id, jobs[0].job.id, local}));
  EXPECT_EQ(taken[0].attempt, urgent.job.attempt + 1);
  EXPECT_EQ(taken[0].claims, urgent.job.claims + 1);
  EXPECT_EQ(taken[0].params, urgent.job.params);
  EXPECT_EQ(taken[0].keepalive, urgent.job.keepalive);
  EXPECT_EQ(taken[1].attempt, 1);
  EXPECT_EQ(client().finish({Ending::success(taken[0]), Ending::success(taken[1])}),
            std::vector(2, FinishStatus::applied));
  EXPECT_EQ(row(urgent.job.id).result, urgent.job.result) << "what was set before stays";
  clock().advance(1h + 2us);
  EXPECT_TRUE(claim(100).empty());
  clock().advance(1us);
  EXPECT_EQ(ids_of(claim(100)), Ids{scheduled.job.id});
  EXPECT_EQ(state(jobs[4].job.id), JobState::waiting);
}

TEST_P(Transfer, AStoredJobEndsAtItsMaxAttemptsAndItsHistoryGoesOn) {
  SQLQ_NEEDS(transfer);
  const backend::StoredJob stored = travelled(JobState::pending, clock().now());
  const JobId id = stored.job.id;
  static_cast<void>(dialect().transfer()->store_jobs({&stored, 1}, clock().instant()));
  EXPECT_EQ(client().error(take(), "fourth", {.retry = RetryPolicy::constant(0s)}), FinishStatus::applied);
  const Job last = take();
  const auto sink = database_log_sink(db());
  JobLogger(last, sink, shared_clock()).info("mine");
  sink->flush();
  EXPECT_EQ(client().error(last, "fifth", {.retry = RetryPolicy::constant(0s)}), FinishStatus::applied);
  EXPECT_EQ(state(id), JobState::errored);
  const std::vector<AttemptRecord> history = admin().history(id);
  ASSERT_EQ(history.size(), stored.history.size() + 2);
  for (std::size_t i = 0; i < 2; ++i) {
    const AttemptRecord& line = history[stored.history.size() + i];
    EXPECT_EQ(line.claim, stored.job.claims + 1 + static_cast<std::int64_t>(i));
    EXPECT_EQ(line.attempt, stored.job.attempt + 1 + static_cast<int>(i));
    EXPECT_EQ(line.message, i == 0 ? "fourth" : "fifth");
  }
  const std::vector<LogLine> log = admin().logs(id);
  ASSERT_EQ(log.size(), stored.log.size() + 1);
  EXPECT_EQ(log.back().text, "mine");
  EXPECT_EQ(log.back().claim, stored.job.claims + 2);
}

TEST_P(Transfer, StoredSuspectsAreClaimedOneByOneAndEndAtTheirMaxCrashes) {
  SQLQ_NEEDS(transfer);
  Stored jobs;
  for (int i = 0; i < 3; ++i) {
    jobs.push_back(travelled(JobState::pending, clock().now()));
    jobs.back().job.max_crashes = i == 1 ? 3 : 2;
  }
  static_cast<void>(dialect().transfer()->store_jobs(jobs, clock().instant()));
  EXPECT_EQ(ids_of(claim(10)), (Ids{jobs[0].job.id, jobs[1].job.id})) << "the second is no suspect";
  clock().advance(jobs[0].job.keepalive + 1s);
  const ReapReport report = client().reap();
  EXPECT_EQ(report.errored, Ids{jobs[0].job.id});
  EXPECT_EQ(report.returned, Ids{jobs[1].job.id});
  EXPECT_EQ(row(jobs[1].job.id).crashes, 2);
  EXPECT_EQ(claim(10).size(), 1u);
}

TEST_P(Transfer, NobodyHoldsAStoredJobByAnEarlierLease) {
  SQLQ_NEEDS(transfer);
  for (const JobState state : {JobState::pending, JobState::success}) {
    backend::StoredJob stored = travelled(state, clock().now());
    stored.job.lease_token = LeaseToken{4711};
    static_cast<void>(dialect().transfer()->store_jobs({&stored, 1}, clock().instant()));
    EXPECT_EQ(row(stored.job.id).lease_token, LeaseToken{});
    EXPECT_EQ(client().success(stored.job), FinishStatus::stale);
    EXPECT_EQ(client().ping(stored.job), LeaseStatus::lost);
    stored.job.lease_token = {};
    EXPECT_EQ(shown(read(dialect(), {stored.job.id})), shown(Stored{stored}));
  }
}

TEST_P(Transfer, StoredJobsAreCancelledAndTheirKeysAreFreeAtTheirEnd) {
  SQLQ_NEEDS(transfer);
  for (const JobState state : {JobState::pending, JobState::scheduled}) {
    SCOPED_TRACE(to_string(state));
    const backend::StoredJob stored = travelled(state, clock().now());
    static_cast<void>(dialect().transfer()->store_jobs({&stored, 1}, clock().instant()));
    const JobId id = stored.job.id;
    EXPECT_EQ(enqueue({.unique_key = stored.job.unique_key}), id);
    EXPECT_EQ(client().cancel(id), CancelStatus::cancelled);
    EXPECT_EQ(row(id).finished_at, clock().now());
    EXPECT_EQ(causes(id).back(), Cause::cancelled);
    const JobId next = enqueue({.unique_key = stored.job.unique_key});
    EXPECT_NE(next, id);
    EXPECT_EQ(admin().requeue(id), RequeueStatus::duplicate);
    EXPECT_EQ(client().cancel(next), CancelStatus::cancelled);
  }
}

TEST_P(Transfer, AStoredJobThatWaitsIsClaimedByNobodyAndCancelled) {
  SQLQ_NEEDS(transfer);
  const backend::StoredJob stored = travelled(JobState::waiting, clock().now());
  const JobId id = stored.job.id;
  static_cast<void>(dialect().transfer()->store_jobs({&stored, 1}, clock().instant()));
  clock().advance(10'000h);
  EXPECT_TRUE(claim(1).empty());
  EXPECT_EQ(client().reap().total(), 0u);
  EXPECT_EQ(admin().purge().deleted, 0u);
  EXPECT_EQ(admin().stats()[0].oldest_due, std::nullopt);
  EXPECT_EQ(admin().requeue(id), RequeueStatus::not_finished);
  EXPECT_EQ(client().cancel(id), CancelStatus::cancelled);
  EXPECT_EQ(causes(id).back(), Cause::cancelled);
  clock().advance(*stored.job.retention + 1s);
  EXPECT_EQ(admin().purge().deleted, 1u);
}

TEST_P(Transfer, AStoredJobThatHadEndedIsRequeuedAndItsClaimsGoOnCounting) {
  SQLQ_NEEDS(transfer);
  for (const JobState state : {JobState::success, JobState::errored, JobState::cancelled}) {
    SCOPED_TRACE(to_string(state));
    const backend::StoredJob stored = travelled(state, clock().now());
    static_cast<void>(dialect().transfer()->store_jobs({&stored, 1}, clock().instant()));
    const JobId id = stored.job.id;
    EXPECT_EQ(admin().requeue(id), RequeueStatus::requeued);
    EXPECT_EQ(row(id).attempt, 0);
    EXPECT_EQ(row(id).crashes, 0);
    EXPECT_FALSE(row(id).finished_at);
    EXPECT_EQ(causes(id).size(), stored.history.size() + 1);
    const Job job = take();
    EXPECT_EQ(job.id, id);
    EXPECT_EQ(job.attempt, 1);
    EXPECT_EQ(job.claims, stored.job.claims + 1);
    EXPECT_EQ(client().success(job), FinishStatus::applied);
  }
}

TEST_P(Transfer, RetentionIsCountedFromTheEndAndNotFromTheArrival) {
  SQLQ_NEEDS(transfer);
  Stored jobs;
  const auto add = [&](JobState state, std::optional<Duration> retention, Duration since) {
    jobs.push_back(travelled(state, clock().now()));
    jobs.back().job.retention = retention;
    jobs.back().job.finished_at = clock().now() - since;
  };
  add(JobState::success, {}, 23h);
  add(JobState::cancelled, {}, 23h);
  add(JobState::errored, {}, 24h * 7 - 1h);
  add(JobState::success, 30h, 29h);
  add(JobState::success, 1h, 2h);  // that should be gone long ago
  add(JobState::errored, {}, 24h);
  jobs.push_back(travelled(JobState::pending, clock().now()));
  ASSERT_EQ(dialect().transfer()->store_jobs(jobs, clock().instant()), Outcomes(jobs.size(), StoreStatus::stored));
  EXPECT_EQ(admin().purge().deleted, 1u);
  EXPECT_FALSE(client().find(jobs[4].job.id));
  clock().advance(1h - 1s);
  EXPECT_EQ(admin().purge().deleted, 0u);
  clock().advance(2s);
  EXPECT_EQ(admin().purge().deleted, 4u);
  EXPECT_EQ(state(jobs[5].job.id), JobState::errored);
  EXPECT_EQ(state(jobs[6].job.id), JobState::pending);
  EXPECT_TRUE(admin().logs(jobs[0].job.id).empty());
  EXPECT_TRUE(admin().history(jobs[0].job.id).empty());
  EXPECT_EQ(admin().erase(jobs[5].job.id), ActionStatus::done);
}

}  // namespace sqlq::conformance
