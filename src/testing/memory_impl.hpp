#pragma once
// What is behind a storage in memory and its connections.

#include <sqlq/testing/memory_storage.hpp>

#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sqlq/backend/dialect.hpp>
#include <sqlq/error.hpp>

#include "testing/memory_hints.hpp"
#include "testing/memory_queue.hpp"

namespace sqlq::testing {

inline constexpr std::string_view connection_type = "sqlq::testing::MemoryConnection";

struct SQLQ_LOCAL MemoryStorage::Impl {
  struct Applied {
    MigrationStatus::Applied step{};
    std::string checksum{};
  };

  std::mutex mutex;
  std::vector<Applied> applied;  // guarded by mutex, as the next two
  MemoryQueue queue;
  std::string steady_epoch;
  std::string refused;  // guarded by mutex: what cannot be stored
  const std::shared_ptr<MemoryHints> hints = std::make_shared<MemoryHints>();

  [[nodiscard]] MigrationStatus status() const;
  void require_schema() const;
  [[nodiscard]] bool refuses(std::string_view text) const {
    return !refused.empty() && text.find(refused) != std::string_view::npos;
  }
  /// Throws Error(refused) when one of the texts cannot be stored.
  void require_storable(std::initializer_list<std::string_view> texts) const;
  /// Throws Error(refused) when one of these jobs cannot be changed.
  template <class Item, class IdOf>
  void require_changeable(std::span<const Item> items, IdOf&& id_of) {
    const std::lock_guard lock(mutex);
    for (const Item& item : items) {
      const auto job = refused.empty() ? std::nullopt : queue.get(id_of(item));
      if (job) require_storable({job->result});
    }
  }
  /// Throws Error(refused) when one of these jobs is in a state that `leaves` says, and cannot become pending.
  void require_startable(std::span<const JobId> ids, const std::function<bool(JobState)>& leaves) {
    const std::lock_guard lock(mutex);
    for (const JobId id : ids) {
      const auto job = refused.empty() ? std::nullopt : queue.get(id);
      if (job && leaves(job->state)) require_storable({job->params, job->result});
    }
  }
};

struct MemoryConnection::Impl {
  /// Does its write on the jobs given; false when it is answered differently than the first time.
  using Write = std::function<bool(MemoryQueue&)>;

  std::shared_ptr<MemoryStorage::Impl> storage;
  std::optional<std::vector<Write>> writes;  // of the open transaction

  /// The storage's jobs with this transaction's writes. The storage's lock is held.
  [[nodiscard]] MemoryQueue view() const {
    MemoryQueue queue = storage->queue;
    for (const Write& write : *writes) {
      if (!write(queue)) {
        throw Error(Errc::retry_transaction, "others have changed what this transaction wrote: run it again", "memory");
      }
    }
    return queue;
  }
};

}  // namespace sqlq::testing
