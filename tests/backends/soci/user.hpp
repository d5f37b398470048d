#pragma once
/// \file
/// The application's connection as a soci::session, where sqlq was built with SOCI: soci/<backend>_user.cpp; where it
/// was not, soci/none.cpp. A test program has one of them.

#include <string>
#include <vector>

#include <sqlq/conformance/backend.hpp>

namespace sqlq::conformance {

/// What the suite wants to know of a connection, asked through its native handle: each backend's suite has them.
struct NativeQuestions {
  bool (*in_transaction)(void* handle) = nullptr;
  std::string (*settings)(void* handle) = nullptr;
};

/// The handle "soci::session", or none.
[[nodiscard]] std::vector<Handle> soci_handles(NativeQuestions questions);

/// The native handle and that.
[[nodiscard]] inline std::vector<Handle> and_soci(Handle native, NativeQuestions questions) {
  std::vector<Handle> all{std::move(native)};
  for (Handle& handle : soci_handles(questions)) all.push_back(std::move(handle));
  return all;
}

}  // namespace sqlq::conformance
