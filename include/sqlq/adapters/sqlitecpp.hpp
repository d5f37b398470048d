#pragma once
/// \file
/// A job in a transaction of SQLiteCpp. Include it where you use SQLite::Database; sqlq itself does not need it.
///
///     SQLite::Transaction tx{db, SQLite::TransactionBehavior::IMMEDIATE};
///     db.exec("INSERT INTO orders ...");
///     client.enqueue(sqlq::borrow(db), ShipOrder{42});
///     tx.commit();
///
/// Set `db.setBusyTimeout(5000)`, and run `PRAGMA wal_autocheckpoint=0` once on each connection of yours; the README of
/// the backend says why. SQLiteCpp and sqlq must use the same SQLite library: link the system's, not SQLiteCpp's copy.

#include <SQLiteCpp/Database.h>

#include <sqlq/tx.hpp>

namespace sqlq {

/// The connection, inside a transaction that you began. Thread-safety and lifetime: as the connection.
[[nodiscard]] inline Tx borrow(SQLite::Database& database) noexcept { return {"sqlite3", database.getHandle()}; }

}  // namespace sqlq
