#pragma once
/// \file
/// Advice for errors on a connection that the user has lent: it is the user's, and so is its transaction.

#include <string>
#include <string_view>

#include <sqlq/error.hpp>
#include <sqlq/tx.hpp>

namespace sqlq::sql {

/// Advice to its owner. Empty: the backend's advice for its own connections is right here, too.
[[nodiscard]] constexpr std::string_view advice_on_borrowed(Errc code) noexcept {
  switch (code) {
    case Errc::connection: return "your connection is lost, and your transaction with it: open it again and begin anew";
    case Errc::retry_transaction: return "roll your transaction back and run it again";
    case Errc::busy: return "it took longer than your connection's own timeouts allow, or the server is overloaded: "
                            "roll your transaction back and run it again later";
    case Errc::wrong_node: return "your connection is to a server that takes no writes now: open one to the primary";
    default: return {};
  }
}

/// Error(invalid_argument) for a handle that is null.
inline void check_handle(const Tx& tx, const std::string& backend) {
  if (tx.handle() != nullptr) return;
  throw Error(Errc::invalid_argument,
              "the borrowed connection (" + std::string(tx.type()) +
                  ") is a null pointer: open it first, and look whether that succeeded",
              backend);
}

inline constexpr std::string_view your_transaction_reads_only =
    "your transaction is read-only: begin one that may write";

}  // namespace sqlq::sql
