#pragma once
/// \file
/// What only explanations ask (backend::Insight), written once for every SQL database over statements that its
/// catalogue names: clock_now, insight_place, insight_lanes, insight_ready, insight_level, insight_due.

#include <memory>

#include <sqlq/backend/dialect.hpp>

#include "sql/catalogue.hpp"
#include "sql/runner.hpp"

namespace sqlq::sql {

/// The catalogue and the runner must outlive it. Thread-safe.
[[nodiscard]] std::unique_ptr<backend::Insight> make_insight(const Catalogue& catalogue, Runner& runner);

}  // namespace sqlq::sql
