/// 03, with SQLiteCpp: jobs in a transaction on your SQLite::Database.
///
///     03_transaction_sqlitecpp [FILE]

#include <cstdlib>
#include <iostream>

#include <SQLiteCpp/SQLiteCpp.h>

#include <sqlq/adapters/sqlitecpp.hpp>
#include <sqlq/sqlq.hpp>

struct ShipOrder {
  static constexpr std::string_view kind = "ship-order";
  int order = 0;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(ShipOrder, order)
};

void place_order(SQLite::Database& shop, sqlq::Client& client, int order, bool payment_fails) {
  SQLite::Transaction tx(shop, SQLite::TransactionBehavior::IMMEDIATE);
  shop.exec("INSERT INTO orders (id) VALUES (" + std::to_string(order) + ")");
  client.enqueue(sqlq::borrow(shop), ShipOrder{order});
  if (payment_fails) throw std::runtime_error("payment failed");  // rolls back: neither order nor job
  tx.commit();
}

int main(int argc, char** argv) try {
  const std::string file = argc > 1 ? argv[1] : "orders_sqlitecpp.db";
  auto db = sqlq::open("sqlite://" + file);
  db.migrate();
  sqlq::Client client{db};

  SQLite::Database shop(file, SQLite::OPEN_READWRITE);
  shop.setBusyTimeout(5000);
  shop.exec("PRAGMA wal_autocheckpoint=0");
  shop.exec("DROP TABLE IF EXISTS orders; CREATE TABLE orders (id INTEGER PRIMARY KEY)");

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
