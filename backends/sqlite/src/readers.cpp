#include "readers.hpp"

#include <memory>

namespace sqlq::sqlite {

Readers::Readers(const Options& options, const Connection& writer)
    : writer_(writer),
      pool_({.size = static_cast<std::size_t>(options.readers),
             .wait = options.busy_timeout,
             .option = "readers",
             .wait_option = "busy_timeout"},
            [options, &writer] {
              auto reader = std::make_unique<Connection>(options, Connection::Role::reader);
              writer.expect_file_of(*reader);
              return reader;
            }) {}

void Readers::read(const std::function<void(sql::Session&)>& work) {
  const auto lease = pool_.take();
  auto& reader = static_cast<Connection&>(*lease);
  try {
    writer_.check_files();
    read_on(reader, work);
  } catch (...) {
    reader.give_up();
    throw;
  }
}

void read_on(Connection& connection, const std::function<void(sql::Session&)>& work) {
  struct Snapshot {
    Connection& connection;
    explicit Snapshot(Connection& c) : connection(c) { c.begin_snapshot(); }
    ~Snapshot() { connection.rollback(); }
    Snapshot(const Snapshot&) = delete;
    Snapshot& operator=(const Snapshot&) = delete;
  } const snapshot(connection);
  work(connection.session());
}

}  // namespace sqlq::sqlite
