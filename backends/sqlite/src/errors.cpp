#include "errors.hpp"

#include <algorithm>

#include "platform/files.hpp"

namespace sqlq::sqlite {
namespace {

using platform::Refusal;

std::string_view advice(Errc code, const Failure& failure) {
  const bool users = failure.owner == Owner::user;
  const int primary = failure.code & 0xff;
  switch (code) {
    case Errc::busy:
      if (primary == SQLITE_FULL) return "free space on the disk, then try again";
      if (primary == SQLITE_NOMEM) return "there was no memory: try again later";
      if (primary == SQLITE_CANTOPEN) return "the process or the machine has too many open files: try again later";
      if (primary == SQLITE_INTERRUPT) {
        return users ? "your connection was interrupted"
                     : "it took longer than read_timeout: narrow it down or raise the option";
      }
      return users ? "another connection holds the file's lock, and yours waits as long as its sqlite3_busy_timeout "
                     "says: set one, and begin your transaction with BEGIN IMMEDIATE"
                   : "another connection held the file's lock for longer than busy_timeout: try again. If it is a "
                     "transaction of your own, this call waits for itself: pass the transaction with sqlq::borrow";
    case Errc::retry_transaction:
      return "roll your transaction back and run it again; begun with BEGIN IMMEDIATE, nobody writes between its reads "
             "and its writes";
    case Errc::permission:
      if (users) return "your connection was opened read-only, has PRAGMA query_only, or an authorizer that forbids it";
      return "make the file and its folder writable for this process: SQLite makes files beside it";
    case Errc::configuration:
      switch (platform::refusal_of(failure.system_error)) {
        case Refusal::missing:
          return "check the path: the folder must exist, and with create=false the file as well (`sqlq schema up` "
                 "makes it)";
        case Refusal::folder: return "this is a folder: name a file in it";
        default: return "check the path";
      }
    case Errc::schema:
      return users ? "the database of your connection lacks sqlq's tables or has others: call migrate(), or run `sqlq "
                     "schema up`"
                   : "the database lacks sqlq's tables or has others: call migrate(), or run `sqlq schema up`";
    case Errc::corrupt:
      if (primary == SQLITE_NOTADB) return "check the path; if it is the right file, restore it from a backup";
      if (failure.code == SQLITE_READONLY_DBMOVED) return "close the Database and open it again";
      return "stop using the file and restore it from a backup; do not repair it in place";
    case Errc::refused: return "a constraint, trigger, index or limit refuses it: change the value or the database";
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

Errc of_refused_open(int system_error) noexcept {
  switch (platform::refusal_of(system_error)) {
    case Refusal::forbidden: return Errc::permission;
    case Refusal::exhausted: return Errc::busy;
    default: return Errc::configuration;
  }
}

/// Where trouble with a file is worth its name.
bool is_about_the_file(int primary) noexcept {
  constexpr int codes[] = {SQLITE_CANTOPEN, SQLITE_NOTADB, SQLITE_CORRUPT, SQLITE_READONLY,
                           SQLITE_FULL,     SQLITE_IOERR,  SQLITE_BUSY};
  return std::ranges::find(codes, primary) != std::end(codes);
}

}  // namespace

Failure Failure::of(sqlite3* handle, Owner owner) {
  const char* file = sqlite3_db_filename(handle, "main");
  return {.code = sqlite3_extended_errcode(handle),
          .message = sqlite3_errmsg(handle),
          .file = file == nullptr ? "" : file,
          .system_error = sqlite3_system_errno(handle),
          .owner = owner};
}

Errc classify(const Failure& failure) noexcept {
  switch (failure.code & 0xff) {
    case SQLITE_BUSY:
      return failure.code == SQLITE_BUSY_SNAPSHOT ? Errc::retry_transaction : Errc::busy;
    case SQLITE_LOCKED:
    case SQLITE_FULL:
    case SQLITE_INTERRUPT:
    case SQLITE_NOMEM:
    case SQLITE_PROTOCOL: return Errc::busy;
    case SQLITE_READONLY: return failure.code == SQLITE_READONLY_DBMOVED ? Errc::corrupt : Errc::permission;
    case SQLITE_PERM:
    case SQLITE_AUTH: return Errc::permission;
    case SQLITE_CANTOPEN: return of_refused_open(failure.system_error);
    // In a transaction of the user's nothing is committed by us: there the failure is only one of the transaction.
    case SQLITE_IOERR: return failure.owner == Owner::user ? Errc::retry_transaction : Errc::outcome_unknown;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return Errc::corrupt;
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG: return Errc::refused;
    case SQLITE_SCHEMA: return Errc::schema;
    case SQLITE_ERROR:
      return failure.message.starts_with("no such table: sqlq_") || failure.message.starts_with("no such column")
                 ? Errc::schema
                 : Errc::internal;
    default: return Errc::internal;
  }
}

void raise(const Failure& failure, const std::string& statement) {
  const Errc code = classify(failure);
  std::string text = "SQLite: ";
  text += may_be_shown(failure.code, failure.message) ? failure.message
                                                      : "an error was reported whose text may contain values";
  text += " (code " + std::to_string(failure.code) + ")";
  if (failure.system_error != 0 && (failure.code & 0xff) == SQLITE_CANTOPEN) {
    text += ": " + platform::system_text(failure.system_error);
  }
  if (!failure.file.empty() && is_about_the_file(failure.code & 0xff)) text += ", file '" + failure.file + "'";
  if (failure.owner == Owner::user) text += ", on your connection";
  if (!statement.empty()) text += ", in statement '" + statement + "'";
  if (const auto what_to_do = advice(code, failure); !what_to_do.empty()) text += "; " + std::string(what_to_do);
  throw Error(code, text, "sqlite", failure.code, statement);
}

}  // namespace sqlq::sqlite
