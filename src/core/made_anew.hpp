#pragma once
/// \file
/// One error for several threads: a copy of an exception shares the memory of its message.

#include <sqlq/error.hpp>

namespace sqlq::core {

/// The same, and nothing in common.
[[nodiscard]] inline Error made_anew(const Error& error) {
  return Error(error.code(), error.what(), error.backend(), error.native_code(), error.statement());
}

}  // namespace sqlq::core
