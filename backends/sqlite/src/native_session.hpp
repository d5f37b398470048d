#pragma once
/// \file
/// Statements on a sqlite3*: our own or one that belongs to the user.

#include <sqlite3.h>

#include <memory>
#include <vector>

#include "errors.hpp"
#include "sql/session.hpp"

namespace sqlq::sqlite {

class NativeSession final : public sql::Session {
 public:
  enum class Plans {
    kept,      ///< each statement is prepared when it is first used; forget all of them before closing the handle
    each_time  ///< prepared anew and finalized at once: nothing of ours stays on the user's connection
  };

  NativeSession(sqlite3* handle, Plans plans) : handle_(handle), plans_(plans) {}

 protected:
  std::size_t do_execute(const sql::Statement& statement, std::initializer_list<sql::Arg> args,
                         sql::RowSink sink) override;

 private:
  /// A prepared statement and the place of each declared parameter in it.
  struct Prepared {
    std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement;
    std::vector<int> places;
  };
  [[nodiscard]] Prepared prepare(const sql::Statement& statement) const;
  std::size_t run(const Prepared& prepared, const sql::Statement& statement, std::initializer_list<sql::Arg> args,
                  sql::RowSink sink) const;
  [[noreturn]] void fail(const sql::Statement& statement) const;

  sqlite3* handle_;
  Plans plans_;
  std::vector<std::unique_ptr<Prepared>> kept_{};  // by Statement::index
};

}  // namespace sqlq::sqlite
