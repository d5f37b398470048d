#pragma once
/// \file
/// The capabilities of a backend, declared. The core and the conformance suite read capabilities, never names.

#include <cstddef>
#include <limits>
#include <span>
#include <string_view>

#include <sqlq/export.hpp>

namespace sqlq::backend {

/// Each yes or no has a sentence in `capability_table`, which documentation and the suite's report print.
struct Capabilities {
  bool shared_storage = true;         ///< several processes may open the same URL
  bool survives_reopen = true;        ///< jobs are there after every handle was closed
  bool transactional_ddl = true;      ///< a migration step is applied whole or not at all
  bool borrowed_transactions = true;  ///< `Tx` is supported: enqueue and finish inside the user's transaction
  bool cross_process_wakeup = true;   ///< hints arrive for work committed by other processes and connections
  bool database_clock = false;        ///< due times and leases are decided by the server's clock, not the host's
  bool hand_over = false;             ///< has the optional part HandOver (extensions.hpp)
  bool outages = false;               ///< has the optional part Outages (extensions.hpp)
  bool workers = false;               ///< has the optional part Workers (extensions.hpp)
  bool editing = false;               ///< has the optional part Editing (extensions.hpp)
  bool insight = false;               ///< has the optional part Insight (extensions.hpp)
  bool transfer = false;              ///< has the optional part Transfer (extensions.hpp)
  bool headers = false;               ///< stores EnqueueItem::headers
  bool periodic = false;              ///< has the optional part Periodic (extensions.hpp)
  bool steps = false;                 ///< has the optional part Steps (extensions.hpp)
  bool inbox = false;                 ///< has the optional part Inbox (extensions.hpp)
  bool limits = false;                ///< has the optional part Gates (extensions.hpp)
  /// Bytes of a result that can be stored in any case, whatever its characters: larger ones are refused where they are
  /// set. Fixed as long as the Database lives.
  std::size_t longest_result = std::numeric_limits<std::size_t>::max();
};

/// One yes or no, for people.
struct CapabilityRow {
  std::string_view name;      ///< the name of the field
  bool Capabilities::*field;  ///< the field
  std::string_view sentence;  ///< what it means
};
/// Every yes or no of Capabilities, in order.
[[nodiscard]] SQLQ_API std::span<const CapabilityRow> capability_table() noexcept;

}  // namespace sqlq::backend
