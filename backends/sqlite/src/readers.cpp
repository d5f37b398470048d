#include "readers.hpp"

namespace sqlq::sqlite {

void Readers::read(const std::function<void(sql::Session&)>& work) {
  auto connection = take();
  try {
    connection->check_file();
    const ReadScope scope(*connection);
    work(connection->session());
  } catch (...) {
    put_back(nullptr);  // whatever failed is not used again
    throw;
  }
  put_back(std::move(connection));
}

std::unique_ptr<Connection> Readers::take() {
  std::unique_lock lock(mutex_);
  free_.wait(lock, [&] { return !idle_.empty() || lent_ < options_.readers; });
  ++lent_;
  if (!idle_.empty()) {
    auto connection = std::move(idle_.back());
    idle_.pop_back();
    return connection;
  }
  lock.unlock();
  try {
    return std::make_unique<Connection>(options_, Connection::Role::reader);
  } catch (...) {
    put_back(nullptr);
    throw;
  }
}

void Readers::put_back(std::unique_ptr<Connection> connection) noexcept {
  const std::lock_guard lock(mutex_);
  --lent_;
  if (connection) idle_.push_back(std::move(connection));
  free_.notify_one();
}

}  // namespace sqlq::sqlite
