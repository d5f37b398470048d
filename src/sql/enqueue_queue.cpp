#include "sql/enqueue_queue.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/made_anew.hpp"

namespace sqlq::sql {
namespace {

/// The keys and ids that the items may have to wait for in the database: others may be storing them, too.
KeyGate::Keys contested(EnqueueQueue::Items items) {
  KeyGate::Keys keys;
  for (const backend::EnqueueItem& item : items) {
    if (item.unique_key) keys.insert("k" + std::string(*item.unique_key));
    if (!item.fresh_id) keys.insert("i" + item.id.to_string());
  }
  return keys;
}

/// Whether the error may be about one item, so that the others can be stored without it.
bool about_an_item(const Error& e) noexcept {
  return e.code() == Errc::invalid_argument || e.code() == Errc::refused || e.code() == Errc::internal;
}

}  // namespace

EnqueueQueue::Answers EnqueueQueue::call(Items items) {
  if (KeyGate::Keys keys = contested(items); !keys.empty()) {
    const KeyGate::Pass pass(gate_, std::move(keys));
    return store_(items);
  }
  return items.size() > most_items ? store_(items) : take_turn(items);
}

EnqueueQueue::Answers EnqueueQueue::take_turn(Items items) {
  Call mine(items);
  for (;;) {
    Group group = wait_for_turn(mine);
    if (mine.turn == Turn::over) {
      if (mine.error) throw Error(*mine.error);
      return std::move(mine.answers);
    }
    const bool shared = group.size() > 1;
    try {
      return lead(group);
    } catch (const Error& e) {
      if (!shared || !about_an_item(e)) throw;
    } catch (...) {  // out of memory for all is not out of memory for each
      if (!shared) throw;
    }
    mine.alone = true;
    mine.turn = Turn::waiting;
  }
}

std::size_t EnqueueQueue::waiting() {
  const std::lock_guard lock(mutex_);
  return waiting_.size();
}

// The group is empty unless this call leads.
EnqueueQueue::Group EnqueueQueue::wait_for_turn(Call& mine) {
  Group group;
  std::unique_lock lock(mutex_);
  if (under_way_ < most_at_once) {
    ++under_way_;
    mine.turn = Turn::leading;
  } else {
    waiting_.splice(waiting_.end(), mine.node);
    mine.woken.wait(lock, [&] { return mine.turn != Turn::waiting; });
  }
  if (mine.turn != Turn::leading) return group;
  group.splice(group.end(), mine.node);
  for (std::size_t items = mine.items.size(); !mine.alone && !waiting_.empty();) {
    items += waiting_.front()->items.size();
    if (waiting_.front()->alone || items > most_items) break;
    group.splice(group.end(), waiting_, waiting_.begin());
  }
  return group;
}

EnqueueQueue::Answers EnqueueQueue::lead(Group& group) {
  struct End {
    EnqueueQueue& queue;
    Group& group;
    ~End() { queue.end(group); }
  } const at_the_end{*this, group};
  if (group.size() == 1) return store_(group.front()->items);
  try {
    return store_together(group);
  } catch (const Error& e) {
    // All callers of the group are told. Jobs that may be stored are not stored again, and a busy server is not asked
    // for the same a hundred times.
    if (!about_an_item(e)) settle(group, &e);
    throw;
  }
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
  Call& leader = *group.front();
  leader.node.splice(leader.node.end(), group, group.begin());
  for (Call* call : group) call->alone = true;
  waiting_.splice(waiting_.begin(), group);
  if (waiting_.empty()) {
    --under_way_;
    return;
  }
  Call& next = *waiting_.front();
  next.node.splice(next.node.end(), waiting_, waiting_.begin());
  tell(next, Turn::leading);
}

}  // namespace sqlq::sql
