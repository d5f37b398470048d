#include "native_session.hpp"

#include <algorithm>
#include <charconv>
#include <memory>
#include <type_traits>


namespace sqlq::mysql {
namespace {

class NativeRow final : public sql::Row {
 public:
  NativeRow(MYSQL_ROW row, const unsigned long* lengths) : row_(row), lengths_(lengths) {}
  bool null(std::size_t c) const override { return row_[c] == nullptr; }
  std::int64_t integer(std::size_t c) const override {
    std::int64_t value = 0;
    const std::string_view digits = text(c);
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return value;
  }
  std::string_view text(std::size_t c) const override {
    return row_[c] == nullptr ? std::string_view{} : std::string_view(row_[c], lengths_[c]);
  }

 private:
  MYSQL_ROW row_;
  const unsigned long* lengths_;
};

bool needs_escape(char c) noexcept { return c == '\'' || c == '\\' || c == '\0'; }

class Writer {
 public:
  Writer(std::string& text, bool backslashes) : text_(text), backslashes_(backslashes) {}

  void operator()(std::nullptr_t) { text_ += "NULL"; }
  void operator()(std::int64_t value) { text_ += std::to_string(value); }
  void operator()(sql::Bytes bytes) {
    text_ += "X'";
    for (const char c : bytes.data) {
      text_ += "0123456789ABCDEF"[static_cast<unsigned char>(c) >> 4];
      text_ += "0123456789ABCDEF"[static_cast<unsigned char>(c) & 15];
    }
    text_ += '\'';
  }
  void operator()(std::string_view value) {
    if (value.empty()) return (*this)(sql::Bytes{});  // '' means NULL in one of MariaDB's modes
    text_ += '\'';
    for (const char c : value) {
      if (c == '\'') {
        text_ += "''";
      } else if (backslashes_ && c == '\\') {
        text_ += "\\\\";
      } else if (backslashes_ && c == '\0') {
        text_ += "\\0";
      } else {
        text_ += c;
      }
    }
    text_ += '\'';
  }
  void operator()(const sql::List* list) {
    for (std::size_t i = 0; i < list->values.size(); ++i) {
      if (i > 0) text_ += ',';
      if (list->width > 1 && i % list->width == 0) text_ += '(';
      std::visit(*this, list->values[i]);
      if (list->width > 1 && i % list->width == list->width - 1) text_ += ')';
    }
  }

 private:
  std::string& text_;
  bool backslashes_;
};

}  // namespace

std::string spliced(const sql::Statement& statement, const sql::Arg* args, const Manners& manners) {
  std::string text;
  Writer write(text, manners.backslashes);
  for (const sql::Piece& piece : statement.pieces) {
    text += piece.text;
    if (piece.param) std::visit(write, args[*piece.param].value);
  }
  return text;
}

std::size_t literal_size(std::string_view text) noexcept {
  return text.size() + static_cast<std::size_t>(std::ranges::count_if(text, needs_escape));
}

void NativeSession::run(std::string_view text, const std::string& name) {
  send(text, name);
  mysql_free_result(mysql_store_result(handle_));
}

void NativeSession::send(std::string_view text, const std::string& name) {
  constexpr std::size_t header = 64;  // what the protocol adds
  if (text.size() + header > manners_.packet) {
    throw Error(Errc::refused,
                std::string(product_of(handle_)) + ": statement '" + name + "' would have " +
                    std::to_string(text.size()) + " bytes, and the server's max_allowed_packet is " +
                    std::to_string(manners_.packet) + ": make the payload smaller or raise that setting",
                "mysql", 0, name);
  }
  if (mysql_real_query(handle_, text.data(), static_cast<unsigned long>(text.size())) != 0) fail(name);
}

void NativeSession::fail(const std::string& name) {
  try {
    raise(handle_, name, whose_);
  } catch (const Error& e) {
    lost_ = lost_ || e.connection_lost();
    silent_ = silent_ || (e.connection_lost() && e.code() != Errc::wrong_node);
    throw;
  }
}

std::size_t NativeSession::do_execute(const sql::Statement& statement, std::initializer_list<sql::Arg> args,
                                      sql::RowSink sink) {
  send(spliced(statement, args.begin(), manners_), statement.name);
  const std::unique_ptr<MYSQL_RES, decltype(&mysql_free_result)> result(mysql_store_result(handle_),
                                                                        &mysql_free_result);
  if (!result) {
    if (mysql_errno(handle_) != 0) fail(statement.name);
    return static_cast<std::size_t>(mysql_affected_rows(handle_));
  }
  if (mysql_num_fields(result.get()) != statement.columns.size()) {
    throw Error(Errc::internal, "statement '" + statement.name + "' has other columns than are declared", "mysql", 0,
                statement.name);
  }
  std::size_t rows = 0;
  while (MYSQL_ROW row = mysql_fetch_row(result.get())) {
    sink(NativeRow(row, mysql_fetch_lengths(result.get())));
    ++rows;
  }
  return rows;
}

}  // namespace sqlq::mysql
