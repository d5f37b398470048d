#include <array>
#include <atomic>
#include <csignal>
#include <future>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <sqlq/signals.hpp>
#include <sqlq/stop_token.hpp>

#include "core/checks.hpp"
#include "platform/file_system.hpp"
#include "platform/host.hpp"
#include "platform/pause.hpp"
#include "platform/process.hpp"
#include "platform/random.hpp"
#include "platform/standard_error.hpp"
#include "support/expect_error.hpp"

#if defined(__SANITIZE_THREAD__)
#define SQLQ_THREAD_SANITIZER 1
#elif defined(__has_feature)
#define SQLQ_THREAD_SANITIZER __has_feature(thread_sanitizer)
#else
#define SQLQ_THREAD_SANITIZER 0
#endif

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

TEST(Random, AForkedChildDrawsOtherNumbers) {
  static_cast<void>(platform::random64());  // the pool is full now
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const std::uint64_t number = platform::random64();
    ::_exit(::write(ends[1], &number, sizeof number) == sizeof number ? 0 : 1);
  }
  std::uint64_t theirs = 0;
  EXPECT_EQ(::read(ends[0], &theirs, sizeof theirs), static_cast<ssize_t>(sizeof theirs));
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_NE(platform::random64(), theirs);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(KnownDead, OnlyWhoHasCertainlyEndedIs) {
  using platform::Process;
  const Process self = platform::this_process();
  ASSERT_FALSE(self.host.empty());
  EXPECT_EQ(self.pid, ::getpid());
  EXPECT_FALSE(platform::known_dead(self));
  EXPECT_TRUE(platform::known_dead({.host = self.host, .pid = self.pid, .started = self.started - 1}))
      << "the number was used before";
  EXPECT_FALSE(platform::known_dead({.host = "another", .pid = self.pid, .started = self.started - 1}));
  EXPECT_FALSE(platform::known_dead({.host = "", .pid = self.pid, .started = self.started - 1}));
  EXPECT_FALSE(platform::known_dead({.host = self.host}));
  EXPECT_FALSE(platform::known_dead({})) << "a system that does not tell";
}

TEST(KnownDead, AChildFromItsDeathOn) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const platform::Process self = platform::this_process();
    const auto written = ::write(ends[1], &self.started, sizeof self.started);
    ::pause();
    ::_exit(static_cast<int>(written));
  }
  platform::Process process{.host = platform::this_process().host, .pid = child};
  ASSERT_EQ(::read(ends[0], &process.started, sizeof process.started), static_cast<ssize_t>(sizeof process.started));
  EXPECT_FALSE(platform::known_dead(process));
  ::kill(child, SIGKILL);
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  EXPECT_TRUE(platform::known_dead(process)) << "dead, and not waited for";
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_TRUE(platform::known_dead(process));
  ::close(ends[0]);
  ::close(ends[1]);
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
  EXPECT_TRUE(has(name, ":" + std::to_string(::getpid()) + ":"));
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
void earlier_handler(int) { ++earlier_handler_calls; }

// Waits until the token is tripped: by the object's thread, some time after the signal.
void wait_for_stop(const sqlq::stop_token& token) {
  const auto signal = system_clock()->make_signal();
  const sqlq::stop_callback wake(token, [&] { signal->notify(); });
  signal->wait_until(SteadyPoint::max());
}

TEST(SignalStop, TheFirstSignalStopsAndTheSecondGoesToTheEarlierHandler) {
  const auto before = std::signal(SIGUSR1, earlier_handler);
  earlier_handler_calls = 0;
  {
    const SignalStop stop{SIGUSR1, SIGUSR2};
    EXPECT_FALSE(stop.token().stop_requested());
    std::raise(SIGUSR1);
    wait_for_stop(stop.token());
    EXPECT_TRUE(stop.token().stop_requested());
    EXPECT_EQ(earlier_handler_calls, 0);
    std::raise(SIGUSR1);
    EXPECT_EQ(earlier_handler_calls, 1);
  }
  std::raise(SIGUSR1);
  EXPECT_EQ(earlier_handler_calls, 2);
  std::signal(SIGUSR1, before);
}

TEST(SignalStop, GivesHandlersBackWithoutASignal) {
  const auto before = std::signal(SIGUSR1, earlier_handler);
  earlier_handler_calls = 0;
  sqlq::stop_token token;
  { token = SignalStop{SIGUSR1}.token(); }
  EXPECT_FALSE(token.stop_requested());
  std::raise(SIGUSR1);
  EXPECT_EQ(earlier_handler_calls, 1);
  EXPECT_EQ(std::signal(SIGUSR1, before), earlier_handler);
}

TEST(SignalStop, LeavesAHandlerAloneThatCameAfterTheFirstSignal) {
  earlier_handler_calls = 0;
  const auto before = std::signal(SIGUSR1, SIG_DFL);
  {
    const SignalStop stop{SIGUSR1};
    std::raise(SIGUSR1);
    wait_for_stop(stop.token());
    EXPECT_EQ(std::signal(SIGUSR1, earlier_handler), SIG_DFL);
  }
  EXPECT_EQ(std::signal(SIGUSR1, before), earlier_handler);
}

#if !SQLQ_THREAD_SANITIZER
TEST(StandardError, AFullPipeKeepsNoProcessFromEnding) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ASSERT_EQ(::fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
  const std::string much(4096, 'x');
  while (::write(ends[1], much.data(), much.size()) > 0) {
  }
  ASSERT_EQ(::fcntl(ends[1], F_SETFL, 0), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::alarm(60);
    ::dup2(ends[1], STDERR_FILENO);
    static std::atomic<bool> writes{false};
    std::thread([] {
      writes = true;
      platform::write_to_standard_error("a line\n");
    }).detach();
    while (!writes) std::this_thread::yield();
    std::exit(0);  // NOLINT(concurrency-mt-unsafe): this is what is tested
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  ::close(ends[0]);
  ::close(ends[1]);
}
#endif

// ThreadSanitizer delivers no signals in a child that was forked while other threads ran; every other build has this.
#if !SQLQ_THREAD_SANITIZER
TEST(SignalStop, AForkedChildDiesAndItsParentGoesOn) {
  const SignalStop stop{SIGTERM};
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    std::raise(SIGTERM);
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
  EXPECT_FALSE(stop.token().stop_requested());
}
#endif

TEST(SignalStop, AChildThatAStopCallbackForksIsEnded) {
  const SignalStop stop{SIGUSR1};
  std::promise<pid_t> forked;
  const sqlq::stop_callback callback(stop.token(), [&] {
    const pid_t child = ::fork();
    if (child != 0) forked.set_value(child);
  });
  std::raise(SIGUSR1);
  const pid_t child = forked.get_future().get();
  ASSERT_GE(child, 0);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 70);
}

TEST(SignalStop, RefusesMisuse) {
  const auto make = [](std::initializer_list<int> signals) { const SignalStop stop{signals}; };
  EXPECT_FALSE(error_of(Errc::invalid_argument, [&] { make({}); }).empty());
  EXPECT_FALSE(error_of(Errc::invalid_argument, [&] { make({SIGUSR1, 9999}); }).empty());
  EXPECT_FALSE(error_of(Errc::invalid_argument, [&] { make({SIGUSR1, SIGKILL}); }).empty());
  const SignalStop stop{SIGUSR1};  // the refused ones have left nothing behind
  EXPECT_FALSE(error_of(Errc::misuse, [&] { make({SIGUSR2, SIGUSR1}); }).empty());
  const SignalStop other{SIGUSR2};
}

}  // namespace
}  // namespace sqlq
