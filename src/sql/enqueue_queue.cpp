#include "sql/enqueue_queue.hpp"

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

EnqueueQueue::Answers EnqueueQueue::call(Items items) {
  if (KeyGate::Keys keys = contested(items); !keys.empty()) {
    const KeyGate::Pass pass(gate_, std::move(keys));
    return store_(items, false);
  }
  return calls_.call(items, items.size());
}

}  // namespace sqlq::sql
