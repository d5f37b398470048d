#include <algorithm>

#include <gtest/gtest.h>

#include "worker/services.hpp"

namespace sqlq::testing {
namespace {

using namespace std::chrono_literals;

TEST(Completer, WritesWhatHasGatheredInOneBatch) {
  Services s(8);
  for (int i = 0; i < 5; ++i) s.database.add();
  s.work();
  ASSERT_EQ(s.database.finishes.size(), 1U);
  EXPECT_EQ(s.database.finishes[0].size(), 5U);
  EXPECT_EQ(s.stats().succeeded, 5U);
}

TEST(Completer, ABatchHasAtMostAThousand) {
  Services s(1000);
  for (int i = 0; i < 1200; ++i) s.database.add();
  EXPECT_EQ(s.fetch_and_run(), 1000U);
  // The fetcher would wait for these to be written.
  const auto more = s.database.claim({.kinds = s.runtime.shared.kinds, .limit = 200, .token = LeaseToken{1}});
  for (const Job& job : more.jobs) {
    s.runtime.completer.submit({.lease = std::make_shared<worker::Held>(job, s.clock->steady(), s.clock->steady())});
  }
  while (s.runtime.completer.step() != SteadyPoint::max()) {
  }
  ASSERT_EQ(s.database.finishes.size(), 2U);
  EXPECT_EQ(s.database.finishes[0].size(), 1000U);
  EXPECT_EQ(s.database.finishes[1].size(), 200U);
}

TEST(Completer, KeepsTheBatchWhenItFailsAndWritesItAgain) {
  Services s;
  const JobId id = s.database.add();
  s.fetch_and_run();
  s.database.away = true;
  EXPECT_THROW(s.runtime.completer.step(), Error);
  EXPECT_EQ(s.runtime.completer.waiting(), 1U);
  EXPECT_EQ(s.runtime.shared.in_flight.size(), 1U) << "its lease is renewed until the outcome is durable";
  s.database.away = false;
  s.runtime.completer.step();
  EXPECT_EQ(s.database.job(id).state, JobState::success);
  EXPECT_EQ(s.runtime.completer.waiting(), 0U);
  EXPECT_EQ(s.runtime.shared.in_flight.size(), 0U);
}

TEST(Completer, KeepsWaitingForTheTruthAboutAnOwnTransaction) {
  Services* services = nullptr;
  Services s(1, [&](JobContext& job) {
    EXPECT_TRUE(job.complete_in(Tx("test", nullptr)));
    services->database.end_transaction(true);
    return Outcome::done();
  });
  services = &s;
  s.database.add();
  s.fetch_and_run();
  s.database.broken = {"get"};
  EXPECT_THROW(s.runtime.completer.step(), Error);
  s.database.broken = {};
  s.runtime.completer.step();
  EXPECT_EQ(s.stats().succeeded, 1U);
}

TEST(Completer, AReplayOfAnAppliedBatchIsAccepted) {
  Services s;
  const JobId id = s.database.add();
  s.fetch_and_run();
  const Job job = s.database.job(id);
  EXPECT_EQ(Client(s.base.db).success(job), FinishStatus::applied);
  s.runtime.completer.step();
  EXPECT_EQ(s.stats().succeeded, 1U);
  EXPECT_EQ(s.stats().lost, 0U);
}

TEST(Completer, AnOutcomeThatComesTooLateIsCountedAsLost) {
  Services s;
  const JobId id = s.database.add();
  s.fetch_and_run();
  s.database.steal(id);
  s.runtime.completer.step();
  EXPECT_EQ(s.stats().lost, 1U);
  EXPECT_TRUE(s.reported("came too late"));
  EXPECT_EQ(s.events.front().job, id);
  EXPECT_EQ(s.runtime.shared.in_flight.size(), 0U);
}

TEST(Completer, WakesTheFetcherWhenALimitMayHaveRoomAgain) {
  for (const bool limited : {false, true}) {
    Services s;
    s.database.limited = limited;
    s.database.add();
    s.fetch_and_run();
    s.runtime.fetcher.wait_until(s.clock->steady());
    s.runtime.completer.step();
    EXPECT_EQ(s.runtime.fetcher.wait_until(s.clock->steady()), limited);
  }
}

TEST(Completer, WakesTheFetcherWhenAJobComesBackSoon) {
  Services s(1, [](JobContext&) { return Outcome::snooze(1s); });
  s.database.add();
  s.fetch_and_run();
  s.runtime.fetcher.wait_until(s.clock->steady());
  s.runtime.completer.step();
  EXPECT_TRUE(s.runtime.fetcher.wait_until(s.clock->steady()));
}

TEST(Completer, LinesOfAJobThatComesBackSoonAreStoredBeforeIt) {
  Services s(1, [](JobContext& job) {
    job.log().info("once more");
    return Outcome::snooze(0s);
  });
  s.database.add();
  s.work();
  ASSERT_EQ(s.database.logs.size(), 1U);
  EXPECT_EQ(s.database.logs[0].text, "once more");
}

TEST(Completer, LinesOfAJobAreStoredBeforeItsOutcome) {
  for (const Outcome& outcome : {Outcome::done(), Outcome::discard("no"), Outcome::error("later")}) {
    Services s(1, [&](JobContext& job) {
      job.log().info("here");
      return outcome;
    });
    s.database.add();
    s.fetch_and_run();
    s.database.broken = {"finish"};
    EXPECT_THROW(s.runtime.completer.step(), Error);
    ASSERT_EQ(s.database.logs.size(), 1U);
    EXPECT_EQ(s.database.logs[0].text, "here");
  }
}

TEST(Completer, LinesOfAJobThatWasFinishedInATransactionAreStoredInTheSameStep) {
  Services* services = nullptr;
  Services s(1, [&](JobContext& job) {
    job.log().info("here");
    EXPECT_TRUE(job.complete_in(Tx("test", nullptr)));
    services->database.end_transaction(true);
    return Outcome::done();
  });
  services = &s;
  s.database.add();
  s.fetch_and_run();
  s.runtime.completer.step();
  EXPECT_EQ(s.database.logs.size(), 1U);
}

TEST(Completer, ForAJobWithoutLinesNothingIsFlushed) {
  class Counting final : public LogSink {
   public:
    void write(LogLine) override {}
    void flush() override { ++flushes; }
    int flushes = 0;
  };
  const auto sink = std::make_shared<Counting>();
  Services s(1, {}, {.log_sink = sink});
  s.database.add();
  s.work();
  EXPECT_EQ(s.stats().succeeded, 1U);
  EXPECT_EQ(sink->flushes, 0);
}

TEST(Completer, LogsThatCannotBeStoredDoNotHoldOutcomesBack) {
  for (const Outcome& outcome : {Outcome::snooze(0s), Outcome::done()}) {
    Services s(1, [&](JobContext& job) {
      job.log().info("once more");
      return outcome;
    });
    s.database.add();
    s.database.broken = {"append_logs"};
    s.work();
    EXPECT_EQ(s.stats().snoozed + s.stats().succeeded, 1U);
  }
}

TEST(Completer, JobsNobodyHasBegunAreReleasedInOneStatement) {
  Services s;
  const JobId id = s.database.add();
  s.database.add();
  s.runtime.fetcher.step();
  s.runtime.release(s.runtime.shared.ready.close());
  s.runtime.completer.step();
  EXPECT_EQ(s.database.finishes.at(0).size(), 2U);
  EXPECT_EQ(s.database.job(id).state, JobState::pending);
  EXPECT_EQ(s.database.job(id).attempt, 0);
  EXPECT_EQ(s.stats().released, 2U);
}

// -------------------------------------------------------------------------------------------------------- logs

TEST(LogShipper, SendsEverySecond) {
  Services s(1, [](JobContext& job) {
    job.log().warn("hello");
    return Outcome::done();
  });
  const JobId id = s.database.add();
  s.fetch_and_run();
  EXPECT_TRUE(s.database.logs.empty());
  EXPECT_EQ(s.runtime.log_shipper.step(), s.in(1s));
  ASSERT_EQ(s.database.logs.size(), 1U);
  EXPECT_EQ(s.database.logs[0].job, id);
  EXPECT_EQ(s.database.logs[0].level, LogLevel::warn);
}

TEST(LogShipper, KeepsLinesThatCouldNotBeSent) {
  Services s(1, [](JobContext& job) {
    job.log().info("hello");
    return Outcome::done();
  });
  s.database.add();
  s.fetch_and_run();
  s.database.away = true;
  EXPECT_THROW(s.runtime.log_shipper.step(), Error);
  s.database.away = false;
  s.runtime.log_shipper.step();
  EXPECT_EQ(s.database.logs.size(), 1U);
}

TEST(LogShipper, ASinkThatThrowsHarmsNoHandlerAndIsReportedOnce) {
  const auto sink = make_log_sink([](const LogLine&) { throw std::runtime_error("disk full"); });
  Services s(
      1,
      [](JobContext& job) {
        for (int i = 0; i < 10; ++i) job.log().info("hello");
        return Outcome::done();
      },
      {.log_sink = sink});
  s.database.add();
  s.work();
  EXPECT_EQ(s.stats().succeeded, 1U);
  EXPECT_EQ(s.events.size(), 1U);
  EXPECT_TRUE(s.reported("the log sink refused a line: disk full"));
}

/// Jobs of which one throws what the database cannot store.
struct OneRefused : Services {
  explicit OneRefused(Errc code = Errc::refused, int jobs = 100)
      : Services(static_cast<unsigned>(jobs), [this](JobContext& job) {
          return job.id() == offender ? Outcome::error("price in \xE2\x82\xAC") : Outcome::done();
        }) {
    for (int i = 0; i < jobs; ++i) ids.push_back(database.add());
    offender = ids.at(ids.size() / 3);
    database.refuses = [this, code](const backend::Finish& item) -> std::optional<Errc> {
      const bool bad = item.id == offender && (always || item.message.find('\xE2') != std::string_view::npos);
      return bad ? std::optional(code) : std::nullopt;
    };
  }
  [[nodiscard]] std::size_t innocents_harmed() {
    return static_cast<std::size_t>(std::ranges::count_if(ids, [this](JobId id) {
      return id != offender && database.job(id).state != JobState::success;
    }));
  }

  std::vector<JobId> ids{};
  JobId offender{};
  bool always = false;  // whatever its outcome is
};

TEST(Completer, AnOutcomeThatIsRefusedForGoodEndsItsJobAndHoldsNoOtherBack) {
  for (const Errc code : {Errc::refused, Errc::internal, Errc::invalid_argument}) {
    OneRefused s(code);
    s.work();
    EXPECT_EQ(s.innocents_harmed(), 0U);
    EXPECT_EQ(s.database.job(s.offender).state, JobState::errored);
    EXPECT_EQ(s.database.messages.back(), "the database refused the outcome: a trigger raised an error");
    EXPECT_EQ(s.runtime.shared.in_flight.size(), 0U);
    EXPECT_EQ(s.runtime.completer.waiting(), 0U);
    EXPECT_EQ(s.stats().succeeded, 99U);
    EXPECT_EQ(s.stats().failed, 1U);
    ASSERT_EQ(s.events.size(), 1U);
    EXPECT_EQ(s.events[0].code, WorkerEvent::Code::outcome_refused);
    EXPECT_EQ(s.events[0].level, WorkerEvent::Level::error);
    EXPECT_EQ(s.events[0].job, s.offender);
  }
}

TEST(Completer, AJobWhoseEveryOutcomeIsRefusedIsGivenUpAndBlocksNobody) {
  for (const Errc code : {Errc::refused, Errc::internal}) {
    OneRefused s(code);
    s.always = true;
    s.work();
    EXPECT_EQ(s.innocents_harmed(), 0U);
    EXPECT_EQ(s.database.job(s.offender).state, JobState::running) << "its lease ends by itself";
    EXPECT_EQ(s.runtime.shared.in_flight.size(), 0U) << "and is not renewed";
    EXPECT_EQ(s.stats().lost, 1U);
    ASSERT_EQ(s.events.size(), 1U);
    EXPECT_TRUE(s.reported("its lease is given up"));
  }
}

TEST(Completer, AnErrorThatAllOutcomesMeetIsTheDatabasesAndNoneIsLost) {
  OneRefused s(Errc::internal, 4);
  s.always = true;
  s.database.refuses = [](const backend::Finish&) { return std::optional(Errc::internal); };
  s.fetch_and_run();
  EXPECT_THROW(s.runtime.completer.step(), Error);
  EXPECT_EQ(s.runtime.completer.waiting(), 4U);
  EXPECT_EQ(s.runtime.shared.in_flight.size(), 4U);
  s.database.refuses = {};
  s.runtime.completer.step();
  EXPECT_EQ(s.stats().succeeded, 3U);
  EXPECT_EQ(s.stats().failed, 1U);
  EXPECT_EQ(s.stats().lost, 0U);
}

TEST(Completer, WhatIsWrittenBeforeTroubleIsWrittenOnce) {
  OneRefused s;
  s.fetch_and_run();
  int calls = 0;
  const auto refuses = s.database.refuses;
  s.database.refuses = [&](const backend::Finish& item) -> std::optional<Errc> {
    if (item.kind == backend::FinishKind::fail && ++calls == 1) return Errc::connection;
    return refuses(item);
  };
  EXPECT_THROW(s.runtime.completer.step(), Error);
  EXPECT_EQ(s.runtime.completer.waiting(), 1U) << "only the offender";
  EXPECT_EQ(s.runtime.shared.in_flight.size(), 1U);
  EXPECT_EQ(s.innocents_harmed(), 0U);
  s.runtime.completer.step();
  EXPECT_EQ(s.database.job(s.offender).state, JobState::errored);
  EXPECT_EQ(s.stats().succeeded, 99U);
  EXPECT_EQ(s.stats().failed, 1U);
}

}  // namespace
}  // namespace sqlq::testing
