#pragma once
/// \file
/// Another process: started by exec, talked to by lines, stopped by signals, waited for with deadlines.

#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <sqlq/clock.hpp>

namespace sqlq::process {

[[noreturn]] inline void fail_with_errno(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

/// A descriptor that is closed once.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() { reset(); }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  [[nodiscard]] int get() const noexcept { return fd_; }
  void reset() noexcept {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_ = -1;
};

/// Waits until the descriptor can be read (or its other end is closed); false when the deadline passed.
inline bool readable(int fd, SteadyPoint deadline) {
  const auto clock = system_clock();
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - clock->steady()).count();
    pollfd watched{fd, POLLIN, 0};
    const int n = ::poll(&watched, 1, left > 0 ? static_cast<int>(left) : 0);
    if (n > 0) return true;
    if (n == 0 && left <= 0) return false;
    if (n < 0 && errno != EINTR) fail_with_errno("poll");
  }
}

/// How a process ended.
struct Exit {
  int status = 0;
  [[nodiscard]] bool by_signal(int signal) const { return WIFSIGNALED(status) && WTERMSIG(status) == signal; }
  [[nodiscard]] bool with_code(int code) const { return WIFEXITED(status) && WEXITSTATUS(status) == code; }
  [[nodiscard]] std::string to_string() const {
    if (WIFSIGNALED(status)) return "killed by signal " + std::to_string(WTERMSIG(status));
    return "exited with code " + std::to_string(WEXITSTATUS(status));
  }
};

/// What the build puts into the folder of the running test.
inline std::filesystem::path beside_test(const std::string& name) {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / name;
}

/// One child. Its standard input and output are one socket to us; standard error is ours. One thread at a time;
/// movable. A child that still runs when its object is destroyed is killed and waited for.
class Child {
 public:
  /// `program` lies beside the running test. `environment` (NAME=value) is added to ours.
  Child(const std::string& program, const std::vector<std::string>& arguments,
        std::vector<std::string> environment = {}) {
    const auto path = beside_test(program);
    int ends[2] = {-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) fail_with_errno("socketpair");
    socket_ = Descriptor(ends[0]);
    const Descriptor theirs(ends[1]);

    std::vector<std::string> words{path.string()};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    std::vector<char*> variables;  // of a name that is there twice, the first counts
    for (std::string& variable : environment) variables.push_back(variable.data());
    for (char** ours = environ; *ours != nullptr; ++ours) variables.push_back(*ours);
    variables.push_back(nullptr);
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, theirs.get(), STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&files, theirs.get(), STDOUT_FILENO);
    errno = ::posix_spawn(&pid_, path.c_str(), &files, nullptr, argv.data(), variables.data());
    posix_spawn_file_actions_destroy(&files);
    if (errno != 0) fail_with_errno("cannot start " + path.string());
    // Ours until we wait for it, so the number cannot have gone to another process.
    // By number, because the header of this C library does not link from C++.
    pidfd_ = Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    if (pidfd_.get() < 0) fail_with_errno("pidfd_open");
  }

  ~Child() {
    if (pid_ <= 0 || exit_) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Child(Child&& other) noexcept
      : pid_(std::exchange(other.pid_, 0)),
        exit_(other.exit_),
        pidfd_(std::move(other.pidfd_)),
        socket_(std::move(other.socket_)),
        received_(std::move(other.received_)) {}
  Child& operator=(Child&&) = delete;

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }

  /// Does nothing to a process that was waited for.
  void signal(int number) const {
    if (!exit_ && ::kill(pid_, number) != 0) fail_with_errno("kill");
  }

  /// SIGSTOP, and wait until each of its threads has stopped: until then one of them may still end a system call, and
  /// be stopped with the lock in its hands that it got by it. SIGCONT lets it go on.
  void pause() const {
    signal(SIGSTOP);
    siginfo_t info{};
    if (!exit_ && ::waitid(P_PID, static_cast<id_t>(pid_), &info, WSTOPPED | WEXITED | WNOWAIT) != 0) {
      fail_with_errno("waitid");
    }
  }

  /// Empty when it still ran after `limit`.
  std::optional<Exit> wait(Duration limit) {
    if (exit_) return exit_;
    if (!readable(pidfd_.get(), saturating_add(system_clock()->steady(), limit))) return std::nullopt;
    int status = 0;
    if (::waitpid(pid_, &status, 0) != pid_) fail_with_errno("waitpid");
    exit_ = Exit{status};
    return exit_;
  }
  [[nodiscard]] bool ended() { return wait(Duration(0)).has_value(); }

  /// kill -9, and wait until it is gone.
  Exit kill_hard() {
    signal(SIGKILL);
    const auto exit = wait(std::chrono::seconds(30));
    if (!exit) throw std::runtime_error("a process outlives kill -9");
    return *exit;
  }

  /// The next line it printed, without its end; empty when none came within `limit` or it closed its output.
  std::optional<std::string> line(Duration limit) {
    const auto deadline = saturating_add(system_clock()->steady(), limit);
    for (;;) {
      if (const auto end = received_.find('\n'); end != std::string::npos) {
        std::string text = received_.substr(0, end);
        received_.erase(0, end + 1);
        return text;
      }
      if (!readable(socket_.get(), deadline)) return std::nullopt;
      char bytes[4096];
      const auto got = ::read(socket_.get(), bytes, sizeof bytes);
      if (got <= 0) return std::nullopt;
      received_.append(bytes, static_cast<std::size_t>(got));
    }
  }

  /// A line for its standard input.
  void tell(std::string text) const {
    text += '\n';
    const auto sent = ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
    if (sent != static_cast<ssize_t>(text.size())) fail_with_errno("talking to a process");
  }

 private:
  pid_t pid_ = 0;
  std::optional<Exit> exit_{};
  Descriptor pidfd_{};
  Descriptor socket_{};
  std::string received_{};
};

}  // namespace sqlq::process
