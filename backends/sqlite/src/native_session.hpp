#pragma once
/// \file
/// A session over a sqlite3* that belongs to the user.

#include <sqlite3.h>

#include "sql/session.hpp"

namespace sqlq::sqlite {

/// Prepares each statement anew and finalizes it at once: nothing of ours stays on the user's connection.
class NativeSession final : public sql::Session {
 public:
  explicit NativeSession(sqlite3* handle) : handle_(handle) {}

 protected:
  std::size_t do_execute(const sql::Statement& statement, std::initializer_list<sql::Arg> args,
                         sql::RowSink sink) override;

 private:
  sqlite3* handle_;
};

}  // namespace sqlq::sqlite
