#pragma once
/// \file
/// Asserting that a call throws the library's exception, and what it says.

#include <string>

#include <gtest/gtest.h>

#include <sqlq/error.hpp>

namespace sqlq::testing {

/// The message of the Error(code) that `call` throws; a failure of the test and an empty text otherwise.
template <class Call>
std::string error_of(Errc code, Call call) {
  try {
    call();
  } catch (const Error& e) {
    EXPECT_EQ(to_string(e.code()), to_string(code)) << e.what();
    return e.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

[[nodiscard]] inline bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// `call` throws Error(code) whose message has `part` in it.
template <class Call>
void expect_error(Errc code, const std::string& part, Call call) {
  const std::string message = error_of(code, call);
  EXPECT_TRUE(has(message, part)) << "'" << part << "' is not in: " << message;
}

}  // namespace sqlq::testing
