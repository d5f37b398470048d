#pragma once
/// \file
/// What the processors did while something was timed: for saying whether a rate waits for them or for something else.
/// No library, so that the limit programs have it too.

#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <string>

namespace processors {

/// Seconds of processor time since the machine, or this process, was started.
struct Reading {
  double own = 0;   ///< this process, threads included
  double busy = 0;  ///< all processors, for anybody
  double idle = 0;  ///< all processors, waiting for disks included
};

/// Of processor time, in user and in system mode.
[[nodiscard]] inline double seconds(const rusage& used) {
  const auto of = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
  return of(used.ru_utime) + of(used.ru_stime);
}

[[nodiscard]] inline Reading read() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  Reading now{.own = seconds(used)};
  std::ifstream stat("/proc/stat");
  std::string all;
  std::array<double, 8> ticks{};  // user, nice, system, idle, waiting for disks, interrupts, soft ones, stolen
  stat >> all;
  for (double& t : ticks) stat >> t;
  const auto hertz = static_cast<double>(::sysconf(_SC_CLK_TCK));
  now.idle = (ticks[3] + ticks[4]) / hertz;
  for (const double t : ticks) now.busy += t / hertz;
  now.busy -= now.idle;
  return now;
}

/// Of something that was done `n` times. To be believed on a machine that does nothing else, from a second on.
struct Use {
  double own_us = 0;      ///< microseconds of this process for each
  double others_us = 0;   ///< and of all others: the server's, and the kernel's for it
  double idle_share = 0;  ///< how much of the processors' time was left
};

[[nodiscard]] inline Use between(const Reading& begin, const Reading& end, double n) {
  const double own = end.own - begin.own;
  const double busy = end.busy - begin.busy;
  const double idle = end.idle - begin.idle;
  return {.own_us = own * 1e6 / n,
          .others_us = (busy > own ? busy - own : 0) * 1e6 / n,
          .idle_share = busy + idle > 0 ? idle / (busy + idle) : 0};
}

}  // namespace processors
