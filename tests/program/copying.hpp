#pragma once
/// \file
/// What tests of `sqlq copy` ask: what a database has, and copies that are killed on their way.

#include <csignal>
#include <cstdint>
#include <string>
#include <vector>

#include "program.hpp"

namespace sqlq::program {

/// The whole stream: the same text for the same jobs.
inline std::string exported(const std::string& url) {
  const Result result = run({"-d", url, "-q", "export"});
  EXPECT_EQ(result.code, 0) << result.err;
  return result.out;
}

inline std::uint64_t jobs_in(const std::string& url) {
  std::uint64_t jobs = 0;
  for (const auto& [state, count] : Admin{open(url)}.counts({}, 1'000'000)) jobs += count.value;
  return jobs;
}

/// The words, with -o json; killed with -9 up to `kills` times while `far(n)` holds for the n-th time, then run to its
/// end. How often it was killed: fewer when it ended before. `last`: what the run said that ended.
template <class Far>
int killed_on_the_way(std::vector<std::string> words, int kills, Far far, Result& last) {
  words.insert(words.begin(), {"-o", "json"});
  int killed = 0;
  for (int n = 1; n <= kills; ++n) {
    Running running(words);
    static_cast<void>(process::eventually([&] {
      siginfo_t ended{};
      ::waitid(P_PID, static_cast<id_t>(running.pid()), &ended, WEXITED | WNOHANG | WNOWAIT);
      return ended.si_pid != 0 || far(n);
    }));
    running.signal(SIGKILL);
    const Result result = running.wait();
    killed += result.code == 128 + SIGKILL ? 1 : 0;
    if (result.code != 128 + SIGKILL) {
      EXPECT_EQ(result.code, 0) << result.err;
    }
  }
  Running running(words);
  last = running.wait(std::chrono::minutes(20));
  return killed;
}

}  // namespace sqlq::program
