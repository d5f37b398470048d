#pragma once
/// \file
/// One error for several threads: a copy of an exception shares the memory of its message.

#include <exception>

#include <sqlq/error.hpp>

namespace sqlq::core {

/// The same, and nothing in common.
[[nodiscard]] inline Error made_anew(const Error& error) {
  return Error(error.code(), error.what(), error.backend(), error.native_code(), error.statement());
}

/// The same of any exception; those that are no Error are shared after all.
[[nodiscard]] inline std::exception_ptr made_anew(const std::exception_ptr& error) noexcept {
  try {
    std::rethrow_exception(error);
  } catch (const Error& e) {
    try {
      throw made_anew(e);
    } catch (...) {  // or that there was no memory for it
      return std::current_exception();
    }
  } catch (...) {
    return error;
  }
}

}  // namespace sqlq::core
