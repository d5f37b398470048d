/// 03: jobs and your own rows in one transaction, on your own connection.
///
///     03_transaction [URL CONNECTION]      CONNECTION: SOCI's own words for a connection to the same database
///     03_transaction sqlite://orders.db 'sqlite3://db=orders.db timeout=5'          (the default)
///     03_transaction postgresql://app@localhost/app 'postgresql://host=localhost user=app dbname=app'
///     03_transaction mysql://app@127.0.0.1/app 'mysql://host=127.0.0.1 user=app db=app'
///
/// The job exists if and only if your transaction commits. The other way round, a handler can complete its job in the
/// transaction that has its effect: both happen, once, or neither does. sqlq writes into your transaction and does
/// nothing else to your connection: it does not begin, commit, close or change a setting.
///
/// Here with a soci::session; 03_transaction_native.cpp does it with SQLite's own handle; a PGconn* or a MYSQL* goes
/// the same way.

#include <cstdlib>
#include <iostream>
#include <latch>

#include <soci/soci.h>

#include <sqlq/sqlq.hpp>

struct ShipOrder {
  static constexpr std::string_view kind = "ship-order";
  int order = 0;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(ShipOrder, order)
};

/// Opens a connection of the application. In a SQLite file, checkpoints are left to sqlq (backends/sqlite/README.md).
/// The one at closing does not happen, because `db` below is still open then.
void connect(soci::session& session, const std::string& connection) {
  session.open(connection);
  if (session.get_backend_name() == "sqlite3") session << "PRAGMA wal_autocheckpoint=0";
}

/// A soci::transaction begins with a plain BEGIN, which is right when its first statement writes, as here. One that
/// reads first should begin with `session << "BEGIN IMMEDIATE"`, or SQLite may refuse the write.
void place_order(soci::session& session, sqlq::Client& client, int order, bool payment_fails) {
  soci::transaction transaction(session);
  session << "INSERT INTO orders (id, shipped) VALUES (:id, 0)", soci::use(order);
  client.enqueue(sqlq::borrow(session), ShipOrder{order});
  if (payment_fails) return;  // rolls back: no order, no job
  transaction.commit();
}

int main(int argc, char** argv) try {
  auto db = sqlq::open(argc > 2 ? argv[1] : "sqlite://orders.db");
  const std::string connection = argc > 2 ? argv[2] : "sqlite3://db=orders.db timeout=5";
  db.migrate();
  sqlq::Client client{db};
  const auto waiting = [&] { return sqlq::Admin{db}.list({.states = {sqlq::JobState::pending}}).size(); };

  soci::session session;
  connect(session, connection);
  session << "DROP TABLE IF EXISTS orders";
  session << "CREATE TABLE orders (id INTEGER PRIMARY KEY, shipped INTEGER NOT NULL)";

  place_order(session, client, 1, false);
  std::cout << "order 1 committed:   " << waiting() << " job\n";
  place_order(session, client, 2, true);
  std::cout << "order 2 rolled back: " << waiting() << " job\n";

  // The effect and the success of the job in one transaction: the order is shipped once, whatever crashes.
  std::latch finished{1};
  sqlq::Handlers handlers;
  handlers.on<ShipOrder>([&](const ShipOrder& ship, sqlq::JobContext& job) {
    soci::session own;
    connect(own, connection);
    soci::transaction transaction(own);
    own << "UPDATE orders SET shipped = shipped + 1 WHERE id = :id", soci::use(ship.order);
    if (job.complete_in(sqlq::borrow(own))) transaction.commit();  // false: the lease is lost, so roll back
    finished.count_down();
  });
  sqlq::Worker worker{db, handlers};
  worker.start();
  finished.wait();
  worker.stop();

  int orders = 0, shipped = 0;
  session << "SELECT count(*), sum(shipped) FROM orders", soci::into(orders), soci::into(shipped);
  std::cout << "orders: " << orders << ", shipped: " << shipped << ", jobs waiting: " << waiting() << '\n';
  return EXIT_SUCCESS;
} catch (const std::exception& e) {
  std::cerr << "error: " << e.what() << '\n';
  return EXIT_FAILURE;
}
