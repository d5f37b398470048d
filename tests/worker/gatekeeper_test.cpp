// The service that lets in jobs with keys: when it looks, at what, and what a throttled job waits for.

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "worker/services.hpp"

namespace sqlq::testing {
namespace {

using namespace std::chrono_literals;
using backend::GateName, backend::GatesLooked;
using Names = std::vector<GateName>;

struct GatekeeperTest : ::testing::Test {
  explicit GatekeeperTest(Services::Handler handler = {}) : s(8, std::move(handler)) {
    s.database.has_gates = true;
    EXPECT_GT(gatekeeper.step(), s.clock->steady());
    looks.clear();
  }

  JobId add(const std::string& key) {
    return s.database.add([&](Job& job) {
      if (!key.empty()) job.headers.emplace("sqlq-key", key);
    });
  }
  /// Claims and runs all, and writes the outcomes.
  void work() {
    s.fetch_and_run();
    while (s.runtime.completer.step() != SteadyPoint::max()) {
    }
  }
  [[nodiscard]] bool woken() { return gatekeeper.wait_until(s.clock->steady()); }
  [[nodiscard]] bool fetcher_woken() { return s.runtime.fetcher.wait_until(s.clock->steady()); }

  Services s;
  worker::Gatekeeper& gatekeeper = s.runtime.gatekeeper;
  std::vector<Names>& looks = s.database.looks;
};

TEST_F(GatekeeperTest, LooksAtTheKeysOfEndedJobsOnceTheyAreWritten) {
  for (const char* key : {"a", "b", "", "a"}) add(key);
  s.fetch_and_run();
  EXPECT_FALSE(woken());
  s.runtime.completer.step();
  EXPECT_TRUE(woken());
  EXPECT_FALSE(gatekeeper.may_end());
  gatekeeper.step();
  ASSERT_EQ(looks.size(), 1U);
  EXPECT_EQ(looks[0], (Names{{"default", "a"}, {"default", "b"}}));
  EXPECT_TRUE(gatekeeper.may_end());
}

TEST_F(GatekeeperTest, APlainJobCostsNothing) {
  add("");
  work();
  EXPECT_FALSE(woken());
  gatekeeper.step();
  EXPECT_TRUE(looks.empty());
}

TEST_F(GatekeeperTest, LooksAtTheKeysOfJobsThatGoBack) {
  add("a");
  s.runtime.fetcher.step();
  s.runtime.release({s.runtime.shared.in_flight.snapshot().at(0)});
  s.runtime.completer.step();
  gatekeeper.step();
  EXPECT_EQ(looks, (std::vector<Names>{{{"default", "a"}}}));
}

TEST_F(GatekeeperTest, WakesTheFetcherWhenJobsWereLetIn) {
  static_cast<void>(fetcher_woken());
  s.database.on_look = [] { return GatesLooked{.let_in = 1}; };
  gatekeeper.note({"default", "a"});
  gatekeeper.step();
  EXPECT_TRUE(fetcher_woken());
}

TEST_F(GatekeeperTest, LooksAgainAtOnceWhileThereIsMore) {
  int n = 0;
  s.database.on_look = [&] { return GatesLooked{.let_in = 1, .more = ++n < 3}; };
  gatekeeper.note({"default", "a"});
  while (gatekeeper.step() <= s.clock->steady()) {
  }
  EXPECT_EQ(n, 3);
  EXPECT_EQ(looks, std::vector<Names>(3, {{"default", "a"}}));
}

TEST_F(GatekeeperTest, WhatSomebodyElseLooksAtIsTriedMoreAndMoreRarely) {
  s.database.on_look = [] { return GatesLooked{.more = true}; };
  gatekeeper.note({"default", "a"});
  for (SteadyPoint next = gatekeeper.step(); looks.size() < 40;) {
    ASSERT_GT(next, s.clock->steady()) << "a busy loop";
    EXPECT_LE(next, s.in(100ms));
    s.clock->advance(next - s.clock->steady());
    next = gatekeeper.step();
  }
  EXPECT_FALSE(gatekeeper.may_end());
  s.database.on_look = {};
  s.clock->advance(100ms);
  gatekeeper.step();
  EXPECT_EQ(looks.back(), (Names{{"default", "a"}}));
  EXPECT_TRUE(gatekeeper.may_end());
}

TEST_F(GatekeeperTest, OtherKeysAreLookedAtMeanwhile) {
  s.database.on_look = [] { return GatesLooked{.more = true}; };
  gatekeeper.note({"default", "a"});
  gatekeeper.step();
  gatekeeper.note({"default", "b"});
  gatekeeper.step();
  EXPECT_EQ(looks, (std::vector<Names>{{{"default", "a"}}, {{"default", "b"}}}));
}

TEST_F(GatekeeperTest, LooksWhenTheLastLookHasSaid) {
  const TimePoint now = s.clock->now() + 3h;  // of a database whose clock is not ours
  s.database.on_look = [&] { return GatesLooked{.next = now + 2s, .now = now}; };
  gatekeeper.note({"default", "a"});
  EXPECT_EQ(gatekeeper.step(), s.in(2s));
  s.clock->advance(2s);
  gatekeeper.step();
  EXPECT_EQ(looks.size(), 2U);
  EXPECT_TRUE(looks[1].empty());
}

TEST_F(GatekeeperTest, HintsMakeFewLooks) {
  for (int i = 0; i < 1000; ++i) {
    gatekeeper.hint();
    s.clock->advance(1ms);
    gatekeeper.step();
  }
  EXPECT_GE(looks.size(), 9U);
  EXPECT_LE(looks.size(), 11U);
}

TEST_F(GatekeeperTest, WhatFailsIsTriedAgain) {
  s.database.away = true;
  gatekeeper.note({"default", "a"});
  EXPECT_THROW(gatekeeper.step(), Error);
  EXPECT_FALSE(gatekeeper.may_end());
  s.database.away = false;
  gatekeeper.step();
  EXPECT_EQ(looks, (std::vector<Names>{{{"default", "a"}}}));
  EXPECT_TRUE(gatekeeper.may_end());
}

TEST_F(GatekeeperTest, WithoutTheRightItSaysSoOnceAndTriesEachMinute) {
  s.database.on_look = []() -> GatesLooked { throw Error(Errc::permission, "no right"); };
  std::size_t told = 0;
  for (int i = 0; i < 100; ++i) {
    gatekeeper.note({"default", "a"});
    gatekeeper.hint();
    gatekeeper.step();
    EXPECT_TRUE(gatekeeper.may_end());
    s.clock->advance(6s);
  }
  for (const WorkerEvent& event : s.events) {
    if (event.service == "gates") ++told;
  }
  EXPECT_EQ(told, 1U);
  EXPECT_GE(looks.size(), 9U);
  EXPECT_LE(looks.size(), 11U);
  s.database.on_look = {};
  s.clock->advance(1min);
  gatekeeper.step();
  EXPECT_TRUE(s.reported("jobs are let in again"));
}

TEST(GatekeeperWithoutThePart, DoesNothing) {
  Services s;
  s.runtime.gatekeeper.hint();
  EXPECT_EQ(s.runtime.gatekeeper.step(), SteadyPoint::max());
  EXPECT_EQ(s.runtime.gatekeeper.let_in_all(), 0U);
}

struct Throttled : GatekeeperTest {
  Throttled() : GatekeeperTest([this](JobContext&) { return Outcome::throttled(delay, "429"); }) {}
  Duration delay = 30s;
};

TEST_F(Throttled, ItsGateIsShutBeforeItsOutcomeIsWritten) {
  const JobId id = add("a");
  work();
  EXPECT_TRUE(s.database.finishes.empty());
  EXPECT_EQ(s.database.job(id).state, JobState::running);
  EXPECT_EQ(s.runtime.shared.in_flight.size(), 1U) << "its lease is renewed until then";
  EXPECT_EQ(s.runtime.completer.waiting(), 1U);
  EXPECT_FALSE(s.runtime.completer.may_end());
  EXPECT_TRUE(woken());
  gatekeeper.step();
  ASSERT_EQ(s.database.shuts.size(), 1U);
  EXPECT_EQ(s.database.shuts[0].gate, (GateName{"default", "a"}));
  EXPECT_EQ(s.database.shuts[0].pause, 30s);
  s.runtime.completer.step();
  ASSERT_EQ(s.database.finishes.size(), 1U);
  EXPECT_EQ(s.database.finishes[0], std::vector{backend::FinishKind::snooze});
  EXPECT_EQ(s.database.delays.back(), 30s);
  EXPECT_EQ(s.database.messages.back(), "throttled: 429");
  EXPECT_EQ(s.database.causes.back(), Cause::snoozed);
  EXPECT_TRUE(s.runtime.completer.may_end());
  EXPECT_EQ(s.stats().snoozed, 1U);
}

TEST_F(Throttled, ManyOfAKeyShutItOnceForTheLongest) {
  for (int i = 0; i < 3; ++i) {
    add("a");
    s.fetch_and_run();
    delay += 10s;
  }
  gatekeeper.step();
  ASSERT_EQ(s.database.shuts.size(), 1U);
  EXPECT_EQ(s.database.shuts[0].pause, 50s);
  s.runtime.completer.step();
  EXPECT_EQ(s.stats().snoozed, 3U);
}

TEST_F(Throttled, WithoutAKeyItIsSnoozed) {
  add("");
  work();
  EXPECT_EQ(s.database.finishes.size(), 1U);
  EXPECT_TRUE(s.database.shuts.empty());
}

TEST_F(Throttled, OthersAreWrittenMeanwhile) {
  add("a");
  add("");
  s.database.broken = {"gate_shut"};
  work();
  EXPECT_THROW(gatekeeper.step(), Error);
  EXPECT_EQ(s.stats().snoozed, 1U);
  EXPECT_EQ(s.runtime.completer.waiting(), 1U);
  s.database.broken = {};
  gatekeeper.step();
  work();
  EXPECT_EQ(s.stats().snoozed, 2U);
}

}  // namespace
}  // namespace sqlq::testing
