#include "platform/process.hpp"

#include <array>
#include <cerrno>
#include <charconv>
#include <optional>
#include <string_view>

#include <csignal>
#include <fcntl.h>
#include <unistd.h>

#include "platform/system.hpp"

namespace sqlq::platform {
namespace {

/// Empty when it cannot be read.
std::string text_of(const std::string& file) {
  std::string text;
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return text;
  std::array<char, 512> buffer{};
  for (auto n = ::read(descriptor, buffer.data(), buffer.size()); n > 0;
       n = ::read(descriptor, buffer.data(), buffer.size())) {
    text.append(buffer.data(), static_cast<std::size_t>(n));
  }
  ::close(descriptor);
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
  std::string_view rest = std::string_view(text).substr(name_end + 1);
  Stat stat;
  for (int field = 3; !rest.empty(); ++field) {
    rest.remove_prefix(1);  // the space before it
    const std::string_view word = rest.substr(0, rest.find(' '));
    rest.remove_prefix(word.size());
    if (word.empty()) return {};
    if (field == 3) stat.state = word[0];
    if (field == 20) std::from_chars(word.data(), word.data() + word.size(), stat.threads);
    if (field == 22 && std::from_chars(word.data(), word.data() + word.size(), stat.started).ec == std::errc()) {
      return stat;
    }
  }
  return {};
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
