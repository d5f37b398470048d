#pragma once
// Who wants to hear of news in a storage in memory.

#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include <sqlq/backend/dialect.hpp>

namespace sqlq::testing {

/// The subscribers to news. Separate from the jobs' lock: a subscriber may ask for that in another thread.
class MemoryHints {
 public:
  class Ear final : public backend::Subscription {
   public:
    Ear(std::shared_ptr<MemoryHints> hints, std::function<void()> hint)
        : hints_(std::move(hints)), hint_(std::move(hint)) {
      const std::lock_guard lock(hints_->mutex_);
      hints_->ears_.push_back(this);
    }
    ~Ear() override {
      const std::lock_guard lock(hints_->mutex_);
      std::erase(hints_->ears_, this);
    }
    void tell() const { hint_(); }

   private:
    std::shared_ptr<MemoryHints> hints_;
    std::function<void()> hint_;
  };

  void tell() {
    const std::lock_guard lock(mutex_);
    for (const Ear* ear : ears_) ear->tell();
  }

 private:
  std::mutex mutex_;
  std::vector<Ear*> ears_;
};

}  // namespace sqlq::testing
