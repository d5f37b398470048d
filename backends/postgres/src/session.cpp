#include "session.hpp"

#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <utility>

#include <sqlq/error.hpp>

#include "errors.hpp"

namespace sqlq::postgres {
namespace {

constexpr Oid bigint = 20;

class PgRow final : public sql::Row {
 public:
  PgRow(const PGresult* result, int row) : result_(result), row_(row) {}
  bool null(std::size_t c) const override { return PQgetisnull(result_, row_, static_cast<int>(c)) != 0; }
  std::int64_t integer(std::size_t c) const override {
    const auto digits = text(c);
    std::int64_t value = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return value;
  }
  std::string_view text(std::size_t c) const override {
    const int column = static_cast<int>(c);
    return {PQgetvalue(result_, row_, column), static_cast<std::size_t>(PQgetlength(result_, row_, column))};
  }

 private:
  const PGresult* result_;
  int row_;
};

/// Arguments as libpq wants them: texts that end in NUL, and bytes of a given length.
struct Parameters {
  explicit Parameters(std::initializer_list<sql::Arg> args) {
    texts.reserve(args.size());
    for (const sql::Arg& arg : args) {
      if (const auto* bytes = std::get_if<sql::Bytes>(&arg.value)) {
        add(bytes->data.data(), static_cast<int>(bytes->data.size()), binary);
      } else if (const auto* integer = std::get_if<std::int64_t>(&arg.value)) {
        add(texts.emplace_back(std::to_string(*integer)).c_str());
      } else if (const auto* text = std::get_if<std::string_view>(&arg.value)) {
        add(texts.emplace_back(*text).c_str());
      } else {
        add(nullptr);
      }
    }
  }
  [[nodiscard]] int count() const { return static_cast<int>(values.size()); }

  std::vector<std::string> texts{};  // reserved: what values points to does not move
  std::vector<const char*> values{};
  std::vector<int> lengths{};
  std::vector<int> formats{};

 private:
  static constexpr int binary = 1;
  void add(const char* value, int length = 0, int format = 0) {
    values.push_back(value);
    lengths.push_back(length);
    formats.push_back(format);
  }
};

/// Numbers are declared; the server finds the type of texts where they are used.
std::vector<Oid> types_of(const sql::Statement& statement) {
  std::vector<Oid> types;
  for (const sql::Field& f : statement.params) types.push_back(f.type == sql::Type::integer ? bigint : 0);
  return types;
}

}  // namespace

std::string prepared_name(const sql::Statement& statement, const std::string& text) {
  std::uint64_t hash = 0xcbf29ce484222325U;  // FNV-1a
  const auto add = [&](unsigned char byte) { hash = (hash ^ byte) * 0x100000001b3U; };
  for (const char c : text) add(static_cast<unsigned char>(c));
  for (const sql::Field& f : statement.params) add(static_cast<unsigned char>(f.type));
  constexpr std::string_view digits = "0123456789abcdef";
  std::string name = "sqlq_";
  for (int shift = 60; shift >= 0; shift -= 4) name += digits[(hash >> shift) & 15U];
  return name;
}

/// libpq must not wait by itself while it sends. A borrowed connection gets its own way back.
class PgSession::Nonblocking {
 public:
  explicit Nonblocking(PGconn* handle) : handle_(handle), before_(PQisnonblocking(handle)) {
    if (before_ == 0) PQsetnonblocking(handle_, 1);
  }
  ~Nonblocking() {
    if (before_ == 0) PQsetnonblocking(handle_, 0);
  }
  Nonblocking(const Nonblocking&) = delete;
  Nonblocking& operator=(const Nonblocking&) = delete;

 private:
  PGconn* handle_;
  int before_;
};

void PgSession::fail(const PGresult* result, const std::string& statement) {
  const Error error = error_of(result, handle_, statement, owner_);
  spoiled_ = spoiled_ || error.connection_lost() || PQstatus(handle_) == CONNECTION_BAD;
  const std::string_view state = sqlstate_of(result);
  if (plans_ == Plans::kept && (state == "26000" || state == "42P05" || state == "0A000")) {
    spoiled_ = true;  // what was prepared is gone or fits no more; a new connection has nothing prepared
    throw Error(Errc::retry_transaction, error.what(), error.backend(), error.native_code(), statement);
  }
  throw error;
}

Result PgSession::finish(int sent, const std::string& statement) {
  if (sent == 0) fail(nullptr, statement);
  Result result = receive(handle_, saturating_add(system_clock()->steady(), patience_), stop_);
  if (!result) {
    spoiled_ = true;
    throw make_error({}, PQstatus(handle_) == CONNECTION_BAD
                             ? "the connection broke"
                             : "the server did not answer in time; the connection is given up",
                     statement, owner_);
  }
  return result;
}

const std::string& PgSession::prepare(const sql::Statement& statement) {
  if (prepared_.size() <= statement.index) prepared_.resize(texts_.size());
  std::string& kept = prepared_[statement.index];
  if (!kept.empty()) return kept;
  const std::string& text = texts_[statement.index];
  std::string name = prepared_name(statement, text);
  const auto types = types_of(statement);
  const Result result = finish(PQsendPrepare(handle_, name.c_str(), text.c_str(), static_cast<int>(types.size()),
                                             types.data()),
                               statement.name);
  if (PQresultStatus(result.get()) != PGRES_COMMAND_OK) fail(result.get(), statement.name);
  return kept = std::move(name);
}

Result PgSession::run(const sql::Statement& statement, std::initializer_list<sql::Arg> args) {
  const Parameters p(args);
  if (plans_ == Plans::kept) {
    const std::string& name = prepare(statement);
    return finish(PQsendQueryPrepared(handle_, name.c_str(), p.count(), p.values.data(),
                                      p.lengths.data(), p.formats.data(), 0),
                  statement.name);
  }
  const auto types = types_of(statement);
  return finish(PQsendQueryParams(handle_, texts_[statement.index].c_str(), p.count(), types.data(), p.values.data(),
                                  p.lengths.data(), p.formats.data(), 0),
                statement.name);
}

std::size_t PgSession::do_execute(const sql::Statement& statement, std::initializer_list<sql::Arg> args,
                                  sql::RowSink sink) {
  const Nonblocking nonblocking(handle_);
  doubtful_ = false;
  Result result = run(statement, args);
  const auto status = PQresultStatus(result.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) fail(result.get(), statement.name);
  if (doubtful_) {
    throw Error(Errc::outcome_unknown, "PostgreSQL: the commit did not wait for the standby and may be lost with this "
                                       "server; repeat the call with the same ids or lease", "postgres", 0,
                statement.name);
  }
  const int rows = PQntuples(result.get());
  if (statement.columns.empty()) {
    return static_cast<std::size_t>(std::strtoull(PQcmdTuples(result.get()), nullptr, 10));
  }
  if (static_cast<std::size_t>(PQnfields(result.get())) != statement.columns.size()) {
    throw Error(Errc::internal, "the columns of statement '" + statement.name + "' are not the declared ones",
                "postgres", 0, statement.name);
  }
  for (int i = 0; i < rows; ++i) sink(PgRow(result.get(), i));
  return static_cast<std::size_t>(rows);
}

std::string PgSession::command(const std::string& sql) {
  const Nonblocking nonblocking(handle_);
  doubtful_ = false;
  const Result result = finish(PQsendQuery(handle_, sql.c_str()), {});
  const auto status = PQresultStatus(result.get());
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY) fail(result.get(), {});
  if (doubtful_) {
    throw Error(Errc::outcome_unknown, "PostgreSQL: the commit did not wait for the standby and may be lost with this "
                                       "server; repeat the call with the same ids or lease", "postgres");
  }
  return PQcmdStatus(result.get());
}

}  // namespace sqlq::postgres
