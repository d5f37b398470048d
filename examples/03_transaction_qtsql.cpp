/// 03, with Qt SQL: jobs in a transaction on your QSqlDatabase.
///
///     03_transaction_qtsql [URL]        sqlite://FILE, postgresql://USER@HOST:PORT/NAME, mysql://USER@HOST:PORT/NAME

#include <cstdlib>
#include <iostream>
#include <stdexcept>

#include <QtCore/QCoreApplication>
#include <QtCore/QUrl>
#include <QtSql/QSqlDatabase>
#include <QtSql/QSqlError>
#include <QtSql/QSqlQuery>

#include <sqlq/adapters/qtsql.hpp>
#include <sqlq/sqlq.hpp>

struct ShipOrder {
  static constexpr std::string_view kind = "ship-order";
  int order = 0;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(ShipOrder, order)
};

void run(QSqlDatabase& shop, const char* sql) {
  QSqlQuery query(shop);
  if (!query.exec(sql)) throw std::runtime_error(query.lastError().text().toStdString());
}

/// The application's own connection to the database that the URL names.
QSqlDatabase connect(const std::string& text) {
  const QUrl url(QString::fromStdString(text));
  const bool sqlite = url.scheme() == "sqlite", postgres = url.scheme() == "postgresql";
  QSqlDatabase shop = QSqlDatabase::addDatabase(sqlite ? "QSQLITE" : postgres ? "QPSQL" : "QMYSQL");
  if (sqlite) {
    shop.setDatabaseName(QString::fromStdString(text.substr(text.find("//") + 2)));
    shop.setConnectOptions("QSQLITE_BUSY_TIMEOUT=5000");
  } else {
    shop.setHostName(url.host());
    shop.setPort(url.port());
    shop.setUserName(url.userName());
    shop.setPassword(url.password());
    shop.setDatabaseName(url.path().mid(1));
  }
  if (!shop.open()) throw std::runtime_error(shop.lastError().text().toStdString());
  if (sqlite) run(shop, "PRAGMA wal_autocheckpoint=0");
  if (!sqlite && !postgres) run(shop, "SET NAMES utf8mb4");
  return shop;
}

void place_order(QSqlDatabase& shop, sqlq::Client& client, int order, bool payment_fails) {
  // On SQLite shop.transaction() is BEGIN: it may find the lock taken at its first write.
  run(shop, shop.driverName() == "QSQLITE" ? "BEGIN IMMEDIATE" : "BEGIN");
  try {
    run(shop, ("INSERT INTO orders (id) VALUES (" + std::to_string(order) + ")").c_str());
    client.enqueue(sqlq::borrow(shop), ShipOrder{order});
    if (payment_fails) throw std::runtime_error("payment failed");
    run(shop, "COMMIT");
  } catch (...) {
    run(shop, "ROLLBACK");
    throw;
  }
}

int main(int argc, char** argv) try {
  const QCoreApplication app(argc, argv);
  const std::string url = argc > 1 ? argv[1] : "sqlite://orders_qtsql.db";
  auto db = sqlq::open(url);
  db.migrate();
  sqlq::Client client{db};

  QSqlDatabase shop = connect(url);
  run(shop, "CREATE TEMPORARY TABLE orders (id INTEGER PRIMARY KEY)");

  const auto waiting = [&] { return sqlq::Admin{db}.list({.states = {sqlq::JobState::pending}}).size(); };
  const std::size_t before = waiting();
  place_order(shop, client, 1, false);
  std::cout << "order 1 placed; new jobs: " << waiting() - before << '\n';
  try {
    place_order(shop, client, 2, true);
  } catch (const std::runtime_error& e) {
    std::cout << "order 2: " << e.what() << "; new jobs: " << waiting() - before << '\n';
  }
  return EXIT_SUCCESS;
} catch (const std::exception& e) {
  std::cerr << "error: " << e.what() << '\n';
  return EXIT_FAILURE;
}
