#include "native_session.hpp"

#include <memory>
#include <string>

#include "errors.hpp"

namespace sqlq::sqlite {
namespace {

class NativeRow final : public sql::Row {
 public:
  explicit NativeRow(sqlite3_stmt* s) : s_(s) {}
  bool null(std::size_t c) const override { return sqlite3_column_type(s_, static_cast<int>(c)) == SQLITE_NULL; }
  std::int64_t integer(std::size_t c) const override { return sqlite3_column_int64(s_, static_cast<int>(c)); }
  std::string_view text(std::size_t c) const override {
    const auto* data = sqlite3_column_text(s_, static_cast<int>(c));
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(s_, static_cast<int>(c)));
    return data == nullptr ? std::string_view{} : std::string_view(reinterpret_cast<const char*>(data), size);
  }

 private:
  sqlite3_stmt* s_;
};

int bind(sqlite3_stmt* s, int at, const sql::Value& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return sqlite3_bind_int64(s, at, *integer);
  if (const auto* text = std::get_if<std::string_view>(&value)) {
    const char* data = text->data() == nullptr ? "" : text->data();  // a null pointer would bind NULL
    return sqlite3_bind_text64(s, at, data, text->size(), SQLITE_STATIC, SQLITE_UTF8);
  }
  return sqlite3_bind_null(s, at);
}

}  // namespace

std::size_t NativeSession::do_execute(const sql::Statement& statement, std::initializer_list<sql::Arg> args,
                                      sql::RowSink sink) {
  const auto fail = [&]() { raise(sqlite3_extended_errcode(handle_), sqlite3_errmsg(handle_), statement.name); };
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v2(handle_, statement.text.c_str(), -1, &raw, nullptr) != SQLITE_OK) fail();
  const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> guard(raw, &sqlite3_finalize);
  for (const sql::Arg& arg : args) {
    const int at = sqlite3_bind_parameter_index(raw, (":" + std::string(arg.name)).c_str());
    if (bind(raw, at, arg.value) != SQLITE_OK) fail();
  }
  std::size_t rows = 0;
  int step = SQLITE_ROW;
  while ((step = sqlite3_step(raw)) == SQLITE_ROW) {
    sink(NativeRow(raw));
    ++rows;
  }
  if (step != SQLITE_DONE) fail();
  return statement.columns.empty() ? static_cast<std::size_t>(sqlite3_changes64(handle_)) : rows;
}

}  // namespace sqlq::sqlite
