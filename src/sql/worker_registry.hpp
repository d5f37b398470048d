#pragma once
/// \file
/// The registry of workers (backend::Workers), written once for every SQL database over statements that its catalogue
/// names: worker_seen, worker_draining, worker_add, worker_remove, workers, workers_drain, workers_expired.

#include <memory>

#include <sqlq/backend/dialect.hpp>

#include "sql/catalogue.hpp"
#include "sql/runner.hpp"

namespace sqlq::sql {

/// The catalogue and the runner must outlive it. Thread-safe. One change at a time, so that workers
/// that share a Database take one connection at most while the table is locked.
[[nodiscard]] std::unique_ptr<backend::Workers> make_worker_registry(const Catalogue& catalogue, Runner& runner);

}  // namespace sqlq::sql
