#include "sql/enqueue_queue.hpp"

#include <iterator>
#include <utility>

#include "core/made_anew.hpp"

namespace sqlq::sql {

EnqueueQueue::Answers EnqueueQueue::call(Items items) {
  if (items.size() > most_items) return store_(items);
  Call mine{.items = items};
  Group group = wait_for_turn(mine);
  if (mine.turn == Turn::leading) {  // nobody else changes it any more
    if (auto answers = lead(group)) return *std::move(answers);
  } else if (mine.turn == Turn::over) {
    if (mine.error) throw Error(*mine.error);
    return std::move(mine.answers);
  }
  return store_(items);
}

std::size_t EnqueueQueue::waiting() {
  const std::lock_guard lock(mutex_);
  return waiting_.size();
}

// The group is empty unless this call leads.
EnqueueQueue::Group EnqueueQueue::wait_for_turn(Call& mine) {
  Group group;
  group.reserve(most_items);  // whoever leads must not run out of memory before he can hand over
  std::unique_lock lock(mutex_);
  if (under_way_ < most_at_once) {
    ++under_way_;
    mine.turn = Turn::leading;
    group.push_back(&mine);
    return group;
  }
  waiting_.push_back(&mine);
  mine.woken.wait(lock, [&] { return mine.turn != Turn::waiting; });
  if (mine.turn != Turn::leading) return group;
  group.push_back(&mine);
  for (std::size_t items = mine.items.size(); !waiting_.empty(); waiting_.pop_front()) {
    items += waiting_.front()->items.size();
    if (items > most_items || group.size() == most_items) break;
    group.push_back(waiting_.front());
  }
  return group;
}

std::optional<EnqueueQueue::Answers> EnqueueQueue::lead(Group& group) {
  struct End {
    EnqueueQueue& queue;
    Group& group;
    ~End() { queue.end(group); }
  } const at_the_end{*this, group};
  if (group.size() == 1) return store_(group.front()->items);
  try {
    return store_together(group);
  } catch (const Error& e) {
    // What may have been stored is not stored again as if it had not been: everybody is told.
    if (e.outcome_unknown() || e.connection_lost()) {
      settle(group, &e);
      throw;
    }
  } catch (...) {  // out of memory for all is not out of memory for each
  }
  return std::nullopt;
}

EnqueueQueue::Answers EnqueueQueue::store_together(Group& group) {
  std::vector<backend::EnqueueItem> all;
  for (const Call* call : group) all.insert(all.end(), call->items.begin(), call->items.end());
  Answers answers = store_(all);
  auto next = std::make_move_iterator(answers.begin());
  for (Call* call : group) {
    const auto count = static_cast<std::ptrdiff_t>(call->items.size());
    call->answers.assign(next, next + count);
    next += count;
  }
  Answers mine = std::move(group.front()->answers);
  settle(group, nullptr);
  return mine;
}

void EnqueueQueue::settle(Group& group, const Error* error) {
  const std::lock_guard lock(mutex_);
  for (; group.size() > 1; group.pop_back()) {
    Call& call = *group.back();
    if (error != nullptr) call.error.emplace(core::made_anew(*error));
    tell(call, Turn::over);
  }
}

// Under the mutex: the call is gone once its owner can take it.
void EnqueueQueue::tell(Call& call, Turn turn) noexcept {
  call.turn = turn;
  call.woken.notify_one();
}

void EnqueueQueue::end(Group& group) noexcept {
  const std::lock_guard lock(mutex_);
  for (; group.size() > 1; group.pop_back()) tell(*group.back(), Turn::alone);
  if (waiting_.empty()) {
    --under_way_;
    return;
  }
  Call* const next = waiting_.front();
  waiting_.pop_front();
  tell(*next, Turn::leading);
}

}  // namespace sqlq::sql
