// Children: stored once, waited for without a slot, whatever becomes of them and of the parent's process.

#include <algorithm>
#include <stdexcept>

#include <gtest/gtest.h>

#include "core/parents.hpp"
#include "core/step_values.hpp"
#include "worker/workflow.hpp"

namespace sqlq::testing {
namespace {

using namespace std::chrono_literals;

struct Child {
  static constexpr std::string_view kind = "child";
  int n = 0;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(Child, n)
};

struct ChildrenTest : WorkflowTest {
  /// A parent of three, the second of which fails.
  PlayedWorker parent() {
    return worker([this](JobContext& job) {
      const std::vector<NewJob> three{{"child", "1"}, {"child", R"("fail")"}, {"child", "3"}};
      done = job.all("parts", three);
    });
  }
  std::size_t children() {
    const auto jobs = Admin(db).list({.kinds = {"child"}});
    return jobs.size();
  }
  JobId child(JobId of, std::size_t index) {
    const auto steps = Admin(db).steps(of);
    return core::read_ids(steps.at(0).value).at(index);
  }
  std::vector<Job> done{};
};

TEST_F(ChildrenTest, AreAnsweredInOrderWithStateAndResultWhenAllHaveEnded) {
  PlayedWorker w = parent();
  const JobId id = start();
  EXPECT_EQ(w.work(), 5U) << "the parent, three children in its only slot, and the parent woken by the last of them";
  EXPECT_EQ(find(id).state, JobState::success);
  EXPECT_EQ(find(id).attempt, 1);
  ASSERT_EQ(done.size(), 3U);
  EXPECT_EQ(result_of<int>(done[0]), 1);
  EXPECT_EQ(done[1].state, JobState::errored);
  EXPECT_THROW((void)result_of<int>(done[1]), Error);
  EXPECT_EQ(result_of<int>(done[2]), 3);
  EXPECT_EQ(w.watch.calls["wake"], 1);
  EXPECT_EQ(children(), 3U);
}

TEST_F(ChildrenTest, AnyRangeOfJobsWillDo) {
  int sum = 0;
  PlayedWorker w = worker([&](JobContext& job) {
    for (const Job& part : job.all("parts", std::vector<Child>{{1}, {2}, {4}}, {.priority = 3})) {
      EXPECT_EQ(part.priority, 3);
      sum += result_of<Child>(part).n;
    }
    EXPECT_TRUE(job.all("none", std::vector<Child>{}).empty());
  });
  const JobId id = start();
  w.work();
  EXPECT_EQ(sum, 7);
  EXPECT_EQ(find(id).state, JobState::success) << last_message(id);
}

TEST_F(ChildrenTest, AParentThatNobodyWakesLooksAgainAfterTwoSecondsThenLessOften) {
  PlayedWorker w = parent();
  const JobId id = start();
  w.watch.before = [](const std::string& operation) {
    if (operation == "wake") throw Error(Errc::connection, "the database is away");
  };
  client.enqueue(NewJob{"flow", "null"});  // runs behind the parent: its children come after it
  const TimePoint began = clock->now();
  w.work();
  EXPECT_EQ(find(id).state, JobState::scheduled);
  EXPECT_EQ(find(id).run_at, began + 2s);
  clock->advance(2s);
  w.work();
  EXPECT_EQ(find(id).state, JobState::success);
}

TEST_F(ChildrenTest, LooksAreAtMostFiveMinutesApart) {
  PlayedWorker w = parent();
  const JobId id = start();
  w.admin().create_queue("closed", {.concurrency = 0});
  PlayedWorker patient = worker([](JobContext& job) {
    const std::vector<NewJob> one{{"child", "1", {.queue = "closed"}}};
    (void)job.all("parts", one);
  });
  patient.work();
  std::vector<Duration> pauses;
  for (int i = 0; i < 12; ++i) {
    const Duration pause = find(id).run_at - clock->now();
    pauses.push_back(pause);
    clock->advance(pause);
    EXPECT_EQ(patient.work(), 1U);
  }
  EXPECT_EQ(pauses[0], 2s);
  EXPECT_EQ(pauses[1], 2s);
  EXPECT_EQ(pauses[2], 4s);
  EXPECT_TRUE(std::ranges::is_sorted(pauses));
  EXPECT_EQ(pauses.back(), 5min);
}

TEST_F(ChildrenTest, OneThatIsCancelledOrGoneIsAnsweredAsSuch) {
  PlayedWorker w = worker([this](JobContext& job) {
    const std::vector<NewJob> two{{"child", "1", {.delay = 1h}}, {"child", "2", {.delay = 1h}}};
    done = job.all("parts", two);
  });
  const JobId id = start();
  w.work();
  const JobId first = child(id, 0);
  const JobId second = child(id, 1);
  client.cancel(first);
  client.cancel(second);
  w.admin().erase(second);
  clock->advance(2s);
  w.work();
  ASSERT_EQ(done.size(), 2U);
  EXPECT_EQ(done[0].state, JobState::cancelled);
  EXPECT_EQ(done[1].state, JobState::invalid);
  EXPECT_EQ(done[1].id, second);
}

TEST_F(ChildrenTest, WhenAllAreGoneNoneIsMadeAgain) {
  PlayedWorker w = worker([this](JobContext& job) {
    done = job.all("parts", std::vector<NewJob>{{"child", "1", {.delay = 1h}}});
  });
  const JobId id = start();
  w.work();
  client.cancel(child(id, 0));
  w.admin().erase(child(id, 0));
  clock->advance(2s);
  w.work();
  ASSERT_EQ(done.size(), 1U);
  EXPECT_EQ(done[0].state, JobState::invalid);
  EXPECT_EQ(children(), 0U);
}

TEST_F(ChildrenTest, AreStoredOnceWhereverTheParentDies) {
  for (const bool before : {true, false}) {
    for (int n = 1; n <= 2; ++n) {  // the record of their ids, and the enqueue
      const std::size_t there = children();
      const JobId id = start();
      {
        PlayedWorker dying = parent();
        dying.die_at(n, before);
        dying.work();
        EXPECT_TRUE(dying.killed);
      }
      take_back();
      PlayedWorker w = parent();
      w.work();
      EXPECT_EQ(find(id).state, JobState::success) << n << before;
      EXPECT_EQ(done.size(), 3U);
      EXPECT_EQ(children(), there + 3) << n << before;
    }
  }
}

TEST_F(ChildrenTest, AnEnqueueThatFailsIsMadeUpForByTheNextAttempt) {
  PlayedWorker w = worker([this](JobContext& job) {
    try {
      done = job.all("parts", std::vector<NewJob>{{"child", "1"}});
    } catch (const Error&) {  // and the handler means to wait by itself
      job.sleep("later", 1h);
    }
  });
  w.watch.before = [&](const std::string& operation) {
    if (operation == "enqueue" && w.watch.calls["enqueue"] == 1) throw Error(Errc::busy, "the database is locked");
  };
  const JobId id = start();
  w.work();
  EXPECT_TRUE(has(w.admin().history(id).at(0).message, "could not be stored"));
  EXPECT_EQ(done.size(), 1U);
  EXPECT_EQ(find(id).state, JobState::success);
}

TEST_F(ChildrenTest, ARestartMakesNewOnes) {
  PlayedWorker w = parent();
  const JobId id = start();
  w.work();
  EXPECT_EQ(w.admin().restart(id, "parts"), RequeueStatus::requeued);
  w.work();
  EXPECT_EQ(children(), 6U);
  EXPECT_EQ(find(id).state, JobState::success);
}

TEST_F(ChildrenTest, AreCheckedBeforeAnythingIsRecorded) {
  PlayedWorker w = worker([](JobContext& job) {
    const auto refused = [&](const NewJob& bad, const std::string& why) {
      expect_error(Errc::invalid_argument, why, [&] { (void)job.all("parts", std::span(&bad, 1)); });
    };
    refused({"", "1"}, "kind");
    refused({"child", "{"}, "params");
    refused({"child", "1", {.unique_key = "k"}}, "unique_key");
    const std::vector<NewJob> many(1001, NewJob{"child", "1"});
    expect_error(Errc::invalid_argument, "1001", [&] { (void)job.all("parts", many); });
  });
  const JobId id = start();
  w.work();
  EXPECT_EQ(find(id).state, JobState::success) << last_message(id);
  EXPECT_TRUE(w.admin().steps(id).empty());
}

TEST_F(ChildrenTest, ManyWakeTheirParentOnce) {
  const std::vector<NewJob> many(200, NewJob{"child", "1"});
  PlayedWorker w = worker([&](JobContext& job) { done = job.all("parts", many); });
  const JobId id = start();
  EXPECT_EQ(w.work(), 202U);
  EXPECT_EQ(done.size(), 200U);
  EXPECT_EQ(w.watch.calls["wake"], 1);
  EXPECT_EQ(w.admin().history(id).size(), 1U);
}

TEST(Parents, AreReadAsTheyWereWritten) {
  const core::Parent parent{.id = JobId::make(TimePoint{}), .number = -7, .name = "two words"};
  EXPECT_EQ(core::read_parent(core::parent_text(parent)), parent);
  for (const char* bad : {"", "x", "00000000-0000-7000-8000-000000000000", "00000000-0000-7000-8000-000000000000 ",
                          "00000000-0000-7000-8000-000000000000 1", "00000000-0000-7000-8000-000000000000 1 ",
                          "00000000-0000-7000-8000-000000000000 x name"}) {
    EXPECT_EQ(core::read_parent(bad), std::nullopt) << bad;
  }
  EXPECT_TRUE(core::read_ids("[1]").empty());
  EXPECT_TRUE(core::read_ids("[\"x\"]").empty());
  EXPECT_EQ(core::ids_text({}), "[]");
  const std::vector<JobId> two{JobId::make(TimePoint{}), JobId::make(TimePoint{})};
  EXPECT_EQ(core::read_ids(core::ids_text(two)), two);
  EXPECT_EQ(nlohmann::json::parse(core::ids_text(two)).size(), 2U);
  EXPECT_TRUE(core::read_ids("{").empty());
}

}  // namespace
}  // namespace sqlq::testing
