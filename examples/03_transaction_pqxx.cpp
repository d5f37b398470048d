/// 03, with libpqxx: jobs in your pqxx::work.
///
///     03_transaction_pqxx URL CONNECTION        CONNECTION: libpqxx's words for the database of the URL

#include <cstdlib>
#include <iostream>
#include <stdexcept>

#include <pqxx/pqxx>

#include <sqlq/adapters/pqxx.hpp>
#include <sqlq/sqlq.hpp>

struct ShipOrder {
  static constexpr std::string_view kind = "ship-order";
  int order = 0;
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(ShipOrder, order)
};

void place_order(pqxx::connection& shop, sqlq::Client& client, int order, bool payment_fails) {
  pqxx::work tx{shop};
  tx.exec("INSERT INTO pg_temp.orders (id) VALUES (" + std::to_string(order) + ")");
  client.enqueue(sqlq::borrow(tx), ShipOrder{order});
  if (payment_fails) throw std::runtime_error("payment failed");  // rolls back: neither order nor job
  tx.commit();
}

int main(int argc, char** argv) try {
  if (argc != 3) throw std::runtime_error("usage: 03_transaction_pqxx URL CONNECTION");
  auto db = sqlq::open(argv[1]);
  db.migrate();
  sqlq::Client client{db};

  pqxx::connection shop{argv[2]};
  {
    pqxx::work tx{shop};
    tx.exec("CREATE TEMPORARY TABLE orders (id integer PRIMARY KEY)");
    tx.commit();
  }

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
