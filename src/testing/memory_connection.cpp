// Transactions on a storage in memory.

#include <utility>

#include "testing/memory_impl.hpp"

namespace sqlq::testing {

MemoryConnection::MemoryConnection(const MemoryStorage& storage) : impl_(std::make_unique<Impl>()) {
  impl_->storage = storage.impl_;
}

MemoryConnection::~MemoryConnection() = default;

void MemoryConnection::begin() {
  if (impl_->writes) throw Error(Errc::misuse, "begin inside a transaction: commit or roll back first");
  impl_->writes.emplace();
}

void MemoryConnection::commit() {
  if (!impl_->writes) throw Error(Errc::misuse, "commit outside of a transaction: begin first");
  bool news = false;
  {
    const std::lock_guard lock(impl_->storage->mutex);
    MemoryQueue after = [&] {
      try {
        return impl_->view();
      } catch (...) {
        impl_->writes.reset();
        throw;
      }
    }();
    impl_->writes.reset();
    news = after.take_news();
    impl_->storage->queue = std::move(after);
  }
  if (news) impl_->storage->hints->tell();
}

void MemoryConnection::rollback() {
  if (!impl_->writes) throw Error(Errc::misuse, "rollback outside of a transaction: begin first");
  impl_->writes.reset();
}

bool MemoryConnection::in_transaction() const noexcept { return impl_->writes.has_value(); }

Tx MemoryConnection::tx() noexcept { return {connection_type, impl_.get()}; }

}  // namespace sqlq::testing
