#include "sql/pool.hpp"

#include <algorithm>
#include <utility>

#include <sqlq/error.hpp>

namespace sqlq::sql {

Pool::Lease Pool::take() {
  const auto clock = system_clock();
  const SteadyPoint deadline = saturating_add(clock->steady(), options_.wait);
  std::vector<Idle> expired;  // closed outside the lock
  std::unique_lock lock(mutex_);
  bool told = false;
  while (taken_ >= options_.size) {
    const auto signal = clock->make_signal();
    // Who was told, and found that somebody had been quicker, keeps his place.
    waiting_.insert(told ? waiting_.begin() : waiting_.end(), signal.get());
    lock.unlock();
    told = signal->wait_until(deadline);
    lock.lock();
    std::erase(waiting_, signal.get());
    if (!told && taken_ >= options_.size) {
      throw Error(Errc::busy, "all " + std::to_string(options_.size) + " connections of the pool were in use for " +
                                  std::to_string(options_.wait.count() / 1000) +
                                  " ms: raise the URL option '" + options_.option + "', or use fewer threads");
    }
  }
  const SteadyPoint oldest = saturating_add(clock->steady(), -options_.idle_lifetime);
  while (!idle_.empty() && idle_.front().since < oldest) {
    expired.push_back(std::move(idle_.front()));
    idle_.erase(idle_.begin());
  }
  ++taken_;
  if (!idle_.empty()) {
    auto connection = std::move(idle_.back().connection);
    idle_.pop_back();
    return {*this, std::move(connection)};
  }
  lock.unlock();
  try {
    return {*this, connect_()};
  } catch (...) {
    give_back(nullptr);
    throw;
  }
}

void Pool::give_back(std::unique_ptr<Connection> connection) noexcept {
  const bool keep = connection && connection->usable();
  if (!keep) connection.reset();  // outside the lock: closing may take a while
  const std::lock_guard lock(mutex_);
  --taken_;
  if (keep) idle_.push_back({std::move(connection), system_clock()->steady()});
  if (waiting_.empty()) return;
  waiting_.front()->notify();
  waiting_.pop_front();  // the next connection that comes back is for the next one
}

std::size_t Pool::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size();
}

void Pool::forget_idle() noexcept {
  std::vector<Idle> dead;
  const std::lock_guard lock(mutex_);
  dead.swap(idle_);
}

}  // namespace sqlq::sql
