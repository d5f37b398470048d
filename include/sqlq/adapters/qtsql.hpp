#pragma once
/// \file
/// A job in a transaction of Qt SQL (Qt 5 and 6). Include it where you use QSqlDatabase; sqlq itself does not need it.
///
///     QSqlDatabase db = QSqlDatabase::addDatabase("QSQLITE");   // or QPSQL, QMYSQL, QMARIADB
///     ...
///     db.transaction();
///     QSqlQuery(db).exec("INSERT INTO orders ...");
///     client.enqueue(sqlq::borrow(db), ShipOrder{42});
///     db.commit();
///
/// Qt's plugin and sqlq must use the same client library, or the handle of one means nothing to the other. Debian's
/// packages do. The installers of the Qt Company bring a SQLite inside of the plugin: build the plugin with
/// `-system-sqlite`, or enqueue on a connection of sqlq's own.
///
/// SQLite: `db.transaction()` begins a deferred transaction; the first write takes the lock. Run
/// `PRAGMA wal_autocheckpoint=0` once on each connection of yours; the README of the backend says why.
///
/// MySQL, MariaDB: run `SET NAMES utf8mb4` once on each connection of yours, after its `open()`: Qt 5 leaves it with
/// utf8mb3, which is refused.
///
/// Thread-safety: as QSqlDatabase: the thread that opened it. Errors: misuse when it is not open or its driver is not
/// one of these.

#include <string>
#include <string_view>

#include <QtCore/QVariant>
#include <QtSql/QSqlDatabase>
#include <QtSql/QSqlDriver>

#include <sqlq/error.hpp>
#include <sqlq/tx.hpp>

namespace sqlq {

/// The connection, inside a transaction that you began. `database` must live until the call it is passed to returns.
[[nodiscard]] inline Tx borrow(const QSqlDatabase& database) {
  const QVariant handle = database.isOpen() ? database.driver()->handle() : QVariant();
  if (!handle.isValid()) {
    throw Error(Errc::misuse, "the QSqlDatabase is not open, or its driver has no handle: open it, then borrow it");
  }
  void* const pointer = *static_cast<void* const*>(handle.constData());
  const std::string_view type = handle.typeName();
  if (type == "sqlite3*") return {"sqlite3", pointer};
  // Qt 5 has the name that the driver's source uses, Qt 6 that of the struct behind it.
  if (type == "PGconn*" || type == "pg_conn*") return {"PGconn", pointer};
  if (type == "MYSQL*" || type == "st_mysql*") return {"MYSQL", pointer};
  throw Error(Errc::misuse, "sqlq cannot write through the Qt driver whose handle is a " + std::string(type));
}

}  // namespace sqlq
