#pragma once
/// \file
/// The topic that needs RapidCheck, which the installed suite does without.

#include <sqlq/conformance/suite.hpp>

namespace sqlq::conformance {

class Sequences : public Conformance {};

/// Beside SQLQ_CONFORMANCE(name, factory), for backends of this tree.
#define SQLQ_SEQUENCES(name, factory)                    \
  namespace sqlq::conformance {                          \
  SQLQ_CONFORMANCE_INSTANTIATE(Sequences, name, factory) \
  }                                                      \
  static_assert(true, "so that a semicolon may follow")

}  // namespace sqlq::conformance
