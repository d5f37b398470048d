#include "command_runner.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <optional>

#include <poll.h>

#include <sqlq/stop_token.hpp>

namespace sqlq::tool {
namespace {

using Steady = std::chrono::steady_clock;
using Moment = Steady::time_point;

constexpr std::size_t longest_last_line = 1024;
// How often the leader is asked for its end where the system has no descriptor for that.
constexpr auto between_looks = std::chrono::milliseconds(20);

// Where to cut so that no character of UTF-8 is cut in two.
std::size_t cut_before(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text.size();
  std::size_t at = most;
  while (at > 0 && most - at < 4 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
  return at == 0 || most - at == 4 ? most : at;
}

/// Bytes become lines.
class Lines {
 public:
  explicit Lines(const std::function<void(std::string_view)>& tell) : tell_(tell) {}

  void add(std::string_view bytes) {
    for (;;) {
      const std::size_t end = bytes.find('\n');
      begun_ += bytes.substr(0, end);
      while (begun_.size() > longest_line) {
        const std::size_t at = cut_before(begun_, longest_line);
        line(std::string_view(begun_).substr(0, at));
        begun_.erase(0, at);
      }
      if (end == std::string_view::npos) return;
      whole();
      bytes.remove_prefix(end + 1);
    }
  }
  void finish() {
    if (!begun_.empty()) whole();
  }
  [[nodiscard]] std::string& last() noexcept { return last_; }

 private:
  void whole() {
    if (!begun_.empty() && begun_.back() == '\r') begun_.pop_back();
    line(begun_);
    begun_.clear();
  }
  void line(std::string_view text) {
    if (text.find_first_not_of(" \t\r\v\f") != std::string_view::npos) {
      last_ = text.substr(0, cut_before(text, longest_last_line));
    }
    if (tell_) tell_(text);
  }

  const std::function<void(std::string_view)>& tell_;
  std::string begun_{};
  std::string last_{};
};

class Running {
 public:
  Running(const Program& program, const CommandInput& input, const ProcessGuard& guard)
      : input_(input), child_(program, guard), lines_(input.on_line), left_(input.standard_input) {
    do_not_wait(stop_pipe_.write);
  }

  CommandEnd to_the_end() {
    const sqlq::stop_callback on_stop(input_.stop, [this] {
      const char byte = 's';
      [[maybe_unused]] const auto written = ::write(stop_pipe_.write.get(), &byte, 1);
    });
    feed();
    while (!over()) wait();
    child_.signal(SIGKILL);  // what is left of the group; the number is still its leader's
    read_output();
    read_error();
    lines_.finish();
    end_.last_line = std::move(lines_.last());
    end_.how = child_.finish();
    return std::move(end_);
  }

 private:
  bool over() {
    const Moment now = Steady::now();
    if (kill_at_ && now >= *kill_at_) {
      child_.signal(SIGKILL);
      kill_at_.reset();
    }
    if (!give_up_at_ && child_.ended()) {
      give_up_at_ = now + input_.linger;
      if (kill_at_) give_up_at_ = std::max(*give_up_at_, *kill_at_);
    }
    if (!give_up_at_) return false;
    return now >= *give_up_at_ || (!child_.output().is_open() && !child_.error().is_open());
  }

  void wait() {
    std::array<pollfd, 5> watched{{{stopping_ ? -1 : stop_pipe_.read.get(), POLLIN, 0},
                                   {give_up_at_ ? -1 : child_.end_of_leader().get(), POLLIN, 0},
                                   {child_.input().get(), POLLOUT, 0},
                                   {child_.output().get(), POLLIN, 0},
                                   {child_.error().get(), POLLIN, 0}}};
    if (::poll(watched.data(), watched.size(), milliseconds_to_wait()) <= 0) return;
    if (watched[0].revents != 0) stop();
    if (watched[2].revents != 0) feed();
    if (watched[3].revents != 0) read_output();
    if (watched[4].revents != 0) read_error();
  }

  [[nodiscard]] int milliseconds_to_wait() const {
    std::optional<Moment> until = give_up_at_;
    if (kill_at_ && (!until || *kill_at_ < *until)) until = kill_at_;
    const bool ask = !give_up_at_ && !child_.end_of_leader().is_open();
    if (ask) until = std::min(until.value_or(Moment::max()), Steady::now() + between_looks);
    if (!until) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*until - Steady::now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
  }

  void stop() {
    stopping_ = true;
    child_.signal(SIGTERM);
    child_.signal(SIGCONT);  // one that was stopped could not hear it
    kill_at_ = Steady::now() + std::min<Duration>(input_.grace, std::chrono::hours(24 * 365));
  }

  void feed() {
    Descriptor& to = child_.input();
    while (to.is_open() && !left_.empty()) {
      const ssize_t n = ::write(to.get(), left_.data(), left_.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
      left_ = n < 0 ? std::string_view() : left_.substr(static_cast<std::size_t>(n));  // it does not want it
    }
    to.close();
  }

  // What is there now, a bounded piece of it, so that no stream keeps the others waiting. Calls `take` with it.
  template <class Take>
  void read_from(Descriptor& from, const Take& take) {
    for (int turn = 0; turn < 16 && from.is_open(); ++turn) {
      const ssize_t n = ::read(from.get(), buffer_.data(), buffer_.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
      if (n <= 0) return from.close();
      take(std::string_view(buffer_.data(), static_cast<std::size_t>(n)));
    }
  }

  void read_output() {
    read_from(child_.output(), [this](std::string_view bytes) {
      const std::size_t room = input_.most_output - end_.output.size();
      if (bytes.size() > room) end_.output_cut = true;
      end_.output += bytes.substr(0, room);
    });
  }

  void read_error() {
    read_from(child_.error(), [this](std::string_view bytes) { lines_.add(bytes); });
  }

  const CommandInput& input_;
  Pipe stop_pipe_ = make_pipe();
  ChildProcess child_;
  Lines lines_;
  std::string_view left_;
  CommandEnd end_{};
  bool stopping_ = false;
  std::optional<Moment> kill_at_{};
  std::optional<Moment> give_up_at_{};
  std::array<char, 16384> buffer_{};
};

}  // namespace

CommandEnd run_command(const Program& program, const CommandInput& input, const ProcessGuard& guard) {
  return Running(program, input, guard).to_the_end();
}

}  // namespace sqlq::tool
