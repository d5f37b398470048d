#include "watcher.hpp"

#include <algorithm>
#include <utility>

#include <sqlq/stop_token.hpp>

namespace sqlq::sqlite {
namespace {

// After a foreign commit more are likely: the wait is an eighth of the time since the last one. Asking each 20 ms took
// 0.64 % of a processor, each 4 ms 2.7 %.
constexpr Duration quickest = std::chrono::milliseconds(1);
constexpr Duration slowest = std::chrono::milliseconds(30);
constexpr int share = 8;

}  // namespace

Watcher::Watcher(std::function<bool()> foreign_commit, std::function<void()> heard)
    : foreign_commit_(std::move(foreign_commit)),
      heard_(std::move(heard)),
      signal_(system_clock()->make_signal()),
      thread_([this](const sqlq::stop_token& stop) { watch(stop); }) {}

Watcher::~Watcher() {
  thread_.request_stop();
  signal_->notify();
  thread_.join();
}

void Watcher::watch(const sqlq::stop_token& stop) {
  const auto clock = system_clock();
  SteadyPoint heard_at = clock->steady() - slowest * share;
  while (!stop.stop_requested()) {
    bool changed = false;
    try {
      changed = foreign_commit_();
    } catch (...) {  // locked or broken: whoever works on the database finds out; hints may be lost
    }
    if (changed) heard_();
    const SteadyPoint now = clock->steady();
    if (changed) heard_at = now;
    signal_->wait_until(now + std::clamp<Duration>((now - heard_at) / share, quickest, slowest));
  }
}

}  // namespace sqlq::sqlite
