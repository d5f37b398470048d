#include "terminal.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <functional>

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <sqlq/stop_token.hpp>

#include "exit_code.hpp"

namespace sqlq::tool {
namespace {

constexpr std::string_view enter = "\x1b[?1049h\x1b[?25l\x1b[H\x1b[2J";
constexpr std::string_view leave = "\x1b[0m\x1b[?25h\x1b[?1049l";

// All that signal handlers touch: plain values that are set before they are installed.
std::atomic<bool> active{false};
std::atomic<bool> has_keys{false};
std::atomic<bool> was_disturbed{false};
std::atomic<int> wake_end{-1};
termios settings_before;

void wake() noexcept {
  const int saved = errno;
  const char byte = 'w';
  [[maybe_unused]] const auto written = ::write(wake_end.load(), &byte, 1);
  errno = saved;
}

void give_back() noexcept {
  if (!active.exchange(false)) return;
  [[maybe_unused]] const auto written = ::write(STDOUT_FILENO, leave.data(), leave.size());
  if (has_keys.load()) ::tcsetattr(STDIN_FILENO, TCSANOW, &settings_before);
}

void take_keys() noexcept {
  if (!has_keys.load()) return;
  termios raw = settings_before;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  raw.c_cc[VMIN] = 0;
  raw.c_cc[VTIME] = 0;
  raw.c_cc[VSUSP] = _POSIX_VDISABLE;  // Ctrl-C is left: it ends the program also while a database does not answer
  ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
}

extern "C" void sqlq_top_on_end(int signal) {
  give_back();
  struct sigaction plain {};
  plain.sa_handler = SIG_DFL;
  ::sigaction(signal, &plain, nullptr);
  ::raise(signal);
}

extern "C" void sqlq_top_on_change(int) {
  was_disturbed = true;
  wake();
}

constexpr std::array ending{SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
constexpr std::array changing{SIGWINCH, SIGCONT};

void install(int signal, void (*handler)(int)) {
  struct sigaction is {};
  ::sigaction(signal, nullptr, &is);
  if (is.sa_handler != SIG_DFL) return;  // somebody else's, or ignored
  struct sigaction ours {};
  ours.sa_handler = handler;
  ::sigaction(signal, &ours, nullptr);
}

void remove(int signal, void (*handler)(int)) {
  struct sigaction is {};
  ::sigaction(signal, nullptr, &is);
  if (is.sa_handler == handler) ::signal(signal, SIG_DFL);
}

std::array<int, 2> pipe_ends{-1, -1};

}  // namespace

Terminal::Terminal() {
  if (::pipe2(pipe_ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
    throw Exit(ExitCode::failed, "no pipe: too many open files");
  }
  wake_end = pipe_ends[1];
  has_keys = ::isatty(STDIN_FILENO) != 0 && ::tcgetattr(STDIN_FILENO, &settings_before) == 0;
  active = true;
  for (const int signal : ending) install(signal, sqlq_top_on_end);
  for (const int signal : changing) install(signal, sqlq_top_on_change);
  take_keys();
  write(enter);
}

Terminal::~Terminal() {
  give_back();
  for (const int signal : ending) remove(signal, sqlq_top_on_end);
  for (const int signal : changing) remove(signal, sqlq_top_on_change);
  wake_end = -1;
  for (const int end : pipe_ends) ::close(end);
}

ScreenSize Terminal::size() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {};
  return {size.ws_col, size.ws_row};
}

void Terminal::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (written > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
    } else if (written < 0 && errno != EINTR && errno != EAGAIN) {
      throw Exit(ExitCode::failed, "the terminal is gone");
    }
  }
}

std::string Terminal::wait(Duration time, const sqlq::stop_token& stop) {
  const sqlq::stop_callback<std::function<void()>> at_stop(stop, [] { wake(); });
  std::array<pollfd, 2> ends{pollfd{pipe_ends[0], POLLIN, 0}, pollfd{has_keys ? STDIN_FILENO : -1, POLLIN, 0}};
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(std::max(time, Duration::zero())).count();
  ::poll(ends.data(), ends.size(), static_cast<int>(std::min<std::int64_t>(milliseconds, 3'600'000)));
  std::array<char, 256> bytes{};
  while (::read(pipe_ends[0], bytes.data(), bytes.size()) > 0) {
  }
  if ((ends[1].revents & (POLLIN | POLLHUP)) == 0) return {};
  const auto count = ::read(STDIN_FILENO, bytes.data(), bytes.size());
  if (count == 0 || (count < 0 && errno == EIO)) throw Exit(ExitCode::ok, "the terminal is gone");
  return count > 0 ? std::string(bytes.data(), static_cast<std::size_t>(count)) : std::string();
}

bool Terminal::disturbed() {
  if (!was_disturbed.exchange(false)) return false;
  take_keys();
  write(enter);
  return true;
}

}  // namespace sqlq::tool
