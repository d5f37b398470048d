#include "child_process.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <system_error>

#include <pthread.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

namespace sqlq::tool {
namespace {

bool is_program(const std::string& file) {
  struct stat about {};
  return ::stat(file.c_str(), &about) == 0 && S_ISREG(about.st_mode) && ::access(file.c_str(), X_OK) == 0;
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> all;
  all.reserve(texts.size() + 1);
  for (const std::string& text : texts) all.push_back(const_cast<char*>(text.c_str()));
  all.push_back(nullptr);
  return all;
}

// All that the new process needs, made before the fork: between fork and exec there are only calls that are
// async-signal-safe, since other threads may have held any lock.
struct Start {
  const char* file;
  char* const* words;
  char* const* environment;
  const ProcessGuard& guard;
  std::array<int, 3> standard;
  int trouble;
};

[[noreturn]] void fail(const Start& start, int error) noexcept {
  while (::write(start.trouble, &error, sizeof error) < 0 && errno == EINTR) {
  }
  ::_exit(127);
}

[[noreturn]] void become(const Start& start) noexcept {
  ::setsid();
  struct sigaction ignored {};
  ignored.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignored, nullptr);
  if (!start.guard.enlist(::getpid())) fail(start, EPIPE);
  for (int fd = 0; fd < 3; ++fd) {
    if (::dup2(start.standard[static_cast<std::size_t>(fd)], fd) < 0) fail(start, errno);
  }
  close_all_at_exec();
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) ::sigaction(signal, &standard, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
  ::execve(start.file, start.words, start.environment);
  fail(start, errno);
}

pid_t fork_into(const Start& start) {
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);  // no handler of ours runs in the child
  const pid_t pid = ::fork();
  if (pid == 0) become(start);
  const int error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) throw std::system_error(error, std::generic_category());
  return pid;
}

// What the child said before it gave up; 0: it has become the program.
int trouble_of(const Descriptor& trouble) {
  int error = 0;
  ssize_t n = 0;
  do n = ::read(trouble.get(), &error, sizeof error);
  while (n < 0 && errno == EINTR);
  return n == sizeof error ? error : 0;
}

Descriptor watch_leader([[maybe_unused]] pid_t pid) {
#ifdef SYS_pidfd_open
  return Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
#else
  return {};
#endif
}

}  // namespace

std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return is_program(name) ? name : std::string();
  const char* const path = std::getenv("PATH");
  const std::string folders = path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin";
  for (std::size_t from = 0; from <= folders.size() && !name.empty();) {
    const std::size_t to = std::min(folders.find(':', from), folders.size());
    const std::string folder = folders.substr(from, to - from);
    const std::string file = (folder.empty() ? "." : folder) + "/" + name;
    if (is_program(file)) return file;
    from = to + 1;
  }
  return {};
}

ChildProcess::ChildProcess(const Program& program, const ProcessGuard& guard) : guard_(guard) {
  Pipe in = make_pipe(), out = make_pipe(), err = make_pipe(), trouble = make_pipe();
  const std::vector<char*> words = pointers(program.words);
  const std::vector<char*> environment = pointers(program.environment);
  pid_ = fork_into({.file = program.file.c_str(),
                    .words = words.data(),
                    .environment = environment.data(),
                    .guard = guard,
                    .standard = {in.read.get(), out.write.get(), err.write.get()},
                    .trouble = trouble.write.get()});
  trouble.write.close();
  if (const int error = trouble_of(trouble.read)) {
    finish();
    throw std::system_error(error, std::generic_category());
  }
  input_ = std::move(in.write);
  output_ = std::move(out.read);
  error_ = std::move(err.read);
  for (const Descriptor* const end : {&input_, &output_, &error_}) do_not_wait(*end);
  leader_ = watch_leader(pid_);
}

ChildProcess::~ChildProcess() {
  if (pid_ > 0) finish();
}

void ChildProcess::signal(int number) const noexcept { ::kill(-pid_, number); }

bool ChildProcess::ended() const {
  siginfo_t about{};
  const int got = ::waitid(P_PID, static_cast<id_t>(pid_), &about, WEXITED | WNOHANG | WNOWAIT);
  return got == 0 && about.si_pid == pid_;
}

ChildEnd ChildProcess::finish() {
  signal(SIGKILL);
  siginfo_t about{};
  while (::waitid(P_PID, static_cast<id_t>(pid_), &about, WEXITED | WNOWAIT) < 0 && errno == EINTR) {
  }
  guard_.dismiss(pid_);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return WIFSIGNALED(status) ? ChildEnd{true, WTERMSIG(status)} : ChildEnd{false, WEXITSTATUS(status)};
}

}  // namespace sqlq::tool
