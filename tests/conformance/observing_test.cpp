// Hooks around enqueue, observers, traces: what they make of what is stored, and whether it adds up with the database.

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include <sqlq/conformance/suite.hpp>
#include <sqlq/sqlq.hpp>

#include "quiet_worker.hpp"

namespace sqlq::conformance {
namespace {

using namespace std::chrono_literals;

const std::string sent_parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Keeps all events. Thread-safe.
class EventDiary final : public Observer {
 public:
  void observe(const Event& event) override {
    const std::lock_guard lock(mutex_);
    events_.push_back(event);
  }
  template <class T>
  [[nodiscard]] std::vector<T> all() const {
    const std::lock_guard lock(mutex_);
    std::vector<T> found;
    for (const Event& event : events_) {
      if (const T* its = std::get_if<T>(&event)) found.push_back(*its);
    }
    return found;
  }
  /// How the executions of each job ended.
  [[nodiscard]] std::map<JobId, std::vector<JobEnd>> ends() const {
    std::map<JobId, std::vector<JobEnd>> ends;
    for (const JobEnded& e : all<JobEnded>()) ends[e.job->id].push_back(e.end);
    return ends;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Event> events_;
};

NewJob retouched(NewJob job) {
  if (job.params == R"("bad")") throw std::runtime_error("the hook refuses it");
  job.options.queue = "hooked";
  job.options.priority = 3;
  job.options.delay = 1h;
  return job;
}

NewJob work(std::string params) { return {.kind = "work", .params = std::move(params)}; }

/// Fails, ends or gives back as its params say.
Outcome obey(JobContext& job) {
  const std::string& params = job.job().params;
  if (params == R"("error")") throw std::runtime_error("as it was told");
  if (params == R"("discard")") return discard("as it was told");
  if (params == R"("snooze")" && job.job().claims == 1) return Outcome::snooze(1s);
  return Outcome::done();
}

/// The causes that a job's history has when its executions ended like this.
std::vector<Cause> causes_of(const std::vector<JobEnd>& ends) {
  std::vector<Cause> causes;
  for (const JobEnd end : ends) {
    switch (end) {
      case JobEnd::retried:
      case JobEnd::errored: causes.push_back(Cause::failed); break;
      case JobEnd::discarded: causes.push_back(Cause::discarded); break;
      case JobEnd::cancelled: causes.push_back(Cause::cancelled); break;
      case JobEnd::snoozed:
      case JobEnd::suspended: causes.push_back(Cause::snoozed); break;
      case JobEnd::released: causes.push_back(Cause::released); break;
      case JobEnd::success:
      case JobEnd::lost: break;
    }
  }
  return causes;
}

}  // namespace

TEST_P(Observing, AHookMakesTheJobThatIsStored) {
  Client hooked{db(), {.hooks = {retouched}}};
  std::vector<JobId> ids{hooked.enqueue(work("1")).id, hooked.enqueue_row(work("2")).id};
  for (const Enqueued& made : hooked.enqueue_many(std::vector{work("3"), work("4")})) ids.push_back(made.id);
  for (const JobId id : ids) {
    const Job job = row(id);
    EXPECT_EQ(job.queue, "hooked");
    EXPECT_EQ(job.priority, 3);
    EXPECT_EQ(job.state, JobState::scheduled);
    EXPECT_EQ(job.run_at, clock().now() + 1h);
  }
  EXPECT_EQ(row(enqueue()).queue, "default") << "another client has no hook";
}

TEST_P(Observing, AHookThatThrowsStoresNothingOfItsBatchAndHarmsNoOther) {
  Client hooked{db(), {.hooks = {retouched}}};
  const JobId innocent = hooked.enqueue(work("1")).id;
  EXPECT_THROW(hooked.enqueue(work(R"("bad")")), std::runtime_error);
  EXPECT_THROW(hooked.enqueue_many(std::vector{work("2"), work(R"("bad")"), work("3")}), std::runtime_error);
  EXPECT_EQ(ids_of(admin().list()), std::vector{innocent});
}

TEST_P(Observing, AHookThatThrowsLeavesTheUsersTransactionAsItWas) {
  SQLQ_NEEDS(borrowed_transactions);
  for_each_handle([&](UserConnection& user) {
    const auto diary = std::make_shared<EventDiary>();
    Client hooked{db(), {.hooks = {retouched}, .observers = {diary}}};
    user.begin();
    const JobId innocent = hooked.enqueue(user.tx(), work("1")).id;
    EXPECT_THROW(hooked.enqueue_many(user.tx(), std::vector{work("2"), work(R"("bad")")}), std::runtime_error);
    EXPECT_TRUE(user.in_transaction());
    user.commit();
    EXPECT_EQ(row(innocent).queue, "hooked");
    ASSERT_EQ(diary->all<JobEnqueued>().size(), 1U);
    EXPECT_TRUE(diary->all<JobEnqueued>()[0].in_transaction);
  });
}

TEST_P(Observing, TheAnswerOfEachEnqueueIsTold) {
  const auto diary = std::make_shared<EventDiary>();
  Client observed{db(), {.observers = {diary}}};
  NewJob job = work("1");
  job.options.unique_key = "key";
  const JobId first = observed.enqueue(job).id;
  observed.enqueue(job);
  job.options = {.id = first};
  observed.enqueue(job);
  std::vector<EnqueueStatus> answers;
  for (const JobEnqueued& e : diary->all<JobEnqueued>()) {
    EXPECT_EQ(e.id, first);
    EXPECT_EQ(e.queue, "default");
    EXPECT_EQ(e.kind, "work");
    answers.push_back(e.status);
  }
  EXPECT_EQ(answers,
            (std::vector{EnqueueStatus::inserted, EnqueueStatus::existing_key, EnqueueStatus::existing_id}));
}

TEST_P(Observing, TheEndsThatAreToldAddUpWithTheHistories) {
  const auto diary = std::make_shared<EventDiary>();
  Handlers handlers;
  handlers.on("work", Handlers::Function(obey), {.retry = RetryPolicy::constant(1s)});
  std::vector<JobId> ids;
  for (int i = 0; i < 6; ++i) {
    for (const char* fate : {"1", R"("error")", R"("discard")", R"("snooze")"}) {
      NewJob job = work(fate);
      job.options.max_attempts = 3;
      ids.push_back(client().enqueue(job).id);
    }
  }
  WorkerStats stats;
  {
    QuietWorker worker{db(), handlers, {.concurrency = 4, .observers = {diary}}};
    const auto all_finished = [&] {
      if (held() == 0) clock().advance(1s);  // or leases might end
      return std::ranges::all_of(ids, [&](JobId id) { return is_finished(state(id)); });
    };
    ASSERT_TRUE(eventually(all_finished));
    stats = worker->stop();
  }
  const std::map<JobId, std::vector<JobEnd>> told = diary->ends();
  std::size_t sum = 0;
  for (const JobId id : ids) {
    const auto its = told.find(id);
    ASSERT_NE(its, told.end()) << "a job finished and nobody heard of it";
    sum += its->second.size();
    EXPECT_EQ(its->second.size(), static_cast<std::size_t>(row(id).claims)) << "each execution ends once";
    EXPECT_EQ(causes_of(its->second), causes(id));
    EXPECT_EQ(its->second.back() == JobEnd::success, row(id).state == JobState::success);
  }
  EXPECT_EQ(sum, stats.claimed);
  EXPECT_EQ(sum, stats.ended());
  EXPECT_EQ(sum, diary->all<JobEnded>().size()) << "of no other job";
  EXPECT_EQ(sum, diary->all<JobStarted>().size());
}

TEST_P(Observing, ASweepTellsWhatBecameOfTheJobsOfTheDead) {
  const JobId id = enqueue({.max_attempts = 1});
  static_cast<void>(take());  // and dies
  const auto diary = std::make_shared<EventDiary>();
  Handlers handlers;
  handlers.on("other", Handlers::Function([](JobContext&) { return Outcome::done(); }));
  QuietWorker worker{db(), handlers, {.observers = {diary}}};
  const auto told = [&] {
    clock().advance(10s);
    return !diary->all<LeasesEnded>().empty();
  };
  ASSERT_TRUE(eventually(told));
  EXPECT_EQ(diary->all<LeasesEnded>()[0].errored, std::vector{id});
  EXPECT_TRUE(diary->all<JobEnded>().empty());
}

TEST_P(Observing, TheTicksOfASchedulePassNoHookAndAreTold) {
  SQLQ_NEEDS(periodic);
  Schedules schedules{db(), {.hooks = {retouched}}};
  schedules.sync({{.name = "poll", .rule = "@every 60s", .job = work(R"("bad")")}});
  const auto diary = std::make_shared<EventDiary>();
  Handlers handlers;
  handlers.on("work", Handlers::Function([](JobContext&) { return Outcome::done(); }));
  QuietWorker worker{db(), handlers, {.observers = {diary}, .client = {.hooks = {retouched}}}};
  clock().advance(60s);
  ASSERT_TRUE(eventually([&] { return !diary->all<TicksFired>().empty() && !diary->all<JobEnded>().empty(); }));
  worker->stop();
  std::size_t ticks = 0;
  for (const TicksFired& fired : diary->all<TicksFired>()) {
    EXPECT_EQ(fired.schedule, "poll");
    ticks += fired.ticks;
  }
  const std::vector<JobEnqueued> jobs = diary->all<JobEnqueued>();
  EXPECT_EQ(jobs.size(), ticks);
  for (const JobEnqueued& job : jobs) EXPECT_EQ(row(job.id).queue, "default");
}

TEST_P(Observing, WhatAHandlerEnqueuesPassesTheHooksOfItsWorker) {
  const auto diary = std::make_shared<EventDiary>();
  Handlers handlers;
  handlers.on("parent", Handlers::Function([](JobContext& job) {
                job.client().enqueue(work("1"));
                return Outcome::done();
              }));
  QuietWorker worker{db(), handlers, {.observers = {diary}, .client = {.hooks = {retouched}}}};
  const JobId id = enqueue_kind("parent");
  ASSERT_TRUE(reaches(id, JobState::success));
  const std::vector<JobEnqueued> told = diary->all<JobEnqueued>();
  ASSERT_EQ(told.size(), 1U) << "by the observers of the worker";
  EXPECT_EQ(told[0].queue, "hooked");
  EXPECT_EQ(row(told[0].id).queue, "hooked");
}

TEST_P(Observing, ChildrenPassTheHooksOfTheirWorker) {
  SQLQ_NEEDS(steps);
  const auto diary = std::make_shared<EventDiary>();
  Handlers handlers;
  handlers.on("parent", Handlers::Function([](JobContext& job) {
                static_cast<void>(job.all("parts", std::vector{work("1"), work("2")}));
                return Outcome::done();
              }));
  QuietWorker worker{db(), handlers, {.observers = {diary}, .client = {.hooks = {retouched}}}};
  const JobId id = enqueue_kind("parent");
  ASSERT_TRUE(reaches(id, JobState::scheduled));
  ASSERT_TRUE(eventually([&] { return !diary->all<JobEnded>().empty(); }));
  EXPECT_EQ(diary->all<JobEnded>()[0].end, JobEnd::suspended);
  const std::vector<JobEnqueued> told = diary->all<JobEnqueued>();
  ASSERT_EQ(told.size(), 2U);
  for (const JobEnqueued& child : told) EXPECT_EQ(row(child.id).queue, "hooked");
}

TEST_P(Observing, ATraceGoesFromWhoEnqueuesThroughTheHandlerToWhatThatEnqueues) {
  SQLQ_NEEDS(headers);
  Handlers handlers;
  handlers.around(keep_trace);
  handlers.on("parent", Handlers::Function([](JobContext& job) {
                const std::optional<JobTrace> trace = trace_of(job.job());
                EXPECT_TRUE(trace && trace->child && trace->traceparent == sent_parent && trace->tracestate == "a=1");
                job.client().enqueue(NewJob{.kind = "child"});
                return Outcome::done();
              }));
  QuietWorker worker{db(), handlers, {.client = {.hooks = {send_trace()}}}};
  Client traced{db(), {.hooks = {send_trace([] { return TraceContext{sent_parent, "a=1"}; })}}};
  const Enqueued later = traced.enqueue(NewJob{.kind = "unhandled", .options = {.delay = 1h}});
  const Enqueued first = traced.enqueue(NewJob{.kind = "parent"});
  ASSERT_TRUE(reaches(first.id, JobState::success));
  const std::vector<Job> children = admin().list({.kinds = {"child"}});
  ASSERT_EQ(children.size(), 1U);
  EXPECT_EQ(children[0].headers, (Headers{{"traceparent", sent_parent}, {"tracestate", "a=1"}}));
  EXPECT_TRUE(trace_of(row(first.id))->child);
  EXPECT_FALSE(trace_of(row(later.id))->child) << "it runs when the trace may be over";
}

}  // namespace sqlq::conformance
