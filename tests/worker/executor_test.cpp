#include <exception>
#include <stdexcept>

#include <gtest/gtest.h>

#include "core/text.hpp"
#include "support/expect_error.hpp"
#include "worker/services.hpp"

namespace sqlq::testing {
namespace {

using namespace std::chrono_literals;
using backend::FinishKind;

/// Runs one job with this handler and returns the job afterwards.
struct OneJob {
  explicit OneJob(Services::Handler handler, const std::function<void(Job&)>& describe = {},
                  HandlerOptions handling = {})
      : services(1, std::move(handler), {}, std::move(handling)), id(services.database.add(describe)) {
    services.work();
  }
  [[nodiscard]] Job job() { return services.database.job(id); }
  [[nodiscard]] FinishKind kind() const { return services.database.finishes.at(0).at(0); }
  [[nodiscard]] Cause cause() const { return services.database.causes.at(0); }
  [[nodiscard]] const std::string& message() const { return services.database.messages.at(0); }

  Services services;
  JobId id;
};

void trip(Services* const& services, StopReason reason) {
  services->runtime.shared.trip_all(reason);
}

TEST(Executor, DoneIsSuccessWithItsResult) {
  OneJob run([](JobContext& job) {
    job.set_result("1");
    job.set_result(R"({"n":2})");
    return Outcome::done();
  });
  EXPECT_EQ(run.job().state, JobState::success);
  EXPECT_EQ(run.job().result, R"({"n":2})");
  EXPECT_EQ(run.services.stats().succeeded, 1U);
  EXPECT_EQ(run.services.runtime.shared.in_flight.size(), 0U);
  EXPECT_EQ(run.services.runtime.shared.slots.free(), 1U);
}

TEST(Executor, AResultThatIsNotJsonFailsTheAttempt) {
  OneJob run([](JobContext& job) {
    job.set_result("{");
    return Outcome::done();
  });
  EXPECT_EQ(run.kind(), FinishKind::retry);
}

TEST(Executor, AResultThatIsTooLargeIsRefusedWhereItIsSetAndRepeatsNothing) {
  OneJob caught([](JobContext& job) {
    EXPECT_THROW(job.set_result('"' + std::string(std::size_t{1} << 20, 'x') + '"'), Error);
    job.set_result(R"("see elsewhere")");
    return Outcome::done();
  });
  EXPECT_EQ(caught.job().state, JobState::success);
  EXPECT_EQ(caught.job().result, R"("see elsewhere")");
  OneJob let_through([](JobContext& job) {
    job.set_result('"' + std::string(std::size_t{1} << 20, 'x') + '"');
    return Outcome::done();
  });
  EXPECT_EQ(let_through.kind(), FinishKind::fail) << "another attempt would repeat its effects for the same result";
  EXPECT_EQ(let_through.cause(), Cause::discarded);
  EXPECT_NE(let_through.message().find("1048578 bytes; at most 1048576"), std::string::npos) << let_through.message();
}

TEST(Executor, AResultMayNotBeLargerThanTheBackendTakes) {
  Services s(1, [](JobContext& job) {
    EXPECT_THROW(job.set_result("12345"), Error);
    job.set_result("1234");
    return Outcome::done();
  });
  s.database.able.longest_result = 4;
  const JobId id = s.database.add();
  s.work();
  EXPECT_EQ(s.database.job(id).result, "1234");
}

TEST(Executor, ADiscardCountsHoweverDeepItIsNestedAndAllTextsAreKept) {
  OneJob run([](JobContext&) -> Outcome {
    try {
      try {
        throw Discard("no such customer");
      } catch (...) {
        std::throw_with_nested(std::logic_error("while billing"));
      }
    } catch (...) {
      std::throw_with_nested(std::runtime_error("job failed"));
    }
  });
  EXPECT_EQ(run.kind(), FinishKind::fail);
  EXPECT_EQ(run.cause(), Cause::discarded);
  EXPECT_EQ(run.message(), "job failed: while billing: no such customer");
}

TEST(Executor, NestedExceptionsOfAnySortAreLookedThrough) {
  struct Odd {};
  OneJob odd([](JobContext&) -> Outcome {
    try {
      throw std::runtime_error("the reason");
    } catch (...) {
      std::throw_with_nested(Odd{});
    }
  });
  EXPECT_EQ(odd.kind(), FinishKind::retry);
  EXPECT_EQ(odd.message(), "unknown exception: the reason");
  OneJob outside([](JobContext&) -> Outcome {
    try {
      throw 7;
    } catch (...) {
      std::throw_with_nested(Discard("bad input"));
    }
  });
  EXPECT_EQ(outside.cause(), Cause::discarded);
  EXPECT_EQ(outside.message(), "bad input: unknown exception");
}

TEST(Executor, APolicyThatThrowsGetsTheDefaultDelayAndAnEvent) {
  OneJob run([](JobContext&) { return Outcome::error("no"); }, {},
             {.retry = RetryPolicy([](int) -> Duration { throw std::runtime_error("no"); })});
  EXPECT_EQ(run.kind(), FinishKind::retry);
  EXPECT_GE(run.services.database.delays.at(0), default_backoff(1, 0));
  EXPECT_TRUE(run.services.reported("the retry policy of kind 'work' threw"));
}

TEST(Executor, AnExceptionIsAFailedAttemptWithTheHandlersDelay) {
  OneJob run([](JobContext&) -> Outcome { throw std::runtime_error("no\0 \xff way"); }, {},
          {.retry = RetryPolicy::constant(7s)});
  EXPECT_EQ(run.kind(), FinishKind::retry);
  EXPECT_EQ(run.cause(), Cause::failed);
  EXPECT_EQ(run.message(), "no");
  EXPECT_EQ(run.services.stats().failed, 1U);
}

TEST(Executor, TextOfExceptionsIsMadeStorable) {
  OneJob run([](JobContext&) -> Outcome { throw std::runtime_error("bad \xff" + std::string(100'000, 'x')); });
  EXPECT_EQ(run.message().size(), core::max_message_bytes);
  EXPECT_EQ(run.message().rfind("bad \xEF\xBF\xBDxxx", 0), 0U);
}

TEST(Executor, ThrowingAnIntIsAFailedAttempt) {
  OneJob run([](JobContext&) -> Outcome { throw 42; });
  EXPECT_EQ(run.kind(), FinishKind::retry);
  EXPECT_EQ(run.message(), "unknown exception");
}

TEST(Executor, TheLastAttemptIsNotRetried) {
  OneJob run([](JobContext&) { return Outcome::error("no"); }, [](Job& job) { job.max_attempts = 1; });
  EXPECT_EQ(run.kind(), FinishKind::fail);
  EXPECT_EQ(run.cause(), Cause::failed);
  EXPECT_EQ(run.services.stats().failed, 1U);
}

TEST(Executor, DiscardThrownOrReturnedIsNotRetried) {
  OneJob thrown([](JobContext&) -> Outcome { throw Discard("bad input"); });
  OneJob returned([](JobContext&) { return discard("bad input"); });
  for (OneJob* run : {&thrown, &returned}) {
    EXPECT_EQ(run->kind(), FinishKind::fail);
    EXPECT_EQ(run->cause(), Cause::discarded);
    EXPECT_EQ(run->message(), "bad input");
    EXPECT_EQ(run->services.stats().discarded, 1U);
  }
}

TEST(Executor, SnoozeGivesTheAttemptBack) {
  OneJob run([](JobContext&) { return Outcome::snooze(-5min); });
  EXPECT_EQ(run.kind(), FinishKind::snooze);
  EXPECT_EQ(run.job().attempt, 0);
  EXPECT_EQ(run.services.stats().snoozed, 1U);
}

TEST(Executor, ATimeoutIsItsOwnCause) {
  Services* services = nullptr;
  Services s(1, [&](JobContext& job) {
    EXPECT_EQ(services->runtime.watchdog.step(), services->in(2s));
    services->clock->advance(2s);
    services->runtime.watchdog.step();
    EXPECT_TRUE(job.stop_token().stop_requested());
    EXPECT_EQ(job.stop_reason(), StopReason::timeout);
    return Outcome::error("stopped");
  });
  services = &s;
  s.database.add([](Job& job) { job.timeout = 2s; });
  s.work();
  EXPECT_EQ(s.database.causes.at(0), Cause::timed_out);
  EXPECT_EQ(s.database.messages.at(0), "the attempt ran longer than its timeout: stopped");
}

TEST(Executor, TheHandlersTimeoutCountsForJobsWithoutOne) {
  Services* services = nullptr;
  Services s(
      1,
      [&](JobContext&) {
        EXPECT_EQ(services->runtime.watchdog.step(), services->in(4s));
        return Outcome::done();
      },
      {}, {.timeout = 4s});
  services = &s;
  s.database.add();
  EXPECT_EQ(s.work(), 1U);
}

TEST(Executor, DoneInSpiteOfATimeoutIsSuccess) {
  Services* services = nullptr;
  Services s(1, [&](JobContext&) {
    trip(services, StopReason::timeout);
    return Outcome::done();
  });
  services = &s;
  s.database.add();
  s.work();
  EXPECT_EQ(s.stats().succeeded, 1U);
}

TEST(Executor, AFailureAfterShutdownIsAReleaseWithTheAttemptGivenBack) {
  Services* services = nullptr;
  Services s(1, [&](JobContext&) -> Outcome {
    trip(services, StopReason::shutdown);
    throw std::runtime_error("interrupted");
  });
  services = &s;
  const JobId id = s.database.add();
  s.work();
  EXPECT_EQ(s.database.job(id).state, JobState::pending);
  EXPECT_EQ(s.database.job(id).attempt, 0);
  EXPECT_EQ(s.stats().released, 1U);
}

// Whoever wants no second run after a stop says so for the kind, and gives the job one attempt.
TEST(Executor, AnAttemptThatAStopInterruptsCountsWhereTheKindSaysSo) {
  for (const int attempts : {1, 25}) {
    Services* services = nullptr;
    Services s(1,
               [&](JobContext&) {
                 trip(services, StopReason::shutdown);
                 return Outcome::error("half done");
               },
               {}, {.on_stop = OnStop::fail});
    services = &s;
    const JobId id = s.database.add([&](Job& job) { job.max_attempts = attempts; });
    s.work();
    EXPECT_EQ(s.database.job(id).state, attempts == 1 ? JobState::errored : JobState::scheduled);
    EXPECT_EQ(s.database.job(id).attempt, 1);
    EXPECT_EQ(s.database.messages.back(), "interrupted by the stop of the worker: half done");
    EXPECT_EQ(s.database.causes.back(), Cause::failed);
  }
}

TEST(Executor, AHandlerLeftBehindEndsAsItsKindSays) {
  for (const OnStop on_stop : {OnStop::release, OnStop::fail}) {
    Services s(1, {}, {}, {.on_stop = on_stop});
    s.database.add([](Job& job) { job.max_attempts = 1; });
    const worker::HeldPtr lease = s.claim_one();
    const worker::Ending ending = s.runtime.executor.interrupted(lease, "deaf");
    const bool fails = on_stop == OnStop::fail;
    EXPECT_EQ(ending.kind, fails ? backend::FinishKind::fail : backend::FinishKind::release);
    EXPECT_EQ(ending.cause, fails ? Cause::failed : Cause::released);
  }
}

TEST(Executor, ACancelledJobEndsCancelledWhateverTheHandlerSays) {
  Services* services = nullptr;
  JobId id;
  Services s(1, [&](JobContext&) -> Outcome {
    Client(services->base.db).cancel(id);
    trip(services, StopReason::cancel);
    throw std::runtime_error("stopped");
  });
  services = &s;
  id = s.database.add();
  s.work();
  EXPECT_EQ(s.database.job(id).state, JobState::cancelled);
  EXPECT_EQ(s.stats().cancelled, 1U);
}

TEST(Executor, AFailureAfterALostLeaseIsNoneAndTheJobIsGivenBack) {
  Services* services = nullptr;
  Services s(1, [&](JobContext&) {
    services->runtime.shared.lose(services->runtime.shared.in_flight.snapshot().at(0));
    return Outcome::error("stopped");
  });
  services = &s;
  const JobId id = s.database.add();
  s.work();
  EXPECT_EQ(s.database.finishes, (std::vector<std::vector<FinishKind>>{{FinishKind::release}}));
  EXPECT_EQ(s.database.job(id).state, JobState::pending) << "nobody had taken it back yet";
  EXPECT_EQ(s.database.job(id).attempt, 0);
  EXPECT_EQ(s.stats().lost, 0U);
  EXPECT_EQ(s.runtime.shared.in_flight.size(), 0U);
  EXPECT_EQ(s.runtime.shared.slots.free(), 1U);
}

TEST(Executor, SuccessIsSentThoughTheWorkerGaveTheLeaseUpItself) {
  Services* services = nullptr;
  Services s(1, [&](JobContext&) {
    services->clock->advance(25s);
    services->runtime.watchdog.step();
    return Outcome::done();
  });
  services = &s;
  const JobId id = s.database.add();
  s.work();
  EXPECT_EQ(s.database.job(id).state, JobState::success) << "nobody else had it yet";
}

TEST(Executor, StoppedBeforeItsTurnTheHandlerIsNotCalled) {
  for (const auto& [reason, kind] : {std::pair(StopReason::cancel, FinishKind::cancel),
                                     std::pair(StopReason::shutdown, FinishKind::release)}) {
    Services s(1, [](JobContext&) -> Outcome {
      ADD_FAILURE() << "the handler was called";
      return Outcome::done();
    });
    s.database.add();
    s.runtime.fetcher.step();
    s.runtime.shared.trip_all(reason);
    const auto lease = s.runtime.shared.ready.try_take();
    const auto ending = s.runtime.executor.run(*lease);
    EXPECT_EQ(ending.kind, kind);
  }
}

TEST(Executor, AJobWhoseLeaseEndedWhileTheProcessStoodStillIsNotBegunButGivenBack) {
  for (const bool late : {false, true}) {
    int begun = 0;
    Services s(1, [&](JobContext&) {
      ++begun;
      return Outcome::done();
    });
    s.database.add();
    const worker::HeldPtr lease = s.claim_one();
    s.clock->advance(late ? 25s : 24s);  // of 30 s; the watchdog has not had its turn
    const auto ending = s.runtime.executor.run(lease);
    EXPECT_EQ(begun, late ? 0 : 1);
    EXPECT_EQ(ending.kind, late ? FinishKind::release : FinishKind::success);
    EXPECT_EQ(lease->lost(), late);
  }
}

TEST(Executor, AClaimThatTookLongerThanTheLeaseIsGivenBack) {
  Services s(1, [](JobContext&) -> Outcome {
    ADD_FAILURE() << "the handler was called";
    return Outcome::done();
  });
  s.database.during_claim = [&] { s.clock->advance(31s); };
  const JobId id = s.database.add();
  s.work();
  EXPECT_EQ(s.database.finishes, (std::vector<std::vector<FinishKind>>{{FinishKind::release}}));
  EXPECT_EQ(s.database.job(id).state, JobState::pending);
  EXPECT_EQ(s.stats().released, 1U);
  EXPECT_EQ(s.stats().lost, 0U);
}

TEST(Executor, TheContextKnowsTheJob) {
  OneJob run([](JobContext& job) {
    EXPECT_EQ(job.attempt(), 1);
    EXPECT_EQ(job.id(), job.job().id);
    EXPECT_EQ(job.lease_token(), job.job().lease_token);
    EXPECT_NE(job.lease_token().value, 0);
    EXPECT_EQ(job.stop_reason(), StopReason::none);
    EXPECT_TRUE(job.client().find(job.id()).has_value());
    return Outcome::done();
  });
  EXPECT_EQ(run.job().state, JobState::success);
}

// ------------------------------------------------------------------------------------------------- complete_in

const Tx any_tx("test", nullptr);

TEST(CompleteIn, CommittedNothingMoreIsWritten) {
  Services* services = nullptr;
  Services s(1, [&](JobContext& job) {
    job.set_result("7");
    EXPECT_TRUE(job.complete_in(any_tx));
    EXPECT_NE(error_of(Errc::misuse, [&] { job.set_result("8"); }), "");
    services->database.end_transaction(true);
    services->clock->advance(20s);
    services->runtime.heartbeat.step();
    EXPECT_EQ(job.stop_reason(), StopReason::none) << "a completed job is no lost lease";
    return Outcome::done();
  });
  services = &s;
  const JobId id = s.database.add();
  s.work();
  EXPECT_EQ(s.database.job(id).result, "7");
  EXPECT_TRUE(s.database.finishes.empty());
  EXPECT_EQ(s.stats().succeeded, 1U);
  EXPECT_EQ(s.runtime.shared.in_flight.size(), 0U);
}

TEST(CompleteIn, NotCommittedTheAttemptHasFailed) {
  Services* services = nullptr;
  Services s(1, [&](JobContext& job) {
    EXPECT_TRUE(job.complete_in(any_tx));
    services->database.end_transaction(false);
    return Outcome::done();
  });
  services = &s;
  s.database.add();
  s.work();
  EXPECT_EQ(s.database.finishes.at(0).at(0), FinishKind::retry);
  EXPECT_EQ(s.database.messages.at(0), "the transaction given to complete_in was not committed");
  EXPECT_EQ(s.stats().failed, 1U);
}

TEST(CompleteIn, AFailureAfterTheCommitChangesNothing) {
  Services* services = nullptr;
  Services s(1, [&](JobContext& job) -> Outcome {
    EXPECT_TRUE(job.complete_in(any_tx));
    services->database.end_transaction(true);
    throw std::runtime_error("too late");
  });
  services = &s;
  const JobId id = s.database.add();
  s.work();
  EXPECT_EQ(s.database.job(id).state, JobState::success);
  EXPECT_EQ(s.stats().succeeded, 1U);
  EXPECT_TRUE(s.reported("too late"));
}

TEST(CompleteIn, RolledBackTheHandlersOwnErrorCounts) {
  Services* services = nullptr;
  Services s(1, [&](JobContext& job) -> Outcome {
    EXPECT_TRUE(job.complete_in(any_tx));
    services->database.end_transaction(false);
    return discard("the insert was refused");
  });
  services = &s;
  s.database.add();
  s.work();
  EXPECT_EQ(s.database.causes.back(), Cause::discarded);
}

TEST(CompleteIn, SaysWhenTheLeaseIsLost) {
  Services* services = nullptr;
  Services s(1, [&](JobContext& job) -> Outcome {
    services->database.steal(job.id());
    EXPECT_FALSE(job.complete_in(any_tx));
    EXPECT_EQ(job.stop_reason(), StopReason::lease_lost);
    throw std::runtime_error("rolled back");
  });
  services = &s;
  s.database.add();
  s.work();
  EXPECT_EQ(s.stats().lost, 1U);
}

}  // namespace
}  // namespace sqlq::testing
