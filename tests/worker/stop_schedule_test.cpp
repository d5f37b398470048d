#include <gtest/gtest.h>

#include "worker/stop_schedule.hpp"

namespace sqlq::worker {
namespace {

using namespace std::chrono_literals;

constexpr SteadyPoint now{1h};

struct Moments {
  Duration trip, leave, end;
  explicit Moments(const StopSchedule& s) : trip(s.trip_at() - now), leave(s.leave_at() - now), end(s.end_at() - now) {}
  Moments(Duration t, Duration l, Duration e) : trip(t), leave(l), end(e) {}
  friend bool operator==(const Moments&, const Moments&) = default;
};

struct Schedules : ::testing::Test {
  static void expect(const StopOptions& options, Duration grace, const Moments& wanted) {
    StopSchedule schedule;
    schedule.hasten(options, grace, now);
    EXPECT_TRUE(Moments(schedule) == wanted) << Moments(schedule).trip.count() << ' ' << Moments(schedule).leave.count()
                                             << ' ' << Moments(schedule).end.count();
    EXPECT_LT(schedule.write_until(), schedule.end_at());
    EXPECT_LE(schedule.leave_at(), schedule.write_until());
  }
};

TEST_F(Schedules, TheGraceIsTheEndOfTheLimit) { expect({.limit = 35s}, 5s, {30s, 34s, 35s}); }
TEST_F(Schedules, ButHalfOfItAtMost) { expect({.limit = 2s}, 5s, {1s, 1800ms, 2s}); }
TEST_F(Schedules, WithoutDrainTokensAreTrippedAtOnce) { expect({.limit = 10s, .drain = 0s}, 5s, {0s, 5s, 10s}); }
TEST_F(Schedules, ADrainLongerThanTheLimitEndsWithIt) { expect({.limit = 10s, .drain = 1h}, 5s, {1h, 9s, 10s}); }
TEST_F(Schedules, AStopTakesASecondAtLeast) { expect({.limit = 0s}, 5s, {0s, 900ms, 1s}); }

TEST_F(Schedules, EndlessTimesDoNotOverflow) {
  StopSchedule schedule;
  schedule.hasten({.limit = Duration::max(), .drain = Duration::max()}, Duration::max(), now);
  EXPECT_EQ(schedule.trip_at(), SteadyPoint::max());
  EXPECT_EQ(schedule.end_at(), SteadyPoint::max());
}

TEST_F(Schedules, AnotherStopBringsThemNearerOnly) {
  StopSchedule schedule;
  schedule.hasten({.limit = 10s, .drain = 8s}, 1s, now);
  schedule.hasten({.limit = 20s, .drain = 0s}, 1s, now);
  EXPECT_TRUE(Moments(schedule) == Moments(0s, 1s, 10s));
}

}  // namespace
}  // namespace sqlq::worker
