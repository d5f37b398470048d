#include "sql/enqueue_queue.hpp"

#include <iterator>
#include <utility>

namespace sqlq::sql {

EnqueueQueue::Answers EnqueueQueue::call(Items items) {
  if (items.size() > most_items) return store_(items);
  Call mine{.items = items};
  const Group group = wait_for_turn(mine);
  switch (mine.turn) {  // nobody else changes it any more
    case Turn::leading: return lead(group);
    case Turn::over: break;
    default: return store_(items);
  }
  if (mine.error) throw Error(*mine.error);
  return std::move(mine.answers);
}

std::size_t EnqueueQueue::waiting() {
  const std::lock_guard lock(mutex_);
  return waiting_.size();
}

// The group is empty unless this call leads.
EnqueueQueue::Group EnqueueQueue::wait_for_turn(Call& mine) {
  std::unique_lock lock(mutex_);
  if (under_way_ < most_at_once) {
    ++under_way_;
    mine.turn = Turn::leading;
    return {&mine};
  }
  waiting_.push_back(&mine);
  mine.woken.wait(lock, [&] { return mine.turn != Turn::waiting; });
  Group group;
  if (mine.turn != Turn::leading) return group;
  group.push_back(&mine);
  for (std::size_t items = mine.items.size(); !waiting_.empty(); waiting_.pop_front()) {
    items += waiting_.front()->items.size();
    if (items > most_items) break;
    group.push_back(waiting_.front());
  }
  return group;
}

EnqueueQueue::Answers EnqueueQueue::lead(const Group& group) {
  struct HandOver {
    EnqueueQueue& queue;
    ~HandOver() { queue.hand_over(); }
  } const hand_over_at_the_end{*this};
  if (group.size() == 1) return store_(group.front()->items);
  try {
    return store_together(group);
  } catch (const Error& e) {
    // What may have been stored is not stored again as if it had not been: everybody is told.
    if (e.outcome_unknown() || e.connection_lost()) {
      settle(group, Turn::over, &e);
      throw;
    }
  } catch (...) {  // out of memory for all is not out of memory for each
  }
  settle(group, Turn::alone, nullptr);
  return store_(group.front()->items);
}

EnqueueQueue::Answers EnqueueQueue::store_together(const Group& group) {
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
  settle(group, Turn::over, nullptr);
  return mine;
}

void EnqueueQueue::settle(const Group& group, Turn turn, const Error* error) {
  const std::lock_guard lock(mutex_);
  for (Call* call : group) {
    if (call == group.front()) continue;
    if (error != nullptr) {  // made anew: a copy shares the message's memory
      call->error.emplace(error->code(), error->what(), error->backend(), error->native_code(), error->statement());
    }
    call->turn = turn;
    call->woken.notify_one();  // under the mutex: the call is gone once its owner can take it
  }
}

void EnqueueQueue::hand_over() {
  const std::lock_guard lock(mutex_);
  if (waiting_.empty()) {
    --under_way_;
    return;
  }
  Call* const next = waiting_.front();
  waiting_.pop_front();
  next->turn = Turn::leading;
  next->woken.notify_one();
}

}  // namespace sqlq::sql
