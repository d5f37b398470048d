#include <atomic>
#include <cstdlib>
#include <latch>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <thread>

#include <gtest/gtest.h>
#include <pthread.h>

#include <sqlq/testing/manual_clock.hpp>

#include "worker/service_loop.hpp"

namespace sqlq::testing {
namespace {

using namespace std::chrono_literals;

class Scripted final : public worker::Service {
 public:
  explicit Scripted(Clock& clock) : Service(clock) {}
  SteadyPoint step() override {
    ++steps;
    return script();
  }
  [[nodiscard]] std::string_view name() const noexcept override { return "scripted"; }

  std::atomic<int> steps{0};
  std::function<SteadyPoint()> script = [] { return SteadyPoint::max(); };
};

struct Loop : ::testing::Test {
  ManualClock clock;
  std::vector<WorkerEvent> events;
  worker::Events sink{[this](const WorkerEvent& event) { events.push_back(event); }};
  void end(worker::ServiceLoop& loop) {
    loop.request_stop();
    while (!loop.ended()) ended->wait_until(SteadyPoint::max());
    loop.finish();
  }

  std::unique_ptr<Signal> ended = clock.make_signal();
  Scripted service{clock};
  worker::Turns turns{service, clock, sink, 7};
};

TEST_F(Loop, BacksOffLongerAndLongerAndBelowTenSeconds) {
  service.script = []() -> SteadyPoint { throw std::runtime_error("away"); };
  Duration longest{0};
  for (int i = 0; i < 40; ++i) {
    const auto next = turns.take();
    EXPECT_TRUE(next.backing_off);
    const Duration delay = next.at - clock.steady();
    EXPECT_GE(delay, 100ms);
    EXPECT_LE(delay, i == 0 ? 200ms : 8000ms);
    longest = std::max(longest, delay);
  }
  EXPECT_GT(longest, 4s);
  ASSERT_EQ(events.size(), 40U);
  EXPECT_EQ(events[0].service, "scripted");
  EXPECT_EQ(events[0].level, WorkerEvent::Level::warning);
  EXPECT_EQ(events[0].message.rfind("away; tries again in ", 0), 0U);
}

TEST_F(Loop, StartsOverAfterASuccess) {
  service.script = []() -> SteadyPoint { throw std::runtime_error("away"); };
  for (int i = 0; i < 10; ++i) turns.take();
  service.script = [] { return SteadyPoint::max(); };
  EXPECT_FALSE(turns.take().backing_off);
  EXPECT_EQ(events.back().message, "works again after 10 failures");
  service.script = []() -> SteadyPoint { throw std::runtime_error("away"); };
  EXPECT_LE(turns.take().at, clock.steady() + 200ms);
}

TEST_F(Loop, SurvivesAnythingThatIsThrown) {
  service.script = []() -> SteadyPoint { throw 42; };
  EXPECT_TRUE(turns.take().backing_off);
  EXPECT_EQ(events.back().message.rfind("unknown exception; ", 0), 0U);
}

TEST_F(Loop, StepsWhenWokenAndWhenDue) {
  std::latch first(1);
  std::latch woken(2);
  std::latch due(3);
  service.script = [&] {
    const SteadyPoint next = service.steps == 2 ? clock.steady() + 1min : SteadyPoint::max();  // before time goes on
    if (service.steps == 1) first.count_down();
    if (service.steps <= 2) woken.count_down();
    if (service.steps <= 3) due.count_down();
    return next;
  };
  worker::ServiceLoop loop(service, clock, sink, 1);
  loop.start({}, *ended);
  first.wait();
  service.wake();
  woken.wait();
  clock.advance(1h);
  due.wait();
  end(loop);
  end(loop);
  EXPECT_EQ(service.steps, 3);
}

TEST_F(Loop, AWakeDoesNotShortenTheBackOff) {
  std::latch failed(1);
  service.script = [&]() -> SteadyPoint {
    if (service.steps > 1) return SteadyPoint::max();
    failed.count_down();
    throw std::runtime_error("away");
  };
  worker::ServiceLoop loop(service, clock, sink, 1);
  loop.start({}, *ended);
  failed.wait();
  for (int i = 0; i < 100; ++i) {
    service.wake();
    std::this_thread::yield();
  }
  EXPECT_EQ(service.steps, 1) << "no time has passed, so no step may follow";
  while (service.steps < 2) clock.advance(100ms);
  end(loop);
}

TEST_F(Loop, AnotherThreadTakesThePlaceOfOneThatWasEndedAndNothingItHeldStays) {
  constexpr int ended_threads = 3;
  std::vector<std::thread::id> threads;
  std::latch went_on(1);
  service.script = [&]() -> SteadyPoint {
    threads.push_back(std::this_thread::get_id());
    if (service.steps <= ended_threads) pthread_exit(nullptr);
    went_on.count_down();
    return SteadyPoint::max();
  };
  const auto held = std::make_shared<int>();
  worker::ServiceLoop loop(service, clock, sink, 1);
  loop.start(held, *ended);
  went_on.wait();
  end(loop);
  EXPECT_EQ(service.steps, ended_threads + 1);
  for (std::size_t i = 1; i < threads.size(); ++i) EXPECT_NE(threads[i], threads[i - 1]);
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_TRUE(events.empty());
}

TEST_F(Loop, WhileTheSystemRefusesAThreadItSaysSoAndFillTriesAgain) {
  std::atomic<bool> refuses{false};
  std::latch vacant(1);
  service.script = [&]() -> SteadyPoint {
    if (service.steps == 1) pthread_exit(nullptr);
    return SteadyPoint::max();
  };
  worker::ServiceLoop loop(service, clock, sink, 1, [&](std::function<void()> body) {
    if (refuses) throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again));
    refuses = true;
    return worker::start_thread(std::move(body));
  });
  loop.start({}, *ended, [&] { vacant.count_down(); });
  vacant.wait();
  EXPECT_FALSE(loop.fill());
  loop.request_stop();
  EXPECT_FALSE(loop.ended()) << "it has steps left to take";
  refuses = false;
  EXPECT_TRUE(loop.fill());
  EXPECT_TRUE(loop.fill());
  end(loop);
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].code, WorkerEvent::Code::thread_ended);
  EXPECT_NE(events[0].message.find("the system refused a thread"), std::string::npos) << events[0].message;
  EXPECT_EQ(events[1].message, "has a thread again");
}

TEST_F(Loop, WorkAddedDuringAStepWakesItAgain) {
  service.script = [&] {
    service.wake_by(clock.steady() + 1h);
    return SteadyPoint::max();
  };
  service.turn();
  EXPECT_TRUE(service.wait_until(clock.steady()));
  service.script = [&] { return clock.steady() + 1min; };
  service.turn();
  service.wake_by(clock.steady() + 1h);
  EXPECT_FALSE(service.wait_until(clock.steady())) << "a step is planned before that";
  service.wake_by(clock.steady() + 1s);
  EXPECT_TRUE(service.wait_until(clock.steady()));
}

/// What a service and its thread use, until both have let go of it.
struct Kept {
  inline static std::atomic<bool> gone{false};
  ~Kept() { gone = true; }
  ManualClock clock;
  worker::Events sink{[](const WorkerEvent&) {}};
  std::unique_ptr<Signal> ended = clock.make_signal();
  Scripted service{clock};
  worker::ServiceLoop loop{service, clock, sink, 7};
};

/// The service is in a call, which returns when the process exits already.
[[noreturn]] void exit_with_one_left_behind() {
  static std::latch in_call{1};
  static std::latch exiting{1};
  std::atexit([] {
    if (!Kept::gone) std::_Exit(1);
  });
  auto kept = std::make_shared<Kept>();
  kept->service.script = [] {
    in_call.count_down();
    exiting.wait();
    return SteadyPoint::max();
  };
  kept->loop.start(kept, *kept->ended);
  in_call.wait();
  kept->loop.request_stop();
  kept->loop.finish();
  kept.reset();
  std::atexit([] { exiting.count_down(); });
  std::exit(0);
}

TEST(LeftBehind, AThreadHasEndedBeforeTheProcessIsTornDown) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(exit_with_one_left_behind(), ::testing::ExitedWithCode(0), "");
}

TEST(Events, HaveNoControlCharactersAndNothingThatIsNotUtf8) {
  std::string said;
  worker::Events events([&](const WorkerEvent& event) { said = event.message; });
  events.report(worker::Events::Level::error, "part", "a\r\nb\x1b[2J\x7f \xC2\x9B" "31m \xC2\xA0\xC3\xA9 \x9B\xC2");
  EXPECT_EQ(said, R"(a\r\nb\x1b[2J\x7f \u009b31m )" "\xC2\xA0\xC3\xA9" R"( \x9b\xc2)");
}

TEST(Events, ArePrintedInOneLineAndWhatTheCallbackThrowsIsDropped) {
  worker::Events printing({});
  ::testing::internal::CaptureStderr();
  printing.report(WorkerEvent::Level::info, "fetcher", "quiet");
  printing.report(WorkerEvent::Level::warning, "fetcher", "two\nlines");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "sqlq: worker: fetcher: two\\nlines\n");

  int calls = 0;
  worker::Events throwing([&](const WorkerEvent&) {
    ++calls;
    throw 42;
  });
  throwing.report(WorkerEvent::Level::error, "fetcher", "first");
  throwing.report(WorkerEvent::Level::error, "fetcher", "second");
  throwing.close(SteadyPoint::max());
  throwing.report(WorkerEvent::Level::error, "fetcher", "after the end");
  EXPECT_EQ(calls, 2);
}

}  // namespace
}  // namespace sqlq::testing
