#pragma once
/// \file
/// Descriptors of the system: closed once, never given to another program. POSIX.

#include <utility>

#include <unistd.h>

namespace sqlq::tool {

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  ~Descriptor() { close(); }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] bool is_open() const noexcept { return fd_ >= 0; }
  void close() noexcept {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

struct Pipe {
  Descriptor read{};
  Descriptor write{};
};

/// Both ends are closed by exec. Throws std::system_error.
[[nodiscard]] Pipe make_pipe();
/// From now on reads or writes of this end do not wait.
void do_not_wait(const Descriptor& end);

/// For a process that was just forked, async-signal-safe: every descriptor above standard error is closed by exec, also
/// those that libraries have opened without saying so.
void close_all_at_exec() noexcept;
/// The same, closed at once, but for one.
void close_all_but(int kept) noexcept;

}  // namespace sqlq::tool
