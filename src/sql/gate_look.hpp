#pragma once
/// \file
/// One look at gates (backend::Gates::gates_look), in a transaction: it locks them, reads their jobs, and lets in whom
/// core/gate.hpp chooses.

#include <cstddef>
#include <span>

#include <sqlq/backend/dialect.hpp>

#include "sql/catalogue.hpp"
#include "sql/operations.hpp"
#include "sql/work.hpp"

namespace sqlq::sql {

/// The statements of a look.
struct GateStatements {
  explicit GateStatements(const Catalogue& c)
      : arrived(c["gates_arrived"]),
        due(c["gates_due"]),
        named(c["gates_named"]),
        next(c["gates_next"]),
        make(c["gates_make"]),
        lock(c["gates_lock"]),
        lines(c["gates_lines"]),
        inside(c["gates_inside"]),
        came(c["gates_came"]),
        line(c["gate_line"]),
        states(c["gated_states"]),
        gated_set(c["gated_set"]),
        gated_drop(c["gated_drop"]),
        set(c["gates_set"]),
        drop(c["gates_drop"]) {}
  const Statement& arrived;
  const Statement& due;
  const Statement& named;
  const Statement& next;
  const Statement& make;
  const Statement& lock;
  const Statement& lines;
  const Statement& inside;
  const Statement& came;
  const Statement& line;
  const Statement& states;
  const Statement& gated_set;
  const Statement& gated_drop;
  const Statement& set;
  const Statement& drop;
};

/// Looks at the gates named, and at those that are to be looked at anyway: at most `limit` of each. Begins a
/// transaction. It may be run again from the start.
[[nodiscard]] backend::GatesLooked look_at_gates(const GateStatements& statements, Operations& operations, Work& work,
                                                 std::span<const backend::GateName> named, std::size_t limit);

}  // namespace sqlq::sql
