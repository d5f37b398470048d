#pragma once
/// \file
/// A few connections for reading, made when needed.

#include <functional>

#include "connection.hpp"
#include "sql/pool.hpp"

namespace sqlq::sqlite {

/// Thread-safe.
class Readers {
 public:
  /// `writer` must live as long. Only the file that it has open is read.
  Readers(const Options& options, const Connection& writer);

  /// Runs `work` on a snapshot of the database. Error(busy) when all of them were in use for busy_timeout.
  void read(const std::function<void(sql::Session&)>& work);

 private:
  const Connection& writer_;
  sql::Pool pool_;
};

/// Runs `work` on a snapshot on this connection, bounded by read_timeout.
void read_on(Connection& connection, const std::function<void(sql::Session&)>& work);

}  // namespace sqlq::sqlite
