#include "sql/enqueue_queue.hpp"

#include <iterator>
#include <string>
#include <utility>

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

}  // namespace

struct EnqueueQueue::Shared : Call {
  explicit Shared(Items given) : items(given) {}
  const Items items;
  Answers answers{};
};

EnqueueQueue::Answers EnqueueQueue::call(Items items) {
  if (KeyGate::Keys keys = contested(items); !keys.empty()) {
    const KeyGate::Pass pass(gate_, std::move(keys));
    return store_(items);
  }
  if (items.size() > most_items) return store_(items);
  Shared mine(items);
  run(mine, items.size());
  return std::move(mine.answers);
}

void EnqueueQueue::write(Line& calls) {
  auto& first = static_cast<Shared&>(*calls.first());
  if (calls.size() == 1) {
    first.answers = store_(first.items);
    return;
  }
  std::vector<backend::EnqueueItem> all;
  for (const Call* c = &first; c != nullptr; c = c->next()) {
    const Items& items = static_cast<const Shared&>(*c).items;
    all.insert(all.end(), items.begin(), items.end());
  }
  Answers answers = store_(all);
  auto next = std::make_move_iterator(answers.begin());
  for (Call* c = &first; c != nullptr; c = c->next()) {
    auto& call = static_cast<Shared&>(*c);
    const auto count = static_cast<std::ptrdiff_t>(call.items.size());
    call.answers.assign(next, next + count);
    next += count;
  }
}

}  // namespace sqlq::sql
