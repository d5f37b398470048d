// Observers: each claimed job's end is told once, and nothing that an observer does harms a job.

#include <algorithm>
#include <atomic>
#include <latch>
#include <map>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <pthread.h>

#include <sqlq/observer.hpp>

#include "support/expect_error.hpp"
#include "worker/services.hpp"
#include "worker/worker_fixture.hpp"

namespace sqlq::testing {
namespace {

using namespace std::chrono_literals;

/// Keeps all events. Thread-safe.
class Diary final : public Observer {
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

 private:
  mutable std::mutex mutex_;
  std::vector<Event> events_;
};

class Throwing final : public Observer {
 public:
  void observe(const Event&) override {
    ++calls;
    throw std::runtime_error("not my day");
  }
  std::atomic<int> calls{0};
};

struct ObserversTest : ::testing::Test {
  std::shared_ptr<Diary> diary = std::make_shared<Diary>();
  [[nodiscard]] WorkerOptions observed() const { return {.observers = {diary}}; }
  [[nodiscard]] std::multiset<std::string> ends() const {
    std::multiset<std::string> all;
    for (const JobEnded& e : diary->all<JobEnded>()) all.emplace(to_string(e.end));
    return all;
  }
};

TEST_F(ObserversTest, HearOfEachClaimedJobOnceHowItEnded) {
  Services services(8, [](JobContext& job) {
    const std::string& queue = job.job().queue;
    if (queue == "error" || queue == "last") throw std::runtime_error("boom");
    if (queue == "discard") return discard("bad");
    if (queue == "snooze") return Outcome::snooze(1h);
    return Outcome::done();
  }, observed());
  for (const char* queue : {"fine", "error", "discard", "snooze", "last"}) {
    services.database.add([queue](Job& job) {
      job.queue = queue;
      job.max_attempts = std::string(queue) == "last" ? 1 : 5;
    });
  }
  services.work();
  EXPECT_EQ(ends(), (std::multiset<std::string>{"success", "retried", "discarded", "snoozed", "errored"}));
  std::map<std::string, JobEnded> by_queue;
  for (const JobEnded& e : diary->all<JobEnded>()) by_queue[e.job->queue] = e;
  EXPECT_EQ(by_queue["fine"].cause, std::nullopt);
  EXPECT_EQ(by_queue["error"].cause, Cause::failed);
  EXPECT_EQ(by_queue["error"].message, "boom");
  EXPECT_EQ(by_queue["discard"].cause, Cause::discarded);
  EXPECT_EQ(by_queue["snooze"].cause, Cause::snoozed);
  EXPECT_EQ(services.stats().ended(), services.stats().claimed);
  EXPECT_EQ(diary->all<JobEnded>().size(), services.stats().claimed);
  EXPECT_EQ(diary->all<JobStarted>().size(), services.stats().claimed);
  const std::vector<JobsClaimed> claims = diary->all<JobsClaimed>();
  std::size_t claimed = 0;
  for (const JobsClaimed& c : claims) claimed += c.got;
  EXPECT_EQ(claimed, services.stats().claimed);
}

TEST_F(ObserversTest, HearHowLongAJobWaitedAndRan) {
  ManualClock* clock = nullptr;
  Services services(1, [&](JobContext&) {
    clock->advance(3s);
    return Outcome::done();
  }, observed());
  clock = services.clock.get();
  const TimePoint due = clock->now();
  services.database.add([&](Job& job) {
    job.queued_at = due - 1h;
    job.run_at = due;
    job.started_at = due + 5s;
  });
  services.claim_one();
  clock->advance(2s);
  services.run_all();
  services.work();
  ASSERT_EQ(diary->all<JobStarted>().size(), 1U);
  ASSERT_EQ(diary->all<JobEnded>().size(), 1U);
  EXPECT_EQ(diary->all<JobStarted>().at(0).waited, 7s) << "5 s until the claim, and 2 s until a thread was free";
  EXPECT_EQ(diary->all<JobEnded>().at(0).ran, Duration(3s));
}

TEST_F(ObserversTest, HearOfALostLease) {
  JobId id;
  Services* its = nullptr;
  Services services(1, [&](JobContext&) {
    its->database.steal(id);
    return Outcome::done();
  }, observed());
  its = &services;
  id = services.database.add();
  services.work();
  EXPECT_EQ(ends(), std::multiset<std::string>{"lost"});
  EXPECT_EQ(diary->all<JobEnded>().at(0).cause, std::nullopt);
  const std::vector<WorkerEvent> told = diary->all<WorkerEvent>();
  EXPECT_TRUE(std::ranges::any_of(told, [](const WorkerEvent& e) { return e.code == WorkerEvent::Code::outcome_late; }))
      << "the events of on_event are events, too";
}

TEST_F(ObserversTest, HearOfAJobThatWasGivenBackBeforeItBegan) {
  Services services(1, {}, observed());
  services.database.add();
  services.claim_one()->set_unwanted();
  services.run_all();
  services.work();
  EXPECT_EQ(ends(), std::multiset<std::string>{"released"});
  EXPECT_EQ(diary->all<JobEnded>().at(0).ran, std::nullopt);
  EXPECT_TRUE(diary->all<JobStarted>().empty());
}

TEST_F(ObserversTest, ThatThrowHarmNobodyAndKeepNothingFromTheNext) {
  const auto throwing = std::make_shared<Throwing>();
  Services services(4, {}, {.observers = {throwing, diary}});
  for (int i = 0; i < 20; ++i) services.database.add();
  while (services.work() > 0) {
  }
  EXPECT_EQ(services.stats().succeeded, 20U) << "innocents harmed: 0";
  EXPECT_EQ(diary->all<JobEnded>().size(), 20U);
  EXPECT_GE(throwing->calls, 40);
}

TEST_F(ObserversTest, OfAWorkerHearOfWhatItsHandlersEnqueue) {
  Services services(1, {}, observed());
  EXPECT_EQ(services.runtime.shared.options.client.observers.size(), 1U);
  Services own(1, {}, {.observers = {diary}, .client = {.observers = {std::make_shared<Throwing>(), diary}}});
  EXPECT_EQ(own.runtime.shared.options.client.observers.size(), 2U);
}

TEST_F(ObserversTest, ThatAreNullAreRefused) {
  const auto refused = [](const char* part, WorkerOptions options) {
    expect_error(Errc::invalid_argument, part, [&] { Services services(1, {}, std::move(options)); });
  };
  refused("WorkerOptions::observers", {.observers = {nullptr}});
  refused("WorkerOptions::client", {.client = {.observers = {nullptr}}});
  refused("hooks", {.client = {.hooks = {EnqueueHook()}}});
}

// ------------------------------------------------------------------------------------------------- queued

struct QueuedTest : WorkerTest {
  std::latch release{1};
  std::latch all_ran{50};
  std::mutex mutex{};
  std::vector<JobId> told{};

  void note(const Event& event) {
    const std::lock_guard lock(mutex);
    if (const auto* end = std::get_if<JobEnded>(&event)) told.push_back(end->job->id);
  }
  std::set<JobId> add(int n) {
    std::set<JobId> ids;
    for (int i = 0; i < n; ++i) ids.insert(database.add());
    return ids;
  }
  /// A worker of four slots runs all 50, and its stop writes all outcomes.
  WorkerStats work(std::shared_ptr<Observer> observer) {
    WorkerOptions options = quiet(4);
    options.observers = {std::move(observer)};
    Worker worker(base.db, handle([this](JobContext&) {
                    all_ran.count_down();
                    return Outcome::done();
                  }),
                  options);
    worker.start();
    all_ran.wait();
    return worker.stop();
  }
};

TEST_F(QueuedTest, ThatBlocksDelaysNoJobAndHearsOfAllLater) {
  const std::set<JobId> ids = add(50);
  auto slow = queued([this](const Event& event) {
    release.wait();
    note(event);
  }, {.grace = 1h});
  EXPECT_EQ(work(slow).succeeded, 50U) << "innocents harmed: 0";
  EXPECT_TRUE(told.empty());
  release.count_down();
  slow.reset();  // tells what waits
  EXPECT_EQ(std::set<JobId>(told.begin(), told.end()), ids);
  EXPECT_EQ(told.size(), 50U) << "each once";
}

TEST_F(QueuedTest, ThatBlocksLeavesOutWhatIsTooMuchAndSaysHowMany) {
  std::vector<std::string> lines;
  std::size_t heard = 0;
  std::latch begun(1);
  auto slow = queued([&](const Event& event) {
    begun.count_down(heard == 0 ? 1 : 0);
    release.wait();
    ++heard;
    if (const auto* its = std::get_if<WorkerEvent>(&event)) lines.push_back(its->message);
  }, {.most_waiting = 10, .grace = 1h});
  slow->observe(JobsClaimed{});
  begun.wait();
  for (int i = 0; i < 25; ++i) slow->observe(JobsClaimed{});
  release.count_down();
  slow.reset();
  EXPECT_EQ(heard, 12U) << "the first, the line, ten that waited";
  EXPECT_EQ(lines, std::vector<std::string>{"15 events were left out: an observer took too long; make it quicker, or "
                                             "raise QueuedOptions::most_waiting to bear longer bursts"});
}

TEST_F(QueuedTest, ThatThrowsOrEndsItsThreadHarmsNobodyAndGoesOn) {
  const std::set<JobId> ids = add(50);
  std::atomic<int> calls{0};
  auto wild = queued([&](const Event& event) {
    note(event);
    const int n = ++calls;
    if (n % 7 == 0) pthread_exit(nullptr);
    if (n % 2 == 0) throw std::runtime_error("not my day");
  }, {.grace = 1h});
  EXPECT_EQ(work(wild).succeeded, 50U) << "innocents harmed: 0";
  wild.reset();
  EXPECT_EQ(std::set<JobId>(told.begin(), told.end()), ids);
}

TEST_F(QueuedTest, WhoseEndIsNearWaitsNoLongerThanItsGrace) {
  const auto gate = std::make_shared<std::latch>(1);  // the thread may outlive the test
  auto stuck = queued([gate](const Event&) { gate->wait(); }, {.grace = 0s});
  stuck->observe(JobsClaimed{});
  stuck->observe(JobsClaimed{});
  stuck.reset();  // returns
  gate->count_down();
}

TEST_F(QueuedTest, RefusesWhatCannotBe) {
  const auto nothing = [](const Event&) {};
  expect_error(Errc::invalid_argument, "queued", [] { static_cast<void>(queued({})); });
  expect_error(Errc::invalid_argument, "", [&] { static_cast<void>(queued(nothing, {.most_waiting = 0})); });
  expect_error(Errc::invalid_argument, "grace", [&] { static_cast<void>(queued(nothing, {.grace = -1s})); });
}

TEST_F(QueuedTest, HearsThatAHandlerEndedItsThread) {
  std::latch ended(1);
  JobEnd end{};
  auto observer = queued([&](const Event& event) {
    if (const auto* its = std::get_if<JobEnded>(&event)) {
      end = its->end;
      ended.count_down();
    }
  });
  WorkerOptions options = quiet();
  options.observers = {observer};
  database.add();
  const auto end_the_thread = [](JobContext&) {
    pthread_exit(nullptr);
    return Outcome::done();  // not all systems declare that it does not return
  };
  Worker worker(base.db, handle(end_the_thread), options);
  worker.start();
  ended.wait();
  EXPECT_EQ(end, JobEnd::lost);
  const WorkerStats stats = worker.stop();
  EXPECT_EQ(stats.lost, 1U) << "what was claimed has ended";
  EXPECT_EQ(stats.ended(), stats.claimed);
}

}  // namespace
}  // namespace sqlq::testing
