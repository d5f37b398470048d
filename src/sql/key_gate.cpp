#include "sql/key_gate.hpp"

#include <algorithm>

#include <sqlq/error.hpp>

#include "platform/user_code.hpp"

namespace sqlq::sql {

std::size_t KeyGate::waiting() {
  const core::MutexLock lock(mutex_);
  return waiting_.size();
}

bool KeyGate::room_for(const Keys& keys) const noexcept {
  const auto meets = [&](const Pass* other) {
    return std::ranges::any_of(keys, [other](const std::string& key) { return other->keys_.contains(key); });
  };
  return inside_.size() < most_ && std::ranges::none_of(inside_, meets);
}

void KeyGate::enter(Pass& pass) {
  core::MutexLock lock(mutex_);
  if (room_for(pass.keys_)) {
    inside_.splice(inside_.end(), pass.node_);
    return;
  }
  const platform::NoCancellation until_told;
  pass.signal_ = clock_->make_signal();
  const SteadyPoint deadline = saturating_add(clock_->steady(), wait_);
  const auto at = pass.node_.begin();
  waiting_.splice(waiting_.end(), pass.node_);
  bool in_time = true;
  while (!pass.inside_ && in_time) {
    lock.unlock();
    in_time = pass.signal_->wait_until(deadline);
    lock.lock();
  }
  if (pass.inside_) return;
  waiting_.erase(at);
  throw Error(Errc::busy, "jobs with the same unique keys were being stored by other threads for " +
                              std::to_string(wait_.count() / 1000) +
                              " ms: somebody keeps a transaction open that has stored them; commit sooner");
}

// The call that waits longest is looked at first; a call with a busy key is passed over.
void KeyGate::leave(Pass& pass) noexcept {
  const core::MutexLock lock(mutex_);
  inside_.remove(&pass);
  for (auto at = waiting_.begin(); at != waiting_.end();) {
    const auto next = at++;
    Pass& waiter = **next;
    if (!room_for(waiter.keys_)) continue;
    waiter.inside_ = true;
    inside_.splice(inside_.end(), waiting_, next);
    waiter.signal_->notify();
  }
}

}  // namespace sqlq::sql
