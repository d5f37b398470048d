#include "watcher.hpp"

#include <algorithm>
#include <utility>

namespace sqlq::sqlite {
namespace {

// After a foreign commit more are likely, so it is quick then and slows down by doubling.
constexpr Duration quickest = std::chrono::milliseconds(1);
constexpr Duration slowest = std::chrono::milliseconds(20);

}  // namespace

Watcher::Watcher(std::function<bool()> foreign_commit, std::function<void()> heard)
    : foreign_commit_(std::move(foreign_commit)),
      heard_(std::move(heard)),
      signal_(system_clock()->make_signal()),
      thread_([this](const std::stop_token& stop) { watch(stop); }) {}

Watcher::~Watcher() {
  thread_.request_stop();
  signal_->notify();
  thread_.join();
}

void Watcher::watch(const std::stop_token& stop) {
  const auto clock = system_clock();
  Duration pace = slowest;
  while (!stop.stop_requested()) {
    bool changed = false;
    try {
      changed = foreign_commit_();
    } catch (...) {  // locked or broken: whoever works on the database finds out; hints may be lost
    }
    if (changed) heard_();
    pace = changed ? quickest : std::min(pace * 2, slowest);
    signal_->wait_until(saturating_add(clock->steady(), pace));
  }
}

}  // namespace sqlq::sqlite
