#include <atomic>
#include <functional>
#include <latch>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <pthread.h>

#include <sqlq/testing/manual_clock.hpp>

#include <sqlq/stop_token.hpp>

#include "fake_server.hpp"
#include "sql/pool.hpp"

namespace sqlq::sql {
namespace {

// A waiter that nobody tells would wait for an hour: longer than a test may take.
TEST(Pool, EachConnectionThatComesBackIsForAnotherWaiter) {
  constexpr std::size_t n = 2;
  Script script;
  Pool pool({.size = n, .wait = std::chrono::hours(1)}, [&] { return std::make_unique<FakeConnection>(script); });
  for (int round = 0; round < 100; ++round) {
    std::unique_ptr<Pool::Lease> first(new Pool::Lease(pool.take()));
    std::unique_ptr<Pool::Lease> second(new Pool::Lease(pool.take()));
    std::latch all_have_one{n};
    std::vector<sqlq::jthread> threads;
    for (std::size_t i = 0; i < n; ++i) {
      threads.emplace_back([&] {
        const Pool::Lease lease = pool.take();
        all_have_one.arrive_and_wait();
      });
    }
    while (pool.waiting() < n) std::this_thread::yield();
    first.reset();
    second.reset();
  }
}

TEST(Pool, AThreadThatIsEndedWhileItWaitsHarmsNobody) {
  Script script;
  Pool pool({.size = 1, .wait = std::chrono::hours(1)}, [&] { return std::make_unique<FakeConnection>(script); });
  std::unique_ptr<Pool::Lease> first(new Pool::Lease(pool.take()));
  const auto take = [&] { const Pool::Lease lease = pool.take(); };
  sqlq::jthread ended(take);
  while (pool.waiting() < 1) std::this_thread::yield();
  sqlq::jthread last(take);
  while (pool.waiting() < 2) std::this_thread::yield();
  ::pthread_cancel(ended.native_handle());
  first.reset();
  ended.join();
  last.join();
  EXPECT_EQ(pool.waiting(), 0U);
  const Pool::Lease again = pool.take();
}

// Calls that have time may wait for somebody's lock: the last connections are not theirs.
TEST(Pool, WhoLeavesSomeForOthersIsInNobodysWay) {
  Script script;
  Pool pool({.size = 3, .wait = std::chrono::hours(1)}, [&] { return std::make_unique<FakeConnection>(script); });
  std::unique_ptr<Pool::Lease> aside(new Pool::Lease(pool.take(2)));
  std::atomic<bool> took{false};
  sqlq::jthread second([&] {
    const Pool::Lease lease = pool.take(2);
    took = true;
  });
  while (pool.waiting() < 1) std::this_thread::yield();
  for (int i = 0; i < 10; ++i) {
    const Pool::Lease one = pool.take();
    const Pool::Lease two = pool.take();
  }
  {
    std::unique_ptr<Pool::Lease> one(new Pool::Lease(pool.take()));
    const Pool::Lease two = pool.take();
    sqlq::jthread third([&] { const Pool::Lease three = pool.take(); });
    while (pool.waiting() < 2) std::this_thread::yield();
    one.reset();  // for the third thread, though the second one came first
    third.join();
    EXPECT_FALSE(took);
  }
  EXPECT_FALSE(took);
  EXPECT_EQ(pool.waiting(), 1U);
  aside.reset();
  second.join();
  EXPECT_TRUE(took);
}

/// A pool on a clock of the test, before a server that has no connection to spare until it is told.
class FullServer : public ::testing::Test {
 protected:
  FullServer() : pool({.size = 2, .wait = std::chrono::seconds(10)}, [this] { return connect(); }, clock) {}
  std::unique_ptr<Connection> connect() {
    ++tries;
    if (full) throw Error(Errc::busy, "too many connections", "fake", 53300);
    return std::make_unique<FakeConnection>(script);
  }
  /// Takes a connection on another thread, and lets time go by until it has one or has given up: only while it waits.
  /// Else it might find, when it goes on, that what it was told of has been idle for hours.
  std::optional<Errc> take_meanwhile(const std::function<void()>& meanwhile) {
    std::optional<Errc> error;
    std::atomic<bool> over{false};
    {
      const sqlq::jthread taker([&] {
        try {
          const Pool::Lease lease = pool.take();
        } catch (const Error& e) {
          error = e.code();
          message = e.what();
        }
        over = true;
      });
      while (pool.waiting() == 0) std::this_thread::yield();
      meanwhile();
      while (!over) {
        if (pool.waiting() > 0) clock->advance(std::chrono::milliseconds(100));
        std::this_thread::yield();
      }
    }
    return error;
  }

  const std::shared_ptr<testing::ManualClock> clock = std::make_shared<testing::ManualClock>();
  Script script;
  std::atomic<bool> full{true};
  std::atomic<int> tries{0};
  std::string message;
  Pool pool;
};

TEST_F(FullServer, IsWaitedForUntilItHasAConnection) {
  EXPECT_EQ(take_meanwhile([&] { full = false; }), std::nullopt);
  EXPECT_EQ(tries, 2);
}

TEST_F(FullServer, IsWaitedForNoLongerThanForThePool) {
  const SteadyPoint begin = clock->steady();
  EXPECT_EQ(take_meanwhile([] {}), Errc::busy);
  EXPECT_GE(clock->steady() - begin, std::chrono::seconds(10));
  EXPECT_NE(message.find("pool_wait"), std::string::npos) << message;
  EXPECT_NE(message.find("too many connections"), std::string::npos) << message;
  EXPECT_LT(tries, 40) << "it is not asked without a pause";
}

TEST_F(FullServer, OneOfOursThatComesBackIsUsed) {
  full = false;
  std::unique_ptr<Pool::Lease> mine(new Pool::Lease(pool.take()));
  full = true;
  EXPECT_EQ(take_meanwhile([&] { mine.reset(); }), std::nullopt);
  EXPECT_EQ(tries, 2);
}

}  // namespace
}  // namespace sqlq::sql
