#pragma once
/// \file
/// Parents (parents.hpp) and keys (limits.hpp) that wait for jobs to end or to go back.

#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include <sqlq/backend/dialect.hpp>
#include <sqlq/job.hpp>

#include "core/function_ref.hpp"
#include "core/parents.hpp"

namespace sqlq::core {

using GateNames = std::set<backend::GateName>;

/// The gate that the job came through. Empty: it has no key.
[[nodiscard]] std::optional<backend::GateName> gate_of(const Job& job);

struct Waiters {
  Parents parents{};
  GateNames gates{};

  [[nodiscard]] bool none() const noexcept { return parents.empty() && gates.empty(); }
  /// Of this job, which has ended or gone back.
  void add(const Job& job, bool ended);
};

/// Of jobs that have ended.
[[nodiscard]] Waiters waiters_of(std::span<const Job> ended);
/// Of jobs that have ended or gone back, by one read a thousand; by none where the database has neither workflows nor
/// limits.
[[nodiscard]] Waiters waiters_of(backend::Dialect& dialect, std::span<const JobId> ids);

/// For calls that end jobs, after they have: their parents go on, and jobs of their keys are let in. No error of it is
/// theirs, for a parent that nobody wakes looks again by itself, and so do workers at gates.
void go_on_after(backend::Dialect& dialect, std::span<const JobId> ended, backend::Now now);
void go_on_after(backend::Dialect& dialect, const Waiters& waiters, backend::Now now);

/// The line in the history of a job that was throttled.
[[nodiscard]] std::string throttled_text(std::string_view why);

/// A look at these gates and at all that are due, a thousand names at a time; `let_in` is called once jobs were let in,
/// also by a look that another one follows. `next` and `now` are the last one's.
backend::GatesLooked look_at_gates(backend::Gates& gates, const GateNames& named, backend::Now now,
                                   FunctionRef<void()> let_in);
/// The same for callers without a worker, to whom its errors mean nothing.
backend::GatesLooked look_at_gates(backend::Dialect& dialect, const GateNames& named, backend::Now now);

}  // namespace sqlq::core
