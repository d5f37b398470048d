// What an operator does to single jobs and to queues.

#include <map>

#include <sqlq/conformance/suite.hpp>
#include <sqlq/schedule.hpp>

namespace sqlq::conformance {

using namespace std::chrono_literals;

TEST_P(Operator, RunNowMakesAScheduledJobReady) {
  const JobId id = enqueue({.delay = 1h});
  clock().advance(1s);
  EXPECT_EQ(admin().run_now(id), ActionStatus::done);
  EXPECT_EQ(row(id).state, JobState::pending);
  EXPECT_EQ(row(id).run_at, clock().now());
  EXPECT_EQ(row(id).queued_at, clock().now());
  EXPECT_EQ(admin().run_now(id), ActionStatus::unchanged);
  EXPECT_EQ(take().id, id);
  EXPECT_EQ(admin().run_now(id), ActionStatus::unchanged);
  EXPECT_EQ(admin().run_now(JobId::make(clock().now())), ActionStatus::not_found);
}

TEST_P(Operator, ALeaseThatIsTakenAwayGivesTheAttemptBack) {
  const JobId id = enqueue({.max_attempts = 1});
  const JobId other = enqueue();
  const std::vector<Job> jobs = claim(2);
  EXPECT_EQ(admin().take_away(id), ActionStatus::done);
  const Job after = row(id);
  EXPECT_EQ(after.state, JobState::pending);
  EXPECT_EQ(after.attempt, 0);
  EXPECT_EQ(after.crashes, 0);
  EXPECT_EQ(after.lease_token, LeaseToken{});
  EXPECT_EQ(causes(id), std::vector{Cause::taken_away});
  EXPECT_EQ(admin().history(id)[0].attempt, 1);
  EXPECT_EQ(client().ping(jobs[0]), LeaseStatus::lost);
  EXPECT_EQ(client().success(jobs[0]), FinishStatus::stale);
  EXPECT_EQ(client().ping(jobs[1]), LeaseStatus::renewed) << "another job of the same claim";
  EXPECT_EQ(state(other), JobState::running);
  const Job again = take();
  EXPECT_EQ(again.id, id);
  EXPECT_EQ(again.attempt, 1);
  EXPECT_EQ(client().success(again), FinishStatus::applied);
  EXPECT_EQ(admin().take_away(id), ActionStatus::unchanged);
  EXPECT_EQ(client().success(jobs[1]), FinishStatus::applied);
}

TEST_P(Operator, ALeaseThatIsTakenAwayForGoodEndsTheJob) {
  admin().create_queue("one", {.concurrency = 1});
  const JobId id = enqueue({.queue = "one"});
  const JobId next = enqueue({.queue = "one"});
  const Job job = take();
  EXPECT_EQ(admin().take_away(id, AfterTaking::errored), ActionStatus::done);
  EXPECT_EQ(row(id).state, JobState::errored);
  EXPECT_EQ(row(id).attempt, 1) << "it stays charged";
  EXPECT_EQ(row(id).lease_token, LeaseToken{});
  EXPECT_EQ(row(id).finished_at, clock().now());
  EXPECT_EQ(causes(id), std::vector{Cause::taken_away});
  EXPECT_EQ(client().success(job), FinishStatus::stale);
  EXPECT_EQ(take().id, next) << "its place is free";
  EXPECT_EQ(admin().requeue(id), RequeueStatus::requeued);
}

TEST_P(Operator, AJobThatIsBeingCancelledEndsAsCancelledWhenItIsTakenAway) {
  for (const AfterTaking then : {AfterTaking::pending, AfterTaking::errored}) {
    const JobId id = enqueue();
    const Job job = take();
    client().cancel(id);
    EXPECT_EQ(admin().take_away(id, then), ActionStatus::done);
    EXPECT_EQ(row(id).state, JobState::cancelled);
    EXPECT_EQ(row(id).attempt, 1);
    EXPECT_EQ(causes(id), std::vector{Cause::cancelled});
    EXPECT_EQ(client().cancelled(job), FinishStatus::stale);
  }
}

TEST_P(Operator, AFinishedJobIsErasedWithAllThatBelongsToIt) {
  const JobId id = enqueue({.unique_key = "k", .retention = unlimited_retention});
  EXPECT_EQ(admin().erase(id), ActionStatus::unchanged) << "it is waiting";
  const Job job = take();
  EXPECT_EQ(admin().erase(id), ActionStatus::unchanged) << "it is running";
  client().error(job, "no", {.discard = true});
  EXPECT_EQ(admin().erase(id), ActionStatus::done);
  EXPECT_EQ(client().find(id), std::nullopt);
  EXPECT_TRUE(admin().history(id).empty());
  EXPECT_EQ(admin().erase(id), ActionStatus::not_found);
  EXPECT_EQ(admin().counts()[JobState::errored].value, 0u);
  EXPECT_EQ(client().success(job), FinishStatus::stale);
  clock().advance(std::chrono::hours(24) * 400);
  EXPECT_EQ(admin().purge().deleted, 0u);
}

TEST_P(Operator, AQueueWithoutJobsIsForgottenWithItsSettings) {
  admin().create_queue("tenant", {.description = "gone", .concurrency = 0, .priority = 7});
  admin().pause("tenant");
  EXPECT_EQ(admin().delete_queue("tenant"), DeleteQueueStatus::deleted);
  EXPECT_EQ(admin().queue("tenant"), std::nullopt);
  EXPECT_TRUE(admin().queues().empty());
  EXPECT_EQ(code_of([&] { admin().pause("tenant"); return 0; }), "invalid_argument");
  EXPECT_EQ(admin().delete_queue("tenant"), DeleteQueueStatus::not_found);
  EXPECT_EQ(admin().delete_queue("never"), DeleteQueueStatus::not_found);

  const JobId id = enqueue({.queue = "tenant"});
  ASSERT_TRUE(admin().queue("tenant")) << "it is there again, for it has a job";
  EXPECT_EQ(admin().queue("tenant")->concurrency, std::nullopt);
  EXPECT_EQ(admin().queue("tenant")->priority, 1);
  EXPECT_FALSE(admin().queue("tenant")->paused);
  EXPECT_EQ(admin().queues().size(), 1u);
  EXPECT_EQ(take().id, id);
}

TEST_P(Operator, ADeletedQueueStaysOnceItIsSetUpAgain) {
  admin().create_queue("q");
  admin().delete_queue("q");
  admin().create_queue("q", {.priority = 3});
  EXPECT_EQ(admin().queue("q")->priority, 3);
  admin().delete_queue("q");
  enqueue({.queue = "q"});
  admin().set_priority("q", 4);
  client().success(take());
  EXPECT_EQ(admin().delete_queue("q"), DeleteQueueStatus::not_empty);
  EXPECT_EQ(admin().delete_queue("q", {.finished = true}), DeleteQueueStatus::deleted);
  EXPECT_EQ(admin().queue("q"), std::nullopt);
}

TEST_P(Operator, AQueueGoesWithTheJobsThatAreToGo) {
  const JobId done = enqueue({.queue = "q"});
  client().success(take());
  const JobId running = enqueue({.queue = "q"});
  const Job job = take();
  const JobId waiting = enqueue({.queue = "q"});
  const JobId later = enqueue({.queue = "q", .delay = 1h});
  const JobId innocent = enqueue({.queue = "other"});
  EXPECT_EQ(admin().delete_queue("q"), DeleteQueueStatus::not_empty);
  EXPECT_EQ(state(waiting), JobState::pending);
  EXPECT_EQ(admin().delete_queue("q", {.finished = true}), DeleteQueueStatus::not_empty);
  EXPECT_EQ(client().find(done), std::nullopt);
  EXPECT_EQ(admin().delete_queue("q", {.finished = true, .waiting = true}), DeleteQueueStatus::not_empty);
  EXPECT_EQ(client().find(waiting), std::nullopt);
  EXPECT_EQ(client().find(later), std::nullopt);
  EXPECT_EQ(state(running), JobState::running);
  EXPECT_EQ(client().success(job), FinishStatus::applied);
  EXPECT_EQ(admin().delete_queue("q", {.finished = true}), DeleteQueueStatus::deleted);
  EXPECT_EQ(state(innocent), JobState::pending);
  EXPECT_EQ(admin().queues().size(), 1u);
}

TEST_P(Operator, StatsCountEveryQueueAndSayHowLongItsOldestJobWaits) {
  const TimePoint begin = clock().now();
  enqueue({.queue = "a", .priority = 20});
  clock().advance(10s);
  enqueue({.queue = "a", .priority = 1});
  enqueue_kind("other", {.queue = "a", .priority = 5});
  enqueue({.queue = "a", .delay = 1h});
  enqueue({.queue = "b", .delay = 30s});
  admin().create_queue("c");
  clock().advance(20s);
  std::vector<QueueStats> all = admin().stats(1);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].queue.name, "a");
  EXPECT_EQ(all[0].counts[JobState::pending].value, 1u);
  EXPECT_TRUE(all[0].counts[JobState::pending].capped);
  EXPECT_EQ(all[0].counts[JobState::scheduled].value, 1u);
  EXPECT_EQ(all[0].counts.size(), 8u);
  EXPECT_EQ(all[0].oldest_due, begin);
  EXPECT_EQ(all[0].age(clock().now()), 30s);
  EXPECT_EQ(all[0].age(std::chrono::sys_time<std::chrono::nanoseconds>(clock().now())), 30s);
  EXPECT_EQ(all[1].queue.name, "b");
  EXPECT_EQ(all[1].oldest_due, std::nullopt) << "it is not due";
  EXPECT_EQ(all[1].age(clock().now()), 0s);
  EXPECT_EQ(all[2].oldest_due, std::nullopt);
  clock().advance(15s);
  all = admin().stats();
  EXPECT_EQ(all[0].counts[JobState::pending].value, 3u);
  EXPECT_EQ(all[1].oldest_due, begin + 40s) << "due, though nobody has claimed since";
  const std::optional<QueueStats> one = admin().stats("a", 2);
  ASSERT_TRUE(one);
  EXPECT_EQ(one->queue.name, "a");
  EXPECT_EQ(one->counts.at(JobState::pending).value, 2u);
  EXPECT_TRUE(one->counts.at(JobState::pending).capped);
  EXPECT_EQ(one->oldest_due, begin);
  EXPECT_FALSE(admin().stats("nobody"));
}

/// What a server's settings are is not the suite's to say; it says nothing of the tables, and names what waits.
TEST_P(Operator, TheDoctorFindsNoFaultInFreshTablesAndNamesWhatIsStopped) {
  const auto codes = [&] {
    std::vector<std::string> all;
    auto last = Finding::Severity::error;
    for (const Finding& f : admin().doctor()) {
      EXPECT_LE(f.severity, last) << "errors come first";
      last = f.severity;
      EXPECT_FALSE(f.code.empty() || f.sentence.empty());
      EXPECT_EQ((f.sentence + f.advice).find_first_of("\n\r"), std::string::npos) << f.sentence;
      EXPECT_TRUE(f.severity == Finding::Severity::note || !f.advice.empty()) << f.sentence;
      if (f.code.starts_with("schema_") || f.code.starts_with("queue_")) all.push_back(f.code);
    }
    return all;
  };
  EXPECT_EQ(codes(), std::vector<std::string>{});
  enqueue({.queue = "paused"});
  admin().pause("paused");
  admin().create_queue("closed", {.concurrency = 0});
  enqueue({.queue = "closed"});
  EXPECT_EQ(codes(), (std::vector<std::string>{"queue_closed", "queue_paused"}));
}

TEST_P(Operator, TheDoctorFindsSchedulesThatAreLate) {
  SQLQ_NEEDS(periodic);
  SQLQ_NEEDS(workers);
  Schedules schedules{db()};
  const auto late = [&] {
    std::string sentences;
    for (const Finding& f : admin().doctor()) {
      if (!f.code.starts_with("schedule_")) continue;
      EXPECT_EQ(f.code, "schedule_late");
      EXPECT_EQ(f.severity, Finding::Severity::warning);
      sentences += f.sentence;
    }
    return sentences;
  };
  const auto has_word = [](const std::string& text, const char* word) { return text.find(word) != std::string::npos; };
  const NewJob job{.kind = "work", .params = "{}"};
  schedules.sync({{.name = "often", .rule = "@every 10m", .job = job},
                  {.name = "rare", .rule = "@yearly", .job = job}});
  EXPECT_EQ(late(), "");
  clock().advance(11min);
  EXPECT_EQ(late(), "") << "a minute late, and no more";
  clock().advance(1s);
  EXPECT_TRUE(has_word(late(), "the schedule 'often': due since")) << late();
  EXPECT_TRUE(has_word(late(), "no worker is listed")) << late();
  dialect().workers()->announce_worker({.name = "w", .id = 1, .host = "h", .version = "1", .concurrency = 1}, 0s,
                                       clock().instant());
  EXPECT_TRUE(has_word(late(), "although workers are listed")) << late();
  schedules.pause("often");
  EXPECT_EQ(late(), "");
  schedules.resume("often");
  EXPECT_EQ(late(), "");
}

TEST_P(Operator, TheDoctorFindsSchedulesWhoseRowsWereChangedByHand) {
  SQLQ_NEEDS(periodic);
  Schedules schedules{db()};
  backend::Periodic& part = *dialect().periodic();
  const auto findings = [&] {
    std::map<std::string, std::string> sentences;
    for (const Finding& f : admin().doctor()) {
      if (f.code.starts_with("schedule_")) sentences[f.code] += f.sentence + "\n";
    }
    return sentences;
  };
  const auto change = [&](const std::string& name, const auto& edit) {
    backend::PeriodicRow row = part.periodic_get(std::vector<std::string>{name}).at(0).value();
    edit(row);
    const backend::PeriodicChange wanted{.name = name, .expected = row.version, .next = row.next,
                                         .definition = row.definition, .state = row.state};
    EXPECT_TRUE(part.periodic_change({&wanted, 1}, clock().instant()).at(0).applied) << name;
  };
  const auto replace = [](std::string& text, const std::string& what, const std::string& with) {
    ASSERT_NE(text.find(what), std::string::npos) << text;
    text.replace(text.find(what), what.size(), with);
  };
  const NewJob job{.kind = "work", .params = "[1]"};
  std::vector<Schedule> wanted;
  for (const char* name : {"far", "good", "never", "no definition", "no params", "no rule", "no state", "no zone"}) {
    wanted.push_back({.name = name, .rule = "@daily", .zone = "Europe/Berlin", .job = job});
  }
  schedules.sync(wanted);
  EXPECT_TRUE(findings().empty());
  change("far", [](backend::PeriodicRow& row) { row.next = TimePoint::max(); });
  change("never", [](backend::PeriodicRow& row) { row.next.reset(); });
  change("no definition", [](backend::PeriodicRow& row) { row.definition = "[]"; });
  change("no state", [](backend::PeriodicRow& row) { row.state = "{}"; });
  change("no params", [&](backend::PeriodicRow& row) { replace(row.definition, "[1]", "[1"); });
  change("no rule", [&](backend::PeriodicRow& row) { replace(row.definition, "@daily", "@dayly"); });
  change("no zone", [&](backend::PeriodicRow& row) { replace(row.definition, "Europe/Berlin", "Europe/Nowhere"); });
  const std::map<std::string, std::string> found = findings();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_TRUE(found.at("schedule_asleep").starts_with("the schedules 'far', 'never': ")) << found.at("schedule_asleep");
  const std::string unreadable = found.at("schedule_unreadable");
  for (const char* name : {"no definition", "no params", "no state"}) {
    EXPECT_NE(unreadable.find("the schedule '" + std::string(name) + "' cannot be read: "), std::string::npos)
        << unreadable;
  }
  for (const char* name : {"no rule", "no zone"}) {
    EXPECT_NE(unreadable.find("the schedule '" + std::string(name) + "' can fire nothing here: "), std::string::npos)
        << unreadable;
  }

  for (const char* name : {"far", "never"}) {
    EXPECT_TRUE(schedules.pause(name));
    EXPECT_TRUE(schedules.resume(name));
  }
  EXPECT_EQ(schedules.sync(wanted).size(), wanted.size());
  EXPECT_TRUE(findings().empty()) << "its advice helps";
}

TEST_P(Operator, AClockThatWasYearsAheadIsFoundAndResumeIsTheWayOut) {
  SQLQ_NEEDS(periodic);
  Schedules schedules{db()};
  const NewJob job{.kind = "work", .params = "{}"};
  const TimePoint begin = clock().now();
  clock().step_wall(24h * 3650);
  schedules.sync({{.name = "interval", .rule = "@every 1h", .job = job},
                  {.name = "nightly", .rule = "@daily", .job = job}});
  clock().step_wall(-24h * 3650);
  std::string sentence;
  for (const Finding& f : admin().doctor()) {
    if (f.code == "schedule_asleep") sentence = f.sentence;
  }
  EXPECT_TRUE(sentence.starts_with("the schedules 'interval', 'nightly': ")) << sentence;
  for (const char* name : {"interval", "nightly"}) {
    schedules.pause(name);
    schedules.resume(name);
    EXPECT_LE(schedules.find(name)->next, begin + 24h) << name;
  }
  for (const Finding& f : admin().doctor()) EXPECT_NE(f.code, "schedule_asleep") << f.sentence;
}

}  // namespace sqlq::conformance
