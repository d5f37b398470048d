#include "sql/hints.hpp"

#include <algorithm>
#include <utility>

#include "core/places.hpp"

namespace sqlq::sql {

class Hints::Entry final : public backend::Subscription {
 public:
  Entry(Hints& owner, std::list<std::function<void()>>::iterator at) : owner_(owner), at_(at) {}
  ~Entry() override {
    {
      const core::MutexLock lock(owner_.mutex_);
      owner_.hints_.erase(at_);
    }
    const core::MutexLock lock(owner_.watcher_mutex_);
    if (--owner_.subscribed_ == 0) owner_.watcher_.reset();
  }

 private:
  Hints& owner_;
  std::list<std::function<void()>>::iterator at_;
};

std::unique_ptr<backend::Subscription> Hints::subscribe(std::function<void()> hint) {
  std::unique_ptr<Entry> entry;
  const core::MutexLock watcher_lock(watcher_mutex_);
  {
    const core::MutexLock lock(mutex_);
    hints_.push_back(std::move(hint));
    entry = std::make_unique<Entry>(*this, std::prev(hints_.end()));
  }
  if (++subscribed_ == 1 && watch_) watcher_ = watch_([this] { notify(); });
  return entry;
}

void Hints::notify() noexcept {
  const core::MutexLock lock(mutex_);
  for (const auto& hint : hints_) {
    try {
      hint();
    } catch (...) {  // hints must not throw; the others shall still be told
    }
  }
}

void Hints::claimed(const backend::ClaimResult& result) noexcept {
  if (result.limited) limits_seen_ = true;
}

bool Hints::are_news(const backend::HandOverRequest& request, const backend::ClaimResult& result) const {
  return !request.ends.empty() && limits_seen_ && core::leave_places(request.ends, result.jobs);
}

bool Hints::are_news(std::span<const backend::Finish> ends) const noexcept {
  using Kind = backend::FinishKind;
  const auto comes_back = [](const backend::Finish& end) {
    return end.kind == Kind::release || end.kind == Kind::retry || end.kind == Kind::snooze;
  };
  return limits_seen_ || std::ranges::any_of(ends, comes_back);
}

}  // namespace sqlq::sql
