#include "sql/pool.hpp"

#include <algorithm>
#include <utility>

#include <sqlq/error.hpp>

#include "platform/user_code.hpp"

namespace sqlq::sql {

namespace {

/// Between two tries to connect to a server that has no connection to spare.
constexpr Duration first_pause = std::chrono::milliseconds(20);
constexpr Duration longest_pause = std::chrono::milliseconds(500);

}  // namespace

Pool::Lease Pool::take(std::size_t leave) {
  const SteadyPoint deadline = saturating_add(clock_->steady(), options_.wait);
  Duration pause = first_pause;
  std::optional<Error> full;  // the server has none to spare, it says
  SteadyPoint next_try{};
  bool told = false;
  std::vector<Idle> expired;  // closed outside the lock
  core::MutexLock lock(mutex_);
  for (;;) {
    while (!has_room(leave) || (full && idle_.empty() && clock_->steady() < next_try)) {
      if (clock_->steady() >= deadline) throw none_in_time(leave, full);
      wait(full && has_room(leave) ? std::min(deadline, next_try) : deadline, leave, told);
    }
    expired = take_expired();
    ++taken_;
    if (!idle_.empty()) {
      auto connection = std::move(idle_.back().connection);
      idle_.pop_back();
      return {*this, std::move(connection)};
    }
    lock.unlock();
    try {
      return {*this, connect_()};
    } catch (const Error& e) {
      give_back(nullptr);
      if (e.code() != Errc::busy) throw;
      full.emplace(e);
    } catch (...) {
      give_back(nullptr);
      throw;
    }
    if (clock_->steady() >= deadline) throw none_in_time(leave, full);
    next_try = saturating_add(clock_->steady(), pause);
    pause = std::min(pause * 2, longest_pause);
    lock.lock();
  }
}

void Pool::wait(SteadyPoint until, std::size_t leave, bool& told) {
  const platform::NoCancellation until_told;
  const auto signal = clock_->make_signal();
  waiting_.insert(told ? waiting_.begin() : waiting_.end(), {signal.get(), leave});
  {
    const core::MutexUnlock unlocked(mutex_);
    told = signal->wait_until(until);
  }
  std::erase_if(waiting_, [&](const Waiting& w) { return w.signal == signal.get(); });
}

std::vector<Pool::Idle> Pool::take_expired() {
  std::vector<Idle> expired;
  const SteadyPoint oldest = saturating_add(clock_->steady(), -options_.idle_lifetime);
  while (!idle_.empty() && idle_.front().since < oldest) {
    expired.push_back(std::move(idle_.front()));
    idle_.erase(idle_.begin());
  }
  return expired;
}

Error Pool::none_in_time(std::size_t leave, const std::optional<Error>& full) const {
  const std::string waited = std::to_string(options_.wait.count() / 1000) + " ms";
  if (full) {
    const std::string text = full->what() + ("; waited " + waited) + " (the URL option '" + options_.wait_option + "')";
    return Error(full->code(), text, full->backend(), full->native_code(), full->statement());
  }
  return Error(Errc::busy, "all " + std::to_string(options_.size - leave) + " connections of the pool were in use " +
                               "for " + waited + ": raise the URL option '" + options_.option +
                               "', or use fewer threads");
}

void Pool::give_back(std::unique_ptr<Connection> connection) noexcept {
  const bool keep = connection && connection->usable();
  if (!keep) connection.reset();  // outside the lock: closing may take a while
  const core::MutexLock lock(mutex_);
  --taken_;
  if (keep) idle_.push_back({std::move(connection), clock_->steady()});
  const auto next = std::ranges::find_if(
      waiting_, [this](const Waiting& w) SQLQ_REQUIRES(mutex_) { return has_room(w.leave); });
  if (next == waiting_.end()) return;
  next->signal->notify();
  waiting_.erase(next);  // the next connection that comes back is for the next one
}

std::size_t Pool::waiting() const {
  const core::MutexLock lock(mutex_);
  return waiting_.size();
}

void Pool::forget_idle() noexcept {
  std::vector<Idle> dead;
  const core::MutexLock lock(mutex_);
  dead.swap(idle_);
}

}  // namespace sqlq::sql
