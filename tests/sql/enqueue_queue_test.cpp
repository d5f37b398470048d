// Which calls are stored together, and who hears of an error.

#include <gtest/gtest.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <latch>
#include <mutex>
#include <optional>
#include <semaphore>
#include <thread>
#include <vector>

#include <sqlq/error.hpp>
#include <sqlq/stop_token.hpp>

#include "sql/enqueue_queue.hpp"

namespace sqlq::sql {
namespace {

/// Calls of one item each, from threads of their own, behind two that are kept under way.
class EnqueueQueueTest : public ::testing::Test {
 protected:
  static constexpr std::size_t most = most_shared_at_once;

  struct Answer {
    JobId id{};
    bool inserted = false;
    std::optional<Errc> error{};
  };

  static backend::EnqueueItem item(std::string_view kind) {
    return {.id = JobId::make(TimePoint{}), .fresh_id = true, .queue = "q", .kind = kind};
  }

  /// Lets one call for each of `kinds` gather; then one of the two in front ends. Returns what each was answered.
  std::vector<Answer> gather(const std::vector<std::string>& kinds) {
    std::vector<Answer> answers(kinds.size());
    std::vector<sqlq::jthread> blockers;
    std::vector<sqlq::jthread> threads;
    for (std::size_t i = 0; i < most; ++i) {
      blockers.emplace_back([this] {
        const auto blocker = item("blocker");
        queue.call({&blocker, 1});
      });
    }
    blocked.wait();
    for (std::size_t i = 0; i < kinds.size(); ++i) {
      threads.emplace_back([&, i] {
        const auto mine = item(kinds[i]);
        answers[i].id = mine.id;
        try {
          const auto answer = queue.call({&mine, 1});
          answers[i].inserted = answer.size() == 1 && answer.front().inserted() && answer.front().id == mine.id;
        } catch (const Error& e) {
          answers[i].error = e.code();
        }
      });
      while (queue.waiting() <= i) std::this_thread::yield();  // in this order
    }
    go.release(1);
    threads.clear();
    go.release(most - 1);
    return answers;
  }

  std::vector<Enqueued> store(EnqueueQueue::Items items, bool shared) {
    if (shared) ++gave_up_early;
    std::vector<Enqueued> answers;
    bool bad = false;
    for (const auto& i : items) {
      answers.push_back({.id = i.id, .status = EnqueueStatus::inserted});
      bad = bad || i.kind == "bad";
    }
    if (items.front().kind == "blocker") {
      blocked.count_down();
      go.acquire();
      return answers;
    }
    const int at_once = ++under_way;
    {
      const std::lock_guard lock(mutex);
      sizes.push_back(items.size());
      most_under_way = std::max(most_under_way, at_once);
    }
    --under_way;
    if (items.front().kind == "ends") ::pthread_exit(nullptr);
    if (bad) throw Error(error, "provoked");
    return answers;
  }

  std::latch blocked{static_cast<std::ptrdiff_t>(most)};
  std::counting_semaphore<> go{0};
  std::mutex mutex;
  std::vector<std::size_t> sizes;  // of the calls to store, but for the blockers'
  std::atomic<int> under_way{0};
  int most_under_way = 0;
  Errc error = Errc::invalid_argument;
  std::atomic<int> gave_up_early{0};
  EnqueueQueue queue{[this](EnqueueQueue::Items items, bool shared) { return store(items, shared); }, 2,
                     std::chrono::hours(1)};
};

TEST_F(EnqueueQueueTest, WhatGathersIsStoredTogetherAndEachGetsItsOwnAnswer) {
  for (const Answer& a : gather({"a", "b", "c", "d", "e"})) EXPECT_TRUE(a.inserted);
  EXPECT_EQ(sizes, (std::vector<std::size_t>{5}));
}

TEST_F(EnqueueQueueTest, AnErrorIsHeardByTheCallerWhoseItIs) {
  const auto answers = gather({"a", "bad", "c"});
  EXPECT_TRUE(answers[0].inserted);
  EXPECT_EQ(answers[1].error, Errc::invalid_argument);
  EXPECT_TRUE(answers[2].inserted);
  EXPECT_EQ(sizes, (std::vector<std::size_t>{3, 1, 2, 1, 1})) << "then by halves";
}

TEST_F(EnqueueQueueTest, AfterAnItemsErrorTheOthersDoNotComeAllAtOnce) {
  std::vector<std::string> kinds(50, "a");
  kinds[7] = "bad";
  const auto answers = gather(kinds);
  for (std::size_t i = 0; i < kinds.size(); ++i) EXPECT_EQ(answers[i].inserted, i != 7);
  EXPECT_LE(most_under_way, static_cast<int>(most));
}

// pthread_cancel, while the client library waits for the server.
TEST_F(EnqueueQueueTest, ACallerWhoseThreadIsEndedHarmsNobody) {
  const auto answers = gather({"ends", "b", "c"});
  EXPECT_FALSE(answers[0].inserted);
  EXPECT_TRUE(answers[1].inserted);
  EXPECT_TRUE(answers[2].inserted);
  EXPECT_EQ(sizes, (std::vector<std::size_t>{3, 2}));
}

class ErrorOfAll : public EnqueueQueueTest, public ::testing::WithParamInterface<Errc> {};

TEST_P(ErrorOfAll, IsToldToAllAndNobodyAsksAgain) {
  error = GetParam();
  for (const Answer& a : gather({"a", "bad", "c"})) EXPECT_EQ(a.error, GetParam());
  EXPECT_EQ(sizes, (std::vector<std::size_t>{3}));
}

INSTANTIATE_TEST_SUITE_P(EnqueueQueue, ErrorOfAll,
                         ::testing::Values(Errc::busy, Errc::connection, Errc::wrong_node,
                                           Errc::corrupt));

class ErrorOfATrigger : public EnqueueQueueTest, public ::testing::WithParamInterface<Errc> {};

TEST_P(ErrorOfATrigger, IsToldToItsCallerAndEachIsStoredAlone) {
  error = GetParam();
  const auto answers = gather({"a", "bad", "c"});
  EXPECT_TRUE(answers[0].inserted);
  EXPECT_EQ(answers[1].error, GetParam());
  EXPECT_TRUE(answers[2].inserted);
  EXPECT_EQ(sizes, (std::vector<std::size_t>{3, 1, 1, 1}));
  EXPECT_EQ(gave_up_early, 1) << "together they wait for one lock at most";
}

INSTANTIATE_TEST_SUITE_P(EnqueueQueue, ErrorOfATrigger,
                         ::testing::Values(Errc::retry_transaction, Errc::schema, Errc::permission));

TEST_F(EnqueueQueueTest, WhatMayWaitForAStrangerSharesWithNobody) {
  const auto keyed = [&] {
    auto one = item("blocker");
    one.unique_key = "k";
    queue.call({&one, 1});
  };
  {
    const sqlq::jthread first(keyed);
    const sqlq::jthread second(keyed);
    // The second waits for the first, and not in the store.
    while (queue.waiting_for_keys() == 0) std::this_thread::yield();
    for (int i = 0; i < 5; ++i) {
      const auto mine = item("a");
      EXPECT_TRUE(queue.call({&mine, 1}).front().inserted());
      auto other = item("b");
      other.unique_key = "another";
      EXPECT_TRUE(queue.call({&other, 1}).front().inserted());
      auto chosen = item("c");
      chosen.fresh_id = false;
      EXPECT_TRUE(queue.call({&chosen, 1}).front().inserted());
    }
    EXPECT_EQ(queue.waiting_for_keys(), 1U);
    EXPECT_EQ(sizes, std::vector<std::size_t>(15, 1));
    go.release(2);
  }
  EXPECT_EQ(queue.waiting_for_keys(), 0U);
}

TEST_F(EnqueueQueueTest, WhatMayHaveBeenStoredIsNotStoredAgain) {
  error = Errc::outcome_unknown;
  for (const Answer& a : gather({"a", "bad", "c"})) EXPECT_EQ(a.error, Errc::outcome_unknown);
  EXPECT_EQ(sizes, (std::vector<std::size_t>{3}));
}

TEST_F(EnqueueQueueTest, ALoneCallWaitsForNobody) {
  const auto mine = item("a");
  EXPECT_EQ(queue.call({&mine, 1}).size(), 1U);
}

TEST_F(EnqueueQueueTest, ALargeCallGoesAlone) {
  const std::vector<backend::EnqueueItem> many(most_shared_weight + 1, item("a"));
  EXPECT_EQ(queue.call(many).size(), many.size());
}

}  // namespace
}  // namespace sqlq::sql
