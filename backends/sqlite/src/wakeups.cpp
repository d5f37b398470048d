#include "wakeups.hpp"

#include <algorithm>
#include <utility>

namespace sqlq::sqlite {
namespace {

// Looking costs about 5 us. After a foreign commit more are likely, so it is quick then and slows down by doubling.
constexpr Duration quickest = std::chrono::milliseconds(1);
constexpr Duration slowest = std::chrono::milliseconds(20);

}  // namespace

class Wakeups::Entry final : public backend::Subscription {
 public:
  Entry(Wakeups& owner, std::list<std::function<void()>>::iterator at) : owner_(owner), at_(at) {}
  ~Entry() override {
    {
      const std::lock_guard lock(owner_.mutex_);
      owner_.hints_.erase(at_);
    }
    const std::lock_guard lock(owner_.thread_mutex_);
    if (--owner_.subscribed_ > 0 || !owner_.thread_.joinable()) return;
    owner_.thread_.request_stop();
    owner_.signal_->notify();
    owner_.thread_.join();
  }

 private:
  Wakeups& owner_;
  std::list<std::function<void()>>::iterator at_;
};

Wakeups::~Wakeups() = default;

std::unique_ptr<backend::Subscription> Wakeups::subscribe(std::function<void()> hint) {
  std::unique_ptr<Entry> entry;
  {
    const std::lock_guard lock(mutex_);
    hints_.push_back(std::move(hint));
    entry = std::make_unique<Entry>(*this, std::prev(hints_.end()));
  }
  const std::lock_guard lock(thread_mutex_);
  if (++subscribed_ == 1 && foreign_commit_) {
    signal_ = system_clock()->make_signal();
    thread_ = std::jthread([this](const std::stop_token& stop) { watch(stop); });
  }
  return entry;
}

void Wakeups::notify() noexcept {
  const std::lock_guard lock(mutex_);
  for (const auto& hint : hints_) {
    try {
      hint();
    } catch (...) {  // hints must not throw; the others shall still be told
    }
  }
}

void Wakeups::watch(const std::stop_token& stop) {
  const auto clock = system_clock();
  Duration pace = slowest;
  while (!stop.stop_requested()) {
    bool changed = false;
    try {
      changed = foreign_commit_();
    } catch (...) {  // locked or broken: whoever works on the database finds out; hints may be lost
    }
    if (changed) notify();
    pace = changed ? quickest : std::min(pace * 2, slowest);
    signal_->wait_until(saturating_add(clock->steady(), pace));
  }
}

}  // namespace sqlq::sqlite
