#include "native_session.hpp"

#include <memory>
#include <string>

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
  if (const auto* bytes = std::get_if<sql::Bytes>(&value)) {
    return sqlite3_bind_blob64(s, at, bytes->data.data(), bytes->data.size(), SQLITE_STATIC);
  }
  return sqlite3_bind_null(s, at);
}

}  // namespace

NativeSession::Prepared NativeSession::prepare(const sql::Statement& statement) const {
  sqlite3_stmt* raw = nullptr;
  const unsigned flags = plans_ == Plans::kept ? SQLITE_PREPARE_PERSISTENT : 0;
  if (sqlite3_prepare_v3(handle_, statement.text.c_str(), -1, flags, &raw, nullptr) != SQLITE_OK) fail(statement);
  Prepared prepared{.statement = {raw, &sqlite3_finalize}, .places = {}};
  for (const sql::Field& param : statement.params) {
    prepared.places.push_back(sqlite3_bind_parameter_index(raw, (':' + param.name).c_str()));
  }
  return prepared;
}

std::size_t NativeSession::do_execute(const sql::Statement& statement, std::initializer_list<sql::Arg> args,
                                      sql::RowSink sink) {
  if (plans_ == Plans::each_time) return run(prepare(statement), statement, args, sink);
  if (kept_.size() <= statement.index) kept_.resize(statement.index + 1);
  // Held by pointer: a sink may run other statements of this session, which may move the vector.
  auto& slot = kept_[statement.index];
  if (!slot) slot = std::make_unique<Prepared>(prepare(statement));
  return run(*slot, statement, args, sink);
}

std::size_t NativeSession::run(const Prepared& prepared, const sql::Statement& statement,
                               std::initializer_list<sql::Arg> args, sql::RowSink sink) const {
  // Reset on every way out: a statement in the middle of its rows would keep its snapshot and hinder the commit.
  const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> running(prepared.statement.get(), &sqlite3_reset);
  auto place = prepared.places.begin();
  for (const sql::Arg& arg : args) {
    if (bind(running.get(), *place++, arg.value) != SQLITE_OK) fail(statement);
  }
  std::size_t rows = 0;
  int step = SQLITE_ROW;
  while ((step = sqlite3_step(running.get())) == SQLITE_ROW) {
    sink(NativeRow(running.get()));
    ++rows;
  }
  if (step != SQLITE_DONE) fail(statement);
  return statement.columns.empty() ? static_cast<std::size_t>(sqlite3_changes64(handle_)) : rows;
}

void NativeSession::fail(const sql::Statement& statement) const {
  raise(Failure::of(handle_, plans_ == Plans::kept ? Owner::us : Owner::user), statement.name);
}

}  // namespace sqlq::sqlite
