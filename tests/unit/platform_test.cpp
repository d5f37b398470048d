#include <array>
#include <atomic>
#include <csignal>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include <sqlq/signals.hpp>
#include <sqlq/stop_token.hpp>

#include "core/checks.hpp"
#include "platform/file_system.hpp"
#include "platform/host.hpp"
#include "platform/pause.hpp"
#include "platform/process.hpp"
#include "platform/random.hpp"
#include "platform/wake_up.hpp"
#include "support/expect_error.hpp"

namespace sqlq {
namespace {

using testing::error_of;
using testing::has;

TEST(FileSystem, ThoseOfOtherHostsHaveNames) {
  EXPECT_EQ(platform::network_name(0x6969), "NFS");
  EXPECT_EQ(platform::network_name(0xFF534D42), "CIFS");
  EXPECT_EQ(platform::network_name(0xFFFFFFFFFF534D42), "CIFS") << "as a long that is negative";
  EXPECT_FALSE(platform::network_name(0xEF53)) << "ext4";
  EXPECT_FALSE(platform::network_name(0x01021994)) << "tmpfs";
  EXPECT_FALSE(platform::network_file_system("/proc"));
  EXPECT_FALSE(platform::network_file_system("/nowhere at all"));
}

TEST(Random, NumbersDifferBetweenThreads) {
  constexpr std::size_t per_thread = 1000;
  std::vector<std::vector<std::uint64_t>> drawn(4);
  {
    std::vector<sqlq::jthread> threads;
    for (auto& numbers : drawn) {
      threads.emplace_back([&numbers] {
        for (std::size_t i = 0; i < per_thread; ++i) numbers.push_back(platform::random64());
      });
    }
  }
  std::set<std::uint64_t> all;
  for (const auto& numbers : drawn) all.insert(numbers.begin(), numbers.end());
  EXPECT_EQ(all.size(), drawn.size() * per_thread);
}

TEST(KnownDead, OnlyWhoHasCertainlyEndedIs) {
  using platform::Process;
  const Process self = platform::this_process();
  ASSERT_FALSE(self.host.empty());
  EXPECT_EQ(self.pid, platform::process_id());
  EXPECT_FALSE(platform::known_dead(self));
  EXPECT_TRUE(platform::known_dead({.host = self.host, .pid = self.pid, .started = self.started - 1}))
      << "the number was used before";
  EXPECT_FALSE(platform::known_dead({.host = "another", .pid = self.pid, .started = self.started - 1}));
  EXPECT_FALSE(platform::known_dead({.host = "", .pid = self.pid, .started = self.started - 1}));
  EXPECT_FALSE(platform::known_dead({.host = self.host}));
  EXPECT_FALSE(platform::known_dead({})) << "a system that does not tell";
}

TEST(Random, BelowStaysBelow) {
  std::set<std::uint32_t> seen;
  for (int i = 0; i < 2000; ++i) seen.insert(platform::random_below(30));
  EXPECT_EQ(seen.size(), 30U);
  EXPECT_EQ(*seen.rbegin(), 29U);
  EXPECT_EQ(platform::random_below(1), 0U);
  EXPECT_NE(platform::random_token(), LeaseToken{});
}

TEST(Random, ASeedGivesTheSameNumbersAgain) {
  const auto draw = [] {
    const platform::SeededRandom seeded(7);
    return std::array{platform::random64(), platform::random64(), std::uint64_t{platform::random_below(1000)}};
  };
  EXPECT_EQ(draw(), draw());
  const std::uint64_t first = draw().front();
  EXPECT_NE(platform::random64(), first) << "the operating system's again";
}

TEST(Host, WorkerNamesAreNamesAndDiffer) {
  const std::string name = platform::default_worker_name();
  EXPECT_NO_THROW(core::check_name(name, "the worker's name"));
  EXPECT_TRUE(has(name, ":" + std::to_string(platform::process_id()) + ":"));
  EXPECT_NE(name, platform::default_worker_name());
  EXPECT_EQ(platform::worker_name(7), platform::worker_name(7));
}

TEST(Pause, TakesAtLeastItsTime) {
  const auto clock = system_clock();
  const SteadyPoint begin = clock->steady();
  platform::pause_for(Duration(2000));
  EXPECT_GE(clock->steady() - begin, Duration(2000));
  platform::pause_for(Duration::min());
}

std::atomic<int> earlier_handler_calls{0};
void earlier_handler(int signal) {
  ++earlier_handler_calls;
  std::signal(signal, earlier_handler);  // some systems take a handler away when it is called
}

// Waits until the token is tripped: by the object's thread, some time after the signal.
void wait_for_stop(const sqlq::stop_token& token) {
  const auto signal = system_clock()->make_signal();
  const sqlq::stop_callback wake(token, [&] { signal->notify(); });
  signal->wait_until(SteadyPoint::max());
}

TEST(SignalStop, TheFirstSignalStopsAndTheSecondGoesToTheEarlierHandler) {
  const auto before = std::signal(SIGINT, earlier_handler);
  earlier_handler_calls = 0;
  {
    const SignalStop stop{SIGINT, SIGTERM};
    EXPECT_FALSE(stop.token().stop_requested());
    std::raise(SIGINT);
    wait_for_stop(stop.token());
    EXPECT_TRUE(stop.token().stop_requested());
    EXPECT_EQ(earlier_handler_calls, 0);
    std::raise(SIGINT);
    EXPECT_EQ(earlier_handler_calls, 1);
  }
  std::raise(SIGINT);
  EXPECT_EQ(earlier_handler_calls, 2);
  std::signal(SIGINT, before);
}

TEST(SignalStop, GivesHandlersBackWithoutASignal) {
  const auto before = std::signal(SIGINT, earlier_handler);
  earlier_handler_calls = 0;
  sqlq::stop_token token;
  { token = SignalStop{SIGINT}.token(); }
  EXPECT_FALSE(token.stop_requested());
  std::raise(SIGINT);
  EXPECT_EQ(earlier_handler_calls, 1);
  EXPECT_EQ(std::signal(SIGINT, before), earlier_handler);
}

TEST(SignalStop, LeavesAHandlerAloneThatCameAfterTheFirstSignal) {
  earlier_handler_calls = 0;
  const auto before = std::signal(SIGINT, SIG_DFL);
  {
    const SignalStop stop{SIGINT};
    std::raise(SIGINT);
    wait_for_stop(stop.token());
    EXPECT_EQ(std::signal(SIGINT, earlier_handler), SIG_DFL);
  }
  EXPECT_EQ(std::signal(SIGINT, before), earlier_handler);
}

TEST(WakeUp, EndsAWaitForEver) {
  using platform::Until;
  using platform::Waited;
  using platform::wait_for;
  const SteadyPoint now = system_clock()->steady();
  platform::WakeUp wake_up;
  EXPECT_EQ(wait_for(-1, Until::readable, now, &wake_up), Waited::too_late);
  std::thread other([&] { wake_up.set(); });
  EXPECT_EQ(wait_for(-1, Until::readable, SteadyPoint::max(), &wake_up), Waited::stopped);
  EXPECT_EQ(wait_for(-1, Until::either, now, &wake_up), Waited::stopped) << "it stays set";
  other.join();
}

TEST(WakeUp, AWaitForASocketIsOneForWhatItIsWaitedFor) {
  using platform::Until;
  using platform::Waited;
  using platform::wait_for;
  const SteadyPoint now = system_clock()->steady();
  platform::WakeUp socket;  // as good as any other: it can be read when it is set
  const platform::WakeUp stop;
  EXPECT_EQ(wait_for(socket.descriptor(), Until::readable, now, &stop), Waited::too_late);
  EXPECT_EQ(wait_for(socket.descriptor(), Until::readable, now, nullptr), Waited::too_late);
  socket.set();
  EXPECT_EQ(wait_for(socket.descriptor(), Until::readable, SteadyPoint::max(), &stop), Waited::ready);
  EXPECT_EQ(wait_for(socket.descriptor(), Until::either, now, nullptr), Waited::ready);
}

TEST(SignalStop, RefusesMisuse) {
  const auto make = [](std::initializer_list<int> signals) { const SignalStop stop{signals}; };
  EXPECT_FALSE(error_of(Errc::invalid_argument, [&] { make({}); }).empty());
  EXPECT_FALSE(error_of(Errc::invalid_argument, [&] { make({SIGINT, 9999}); }).empty());
  EXPECT_FALSE(error_of(Errc::invalid_argument, [&] { make({SIGINT, 9}); }).empty());
  const SignalStop stop{SIGINT};  // the refused ones have left nothing behind
  EXPECT_FALSE(error_of(Errc::misuse, [&] { make({SIGTERM, SIGINT}); }).empty());
  const SignalStop other{SIGTERM};
}

}  // namespace
}  // namespace sqlq
