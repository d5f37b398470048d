#include "errors.hpp"

#include <algorithm>
#include <array>

#include "sql/borrowed.hpp"
#include "sql/doubt.hpp"

namespace sqlq::postgres {
namespace {

struct Known {
  std::string_view sqlstate;
  Errc code;
  std::string_view advice;
};

constexpr std::string_view again = "it was tried again and did not help: look for long transactions on the same jobs";
constexpr std::string_view migrate =
    "the database lacks sqlq's tables or has others: call migrate() or run `sqlq schema up`, and check the URL option "
    "'schema'";
constexpr std::string_view constraint =
    "a constraint, trigger or index refuses the value: change the value or the database";
constexpr std::string_view url = "check user and password of the URL, and who may come in (pg_hba.conf)";
constexpr std::string_view pooler =
    "a statement was not where it was prepared: behind a pooler in transaction mode set the URL option pooled=true";
constexpr std::string_view rights =
    "grant the role of the URL what share/doc/sqlq/docs/backends.md lists for a producer, worker or operator, or for "
    "the owner who calls migrate()";
constexpr std::string_view elsewhere =
    "your connection leads to another database than the Database does, or sqlq's tables are not there: borrow a "
    "connection to the same server and database, call migrate(), or run `sqlq schema up`";
constexpr std::string_view read_only_transaction = "25006";
constexpr std::string_view damaged = "stop using the database and restore it from a backup; do not repair it in place";
constexpr std::string_view server_goes = "the server is stopping or starting; the next call opens a new connection";

constexpr std::array known{
    Known{"23502", Errc::schema, "a queue or kind that was there is gone: call migrate() and try again"},
    Known{"23505", Errc::retry_transaction, "somebody else wrote the same at the same moment; try again"},
    Known{"25006", Errc::wrong_node, "the server is read-only: name the primary in the URL, or all servers"},
    Known{"25P02", Errc::misuse, "the transaction had failed before: roll it back"},
    Known{"25P03", Errc::connection, "the connection was idle inside a transaction for too long"},
    Known{"26000", Errc::configuration, pooler},
    Known{"42P05", Errc::configuration, pooler},
    Known{"28000", Errc::permission, url},
    Known{"28P01", Errc::permission, url},
    Known{"3D000", Errc::configuration, "create the database, or correct its name in the URL"},
    Known{"3F000", Errc::schema, migrate},
    Known{"40001", Errc::retry_transaction, again},
    Known{"40003", Errc::outcome_unknown, "repeat the call with the same ids or lease"},
    Known{"40P01", Errc::retry_transaction, again},
    Known{"42501", Errc::permission, rights},
    Known{"42703", Errc::schema, migrate},
    Known{"42P01", Errc::schema, migrate},
    Known{"53100", Errc::busy, "free space on the server's disk, then try again"},
    Known{"53200", Errc::busy, "the server is out of memory: try again later"},
    Known{"53300", Errc::busy, "raise max_connections, or lower the URL option 'pool'"},
    Known{"54001", Errc::refused, "the document is nested too deeply for the server"},
    Known{"55000", Errc::busy, "the server cannot do this now: try again later"},
    Known{"55P03", Errc::retry_transaction, "a lock was held for longer than the URL option lock_timeout"},
    Known{"57014", Errc::busy, "it took longer than the URL option statement_timeout, or an operator cancelled it"},
    Known{"57P01", Errc::connection, server_goes},
    Known{"57P02", Errc::connection, server_goes},
    Known{"57P03", Errc::connection, "the server is starting or stopping: try again"},
    Known{"57P05", Errc::connection, "the server ended an idle connection; the next call opens a new connection"},
    Known{"XX001", Errc::corrupt, damaged},
    Known{"XX002", Errc::corrupt, damaged},
};

/// By the first two characters, for what is not listed.
constexpr std::array classes{
    Known{"08", Errc::connection, sql::next_call_connects},
    Known{"22", Errc::refused, "the database cannot store a value; its encoding should be UTF8"},
    Known{"23", Errc::refused, constraint},
    Known{"25", Errc::misuse, "the transaction is not in the state for this"},
    Known{"28", Errc::permission, url},
    Known{"40", Errc::retry_transaction, again},
    Known{"44", Errc::refused, constraint},
    Known{"53", Errc::busy, "try again later"},
    Known{"54", Errc::refused, "a value is larger than the server can handle: make it smaller"},
    Known{"55", Errc::busy, "the server cannot do this now: try again later"},
    Known{"57", Errc::busy, "an operator intervened: try again later"},
    Known{"58", Errc::busy, "the server has trouble with its disk or memory: see its log"},
    Known{"72", Errc::retry_transaction, again},
    Known{"P0", Errc::refused, constraint},
};
/// A code of the user's own: the standard begins none with these characters, and the server only a few, listed above.
constexpr Known raised{"", Errc::refused, constraint};

bool is_own_code(std::string_view sqlstate) noexcept {
  const char first = sqlstate.front();
  return ((first >= '5' && first <= '9') || (first >= 'I' && first <= 'Z')) && !sqlstate.starts_with("XX");
}

/// Two writers of the same job or queue; any other index is the user's own, and refuses for good.
constexpr std::array own_indexes{std::string_view("sqlq_jobs_pkey"), std::string_view("sqlq_jobs_unique")};

bool is_own_index(std::string_view table, std::string_view index) noexcept {
  return table.starts_with("sqlq_") &&
         (table != "sqlq_jobs" || std::ranges::find(own_indexes, index) != own_indexes.end());
}

const Known* find(std::string_view sqlstate) noexcept {
  const auto exact = std::ranges::find(known, sqlstate, &Known::sqlstate);
  if (exact != known.end()) return &*exact;
  const auto by_class = std::ranges::find(classes, sqlstate.substr(0, 2), &Known::sqlstate);
  if (by_class != classes.end()) return &*by_class;
  return is_own_code(sqlstate) ? &raised : nullptr;
}

/// Is the primary message of such an error free of what was sent? The server's own are, in these classes. Values are
/// quoted in 22 and 44, and anything may be in what a trigger or function raises (P0, and codes of its own).
bool may_be_shown(std::string_view sqlstate) noexcept {
  constexpr std::array<std::string_view, 16> plain{"08", "0A", "23", "25", "26", "28", "3D", "3F",
                                                   "40", "42", "53", "54", "55", "57", "58", "XX"};
  return sqlstate.empty() || std::ranges::binary_search(plain, sqlstate.substr(0, 2));
}

/// Instead of a message that may not be shown.
std::string_view own_text(std::string_view sqlstate) noexcept {
  return sqlstate.starts_with("22") ? "the server refused a value"
                                    : "the server reported an error whose text may contain values";
}

std::string first_line(std::string_view text) { return std::string(text.substr(0, text.find('\n'))); }

}  // namespace

Errc classify(std::string_view sqlstate) noexcept {
  if (sqlstate.empty()) return Errc::connection;
  const Known* found = find(sqlstate);
  return found != nullptr ? found->code : Errc::internal;
}

int native_code(std::string_view sqlstate) noexcept {
  int code = 0;
  for (const char c : sqlstate) {
    if (c >= '0' && c <= '9') {
      code = code * 36 + (c - '0');
    } else if (c >= 'A' && c <= 'Z') {
      code = code * 36 + (c - 'A') + 10;
    } else {
      return 0;
    }
  }
  return code;
}

namespace {

Error describe(std::string_view sqlstate, const Known* found, std::string_view message, const std::string& statement,
               Owner owner) {
  std::string text = "PostgreSQL: ";
  text += may_be_shown(sqlstate) ? first_line(message) : std::string(own_text(sqlstate));
  if (!sqlstate.empty()) text += " (SQLSTATE " + std::string(sqlstate) + ")";
  if (!statement.empty()) text += " in statement '" + statement + "'";
  Errc code = found != nullptr ? found->code : classify(sqlstate);
  std::string_view advice = sqlstate.empty() ? sql::next_call_connects
                            : found != nullptr ? found->advice
                                               : std::string_view{};
  if (owner == Owner::user) {
    if (const auto theirs = sql::advice_on_borrowed(code); !theirs.empty()) advice = theirs;
    if (code == Errc::schema && advice == migrate) advice = elsewhere;
    if (sqlstate == read_only_transaction) {
      code = Errc::misuse;
      advice = sql::your_transaction_reads_only;
    }
  }
  if (!advice.empty()) text += "; " + std::string(advice);
  return Error(code, text, "postgres", native_code(sqlstate), statement);
}

std::string_view field_of(const PGresult* result, int field) noexcept {
  const char* text = PQresultErrorField(result, field);
  return text != nullptr ? std::string_view(text) : std::string_view{};
}

}  // namespace

Error make_error(std::string_view sqlstate, std::string_view message, const std::string& statement, Owner owner) {
  return describe(sqlstate, sqlstate.empty() ? nullptr : find(sqlstate), message, statement, owner);
}

std::string_view sqlstate_of(const PGresult* result) noexcept {
  return field_of(result, PG_DIAG_SQLSTATE);
}

Error error_of(const PGresult* result, const PGconn* connection, const std::string& statement, Owner owner) {
  const std::string_view state = sqlstate_of(result);
  const std::string_view primary = field_of(result, PG_DIAG_MESSAGE_PRIMARY);
  const std::string_view table = field_of(result, PG_DIAG_TABLE_NAME);
  if (state == "23505" && !is_own_index(table, field_of(result, PG_DIAG_CONSTRAINT_NAME))) {
    return describe(state, &raised, primary, statement, owner);
  }
  if (!primary.empty() && !state.empty()) return make_error(state, primary, statement, owner);
  return make_error({}, PQerrorMessage(connection), statement, owner);
}

}  // namespace sqlq::postgres
