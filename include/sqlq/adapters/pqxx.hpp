#pragma once
/// \file
/// A job in a transaction of libpqxx 6 or 7. Include it where you include <pqxx/pqxx>; sqlq itself does not need it.
///
///     pqxx::work tx{connection};
///     tx.exec("INSERT INTO orders ...");
///     client.enqueue(sqlq::borrow(tx), ShipOrder{42});
///     tx.commit();
///
/// libpqxx keeps its PGconn private, so this header reads the member through an explicit instantiation, which the
/// language exempts from access checks. With libpqxx 7.3 and newer you can do without: make the PGconn yourself, give
/// it to `pqxx::connection::seize_raw_connection`, and pass it to `sqlq::postgres::borrow` as well.
///
/// Not for pqxx::nontransaction, where there is no transaction (Error(misuse)), nor for pqxx::robusttransaction, which
/// repeats on a new connection what it did. While a pipeline or a stream is open the connection is busy: end it first.

#include <pqxx/pqxx>

#include <sqlq/tx.hpp>

namespace sqlq {
namespace adapters {

#if PQXX_VERSION_MAJOR >= 7
using PqxxConnection = pqxx::connection;
#else
using PqxxConnection = pqxx::connection_base;
#endif

pg_conn* raw_connection_of(PqxxConnection& connection) noexcept;  // defined by the instantiation below

/// Says where the member is; its friend has the access of the one explicit instantiation.
template <auto Member>
struct PqxxMember {
  friend pg_conn* raw_connection_of(PqxxConnection& connection) noexcept { return connection.*Member; }
};
template struct PqxxMember<&PqxxConnection::m_conn>;

}  // namespace adapters

/// The transaction that is open. It must not be used by another thread during the call.
[[nodiscard]] inline Tx borrow(pqxx::transaction_base& transaction) noexcept {
  return {"PGconn", adapters::raw_connection_of(transaction.conn())};
}

}  // namespace sqlq
