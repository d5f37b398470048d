#include <gtest/gtest.h>

#include <vector>

#include "worker/services.hpp"

namespace sqlq::testing {
namespace {

using namespace std::chrono_literals;

TEST(ClaimAround, AJobThatCannotBeStartedKeepsBackOnlyThoseBehindItOfItsQueueAndKind) {
  Services s(64, {}, {.queues = {"a", "b", "c"}});
  std::vector<JobId> before, behind, elsewhere;
  const auto add = [&](const char* queue, int n, std::vector<JobId>& ids) {
    for (int i = 0; i < n; ++i) ids.push_back(s.database.add([&](Job& job) { job.queue = queue; }));
  };
  add("a", 5, elsewhere);
  add("b", 11, before);
  add("b", 1, behind);
  add("b", 7, behind);
  add("c", 9, elsewhere);
  s.database.refuses_start = [&](JobId id) { return id == behind.front(); };
  EXPECT_EQ(s.fetch_and_run(), 25U) << "innocents harmed: 0, but for those behind it";
  EXPECT_EQ(s.runtime.shared.slots.free(), 64U);
  for (const JobId id : before) EXPECT_EQ(s.database.job(id).state, JobState::running);
  for (const JobId id : elsewhere) EXPECT_EQ(s.database.job(id).state, JobState::running);
  for (const JobId id : behind) EXPECT_EQ(s.database.job(id).state, JobState::pending);
  ASSERT_EQ(s.events.size(), 1U);
  EXPECT_TRUE(s.reported("refuses to start the next job of kind 'work' in queue 'b'"));
  s.runtime.fetcher.step();
  EXPECT_EQ(s.events.size(), 1U) << "once a minute";
  s.clock->advance(1min);
  s.runtime.fetcher.step();
  EXPECT_EQ(s.events.size(), 2U);
  s.database.refuses_start = {};
  EXPECT_EQ(s.fetch_and_run(), 8U);
}

TEST(ClaimAround, WhatItHasTakenIsHeldThoughTheDatabaseGoesAwayMeanwhile) {
  Services s(4, {}, {.queues = {"a", "b"}});
  const JobId taken = s.database.add([](Job& job) { job.queue = "a"; });
  const JobId bad = s.database.add([](Job& job) { job.queue = "b"; });
  s.database.refuses_start = [&](JobId id) { return id == bad; };
  s.database.during_claim = [&] { s.database.away = true; };  // when it has come to "a"
  s.runtime.fetcher.step();
  const auto held = s.runtime.shared.in_flight.snapshot();
  ASSERT_EQ(held.size(), 1U) << "a job that nobody holds is charged a crash";
  EXPECT_EQ(held[0]->job().id, taken);
}

}  // namespace
}  // namespace sqlq::testing
