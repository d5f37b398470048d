// Wake-ups: hints come promptly, so that polling is only the net. No clock moves in most of these tests: whatever
// happens, happens because of a hint.

#include <atomic>

#include <sqlq/conformance/suite.hpp>
#include <sqlq/worker.hpp>

#include "quiet_worker.hpp"

namespace sqlq::conformance {
namespace {

using namespace std::chrono_literals;

Handlers doing_nothing() {
  Handlers handlers;
  handlers.on("work", [](JobContext&) { return Outcome::done(); });
  return handlers;
}

}  // namespace

TEST_P(Wakeup, AnEnqueueOfThisHandleIsAHint) {
  Moment hinted;
  const std::unique_ptr<backend::Subscription> subscription = dialect().subscribe([&] { hinted.happen(); });
  enqueue();
  EXPECT_TRUE(hinted.wait());
}

TEST_P(Wakeup, EverySubscriberIsTold) {
  Moment first;
  Moment second;
  const std::unique_ptr<backend::Subscription> a = dialect().subscribe([&] { first.happen(); });
  const std::unique_ptr<backend::Subscription> b = dialect().subscribe([&] { second.happen(); });
  enqueue();
  EXPECT_TRUE(first.wait());
  EXPECT_TRUE(second.wait());
}

TEST_P(Wakeup, ASubscriptionThatEndedIsSilent) {
  std::atomic<int> hints{0};
  dialect().subscribe([&] { ++hints; }).reset();
  const int before = hints;
  enqueue();
  EXPECT_EQ(hints, before);
}

TEST_P(Wakeup, ACancelOfARunningJobIsAHint) {
  const JobId id = enqueue();
  static_cast<void>(take());
  Moment hinted;
  const std::unique_ptr<backend::Subscription> subscription = dialect().subscribe([&] { hinted.happen(); });
  EXPECT_EQ(client().cancel(id), CancelStatus::cancelling);
  EXPECT_TRUE(hinted.wait());
}

TEST_P(Wakeup, JobsThatComeBackAreHints) {
  const std::vector<std::pair<std::string, std::function<void(const Job&)>>> ways = {
      {"release", [&](const Job& job) { client().release(job); }},
      {"reap",
       [&](const Job& job) {
         clock().advance(job.keepalive + 1s);
         static_cast<void>(client().reap());
       }},
      {"requeue",
       [&](const Job& job) {
         client().success(job);
         admin().requeue(job.id);
       }},
      {"resume",
       [&](const Job& job) {
         client().release(job);
         admin().pause("default");
         admin().resume("default");
       }},
  };
  for (const auto& [name, come_back] : ways) {
    enqueue();
    const Job job = take();
    Moment hinted;
    const std::unique_ptr<backend::Subscription> subscription = dialect().subscribe([&] { hinted.happen(); });
    come_back(job);
    EXPECT_TRUE(hinted.wait()) << name;
    client().success(take());
  }
}

TEST_P(Wakeup, OtherHandlesAreToldToo) {
  SQLQ_NEEDS(cross_process_wakeup);
  use_system_clock();
  Moment hinted;
  const std::unique_ptr<backend::Subscription> subscription = dialect().subscribe([&] { hinted.happen(); });
  Database second = another();
  Client{second}.enqueue(NewJob{.kind = "work"});
  EXPECT_TRUE(hinted.wait());
}

TEST_P(Wakeup, ACommitOfTheUsersOwnTransactionIsSeen) {
  SQLQ_NEEDS(borrowed_transactions);
  SQLQ_NEEDS(cross_process_wakeup);
  use_system_clock();
  for_each_handle([&](UserConnection& user) {
    Moment hinted;
    user.begin();
    const JobId id = client().enqueue(user.tx(), NewJob{.kind = "work"}).id;
    QuietWorker worker{db(), doing_nothing(), {.poll = 1h}};
    user.commit();
    EXPECT_TRUE(reaches(id, JobState::success));
  });
}

TEST_P(Wakeup, AWorkerStartsAJobPromptly) {
  use_system_clock();
  QuietWorker worker{db(), doing_nothing(), {.poll = 1h}};
  const SteadyPoint begin = system_clock()->steady();
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(reaches(enqueue(), JobState::success));
  EXPECT_LT(system_clock()->steady() - begin, 10s) << "twenty jobs, one after the other, with a poll of an hour";
}

TEST_P(Wakeup, AWorkerOnAnotherHandleStartsAJobPromptly) {
  SQLQ_NEEDS(cross_process_wakeup);
  use_system_clock();
  QuietWorker worker{another(), doing_nothing(), {.poll = 1h}};
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(reaches(enqueue(), JobState::success));
}

TEST_P(Wakeup, ADueJobIsStartedWithoutAPoll) {
  QuietWorker worker{db(), doing_nothing(), {.poll = 1h}};
  const JobId first = enqueue({.delay = 30s});
  ASSERT_TRUE(reaches(enqueue(), JobState::success));  // by now the fetcher has seen the queue
  clock().advance(30s);
  EXPECT_TRUE(reaches(first, JobState::success));
}

TEST_P(Wakeup, AFreedSlotOfALimitedQueueIsAHint) {
  admin().create_queue("default", {.concurrency = 1});
  std::vector<JobId> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(enqueue());
  QuietWorker worker{db(), doing_nothing(), {.concurrency = 4, .poll = 1h}};
  for (const JobId id : ids) EXPECT_TRUE(reaches(id, JobState::success));
}

TEST_P(Wakeup, ARaisedLimitIsAHint) {
  admin().create_queue("default", {.concurrency = 0});
  const JobId id = enqueue();
  QuietWorker worker{db(), doing_nothing(), {.poll = 1h}};
  const JobId other = enqueue({.queue = "other"});
  ASSERT_TRUE(reaches(other, JobState::success));
  admin().set_concurrency("default", 1);
  EXPECT_TRUE(reaches(id, JobState::success));
}

}  // namespace sqlq::conformance
