#include "program.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>
#include <string>
#include <utility>

namespace sqlq::program {
namespace {

using process::Descriptor;

struct Pipe {
  Descriptor read{}, write{};
  Pipe() {
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC) != 0) process::fail_with_errno("pipe2");
    read = Descriptor(ends[0]);
    write = Descriptor(ends[1]);
  }
};

bool kept(std::string_view variable) {
  static constexpr std::array<std::string_view, 8> dropped{
      "SQLQ_DATABASE_URL=", "DATABASE_URL=", "NO_COLOR=", "TERM=", "COLUMNS=", "LINES=", "LC_ALL=", "LANG="};
  return std::none_of(dropped.begin(), dropped.end(), [&](auto name) { return variable.starts_with(name); });
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> out;
  for (std::string& word : words) out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

/// Appends what can be read now; closes it at its end.
void drain(Descriptor& from, std::string& to) {
  std::array<char, 1U << 14U> bytes{};
  const auto got = ::read(from.get(), bytes.data(), bytes.size());
  if (got > 0) {
    to.append(bytes.data(), static_cast<std::size_t>(got));
  } else if (got == 0 || (errno != EINTR && errno != EAGAIN)) {  // a terminal that nobody has open: EIO
    from.reset();
  }
}

}  // namespace

Running::Running(const std::vector<std::string>& words, const Setting& setting)
    : Running(SQLQ_PROGRAM, words, setting) {}

Running::Running(const std::string& program, const std::vector<std::string>& words, const Setting& setting)
    : input_(setting.input) {
  std::vector<std::string> all{program};
  all.insert(all.end(), words.begin(), words.end());
  std::vector<std::string> variables;
  const auto add = [&](const std::string& variable) {  // of a name that is there twice, the first counts: also in bash
    const std::string name = variable.substr(0, variable.find('=') + 1);
    const auto has_name = [&](const std::string& one) { return one.starts_with(name); };
    if (std::none_of(variables.begin(), variables.end(), has_name)) variables.push_back(variable);
  };
  for (const std::string& variable : setting.environment) add(variable);
  for (const char* usual : {"TERM=xterm", "LANG=C.UTF-8"}) add(usual);
  for (char** ours = environ; *ours != nullptr; ++ours) {
    if (kept(*ours)) add(*ours);
  }
  const std::vector<char*> argv = pointers(all);
  const std::vector<char*> envp = pointers(variables);

  Pipe in;
  Pipe out;
  Pipe err;
  int master = -1;
  if (setting.terminal) {
    winsize size{setting.terminal->rows, setting.terminal->columns, 0, 0};
    pid_ = ::forkpty(&master, nullptr, nullptr, &size);
  } else {
    pid_ = ::fork();
  }
  if (pid_ < 0) process::fail_with_errno("fork");
  if (pid_ == 0) {  // from here on only what may be called after a fork beside other threads
    if (!setting.terminal) {
      ::dup2(in.read.get(), STDIN_FILENO);
      ::dup2(out.write.get(), STDOUT_FILENO);
      ::dup2(err.write.get(), STDERR_FILENO);
    }
    if (!setting.folder.empty() && ::chdir(setting.folder.c_str()) != 0) ::_exit(126);
    ::execve(program.c_str(), argv.data(), envp.data());
    ::_exit(127);
  }
  if (setting.terminal) {
    terminal_ = Descriptor(master);
    ::fcntl(master, F_SETFD, FD_CLOEXEC);
    return;
  }
  in_ = std::move(in.write);
  out_end_ = std::move(out.read);
  err_end_ = std::move(err.read);
  ::fcntl(in_.get(), F_SETFL, O_NONBLOCK);
  if (input_.empty()) in_.reset();
}

Running::~Running() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void Running::signal(int number) const {
  if (::kill(pid_, number) != 0) process::fail_with_errno("kill");
}

void Running::type(std::string_view text) const {
  if (::write(terminal_.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    process::fail_with_errno("typing");
  }
}

void Running::resize(Size size) const {
  const winsize wanted{size.rows, size.columns, 0, 0};
  if (::ioctl(terminal_.get(), TIOCSWINSZ, &wanted) != 0) process::fail_with_errno("TIOCSWINSZ");
}

bool Running::read_some(SteadyPoint deadline) {
  std::array<pollfd, 4> watched{{{terminal_.get(), POLLIN, 0},
                                 {out_end_.get(), POLLIN, 0},
                                 {err_end_.get(), POLLIN, 0},
                                 {in_.get(), POLLOUT, 0}}};
  if (watched[0].fd < 0 && watched[1].fd < 0 && watched[2].fd < 0) return false;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - system_clock()->steady()).count();
  if (left <= 0) return false;
  const int ready = ::poll(watched.data(), watched.size(), static_cast<int>(std::min<std::int64_t>(left, 1'000'000)));
  if (ready < 0 && errno != EINTR) process::fail_with_errno("poll");
  if (ready <= 0) return ready < 0;
  if (watched[0].revents != 0) drain(terminal_, out_);
  if (watched[1].revents != 0) drain(out_end_, out_);
  if (watched[2].revents != 0) drain(err_end_, err_);
  if (watched[3].revents != 0) {
    const auto old = std::signal(SIGPIPE, SIG_IGN);  // it may not read what it is given
    const auto sent = ::write(in_.get(), input_.data(), input_.size());
    const bool gone = sent < 0 && errno != EAGAIN && errno != EINTR;
    std::signal(SIGPIPE, old);
    if (sent > 0) input_.erase(0, static_cast<std::size_t>(sent));
    if (gone || input_.empty()) in_.reset();
  }
  return true;
}

bool Running::wrote(std::string_view text, Duration limit) {
  const auto deadline = saturating_add(system_clock()->steady(), limit);
  const auto there = [&] { return (out_ + "\n" + err_).find(text) != std::string::npos; };
  while (!there()) {
    if (!read_some(deadline)) return false;
  }
  return true;
}

Result Running::wait(Duration limit) {
  const auto deadline = saturating_add(system_clock()->steady(), limit);
  while (read_some(deadline)) {
  }
  if (terminal_.get() >= 0 || out_end_.get() >= 0 || err_end_.get() >= 0) {
    throw std::runtime_error("sqlq has not ended in time; it wrote:\n" + out_ + "\n" + err_);
  }
  int status = 0;
  if (::waitpid(std::exchange(pid_, 0), &status, 0) < 0) process::fail_with_errno("waitpid");
  return {WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status), out_, err_};
}

Result run(const std::vector<std::string>& words, const Setting& setting) { return Running(words, setting).wait(); }

}  // namespace sqlq::program
