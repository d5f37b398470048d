#pragma once
/// \file
/// Durable steps (backend::Steps), written once for every SQL database over statements that its catalogue names:
/// steps, step_has, step_job, step_add, step_insert, step_find, step_signal_last, step_replace, steps_forget,
/// steps_forget_signals. How the rows of jobs are locked
/// and changed each database says (Operations).

#include <cstdint>
#include <functional>
#include <memory>

#include <sqlq/backend/dialect.hpp>

#include "sql/catalogue.hpp"
#include "sql/operations.hpp"
#include "sql/runner.hpp"

namespace sqlq::sql {

/// Bit 1 of a job's flags: it was told to go on.
inline constexpr std::int64_t told_flag = 1;

/// Jobs may have become ready; `committed`: already.
using StepsWoke = std::function<void(bool committed)>;

/// The operations and the runner must outlive it. Thread-safe.
[[nodiscard]] std::unique_ptr<backend::Steps> make_steps(Operations& operations, Runner& runner, StepsWoke woke);

}  // namespace sqlq::sql
