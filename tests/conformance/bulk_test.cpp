// The same done to many jobs, in steps that can be stopped and resumed.

#include <algorithm>
#include <atomic>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include <sqlq/bulk.hpp>
#include <sqlq/stop_token.hpp>
#include <sqlq/conformance/suite.hpp>

namespace sqlq::conformance {
namespace {

using namespace std::chrono_literals;

/// Without waits: a test's clock stands still.
BulkOptions in_steps_of(std::size_t step) { return {.step = step, .share = 1}; }

/// "seen 7, done 3, unchanged 4": zeros of the rest are left out.
std::string text_of(const BulkReport& report) {
  std::string text = "seen " + std::to_string(report.seen) + ", done " + std::to_string(report.done);
  const auto add = [&](const char* name, std::uint64_t value) {
    if (value != 0) text += ", " + std::string(name) + ' ' + std::to_string(value);
  };
  add("unchanged", report.unchanged);
  add("conflicts", report.conflicts);
  add("refused", report.refused);
  return text;
}

std::vector<BulkAction> all_actions(bool editing) {
  std::vector<BulkAction> all{BulkAction::retry(), BulkAction::cancel(), BulkAction::erase(), BulkAction::run_now()};
  if (editing) all.insert(all.end(), {BulkAction::move("elsewhere"), BulkAction::set_priority(3)});
  return all;
}

}  // namespace

TEST_P(InBulk, APreviewCountsAndShowsAndChangesNothing) {
  std::vector<JobId> ids;
  for (int i = 0; i < 15; ++i) {
    ids.insert(ids.begin(), client().enqueue(NewJob{.kind = "k", .params = "[1]", .options = {.delay = 1h}}).id);
    enqueue();
  }
  const Bulk bulk{db()};
  const JobFilter filter{.kinds = {"k"}};
  const BulkPreview all = bulk.preview(filter);
  EXPECT_EQ(all.count.value, 15u);
  EXPECT_FALSE(all.count.capped);
  EXPECT_EQ(ids_of(all.sample), std::vector<JobId>(ids.begin(), ids.begin() + 10)) << "the newest";
  EXPECT_EQ(all.sample[0].params, "");
  EXPECT_EQ(all.sample[0].state, JobState::scheduled);
  for (const std::uint64_t cap : {1u, 14u, 15u, 16u}) {
    const BulkPreview capped = bulk.preview(filter, cap, 0);
    EXPECT_EQ(capped.count.value, std::min<std::uint64_t>(cap, 15)) << cap;
    EXPECT_EQ(capped.count.capped, cap < 15) << cap;
    EXPECT_TRUE(capped.sample.empty());
  }
  EXPECT_EQ(ids_of(bulk.preview(filter, 2, 1000).sample), ids) << "a cap is for the count";
  EXPECT_EQ(bulk.preview({.kinds = {"none"}}).count.value, 0u);
  EXPECT_EQ(bulk.preview({}).count.value, 30u);
  EXPECT_EQ(admin().counts()[JobState::scheduled].value, 15u);
  EXPECT_EQ(admin().counts()[JobState::pending].value, 15u);
}

// One job of each state; what is in no state for the action is counted, and stays as it is.
TEST_P(InBulk, EachActionReachesTheStatesItIsFor) {
  const bool editing = capabilities().editing;
  const std::map<BulkAction::Kind, std::vector<JobState>> reached = {
      {BulkAction::Kind::retry, {JobState::success, JobState::errored, JobState::cancelled}},
      {BulkAction::Kind::cancel, {JobState::pending, JobState::scheduled, JobState::running}},
      {BulkAction::Kind::erase, {JobState::success, JobState::errored, JobState::cancelled}},
      {BulkAction::Kind::run_now, {JobState::scheduled}},
      {BulkAction::Kind::move, {JobState::pending, JobState::scheduled}},
      {BulkAction::Kind::set_priority, {JobState::pending, JobState::scheduled}},
  };
  for (const BulkAction& action : all_actions(editing)) {
    SCOPED_TRACE(to_string(action.kind()));
    const std::string kind = "of " + std::string(to_string(action.kind()));
    std::map<JobState, JobId> ids;
    const auto make = [&](EnqueueOptions options = {}) {
      options.queue = kind;
      return enqueue_kind(kind, options);
    };
    ids[JobState::success] = make();
    client().success(take({kind}));
    ids[JobState::errored] = make();
    client().error(take({kind}), "no", {.discard = true});
    ids[JobState::cancelled] = make();
    client().cancel(ids[JobState::cancelled]);
    ids[JobState::running] = make();
    ids[JobState::cancelling] = make();
    ASSERT_EQ(claim(2, {kind}).size(), 2u);
    client().cancel(ids[JobState::cancelling]);
    ids[JobState::pending] = make();
    ids[JobState::scheduled] = make({.delay = 1h});

    const JobFilter filter{.kinds = {kind}};
    const std::vector<JobState>& wanted = reached.at(action.kind());
    const BulkReport report = Bulk{db()}.apply(action, filter, in_steps_of(2));
    EXPECT_EQ(report.seen, 7u);
    EXPECT_EQ(report.done, wanted.size());
    EXPECT_EQ(report.unchanged, 7 - wanted.size());
    EXPECT_EQ(report.conflicts + report.refused, 0u);
    EXPECT_FALSE(report.next);
    for (const auto& [before, id] : ids) {
      const std::optional<Job> now = client().find(id);
      const bool meant = std::ranges::find(wanted, before) != wanted.end();
      SCOPED_TRACE(to_string(before));
      if (meant && action.kind() == BulkAction::Kind::erase) {
        EXPECT_FALSE(now);
        continue;
      }
      ASSERT_TRUE(now);
      JobState expected = before;
      switch (action.kind()) {
        case BulkAction::Kind::retry:
        case BulkAction::Kind::run_now:
          if (meant) expected = JobState::pending;
          break;
        case BulkAction::Kind::cancel:
          if (meant) expected = before == JobState::running ? JobState::cancelling : JobState::cancelled;
          break;
        default: break;
      }
      EXPECT_EQ(now->state, expected);
      EXPECT_EQ(now->queue, meant && action.kind() == BulkAction::Kind::move ? "elsewhere" : kind);
      EXPECT_EQ(now->priority, meant && action.kind() == BulkAction::Kind::set_priority ? 3 : 10);
    }
    const BulkReport again = Bulk{db()}.apply(action, filter, in_steps_of(2));
    EXPECT_EQ(again.done, 0u) << "what is done does not change again";
    EXPECT_EQ(again.seen, action.kind() == BulkAction::Kind::erase ? 4u : 7u);
    EXPECT_EQ(again.unchanged, again.seen);
  }
  if (editing) {
    EXPECT_EQ(ids_of(claim(10, {"elsewhere"})).size(), 1u) << "the queue was made";
  }
}

TEST_P(InBulk, OnlyJobsThatFitAreTouched) {
  std::vector<JobId> failed;
  for (int i = 0; i < 20; ++i) {
    const JobId id = enqueue();
    client().error(take(), i % 2 == 0 ? "timed out" : "Timed out", {.discard = true});
    if (i % 2 == 0) failed.push_back(id);
  }
  const JobFilter filter{.states = {JobState::errored}, .error = "timed out"};
  EXPECT_EQ(text_of(Bulk{db()}.apply(BulkAction::retry(), filter, in_steps_of(3))), "seen 10, done 10");
  for (const JobId id : failed) {
    EXPECT_EQ(state(id), JobState::pending);
    EXPECT_EQ(causes(id), (std::vector<Cause>{Cause::discarded, Cause::requeued}));
  }
  EXPECT_EQ(admin().counts()[JobState::errored].value, 10u) << "innocents harmed: 0";
  EXPECT_EQ(text_of(Bulk{db()}.apply(BulkAction::retry(), filter, in_steps_of(3))), "seen 0, done 0");
}

TEST_P(InBulk, AUniqueKeyThatALiveJobHasIsAConflict) {
  std::vector<JobId> ids;
  for (const char* key : {"a", "b", "b", "c"}) {  // the two of b ended one after the other
    ids.push_back(enqueue({.unique_key = key}));
    client().success(take());
  }
  const JobId live = enqueue({.unique_key = "c"});
  const JobFilter filter{.states = {JobState::success}};
  EXPECT_EQ(text_of(Bulk{db()}.apply(BulkAction::retry(), filter, in_steps_of(100))), "seen 4, done 2, conflicts 2");
  EXPECT_EQ(state(ids[0]), JobState::pending);
  EXPECT_NE(state(ids[1]), state(ids[2])) << "one of the two";
  EXPECT_EQ(state(ids[3]), JobState::success);
  EXPECT_EQ(state(live), JobState::pending);
}

TEST_P(InBulk, WhatWasLimitedOrStoppedGoesOnWhereItStopped) {
  std::vector<JobId> ids;
  for (int i = 0; i < 23; ++i) ids.push_back(enqueue());
  Bulk bulk{db()};
  const std::vector<std::function<void(BulkOptions&)>> stops = {
      [](BulkOptions& options) { options.limit = 5; },
      [](BulkOptions& options) { options.limit = 1; },
      [](BulkOptions& options) { options.on_progress = [](const BulkReport&) { return false; }; },
      [&](BulkOptions& options) {
        auto source = std::make_shared<sqlq::stop_source>();
        options.stop = source->get_token();
        options.on_progress = [source](const BulkReport&) { return source->request_stop(); };
      },
  };
  for (std::size_t i = 0; i < stops.size(); ++i) {
    SCOPED_TRACE(i);
    const BulkAction action = i % 2 == 0 ? BulkAction::cancel() : BulkAction::retry();
    BulkOptions options = in_steps_of(4);
    std::uint64_t seen = 0;
    std::uint64_t done = 0;
    int calls = 0;
    do {
      stops[i](options);
      const BulkReport report = bulk.apply(action, {}, options);
      seen += report.seen;
      done += report.done;
      EXPECT_LE(report.seen, 10u) << "so many or a few more";
      EXPECT_EQ(report.done, report.seen);
      EXPECT_TRUE(!report.next || !options.before || *report.next < *options.before);
      options.before = report.next;
      ++calls;
    } while (options.before && calls < 100);
    EXPECT_EQ(seen, 23u);
    EXPECT_EQ(done, 23u);
    EXPECT_GT(calls, 1);
  }
  for (const JobId id : ids) {
    EXPECT_EQ(causes(id), (std::vector<Cause>{Cause::cancelled, Cause::requeued, Cause::cancelled, Cause::requeued}));
  }
}

TEST_P(InBulk, StoppedBeforeItBeganItHasNotDoneAll) {
  for (int i = 0; i < 10; ++i) enqueue();
  sqlq::stop_source stopped;
  stopped.request_stop();
  BulkOptions options = in_steps_of(3);
  options.stop = stopped.get_token();
  Bulk bulk{db()};
  const BulkReport first = bulk.apply(BulkAction::cancel(), {}, options);
  EXPECT_LE(first.seen, 3u);
  ASSERT_TRUE(first.next) << "empty would say that all is done";
  const BulkReport rest = bulk.apply(BulkAction::cancel(), {}, {.before = first.next, .step = 3, .share = 1});
  EXPECT_EQ(first.done + rest.done, 10u);
  EXPECT_FALSE(rest.next);
  EXPECT_EQ(admin().counts()[JobState::cancelled].value, 10u);
}

TEST_P(InBulk, EachStepIsReportedAndOnlyTheLastHasNoNext) {
  for (int i = 0; i < 10; ++i) enqueue();
  std::vector<BulkReport> reports;
  BulkOptions options = in_steps_of(4);
  options.on_progress = [&](const BulkReport& report) {
    EXPECT_EQ(admin().counts()[JobState::cancelled].value, report.done) << "steps before are done";
    reports.push_back(report);
    return true;
  };
  const BulkReport last = Bulk{db()}.apply(BulkAction::cancel(), {}, options);
  ASSERT_GE(reports.size(), 3u);
  for (std::size_t i = 0; i < reports.size(); ++i) {
    EXPECT_LE(reports[i].seen, 4 * (i + 1));
    EXPECT_TRUE(reports[i].next || i + 1 == reports.size());
  }
  EXPECT_EQ(text_of(reports.back()), text_of(last));
  EXPECT_EQ(text_of(last), "seen 10, done 10");
  EXPECT_FALSE(last.next);
}

// What was lost is the answer, or the process: the last report that was given is enough to go on.
TEST_P(InBulk, AfterAnErrorTheLastReportGoesOn) {
  for (int i = 0; i < 10; ++i) enqueue({.delay = 1h});
  std::optional<JobId> next;
  BulkOptions options = in_steps_of(3);
  options.on_progress = [&](const BulkReport& report) -> bool {
    next = report.next;
    throw Error(Errc::busy, "of the test's own");
  };
  EXPECT_EQ(code_of([&] { return Bulk{db()}.apply(BulkAction::run_now(), {}, options); }), "busy");
  EXPECT_EQ(admin().counts()[JobState::pending].value, 3u) << "the step stays done";
  ASSERT_TRUE(next);
  BulkOptions rest = in_steps_of(3);
  rest.before = next;
  EXPECT_EQ(text_of(Bulk{db()}.apply(BulkAction::run_now(), {}, rest)), "seen 7, done 7");
  EXPECT_EQ(text_of(Bulk{db()}.apply(BulkAction::run_now(), {}, in_steps_of(3))), "seen 10, done 0, unchanged 10")
      << "from the start it does no harm";
}

TEST_P(InBulk, JobsThatComeLaterAreNotLookedAt) {
  for (int i = 0; i < 9; ++i) enqueue();
  std::vector<JobId> later;
  BulkOptions options = in_steps_of(2);
  options.on_progress = [&](const BulkReport&) {
    later.push_back(enqueue());
    return later.size() < 50;
  };
  const BulkReport report = Bulk{db()}.apply(BulkAction::cancel(), {}, options);
  EXPECT_EQ(text_of(report), "seen 9, done 9");
  EXPECT_FALSE(report.next);
  ASSERT_FALSE(later.empty());
  for (const JobId id : later) EXPECT_EQ(state(id), JobState::pending) << "innocents harmed: 0";
}

// What happens to the jobs of later steps while the first ones are done.
TEST_P(InBulk, WhatHappenedMeanwhileIsNotUndone) {
  std::vector<JobId> ids;
  for (int i = 0; i < 9; ++i) {
    ids.push_back(enqueue());
    client().error(take(), "no", {.discard = true});
  }
  const auto meanwhile = [&](const std::function<void()>& what) {
    BulkOptions options = in_steps_of(3);
    options.on_progress = [&, what, first = true](const BulkReport&) mutable {
      if (std::exchange(first, false)) what();
      return true;
    };
    return options;
  };
  // Three are to be deleted while another operator runs them again.
  const BulkReport erased = Bulk{db()}.apply(BulkAction::erase(), {}, meanwhile([&] {
                                               for (std::size_t i = 0; i < 3; ++i) admin().requeue(ids[i]);
                                             }));
  EXPECT_EQ(text_of(erased), "seen 9, done 6, unchanged 3");
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(state(ids[i]), JobState::pending);

  // They are to be run again while they run, or end well.
  client().cancel(ids[0]);
  for (int i = 0; i < 3; ++i) enqueue_kind("more");
  for (const Job& job : claim(10)) client().error(job, "no", {.discard = true});
  const JobFilter failed{.states = {JobState::errored, JobState::cancelled}};
  Job running;
  const BulkReport retried = Bulk{db()}.apply(BulkAction::retry(), failed, meanwhile([&] {
                                                admin().requeue(ids[1]);
                                                admin().requeue(ids[2]);
                                                for (const Job& job : claim(10, {}, {"work"})) {
                                                  if (job.id == ids[1]) client().success(job);
                                                  if (job.id == ids[2]) running = job;
                                                }
                                              }));
  EXPECT_EQ(text_of(retried), "seen 4, done 4") << "they fit no more";
  EXPECT_EQ(state(ids[0]), JobState::pending);
  EXPECT_EQ(state(ids[1]), JobState::success);
  EXPECT_EQ(state(ids[2]), JobState::running);
  EXPECT_EQ(client().success(running), FinishStatus::applied);
}

TEST_P(InBulk, MovedJobsThatWereClaimedMeanwhileStayWithTheirHolders) {
  SQLQ_NEEDS(editing);
  for (int i = 0; i < 12; ++i) enqueue({.queue = "from"});
  std::vector<Job> held_jobs;
  BulkOptions options = in_steps_of(4);
  options.on_progress = [&](const BulkReport&) {
    if (held_jobs.empty()) held_jobs = claim(5, {"from"});
    return true;
  };
  const BulkReport report = Bulk{db()}.apply(BulkAction::move("to"), {.queues = {"from"}}, options);
  ASSERT_EQ(held_jobs.size(), 5u);
  EXPECT_EQ(text_of(report), "seen 12, done 7, unchanged 5");
  for (const Job& job : held_jobs) {
    EXPECT_EQ(row(job.id).queue, "from");
    EXPECT_EQ(client().success(job), FinishStatus::applied);
  }
  EXPECT_EQ(claim(100, {"to"}).size(), 7u);
}

// A worker runs what is retried while it is retried: each job runs once more, and none twice.
TEST_P(InBulk, RetriedJobsThatRunAtOnceAreRetriedOnce) {
  use_system_clock();
  constexpr std::size_t many = 120;
  client().enqueue_many(std::vector<NewJob>(many, NewJob{.kind = "work"}));
  for (const Job& job : claim(many)) client().error(job, "no", {.discard = true});
  const std::vector<Database> handles = {db(), another()};
  std::atomic<std::size_t> ran{0};
  std::atomic<std::uint64_t> retried{0};
  in_threads(3, [&](int t) {
    const Database mine = handles[static_cast<std::size_t>(t) % 2];
    if (t == 0) {
      retried = Bulk{mine}.apply(BulkAction::retry(), {.states = {JobState::errored}}, in_steps_of(7)).done;
      return;
    }
    Client worker{mine};
    EXPECT_TRUE(eventually([&] {
      for (const Job& job : worker.claim({}, {}, 3)) {
        EXPECT_EQ(worker.success(job), FinishStatus::applied);
        ++ran;
      }
      return ran >= many;
    }));
  });
  EXPECT_EQ(ran, many);
  EXPECT_EQ(retried, many);
  for (const Job& job : admin().list({}, {.limit = 1000})) {
    EXPECT_EQ(job.state, JobState::success);
    EXPECT_EQ(job.claims, 2);
  }
  EXPECT_TRUE(claim(10).empty());
}

TEST_P(InBulk, ManyJobsInManySteps) {
  constexpr std::uint64_t many = 2'500;
  client().enqueue_many(std::vector<NewJob>(many, NewJob{.kind = "work", .options = {.delay = 1h}}));
  enqueue_kind("other", {.delay = 1h});
  for (const BulkAction& action : {BulkAction::run_now(), BulkAction::cancel(), BulkAction::erase()}) {
    SCOPED_TRACE(to_string(action.kind()));
    std::size_t steps = 0;
    BulkOptions options = in_steps_of(100);
    options.on_progress = [&](const BulkReport&) { return ++steps < 1000; };
    const BulkReport report = Bulk{db()}.apply(action, {.kinds = {"work"}}, options);
    EXPECT_EQ(report.seen, many);
    EXPECT_EQ(report.done, many);
    EXPECT_FALSE(report.next);
    EXPECT_GE(steps, 25u);
  }
  EXPECT_EQ(admin().list().size(), 1u);
}

TEST_P(InBulk, ManyMovedJobs) {
  SQLQ_NEEDS(editing);
  constexpr std::uint64_t many = 2'500;
  client().enqueue_many(std::vector<NewJob>(many, NewJob{.kind = "work", .options = {.queue = "from"}}));
  // They fit the filter no more once they are moved, and the next steps find the others all the same.
  const BulkReport report =
      Bulk{db()}.apply(BulkAction::move("to"), {.queues = {"from"}, .states = {JobState::pending}}, in_steps_of(100));
  EXPECT_EQ(report.done, many);
  EXPECT_EQ(report.seen, many);
  EXPECT_EQ(admin().counts("to")[JobState::pending].value, many);
  EXPECT_EQ(admin().delete_queue("from"), DeleteQueueStatus::deleted);
}

TEST_P(InBulk, OneThatTheDatabaseRefusesHoldsNoOtherBack) {
  SQLQ_NEEDS(borrowed_transactions);
  ASSERT_FALSE(backend().refusals.empty()) << "handles are offered, but no way for the database to refuse a value";
  enqueue_kind("before");
  ASSERT_EQ(client().success(take(), R"("first")"), FinishStatus::applied);
  std::vector<JobId> offenders;
  std::vector<JobId> innocent;
  for (int i = 0; i < 20; ++i) {
    const bool bad = i % 7 == 3;
    const JobId id = client().enqueue(NewJob{.kind = "work", .params = bad ? R"("forbidden")" : "1"}).id;
    (bad ? offenders : innocent).push_back(id);
    client().cancel(id);
  }
  const std::unique_ptr<UserConnection> connection = user();
  for (const std::string& sql : backend().refusals.front().sql) connection->execute(sql);
  const BulkReport report = Bulk{db()}.apply(BulkAction::retry(), {.states = {JobState::cancelled}}, in_steps_of(6));
  EXPECT_EQ(text_of(report), "seen 20, done 17, refused 3");
  std::vector<JobId> refused = report.refused_ids;
  std::ranges::sort(refused);
  EXPECT_EQ(refused, offenders);
  EXPECT_FALSE(report.next);
  for (const JobId id : innocent) EXPECT_EQ(state(id), JobState::pending) << "innocents harmed: 0";
  for (const JobId id : offenders) EXPECT_EQ(state(id), JobState::cancelled);
}

TEST_P(InBulk, WithoutEditingTwoActionsSaySoAndChangeNothing) {
  SQLQ_NEEDS_NO(editing);
  const JobId id = enqueue();
  Bulk bulk{db()};
  EXPECT_EQ(code_of([&] { return bulk.apply(BulkAction::move("to"), {}); }), "configuration");
  EXPECT_EQ(code_of([&] { return bulk.apply(BulkAction::set_priority(1), {}); }), "configuration");
  EXPECT_EQ(row(id).queue, "default");
  EXPECT_EQ(row(id).priority, 10);
}

TEST_P(InBulk, AskedForNonsense) {
  const JobId id = enqueue();
  Bulk bulk{db()};
  EXPECT_EQ(code_of([&] { return bulk.preview({}, 0); }), "invalid_argument");
  EXPECT_EQ(code_of([&] { return bulk.preview({}, 1'000'001); }), "invalid_argument");
  EXPECT_EQ(code_of([&] { return bulk.preview({}, 1, 1001); }), "invalid_argument");
  EXPECT_EQ(code_of([&] { return bulk.preview({.queues = {""}}); }), "invalid_argument");
  const auto refused = [&](const BulkOptions& options) {
    return code_of([&] { return bulk.apply(BulkAction::cancel(), {}, options); });
  };
  EXPECT_EQ(refused({.step = 0, .share = 1}), "invalid_argument");
  EXPECT_EQ(refused({.step = 1001, .share = 1}), "invalid_argument");
  for (const double share : {0.0, -1.0, 1.1, std::numeric_limits<double>::quiet_NaN(),
                             std::numeric_limits<double>::infinity()}) {
    EXPECT_EQ(refused({.share = share}), "invalid_argument") << share;
  }
  EXPECT_EQ(code_of([&] { return bulk.apply(BulkAction::cancel(), {.states = {JobState::invalid}}); }),
            "invalid_argument");
  if (capabilities().editing) {
    for (const std::string& name : {std::string(), std::string(256, 'q'), std::string("a\nb"), std::string("\xFF")}) {
      EXPECT_EQ(code_of([&] { return bulk.apply(BulkAction::move(name), {}); }), "invalid_argument");
    }
  }
  EXPECT_EQ(state(id), JobState::pending);
}

}  // namespace sqlq::conformance
