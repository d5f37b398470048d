#pragma once
/// \file
/// What Admin::explain says of a job that waits for its key (limits.hpp).

#include <vector>

#include <sqlq/backend/dialect.hpp>
#include <sqlq/clock.hpp>
#include <sqlq/explain.hpp>
#include <sqlq/job.hpp>

namespace sqlq {

/// Why the key of the job, which is in state waiting, does not let it in; in the order of Reason::Code. Empty: it has
/// room. `now`: by the clock that decides.
[[nodiscard]] std::vector<Reason> key_reasons(backend::Dialect& dialect, backend::Gates& gates, const Job& job,
                                              TimePoint now);

}  // namespace sqlq
