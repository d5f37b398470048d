#include "core/batcher.hpp"

#include <utility>

#include "core/made_anew.hpp"
#include "platform/user_code.hpp"

namespace sqlq::core {

void Batcher::Line::push(Call& call) noexcept {
  call.next_ = nullptr;
  (last_ != nullptr ? last_->next_ : first_) = &call;
  last_ = &call;
  ++size_;
}

Batcher::Call& Batcher::Line::pop() noexcept {
  Call& call = *first_;
  first_ = call.next_;
  if (first_ == nullptr) last_ = nullptr;
  --size_;
  return call;
}

Batcher::Line Batcher::Line::take(std::size_t n) noexcept {
  Line taken;
  while (taken.size_ < n) taken.push(pop());
  return taken;
}

void Batcher::Line::put_back(Line& before) noexcept {
  while (size_ > 0) before.push(pop());
  *this = before;
  before = {};
}

bool Batcher::run(Call& call, std::size_t weight, bool may_wait) {
  MutexLock lock(mutex_);
  if (!may_wait && leading_ > 0) return false;
  call.weight_ = weight;
  if (leading_ < most_leading_) {
    ++leading_;
    turn_of(call) = Call::Turn::leading;
  } else {
    const platform::NoCancellation until_told;
    line_.push(call);
    while (turn_of(call) == Call::Turn::waiting) call.told_.wait(mutex_);
  }
  const bool leads = turn_of(call) == Call::Turn::leading;
  const std::size_t waiting = line_.size();
  lock.unlock();
  if (leads) lead(call, waiting);
  if (call.error_) std::rethrow_exception(call.error_);
  return true;
}

std::size_t Batcher::waiting() const {
  const MutexLock lock(mutex_);
  return line_.size();
}

void Batcher::lead(Call& mine, std::size_t waiting) {
  Line group;
  struct End {
    Batcher& batcher;
    Line& group;
    const Call& mine;
    ~End() { batcher.end(group, mine); }
  } const at_the_end{*this, group, mine};
  leading_role_.is_mine();
  group = gather(mine, prepare(mine, waiting));
  by_halves(group.size(), [&](std::size_t n) {
    leading_role_.is_mine();
    Line part = group.take(n);
    std::exception_ptr error;
    try {
      write(part);
    } catch (...) {
      error = std::current_exception();
      const bool unwinding = platform::in_forced_unwind();
      if (unwinding || (n > 1 && may_be_of_one(error))) {
        group.put_back(part);
        if (unwinding) throw;
        return false;
      }
    }
    tell(part, std::move(error));
    return true;
  });
  finish();
}

Batcher::Line Batcher::gather(Call& mine, std::size_t weight) noexcept {
  Line group;
  group.push(mine);
  const MutexLock lock(mutex_);
  for (std::size_t sum = mine.weight_; line_.size() > 0 && sum < weight;) {
    if (line_.first()->weight_ > weight - sum) break;
    sum += line_.first()->weight_;
    group.push(line_.pop());
  }
  return group;
}

// Under the mutex: a call is gone once its owner can take it.
void Batcher::tell(Line& calls, std::exception_ptr error) noexcept {
  const bool shared = calls.size() > 1;
  const MutexLock lock(mutex_);
  while (calls.size() > 0) {
    Call& call = calls.pop();
    if (error) call.error_ = shared ? made_anew(error) : std::move(error);
    turn_of(call) = Call::Turn::over;
    call.told_.notify_one();
  }
}

void Batcher::end(Line& left, const Call& mine) noexcept {
  if (left.first() == &mine) left.pop();
  const MutexLock lock(mutex_);
  line_.put_back(left);
  if (line_.size() == 0) {
    --leading_;
    return;
  }
  Call& next = line_.pop();
  turn_of(next) = Call::Turn::leading;
  next.told_.notify_one();
}

}  // namespace sqlq::core
