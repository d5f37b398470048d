#pragma once
/// \file
/// Statements on a MYSQL*, our own or the user's.

#include <mysql.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "errors.hpp"
#include "sql/session.hpp"

namespace sqlq::mysql {

/// What a session must know of its connection to write literals.
struct Manners {
  bool backslashes = true;                    ///< escape; false under NO_BACKSLASH_ESCAPES
  std::size_t packet = std::size_t{1} << 20;  ///< longest statement the server takes
};

/// Splices values into the statement's text as literals: no statement is prepared, so nothing stays on a connection.
///
/// The connection's character set must be utf8mb4: in it no byte of a longer character is a quote or a backslash.
class NativeSession : public sql::Session {
 public:
  explicit NativeSession(MYSQL* handle, Whose whose = Whose::ours) : handle_(handle), whose_(whose) {}

  void behave(const Manners& manners) noexcept { manners_ = manners; }
  [[nodiscard]] std::size_t longest_statement() const noexcept override { return manners_.packet; }
  /// Did an error say that the connection is of no use any more (Error::connection_lost)?
  [[nodiscard]] bool lost() const noexcept { return lost_; }
  /// Was that because the server does not answer, and not an answer of a server that takes no writes?
  [[nodiscard]] bool silent() const noexcept { return silent_; }
  /// Runs a text that is no catalogue statement and returns nothing.
  void run(std::string_view text, const std::string& name);

 protected:
  std::size_t do_execute(const sql::Statement& statement, std::initializer_list<sql::Arg> args,
                         sql::RowSink sink) override;

 private:
  void send(std::string_view text, const std::string& name);
  [[noreturn]] void fail(const std::string& name);

  MYSQL* handle_;
  Whose whose_;
  Manners manners_{};
  bool lost_ = false;
  bool silent_ = false;
};

/// The statement's text with the values in it; `args` are as many as it has parameters.
[[nodiscard]] std::string spliced(const sql::Statement& statement, const sql::Arg* args, const Manners& manners);

/// How many bytes a text takes as a literal, quotes not counted.
[[nodiscard]] std::size_t literal_size(std::string_view text) noexcept;

}  // namespace sqlq::mysql
