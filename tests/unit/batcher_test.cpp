// Which calls are written together, on whose thread, and who hears of an error.

#include <algorithm>
#include <atomic>
#include <functional>
#include <mutex>
#include <numeric>
#include <optional>
#include <semaphore>
#include <set>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <pthread.h>

#include <sqlq/error.hpp>
#include <sqlq/stop_token.hpp>

#include "core/batcher.hpp"

namespace sqlq::core {
namespace {

constexpr std::size_t most_weight = 100;

/// Writes numbers. Number 0 is written when the test lets it; `bad` ones are refused.
class Numbers final : Batcher {
 public:
  explicit Numbers(std::size_t most_leading) : Batcher(most_leading) {}

  void add(int n, std::size_t weight = 1) {
    Number mine;
    mine.n = n;
    run(mine, weight);
  }
  void add_alone(int n) { add(n, alone); }
  bool try_add(int n) {
    Number mine;
    mine.n = n;
    return run(mine, 1, false);
  }
  using Batcher::waiting;

  std::set<int> bad{};
  std::function<void()> refuse = [] { throw Error(Errc::refused, "no"); };
  std::function<std::size_t(std::size_t)> before = [](std::size_t) { return most_weight; };
  std::function<void()> after = [] {};
  std::function<void(const std::vector<int>&)> writing = [](const auto&) {};
  std::counting_semaphore<> blocked{0};
  std::counting_semaphore<> go{0};

  [[nodiscard]] std::vector<int> written() const { return sorted(written_); }
  [[nodiscard]] std::vector<std::vector<int>> writes() const { return writes_; }

  static std::vector<int> sorted(std::vector<int> numbers) {
    std::ranges::sort(numbers);
    return numbers;
  }

 private:
  struct Number : Call {
    int n = 0;
  };

  std::size_t prepare(const Call& first, std::size_t waiting) override {
    return static_cast<const Number&>(first).n == 0 ? 1 : before(waiting);
  }
  void write(Line& calls) override {
    std::vector<int> numbers;
    for (Call* c = calls.first(); c != nullptr; c = c->next()) numbers.push_back(static_cast<Number&>(*c).n);
    if (numbers.front() == 0) {
      blocked.release();
      go.acquire();
      return;
    }
    {
      const std::lock_guard lock(mutex_);
      writes_.push_back(numbers);
    }
    writing(numbers);
    if (std::ranges::any_of(numbers, [this](int n) { return bad.contains(n); })) refuse();
    const std::lock_guard lock(mutex_);
    written_.insert(written_.end(), numbers.begin(), numbers.end());
  }
  void finish() noexcept override { after(); }

  mutable std::mutex mutex_;
  std::vector<int> written_;
  std::vector<std::vector<int>> writes_;
};

struct BatcherTest : ::testing::Test {
  explicit BatcherTest(std::size_t leaders = 1) : most_leading(leaders), numbers(leaders) {}

  /// Begins `calls`, one thread each, one after the other, behind writes that are kept under way; ends one of these.
  void gather(const std::vector<std::function<void()>>& calls) {
    std::vector<sqlq::jthread> first;
    for (std::size_t i = 0; i < most_leading; ++i) first.emplace_back([this] { numbers.add(0); });
    for (std::size_t i = 0; i < most_leading; ++i) numbers.blocked.acquire();
    std::vector<sqlq::jthread> threads;
    for (std::size_t i = 0; i < calls.size(); ++i) {
      threads.emplace_back(calls[i]);
      while (numbers.waiting() <= i) std::this_thread::yield();
    }
    numbers.go.release(1);
    threads.clear();
    numbers.go.release(static_cast<std::ptrdiff_t>(most_leading) - 1);
  }
  /// Adds 1 to `n` in this way; returns what each was told.
  std::vector<std::optional<Errc>> gather(int n) {
    std::vector<std::optional<Errc>> told(static_cast<std::size_t>(n) + 1);
    std::vector<std::function<void()>> calls;
    for (int i = 1; i <= n; ++i) calls.push_back([this, i, &told] { told[static_cast<std::size_t>(i)] = add(i); });
    gather(calls);
    return told;
  }
  std::optional<Errc> add(int n) {
    try {
      numbers.add(n);
    } catch (const Error& e) {
      return e.code();
    }
    return {};
  }
  static std::vector<int> up_to(int n) {
    std::vector<int> all(static_cast<std::size_t>(n));
    std::iota(all.begin(), all.end(), 1);
    return all;
  }

  const std::size_t most_leading;
  Numbers numbers;
};

struct BatcherOfTwo : BatcherTest {
  BatcherOfTwo() : BatcherTest(2) {}
};

TEST_F(BatcherTest, ALoneCallIsWrittenOnItsOwnThread) {
  std::optional<std::thread::id> thread;
  numbers.writing = [&](const auto&) { thread = std::this_thread::get_id(); };
  numbers.add(1);
  EXPECT_EQ(thread, std::this_thread::get_id());
}

TEST_F(BatcherTest, WhatGathersIsWrittenTogetherInOrder) {
  gather(20);
  EXPECT_EQ(numbers.writes(), (std::vector<std::vector<int>>{up_to(20)}));
}

TEST_F(BatcherOfTwo, TwoLeadAtOnceAndTheOthersGather) {
  gather(20);
  EXPECT_EQ(numbers.writes(), (std::vector<std::vector<int>>{up_to(20)}));
}

TEST_F(BatcherTest, NoMoreIsGatheredThanItsWeightAllowsAndNobodyIsOvertaken) {
  gather({[&] { numbers.add(1, 60); }, [&] { numbers.add(2, 40); }, [&] { numbers.add(3, 1); },
          [&] { numbers.add(4, 100); }, [&] { numbers.add(5, 1); }});
  EXPECT_EQ(numbers.writes(), (std::vector<std::vector<int>>{{1, 2}, {3}, {4}, {5}}));
}

TEST_F(BatcherTest, WhatIsToBeAloneIsAlone) {
  gather({[&] { numbers.add(1); }, [&] { numbers.add_alone(2); }, [&] { numbers.add(3); }, [&] { numbers.add(4); }});
  EXPECT_EQ(numbers.writes(), (std::vector<std::vector<int>>{{1}, {2}, {3, 4}}));
}

TEST_F(BatcherTest, OneRefusedOf256CostsTwoWritesForEachHalvingAndHarmsNobody) {
  numbers.before = [](std::size_t) { return std::size_t{256}; };
  numbers.bad = {77};
  const auto told = gather(256);
  for (int i = 1; i <= 256; ++i) {
    EXPECT_EQ(told[static_cast<std::size_t>(i)], i == 77 ? std::optional(Errc::refused) : std::nullopt);
  }
  EXPECT_EQ(numbers.written().size(), 255U) << "innocents harmed: 0";
  EXPECT_LE(numbers.writes().size(), 1U + 2 * 8);
}

TEST_F(BatcherTest, AnyOtherExceptionMayBeOfOneAsWell) {
  numbers.bad = {2};
  numbers.refuse = [] { throw std::runtime_error("changed its mind"); };
  std::atomic<int> failed{0};
  std::vector<std::function<void()>> calls;
  for (int i = 1; i <= 5; ++i) {
    calls.push_back([this, i, &failed] {
      try {
        numbers.add(i);
      } catch (const std::runtime_error& e) {
        EXPECT_STREQ(e.what(), "changed its mind");
        ++failed;
      }
    });
  }
  gather(calls);
  EXPECT_EQ(failed, 1);
  EXPECT_EQ(numbers.written(), (std::vector<int>{1, 3, 4, 5}));
}

TEST_F(BatcherTest, AnErrorOfAllIsToldToAllAndNobodyAsksAgain) {
  for (const Errc code : {Errc::busy, Errc::connection, Errc::outcome_unknown, Errc::schema, Errc::corrupt}) {
    numbers.bad = {3};
    numbers.refuse = [&] { throw Error(code, "not now"); };
    const std::size_t before = numbers.writes().size();
    const auto told = gather(5);
    EXPECT_TRUE(std::all_of(told.begin() + 1, told.end(), [&](const auto& t) { return t == code; })) << to_string(code);
    EXPECT_EQ(numbers.writes().size(), before + 1);
  }
}

TEST_F(BatcherTest, AnErrorOfAPartIsToldToThatPart) {
  numbers.refuse = [&] { throw Error(Errc::refused, "no"); };
  numbers.bad = {5};
  numbers.writing = [](const std::vector<int>& some) {
    if (some == std::vector<int>{1, 2, 3, 4}) throw Error(Errc::connection, "away");
  };
  const auto told = gather(8);
  for (std::size_t i = 1; i <= 4; ++i) EXPECT_EQ(told[i], Errc::connection);
  EXPECT_EQ(told[5], Errc::refused);
  EXPECT_EQ(numbers.written(), (std::vector<int>{6, 7, 8}));
}

TEST_F(BatcherTest, WhoComesWhileTheLeaderPreparesIsTakenAlong) {
  sqlq::jthread second;
  numbers.before = [&](std::size_t waiting) {
    EXPECT_EQ(waiting, 0U);
    second = sqlq::jthread([&] { numbers.add(2); });
    while (numbers.waiting() == 0) std::this_thread::yield();
    return most_weight;
  };
  numbers.add(1);
  second.join();
  EXPECT_EQ(numbers.writes(), (std::vector<std::vector<int>>{{1, 2}}));
}

TEST_F(BatcherTest, TheLeaderLearnsHowManyWaitedBefore) {
  std::vector<std::size_t> waited;
  numbers.before = [&](std::size_t waiting) {
    waited.push_back(waiting);
    return waiting;  // with itself one less than there are
  };
  gather(4);
  EXPECT_EQ(waited, (std::vector<std::size_t>{3, 0}));
  EXPECT_EQ(numbers.writes(), (std::vector<std::vector<int>>{{1, 2, 3}, {4}}));
}

TEST_F(BatcherTest, TheNextLeadsWhenTheLastHasFinished) {
  std::atomic<int> finished{0};
  numbers.after = [&] { ++finished; };
  numbers.before = [](std::size_t) { return std::size_t{1}; };
  numbers.writing = [&](const std::vector<int>& some) { EXPECT_EQ(finished, some.front()); };
  gather(4);
  EXPECT_EQ(finished, 5) << "with the one in front";
}

TEST_F(BatcherTest, TryingDoesNotWait) {
  sqlq::jthread first([&] { numbers.add(0); });
  numbers.blocked.acquire();
  EXPECT_FALSE(numbers.try_add(1));
  numbers.go.release();
  first.join();
  EXPECT_TRUE(numbers.try_add(2));
  EXPECT_EQ(numbers.written(), std::vector<int>{2});
}

// The thread of a leader that is cancelled inside of the database's library, say.
TEST_F(BatcherTest, WhenTheLeadersThreadIsEndedTheOthersAreWrittenWithoutIt) {
  numbers.writing = [ended = false](const auto&) mutable {
    if (!std::exchange(ended, true)) ::pthread_exit(nullptr);
  };
  const auto told = gather(5);
  EXPECT_EQ(numbers.writes(), (std::vector<std::vector<int>>{up_to(5), {2, 3, 4, 5}}));
  EXPECT_EQ(numbers.written(), (std::vector<int>{2, 3, 4, 5}));
  numbers.add(6);
  EXPECT_EQ(numbers.written().size(), 5U);
}

TEST_F(BatcherTest, ACallerWhoseThreadIsEndedWhileItWaitsHarmsNobody) {
  const sqlq::jthread leader([&] { numbers.add(0); });
  numbers.blocked.acquire();
  sqlq::jthread ended([&] { numbers.add(1); });
  while (numbers.waiting() < 1) std::this_thread::yield();
  const sqlq::jthread last([&] { numbers.add(2); });
  while (numbers.waiting() < 2) std::this_thread::yield();
  ::pthread_cancel(ended.native_handle());
  numbers.go.release();
  ended.join();
  numbers.add(3);
  EXPECT_EQ(numbers.written(), (std::vector<int>{1, 2, 3}));
}

TEST_F(BatcherTest, WhenItIsEndedWhileItPreparesToo) {
  numbers.before = [ended = false](std::size_t) mutable {
    if (!std::exchange(ended, true)) ::pthread_exit(nullptr);
    return most_weight;
  };
  gather(5);
  EXPECT_EQ(numbers.writes(), (std::vector<std::vector<int>>{{2, 3, 4, 5}}));
}

TEST_F(BatcherTest, WhenItIsEndedAmongHalvesThoseThatWereToldAreNotWrittenAgain) {
  numbers.bad = {8};
  numbers.writing = [](const std::vector<int>& some) {
    if (some.front() == 5 && some.size() == 2) ::pthread_exit(nullptr);
  };
  const auto told = gather(8);
  EXPECT_EQ(numbers.written(), (std::vector<int>{1, 2, 3, 4, 6, 7})) << "5 led next, and its thread was ended as well";
  EXPECT_EQ(told[8], Errc::refused);
}

TEST_F(BatcherTest, ManyThreadsAreEachWrittenOnce) {
  constexpr int threads = 8;
  constexpr int each = 500;
  for (int i = 0; i < threads * each; i += 37) numbers.bad.insert(i + 1);
  std::atomic<int> refused{0};
  {
    std::vector<sqlq::jthread> all;
    for (int t = 0; t < threads; ++t) {
      all.emplace_back([&, t] {
        for (int i = 0; i < each; ++i) refused += add(1 + t * each + i).has_value();
      });
    }
  }
  EXPECT_EQ(static_cast<std::size_t>(refused), numbers.bad.size());
  auto expected = up_to(threads * each);
  std::erase_if(expected, [&](int n) { return numbers.bad.contains(n); });
  EXPECT_EQ(numbers.written(), expected);
}

}  // namespace
}  // namespace sqlq::core
