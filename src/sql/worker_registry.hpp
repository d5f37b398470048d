#pragma once
/// \file
/// The registry of workers (backend::Workers), written once for every SQL database over statements that its catalogue
/// names: worker_seen, worker_draining, worker_add, worker_remove, workers, workers_drain, workers_expired.

#include <functional>
#include <memory>
#include <optional>

#include <sqlq/backend/dialect.hpp>

#include "sql/catalogue.hpp"
#include "sql/session.hpp"

namespace sqlq::sql {

/// Where its statements run; each may be run again from the start.
struct RegistryRunner {
  /// One statement that only reads. What a try has found counts only if it is the last.
  std::function<void(const std::function<void(Session&)>&)> read;
  /// Statements that change something, with the time of the request in microseconds (none: the database's own). Gives
  /// up after a second or two when somebody has locked the table, and keeps nobody waiting meanwhile.
  std::function<void(backend::Now, const std::function<void(Session&, std::optional<std::int64_t> now)>&)> write;
  /// The time of a request that only reads.
  std::function<std::optional<std::int64_t>(backend::Now)> now;
};

/// The catalogue must outlive it, and so must what the runner uses. Thread-safe. One change at a time, so that workers
/// that share a Database take one connection at most while the table is locked.
[[nodiscard]] std::unique_ptr<backend::Workers> make_worker_registry(const Catalogue& catalogue, RegistryRunner runner);

}  // namespace sqlq::sql
