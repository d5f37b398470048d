#include "platform/process.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>

#include <csignal>
#include <unistd.h>

#include "platform/system.hpp"

namespace sqlq::platform {
namespace {

/// Empty when it cannot be read.
std::string text_of(const std::string& file) {
  std::ifstream in(file);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

/// Empty when there is none.
std::string link_of(const char* file) {
  std::array<char, 256> buffer{};
  const auto size = ::readlink(file, buffer.data(), buffer.size());
  return size <= 0 ? std::string() : std::string(buffer.data(), static_cast<std::size_t>(size));
}

/// A process's entry in /proc.
struct Stat {
  char state = '?';
  std::int64_t threads = 0;
  std::int64_t started = 0;
};

std::optional<Stat> stat_of(std::int64_t pid) {
  const std::string text = text_of("/proc/" + std::to_string(pid) + "/stat");
  const auto name_end = text.rfind(')');  // the name before it may have anything in it
  if (name_end == std::string::npos) return {};
  std::istringstream rest(text.substr(name_end + 1));
  Stat stat;
  std::string skipped;
  rest >> stat.state;                                      // field 3
  for (int field = 4; field < 20; ++field) rest >> skipped;
  rest >> stat.threads >> skipped >> stat.started;         // fields 20 to 22
  if (!rest) return {};
  return stat;
}

/// Numbers of processes mean the same to all that share it.
std::string this_host() {
  const std::string boot = boot_id();
  const std::string pids = link_of("/proc/self/ns/pid");
  const bool ours = link_of("/proc/self") == std::to_string(::getpid());  // and not of another namespace
  if (boot.empty() || pids.empty() || !ours) return {};
  return boot + " " + pids + " " + link_of("/proc/self/ns/time");
}

}  // namespace

Process this_process() {
  const auto stat = stat_of(::getpid());
  if (!stat) return {};
  return {.host = this_host(), .pid = ::getpid(), .started = stat->started};
}

bool known_dead(const Process& process) {
  if (process.host.empty() || process.pid <= 0 || process.host != this_host()) return false;
  if (::kill(static_cast<pid_t>(process.pid), 0) != 0) return errno == ESRCH;  // EPERM: somebody else's, and there
  const auto stat = stat_of(process.pid);
  if (!stat) return false;
  // Its first thread may have ended while others go on; a process that only waits to be asked for has one.
  const bool ended = (stat->state == 'Z' || stat->state == 'X') && stat->threads <= 1;
  return ended || stat->started != process.started;
}

}  // namespace sqlq::platform
