// What the handler of a batch says, and how its jobs end.

#include <map>
#include <stdexcept>

#include <gtest/gtest.h>

#include <sqlq/json.hpp>
#include <sqlq/stop_token.hpp>

#include "support/expect_error.hpp"
#include "worker/batching.hpp"

namespace sqlq::testing {
namespace {

using namespace std::chrono_literals;
using backend::FinishKind;
using Sizes = std::vector<std::size_t>;

/// Four jobs in one batch.
struct OfFour : Batching {
  explicit OfFour(Handler handler, HandlerOptions handling = {})
      : Batching({.how = {.size = 4}, .handling = std::move(handling)}, std::move(handler)), ids(add_many(4)) {}
  [[nodiscard]] JobState state(std::size_t i) { return database.job(ids[i]).state; }
  [[nodiscard]] worker::HeldPtr lease(std::size_t i) {
    for (const worker::HeldPtr& lease : runtime.shared.in_flight.snapshot()) {
      if (lease->job().id == ids[i]) return lease;
    }
    return nullptr;
  }
  void expect_nothing_held() {
    EXPECT_EQ(runtime.shared.in_flight.size(), 0U);
    EXPECT_EQ(runtime.shared.slots.free(), 10U);
  }
  std::vector<JobId> ids;
};

TEST(BatchRun, EachJobEndsByItsOwnOutcome) {
  OfFour s([](BatchContext&) {
    return std::vector<Outcome>{Outcome::done(), Outcome::error("full"), Outcome::discard("no such table"),
                                Outcome::snooze(1min)};
  });
  s.work();
  EXPECT_EQ(s.state(0), JobState::success);
  EXPECT_EQ(s.state(1), JobState::scheduled);
  EXPECT_EQ(s.state(2), JobState::errored);
  EXPECT_EQ(s.state(3), JobState::scheduled);
  EXPECT_EQ(s.database.job(s.ids[1]).attempt, 1);
  EXPECT_EQ(s.database.job(s.ids[3]).attempt, 0);
  EXPECT_EQ(s.database.causes, (std::vector<Cause>{Cause::failed, Cause::discarded, Cause::snoozed}));
  EXPECT_EQ(s.database.messages, (std::vector<std::string>{"full", "no such table", ""}));
  const WorkerStats stats = s.stats();
  EXPECT_EQ(stats.succeeded, 1U);
  EXPECT_EQ(stats.failed, 1U);
  EXPECT_EQ(stats.discarded, 1U);
  EXPECT_EQ(stats.snoozed, 1U);
  s.expect_nothing_held();
}

TEST(BatchRun, ResultsAndLinesAreOfTheirJobs) {
  OfFour s([](BatchContext& batch) {
    for (std::size_t i = 0; i < batch.size(); ++i) {
      batch.set_result(i, static_cast<int>(i));
      batch.log(i).info("row {}", i);
    }
    return all_done(batch);
  });
  s.work();
  std::map<JobId, std::string> lines;
  for (const LogLine& line : s.database.logs) lines[line.job] += line.text;
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(s.database.job(s.ids[i]).result, std::to_string(i));
    EXPECT_EQ(lines[s.ids[i]], "row " + std::to_string(i));
  }
}

TEST(BatchRun, AnExceptionFailsTheAttemptOfAllAndEndsNone) {
  OfFour s([](BatchContext&) -> std::vector<Outcome> { throw std::runtime_error("duplicate key"); },
           {.retry = RetryPolicy::constant(7s)});
  s.work();
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(s.state(i), JobState::scheduled);
    EXPECT_EQ(s.database.causes.at(i), Cause::failed);
    EXPECT_EQ(s.database.messages.at(i), "in a batch of 4 jobs: duplicate key");
    EXPECT_EQ(s.database.delays.at(i), 7s);
  }
  EXPECT_EQ(s.stats().failed, 4U);
  s.expect_nothing_held();
}

TEST(BatchRun, ADiscardIsOneForAJobThatIsAlone) {
  OfFour s([](BatchContext&) -> std::vector<Outcome> { throw Discard("bad value"); });
  const JobId alone = s.add([](Job& job) { job.attempt = 1; });
  s.work();
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(s.state(i), JobState::scheduled) << "it may not be this one's value";
  EXPECT_EQ(s.database.job(alone).state, JobState::errored);
  EXPECT_EQ(s.stats().failed, 4U);
  EXPECT_EQ(s.stats().discarded, 1U);
}

TEST(BatchRun, AWrongNumberOfOutcomesIsAnException) {
  OfFour s([](BatchContext& batch) { return std::vector<Outcome>(batch.size() - 1, Outcome::done()); });
  s.work();
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(s.state(i), JobState::scheduled);
    EXPECT_TRUE(has(s.database.messages.at(i), "returned 3 outcomes for 4 jobs")) << s.database.messages[i];
  }
  s.expect_nothing_held();
}

TEST(BatchRun, AJobBeyondTheLastIsMisuse) {
  OfFour s([](BatchContext& batch) {
    expect_error(Errc::misuse, "there is no job 4", [&] { static_cast<void>(batch.job(4)); });
    expect_error(Errc::misuse, "there is no job 4", [&] { static_cast<void>(batch.log(4)); });
    expect_error(Errc::misuse, "there is no job 4", [&] { static_cast<void>(batch.stop_reason(4)); });
    expect_error(Errc::misuse, "there is no job 4", [&] { batch.set_result(4, "1"); });
    return all_done(batch);
  });
  s.work();
  EXPECT_EQ(s.stats().succeeded, 4U);
}

TEST(BatchRun, ACancelledJobStopsNoOther) {
  OfFour* all = nullptr;
  OfFour s([&](BatchContext& batch) {
    all->runtime.shared.trip(all->lease(1), StopReason::cancel);
    static_cast<void>(all->database.cancel(std::span(&all->ids[1], 1), nullptr, {}));
    EXPECT_EQ(batch.stop_reason(0), StopReason::none);
    EXPECT_EQ(batch.stop_reason(1), StopReason::cancel);
    EXPECT_FALSE(batch.stop_token().stop_requested());
    return all_done(batch);
  });
  all = &s;
  s.work();
  EXPECT_EQ(s.state(1), JobState::cancelled);
  EXPECT_EQ(s.stats().cancelled, 1U);
  EXPECT_EQ(s.stats().succeeded, 3U);
}

TEST(BatchRun, TheTokenIsTrippedWhenAllAreToStop) {
  OfFour* all = nullptr;
  bool told = false;
  OfFour s([&](BatchContext& batch) {
    const sqlq::stop_callback callback(batch.stop_token(), [&] { told = true; });
    for (std::size_t i = 0; i < 4; ++i) {
      EXPECT_FALSE(told) << i;
      all->runtime.shared.trip(all->lease(i), i == 2 ? StopReason::lease_lost : StopReason::cancel);
    }
    EXPECT_TRUE(told);
    return all_done(batch);
  });
  all = &s;
  s.work();
  EXPECT_TRUE(told);
}

TEST(BatchRun, WhatIsSaidOfALostLeaseIsDroppedAndOfTheOthersKept) {
  OfFour* all = nullptr;
  OfFour s([&](BatchContext& batch) {
    all->database.steal(all->ids[2]);
    all->runtime.heartbeat.hint();
    all->clock->advance(10s);
    all->runtime.heartbeat.step();
    EXPECT_EQ(batch.stop_reason(2), StopReason::lease_lost);
    EXPECT_FALSE(batch.stop_token().stop_requested());
    return all_done(batch);
  });
  all = &s;
  s.work();
  EXPECT_EQ(s.database.job(s.ids[2]).lease_token, RecordingDialect::stolen);
  EXPECT_EQ(s.state(2), JobState::running) << "with somebody else";
  EXPECT_EQ(s.stats().succeeded, 3U);
  EXPECT_EQ(s.stats().lost, 1U);
  s.expect_nothing_held();
}

TEST(BatchRun, TheTimeoutIsOfTheWholeBatch) {
  OfFour* all = nullptr;
  OfFour s(
      [&](BatchContext& batch) {
        all->clock->advance(5s);
        all->runtime.watchdog.step();
        EXPECT_TRUE(batch.stop_token().stop_requested());
        return std::vector<Outcome>{Outcome::done(), Outcome::error("stopped"), Outcome::error("stopped"),
                                    Outcome::error("stopped")};
      },
      {.timeout = 5s});
  all = &s;
  s.work();
  EXPECT_EQ(s.state(0), JobState::success);
  EXPECT_EQ(s.database.causes, (std::vector<Cause>(3, Cause::timed_out)));
}

TEST(BatchRun, AStopOfTheWorkerGivesTheAttemptsBackUnlessTheOptionsSayOtherwise) {
  for (const OnStop on_stop : {OnStop::release, OnStop::fail}) {
    OfFour* all = nullptr;
    OfFour s(
        [&](BatchContext&) -> std::vector<Outcome> {
          all->runtime.shared.trip_all(StopReason::shutdown);
          throw std::runtime_error("interrupted");
        },
        {.on_stop = on_stop});
    all = &s;
    s.work();
    const bool release = on_stop == OnStop::release;
    for (std::size_t i = 0; i < 4; ++i) {
      EXPECT_EQ(s.state(i), release ? JobState::pending : JobState::scheduled);
      EXPECT_EQ(s.database.job(s.ids[i]).attempt, release ? 0 : 1);
    }
  }
}

// ------------------------------------------------------------------------------------------------- typed

struct Row {
  static constexpr std::string_view kind = "row";
  int n = 0;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(Row, n)
};

/// Calls it as Handlers::batch does.
template <class F>
Batching::Handler typed(F handler) {
  return [handler](BatchContext& batch) {
    detail::BatchOutcomes said = detail::call_typed_batch<Row>(handler, batch);
    return said ? *std::move(said) : all_done(batch);
  };
}

struct OfRows : Batching {
  template <class F>
  explicit OfRows(F handler) : Batching({.how = {.size = 8}}, typed(std::move(handler))) {}
  JobId add_row(const std::string& params) {
    return add([&](Job& job) { job.params = params; });
  }
};

TEST(BatchRun, ATypedHandlerGetsItsJobsInTheOrderOfTheContext) {
  std::vector<int> seen;
  OfRows s([&](std::span<const Row> rows, BatchContext& batch) {
    ASSERT_EQ(rows.size(), batch.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      EXPECT_EQ(codec<Row>::encode(rows[i]), batch.job(i).params);
      seen.push_back(rows[i].n);
    }
  });
  for (int n = 0; n < 5; ++n) s.add_row(codec<Row>::encode({n}));
  s.work();
  EXPECT_EQ(seen, (std::vector<int>{0, 1, 2, 3, 4}));
  EXPECT_EQ(s.stats().succeeded, 5U);
}

TEST(BatchRun, ParamsThatCannotBeReadFailTheirJobOnlyAndTheHandlerDoesNotSeeIt) {
  std::vector<int> seen;
  OfRows s([&](std::span<const Row> rows, BatchContext& batch) {
    EXPECT_EQ(batch.size(), 2U);
    for (const Row& row : rows) seen.push_back(row.n);
    return std::vector<Outcome>{Outcome::done(), Outcome::error("full")};
  });
  const JobId bad = s.add_row(R"({"m":1})");
  const JobId done = s.add_row(R"({"n":2})");
  const JobId worse = s.add_row("null");
  const JobId failed = s.add_row(R"({"n":3})");
  s.work();
  EXPECT_EQ(seen, (std::vector<int>{2, 3}));
  EXPECT_EQ(s.database.job(done).state, JobState::success);
  for (const JobId id : {bad, worse, failed}) EXPECT_EQ(s.database.job(id).state, JobState::scheduled);
  EXPECT_EQ(s.stats().failed, 3U);
  EXPECT_TRUE(has(s.database.messages.at(0), "full")) << s.database.messages.at(0);
  EXPECT_TRUE(has(s.database.messages.at(1), "its member 'n' is missing")) << s.database.messages.at(1);
  EXPECT_EQ(s.runtime.shared.slots.free(), 10U);
}

TEST(BatchRun, WhenNoParamsCanBeReadTheHandlerIsNotCalled) {
  bool called = false;
  OfRows s([&](std::span<const Row>) { called = true; });
  for (int i = 0; i < 3; ++i) s.add_row("null");
  s.work();
  EXPECT_FALSE(called);
  EXPECT_EQ(s.stats().failed, 3U);
}

TEST(BatchRun, AJobThatIsLeftOutKeepsNoOtherFromStopping) {
  bool told = false;
  OfRows* all = nullptr;
  OfRows s([&](std::span<const Row>, BatchContext& batch) {
    all->runtime.shared.trip_all(StopReason::shutdown);
    told = batch.stop_token().stop_requested();
  });
  all = &s;
  s.add_row("null");
  s.add_row(R"({"n":1})");
  s.work();
  EXPECT_TRUE(told);
}

}  // namespace
}  // namespace sqlq::testing
