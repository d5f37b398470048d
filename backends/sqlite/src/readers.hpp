#pragma once
/// \file
/// A few connections for reading, made when needed.

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "connection.hpp"

namespace sqlq::sqlite {

/// Thread-safe.
class Readers {
 public:
  explicit Readers(const Options& options) : options_(options) {}

  /// Runs `work` on a snapshot of the database.
  void read(const std::function<void(sql::Session&)>& work);

 private:
  [[nodiscard]] std::unique_ptr<Connection> take();
  void put_back(std::unique_ptr<Connection> connection) noexcept;

  const Options options_;
  std::mutex mutex_;
  std::condition_variable free_;
  std::vector<std::unique_ptr<Connection>> idle_;
  std::int64_t lent_ = 0;
};

}  // namespace sqlq::sqlite
