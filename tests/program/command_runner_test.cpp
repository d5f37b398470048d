/// \file
/// Commands as `sqlq work` runs them: what they get, how they end, and that nothing of them is left.

#include <gtest/gtest.h>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <sqlq/stop_token.hpp>

#include "command_runner.hpp"
#include "processes.hpp"

namespace sqlq::program {
namespace {

using namespace std::chrono_literals;
using tool::CommandEnd;
using tool::CommandInput;

class Commands : public ::testing::Test {
 protected:
  Commands() { std::signal(SIGPIPE, SIG_IGN); }

  CommandEnd shell(const std::string& script, CommandInput input = {}) {
    const auto on_line = [this](std::string_view line) {
      lines.emplace_back(line);
      if (stop_at_line) stop.request_stop();
    };
    if (!input.on_line) input.on_line = on_line;
    if (input.most_output == 0) input.most_output = std::size_t{1} << 20;
    input.stop = stop.get_token();
    return run_command({"/bin/sh", {"sh", "-c", script}, {"PATH=/usr/bin:/bin", "COLOUR=blue"}}, input, guard);
  }
  [[nodiscard]] int status(const std::string& script) {
    const CommandEnd end = shell(script);
    EXPECT_FALSE(end.how.by_signal);
    return end.how.number;
  }

  tool::ProcessGuard guard{};
  sqlq::stop_source stop{};
  bool stop_at_line = false;
  std::vector<std::string> lines{};
};

std::size_t open_descriptors() {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}));
}

TEST_F(Commands, EndWithAStatusOrBySignal) {
  EXPECT_EQ(status("exit 0"), 0);
  EXPECT_EQ(status("exit 65"), 65);
  EXPECT_EQ(status("exit 255"), 255);
  const CommandEnd end = shell("kill -SEGV $$");
  EXPECT_TRUE(end.how.by_signal);
  EXPECT_EQ(end.how.number, SIGSEGV);
}

TEST_F(Commands, GetTheirInputAndTheirEnvironment) {
  const std::string input(std::size_t{1} << 20, 'x');
  const CommandEnd end = shell("cat", {.standard_input = input});
  EXPECT_TRUE(end.output == input) << end.output.size();
  EXPECT_FALSE(end.output_cut);
  EXPECT_EQ(shell("echo $COLOUR; env | wc -l").output.substr(0, 5), "blue\n");
}

TEST_F(Commands, MayLeaveTheirInputUnread) {
  const std::string input(std::size_t{4} << 20, 'x');
  EXPECT_EQ(shell("exit 3", {.standard_input = input}).how.number, 3);
  EXPECT_EQ(shell("exec 0<&-; echo read", {.standard_input = input}).output, "read\n");
  EXPECT_EQ(shell("head -c 10", {.standard_input = input}).output, "xxxxxxxxxx");
}

TEST_F(Commands, OutputIsKeptByteForByteUpToTheLimit) {
  EXPECT_EQ(shell("printf 'a\\000\\377\\n'").output, std::string("a\0\xFF\n", 4));
  const CommandEnd end = shell("head -c 3000000 /dev/zero; echo done >&2", {.most_output = 1000});
  EXPECT_EQ(end.how.number, 0) << "it is read to its end";
  EXPECT_EQ(end.output, std::string(1000, '\0'));
  EXPECT_TRUE(end.output_cut);
  EXPECT_EQ(end.last_line, "done");
}

TEST_F(Commands, LinesOfTheErrorStreamComeWhole) {
  const CommandEnd end = shell("printf 'one\\r\\n\\ntwo\\n  \\nthr' >&2; printf ee >&2");
  EXPECT_EQ(lines, (std::vector<std::string>{"one", "", "two", "  ", "three"}));
  EXPECT_EQ(end.last_line, "three");
  EXPECT_EQ(shell("printf 'why\\n \\n' >&2; exit 1").last_line, "why") << "not a blank one";
}

TEST_F(Commands, LongLinesComeInPiecesCutBetweenCharacters) {
  shell("awk 'BEGIN { printf \"a\"; for (i = 0; i < 20000; ++i) printf \"\\303\\251\" }' >&2");
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[0].size(), tool::longest_line - 1);
  EXPECT_EQ(lines[0].size() + lines[1].size() + lines[2].size(), 40001U);
  for (const std::string& line : lines) EXPECT_EQ(line.substr(line.size() - 2), "\xC3\xA9");
}

TEST_F(Commands, ManyLinesComeAll) {
  shell("i=0; while [ $i -lt 20000 ]; do echo $i; i=$((i+1)); done >&2");
  ASSERT_EQ(lines.size(), 20000U);
  EXPECT_EQ(lines.back(), "19999");
}

TEST_F(Commands, SignalsAndDescriptorsAreThoseOfAFreshProcess) {
  const auto before = std::signal(SIGUSR2, SIG_IGN);
  sigset_t blocked, mask;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &mask);
  const int leak = ::dup(1);  // stays open over exec
  const CommandEnd end = shell("grep -E 'Sig(Blk|Ign)' /proc/self/status; ls /proc/self/fd");
  ::close(leak);
  ::pthread_sigmask(SIG_SETMASK, &mask, nullptr);
  std::signal(SIGUSR2, before);
  EXPECT_EQ(end.output, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n0\n1\n2\n3\n") << "3 is of ls";
}

TEST_F(Commands, AreStoppedWithAllOfTheirGroup) {
  stop_at_line = true;
  const CommandEnd end = shell("sleep 1000 & echo $! >&2; wait", {.grace = 60s});
  EXPECT_TRUE(end.how.by_signal);
  EXPECT_EQ(end.how.number, SIGTERM);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_TRUE(process_is_gone(std::stoi(lines[0])));
}

TEST_F(Commands, MayEndWellWhenTheyAreStopped) {
  stop_at_line = true;
  const CommandEnd end = shell("trap 'echo saved; exit 0' TERM; echo up >&2; while :; do sleep 0.01; done",
                               {.grace = 60s});
  EXPECT_EQ(end.how.number, 0);
  EXPECT_EQ(end.output, "saved\n");
}

TEST_F(Commands, ThatIgnoreSigtermAreKilledAfterTheGrace) {
  stop_at_line = true;
  const CommandEnd end = shell("trap '' TERM; sleep 1000 & echo $! >&2; while :; do sleep 1000; done",
                               {.grace = 50ms});
  EXPECT_TRUE(end.how.by_signal);
  EXPECT_EQ(end.how.number, SIGKILL);
  EXPECT_TRUE(process_is_gone(std::stoi(lines.at(0))));
}

TEST_F(Commands, ThatWereToStopBeforeTheyBeganAreStopped) {
  stop.request_stop();
  EXPECT_EQ(shell("sleep 1000", {.grace = 60s}).how.number, SIGTERM);
}

TEST_F(Commands, WhoseChildrenHoldTheirPipesAreNotWaitedForForEver) {
  const CommandEnd end = shell("sleep 1000 & echo $! >&2; echo 1", {.linger = 20ms});
  EXPECT_EQ(end.how.number, 0);
  EXPECT_EQ(end.output, "1\n");
  EXPECT_TRUE(process_is_gone(std::stoi(lines.at(0))));
}

TEST_F(Commands, LeaveNothingBehindInTheBackground) {
  const CommandEnd end = shell("sleep 1000 >/dev/null 2>&1 <&1 & echo $!");
  EXPECT_TRUE(process_is_gone(std::stoi(end.output)));
}

TEST_F(Commands, WhoseChildrenHaveLeftTheGroupAreNotWaitedForEither) {
  const CommandEnd end = shell("setsid sleep 1000 & echo $! >&2; echo 1", {.linger = 20ms});
  EXPECT_EQ(end.output, "1\n");
  ::kill(std::stoi(lines.at(0)), SIGKILL);
}

TEST_F(Commands, WhatWasSaidLateIsStillHeard) {
  EXPECT_EQ(shell("(sleep 0.05; echo late) & exit 0", {.linger = 60s}).output, "late\n");
}

TEST_F(Commands, ThatCannotBeRunSayWhy) {
  const auto why = [&](const std::string& file) {
    try {
      (void)run_command({file, {file}, {}}, {}, guard);
    } catch (const std::system_error& error) {
      return error.code().value();
    }
    return 0;
  };
  const std::size_t before = open_descriptors();
  EXPECT_EQ(why("/nowhere/command"), ENOENT);
  EXPECT_EQ(why("/etc/passwd"), EACCES);
  rlimit limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit few{open_descriptors() + 4, limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  EXPECT_EQ(why("/bin/true"), EMFILE);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_EQ(open_descriptors(), before);
  EXPECT_EQ(why("/bin/true"), 0);
}

TEST_F(Commands, AreNotRunWhenTheGuardHasEnded) {
  ::kill(guard.pid(), SIGKILL);
  siginfo_t about{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(guard.pid()), &about, WEXITED | WNOWAIT), 0);
  try {
    (void)shell("echo ran >&2");
    ADD_FAILURE() << "nobody would end it";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code().value(), EPIPE);
  }
  EXPECT_TRUE(lines.empty());
}

TEST_F(Commands, OfManyThreadsLeaveNoDescriptorsAndNoZombies) {
  const std::size_t before = open_descriptors();
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 16; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 13; ++i) {
        const std::string said = std::to_string(t) + "." + std::to_string(i);
        const CommandInput input{.standard_input = said, .most_output = 100};
        const CommandEnd end = run_command({"/bin/cat", {"cat"}, {}}, input, guard);
        if (end.output != said || end.how.number != 0) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(open_descriptors(), before);
  siginfo_t about{};
  EXPECT_EQ(::waitid(P_ALL, 0, &about, WEXITED | WNOHANG | WNOWAIT), 0);
  EXPECT_EQ(about.si_pid, 0) << "a child that nobody has waited for";
}

TEST(ProgramSearch, IsThatOfAShell) {
  EXPECT_NE(tool::find_program("sh").find("/sh"), std::string::npos);
  EXPECT_EQ(tool::find_program("/bin/sh"), "/bin/sh");
  EXPECT_EQ(tool::find_program("no-such-program-anywhere"), "");
  EXPECT_EQ(tool::find_program("/etc/passwd"), "") << "not executable";
  EXPECT_EQ(tool::find_program("/etc"), "") << "a folder";
  EXPECT_EQ(tool::find_program(""), "");
}

}  // namespace
}  // namespace sqlq::program
