#include "errors.hpp"

#include <sqlite3.h>

#include <algorithm>

namespace sqlq::sqlite {
namespace {

std::string_view advice(Errc code, int primary) {
  switch (code) {
    case Errc::busy:
      if (primary == SQLITE_FULL) return "free space on the disk, then try again";
      if (primary == SQLITE_READONLY) return "make the file and its folder writable";
      if (primary == SQLITE_INTERRUPT) return "it took longer than read_timeout: narrow it down or raise the option";
      return "another connection held the lock for longer than busy_timeout: try again";
    case Errc::connection: return "check that the folder exists and is writable";
    case Errc::schema: return "the database lacks sqlq's tables or has others: call migrate()";
    case Errc::corrupt: return "stop using the file and restore it from a backup; do not repair it in place";
    case Errc::outcome_unknown: return "the disk failed while committing; calls may be repeated with the same ids";
    default: return {};
  }
}

/// Is SQLite's text free of values? Those of functions and triggers may have the values they were given.
bool may_be_shown(int extended_code, std::string_view message) noexcept {
  if (extended_code == SQLITE_CONSTRAINT_TRIGGER) return false;
  if ((extended_code & 0xff) != SQLITE_ERROR) return true;
  constexpr std::string_view plain[] = {"no such ",  "table ",  "index ", "view ",       "trigger ",
                                        "duplicate", "cannot ", "near ",  "incomplete ", "SQL logic error"};
  return std::ranges::any_of(plain, [&](std::string_view begin) { return message.starts_with(begin); });
}

}  // namespace

Errc classify(int extended_code, std::string_view message) noexcept {
  switch (extended_code & 0xff) {
    case SQLITE_BUSY:
      return extended_code == SQLITE_BUSY_SNAPSHOT ? Errc::retry_transaction : Errc::busy;
    case SQLITE_LOCKED:
    case SQLITE_FULL:
    case SQLITE_READONLY:
    case SQLITE_INTERRUPT:
    case SQLITE_NOMEM:
    case SQLITE_PROTOCOL: return Errc::busy;
    case SQLITE_CANTOPEN: return Errc::connection;
    case SQLITE_IOERR: return Errc::outcome_unknown;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return Errc::corrupt;
    case SQLITE_TOOBIG: return Errc::invalid_argument;
    case SQLITE_SCHEMA: return Errc::schema;
    case SQLITE_ERROR:
      return message.starts_with("no such table: sqlq_") || message.starts_with("no such column") ? Errc::schema
                                                                                                  : Errc::internal;
    default: return Errc::internal;
  }
}

void raise(int extended_code, std::string_view message, const std::string& statement) {
  const Errc code = classify(extended_code, message);
  std::string text = "SQLite: ";
  text += may_be_shown(extended_code, message) ? message : "an error was reported whose text may contain values";
  text += " (code " + std::to_string(extended_code) + ")";
  if (!statement.empty()) text += " in statement '" + statement + "'";
  if (const auto what_to_do = advice(code, extended_code & 0xff); !what_to_do.empty()) {
    text += "; " + std::string(what_to_do);
  }
  throw Error(code, text, "sqlite", extended_code, statement);
}

}  // namespace sqlq::sqlite
