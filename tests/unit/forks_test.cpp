// What a forked child of a program that uses the library draws, ends and does not do. Only where there is fork().

#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <future>
#include <string>
#include <thread>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include <sqlq/signals.hpp>
#include <sqlq/stop_token.hpp>

#include "platform/process.hpp"
#include "platform/random.hpp"
#include "platform/standard_error.hpp"

#if defined(__SANITIZE_THREAD__)
#define SQLQ_THREAD_SANITIZER 1
#elif defined(__has_feature)
#define SQLQ_THREAD_SANITIZER __has_feature(thread_sanitizer)
#else
#define SQLQ_THREAD_SANITIZER 0
#endif

namespace sqlq {
namespace {

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

}  // namespace
}  // namespace sqlq
