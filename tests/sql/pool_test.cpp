#include <latch>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

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
    std::vector<std::jthread> threads;
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

}  // namespace
}  // namespace sqlq::sql
