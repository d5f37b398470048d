#pragma once
/// \file
/// Messages of errors about lost connections, also for calls of which nobody knows whether they were done.

#include <string>
#include <string_view>

#include <sqlq/error.hpp>

namespace sqlq::sql {

/// At the end of an error of a connection that was there.
constexpr std::string_view next_call_connects = "the next call opens a new connection";
/// At the end of an error of one that could not be opened.
constexpr std::string_view look_for_the_server =
    "see that the server is running and that host and port of the URL are right";
/// At the end of an error of a call that may have been done.
constexpr std::string_view may_be_done = "it may have been done or not: repeat the call with the same ids or lease";

/// `error` as outcome_unknown. `advice` takes the place of what it says about connections: one piece is enough.
[[nodiscard]] inline Error in_doubt(const Error& error, std::string_view advice = may_be_done) {
  std::string_view text = error.what();
  for (const std::string_view other : {next_call_connects, look_for_the_server}) {
    if (text.ends_with(other)) text.remove_suffix(other.size() + std::string_view("; ").size());
  }
  return Error(Errc::outcome_unknown, std::string(text) + "; " + std::string(advice), error.backend(),
               error.native_code(), error.statement());
}

}  // namespace sqlq::sql
