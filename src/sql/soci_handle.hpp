#pragma once
/// \file
/// The native handle of a user's SOCI session, for each backend's soci_bridge.cpp, which includes SOCI's headers.

#include <string>
#include <string_view>

#include <sqlq/error.hpp>

namespace sqlq::sql {

/// The connection of the session; null when it is of another backend than `name`. Uses only what SOCI's headers define
/// themselves: a program that links sqlq need not link SOCI.
template <class Backend, class Session>
[[nodiscard]] decltype(Backend::conn_) soci_handle(Session& session, std::string_view name) {
  auto* const backend = session.get_backend();
  if (backend == nullptr || backend->get_backend_name() != name) return nullptr;
  return static_cast<Backend*>(backend)->conn_;
}

/// `handle`: the type to borrow instead.
[[noreturn]] inline void built_without_soci(const std::string& handle, const char* backend) {
  throw Error(Errc::configuration,
              "a soci::session cannot be borrowed: this sqlq was built without SOCI. Build it with -DSQLQ_SOCI=ON, or "
              "borrow the " + handle + " behind the session",
              backend);
}

}  // namespace sqlq::sql
