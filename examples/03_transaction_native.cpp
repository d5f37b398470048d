/// 03, with SQLite's own handle: jobs in a transaction on your sqlite3*. <sqlq/sqlite.hpp> makes the view.
///
///     03_transaction_native [FILE]

#include <cstdlib>
#include <iostream>
#include <memory>

#include <sqlite3.h>

#include <sqlq/sqlite.hpp>
#include <sqlq/sqlq.hpp>

struct ShipOrder {
  static constexpr std::string_view kind = "ship-order";
  int order = 0;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(ShipOrder, order)
};

using Connection = std::unique_ptr<sqlite3, decltype(&sqlite3_close)>;

void run(sqlite3* handle, const std::string& sql) {
  if (sqlite3_exec(handle, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    throw std::runtime_error(sqlite3_errmsg(handle));
  }
}

Connection connect(const std::string& file) {
  sqlite3* handle = nullptr;
  const int status = sqlite3_open(file.c_str(), &handle);
  Connection connection(handle, sqlite3_close);
  if (status != SQLITE_OK) throw std::runtime_error("cannot open " + file);
  sqlite3_busy_timeout(handle, 5000);
  run(handle, "PRAGMA wal_autocheckpoint=0");  // checkpoints are left to sqlq: see backends/sqlite/README.md
  sqlite3_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  return connection;
}

void place_order(sqlite3* handle, sqlq::Client& client, int order, bool payment_fails) {
  run(handle, "BEGIN IMMEDIATE");
  try {
    run(handle, "INSERT INTO orders (id) VALUES (" + std::to_string(order) + ")");
    client.enqueue(sqlq::sqlite::borrow(handle), ShipOrder{order});
    if (payment_fails) throw std::runtime_error("payment failed");
    run(handle, "COMMIT");
  } catch (...) {
    run(handle, "ROLLBACK");
    throw;
  }
}

int main(int argc, char** argv) try {
  const std::string file = argc > 1 ? argv[1] : "orders_native.db";
  auto db = sqlq::open("sqlite://" + file);
  db.migrate();
  sqlq::Client client{db};

  const Connection connection = connect(file);
  run(connection.get(), "DROP TABLE IF EXISTS orders; CREATE TABLE orders (id INTEGER PRIMARY KEY)");

  const auto waiting = [&] { return sqlq::Admin{db}.list({.states = {sqlq::JobState::pending}}).size(); };
  const std::size_t before = waiting();
  place_order(connection.get(), client, 1, false);
  std::cout << "order 1 placed; new jobs: " << waiting() - before << '\n';
  try {
    place_order(connection.get(), client, 2, true);
  } catch (const std::runtime_error& e) {
    std::cout << "order 2: " << e.what() << "; new jobs: " << waiting() - before << '\n';
  }
  return EXIT_SUCCESS;
} catch (const std::exception& e) {
  std::cerr << "error: " << e.what() << '\n';
  return EXIT_FAILURE;
}
