
#include <gtest/gtest.h>

#include <sqlq/testing/manual_clock.hpp>

#include <sqlq/stop_token.hpp>

#include "support/expect_error.hpp"

namespace sqlq::testing {
namespace {

using namespace std::chrono_literals;

TEST(ManualClock, StandsStillUntilAdvanced) {
  ManualClock clock;
  EXPECT_TRUE(clock.simulated());
  EXPECT_EQ(clock.now(), TimePoint(std::chrono::sys_days(std::chrono::year(2024) / 1 / 1)));
  EXPECT_EQ(clock.steady(), SteadyPoint(1h));
  clock.advance(5s);
  EXPECT_EQ(clock.now() - std::chrono::sys_days(std::chrono::year(2024) / 1 / 1), 5s);
  EXPECT_EQ(clock.steady(), SteadyPoint(1h + 5s));
  EXPECT_THROW(clock.advance(-1us), Error);
}

TEST(ManualClock, WallStepsAlone) {
  ManualClock clock;
  const Instant before = clock.instant();
  clock.step_wall(-48h);
  EXPECT_EQ(clock.now(), before.wall - 48h);
  EXPECT_EQ(clock.steady(), before.steady);
  clock.step_wall(Duration::max());
  EXPECT_EQ(clock.now(), saturating_add(before.wall - 48h, Duration::max()));
}

TEST(ManualClock, RestartBeginsAnotherLine) {
  ManualClock clock;
  const std::string epoch = clock.steady_epoch();
  clock.advance(5h);
  EXPECT_EQ(clock.steady_epoch(), epoch);
  clock.restart_host();
  EXPECT_NE(clock.steady_epoch(), epoch);
  EXPECT_EQ(clock.steady(), SteadyPoint(1h));
  EXPECT_EQ(ManualClock{}.steady_epoch(), epoch) << "two clocks play two processes of one host";
}

TEST(ManualSignal, APassedDeadlineDoesNotWait) {
  ManualClock clock;
  const auto signal = clock.make_signal();
  EXPECT_FALSE(signal->wait_until(clock.steady()));
  EXPECT_FALSE(signal->wait_until(SteadyPoint{}));
}

TEST(ManualSignal, ANotificationIsKeptOnce) {
  ManualClock clock;
  const auto signal = clock.make_signal();
  signal->notify();
  signal->notify();
  EXPECT_TRUE(signal->wait_until(SteadyPoint::max()));
  EXPECT_FALSE(signal->wait_until(clock.steady()));
}

TEST(ManualSignal, AWaitingThreadWakesWhenItsTimeIsReached) {
  ManualClock clock;
  const auto signal = clock.make_signal();
  const SteadyPoint deadline = clock.steady() + 10s;
  bool notified = true;
  {
    const sqlq::jthread waiter([&] { notified = signal->wait_until(deadline); });
    clock.advance(4s);
    clock.advance(6s);
  }
  EXPECT_FALSE(notified);
  EXPECT_EQ(clock.steady(), deadline);
}

TEST(ManualSignal, ANotificationWakesOnlyItsOwnWaiter) {
  ManualClock clock;
  const auto one = clock.make_signal();
  const auto other = clock.make_signal();
  const SteadyPoint deadline = clock.steady() + 1s;
  bool one_notified = false;
  bool other_notified = true;
  {
    const sqlq::jthread first([&] { one_notified = one->wait_until(SteadyPoint::max()); });
    const sqlq::jthread second([&] { other_notified = other->wait_until(deadline); });
    one->notify();
    clock.advance(1h);
  }
  EXPECT_TRUE(one_notified);
  EXPECT_FALSE(other_notified);
}

TEST(ManualSignal, ARestartEndsWaits) {
  ManualClock clock;
  const auto signal = clock.make_signal();
  clock.advance(5h);
  bool notified = true;
  sqlq::jthread waiter([&] { notified = signal->wait_until(SteadyPoint(8h)); });
  clock.restart_host();
  clock.advance(7h);  // for a waiter that came after the restart
  waiter.join();
  EXPECT_FALSE(notified);
}

TEST(SystemClock, TellsTimeAndWaits) {
  const auto clock = system_clock();
  EXPECT_EQ(clock, system_clock());
  EXPECT_FALSE(clock->simulated());
  EXPECT_FALSE(clock->steady_epoch().empty());
  EXPECT_EQ(clock->steady_epoch(), clock->steady_epoch());
  EXPECT_GT(clock->now(), TimePoint(std::chrono::sys_days(std::chrono::year(2020) / 1 / 1)));
  const auto signal = clock->make_signal();
  const SteadyPoint deadline = clock->steady() + 2ms;
  EXPECT_FALSE(signal->wait_until(deadline));
  EXPECT_GE(clock->steady(), deadline);
  signal->notify();
  EXPECT_TRUE(signal->wait_until(SteadyPoint::max()));
  const sqlq::jthread notifier([&] { signal->notify(); });
  EXPECT_TRUE(signal->wait_until(SteadyPoint::max() - 1us));
}

TEST(SaturatingAdd, StaysWithinTheLine) {
  EXPECT_EQ(saturating_add(TimePoint::max(), 1us), TimePoint::max());
  EXPECT_EQ(saturating_add(TimePoint::min(), -1us), TimePoint::min());
  EXPECT_EQ(saturating_add(TimePoint{}, Duration::max()), TimePoint::max());
  EXPECT_EQ(saturating_add(TimePoint{}, 1us), TimePoint(1us));
}

}  // namespace
}  // namespace sqlq::testing
