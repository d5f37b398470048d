#pragma once
/// \file
/// A view of the user's own transaction, on the user's own connection.
///
/// sqlq writes jobs into it and does nothing else: it never begins, commits, rolls back or closes, and never changes a
/// setting of the connection. The job exists if and only if the user's transaction commits; a new queue may stay.
///
///     soci::transaction guard(session);
///     session << "INSERT INTO orders ...";
///     client.enqueue(sqlq::borrow(session), ShipOrder{42});
///     guard.commit();
///
/// For native handles each backend has a header of its own that makes a `Tx` from one.
///
/// Thread-safety: as the connection: one thread at a time. Lifetime: the handle must outlive the call it is passed to;
/// a `Tx` keeps nothing alive. Errors: a connection that is not inside a transaction, that belongs to another kind of
/// database, or whose database lacks the sqlq tables is refused with an `Error` and nothing is written.

#include <string_view>
#include <type_traits>

namespace soci {
class session;
}

namespace sqlq {

/// Cheap to copy; borrows.
class Tx {
 public:
  /// For backends' headers: `type` names the handle's C type ("soci::session", ...); it must be a string literal.
  constexpr Tx(std::string_view type, void* handle) noexcept : type_(type), handle_(handle) {}

  /// The C type of the handle.
  [[nodiscard]] constexpr std::string_view type() const noexcept { return type_; }
  /// The handle; it belongs to the user.
  [[nodiscard]] constexpr void* handle() const noexcept { return handle_; }

 private:
  std::string_view type_;
  void* handle_;
};

/// The type name of SOCI sessions.
inline constexpr std::string_view soci_session_type = "soci::session";

/// A transaction open on a SOCI session (a soci::transaction, or one begun by SQL). <soci/soci.h> is not needed here.
/// With a library that was built without SOCI (SQLQ_SOCI=OFF) the call it is passed to ends in Error(configuration).
[[nodiscard]] inline Tx borrow(soci::session& session) noexcept { return {soci_session_type, &session}; }

/// A native handle: says where its `borrow` is.
template <class Handle>
Tx borrow(Handle* handle) noexcept {
  static_assert(!std::is_pointer_v<Handle*>, "sqlq: sqlq::borrow takes a soci::session by reference; for a native "
                                             "handle include the header of its backend, <sqlq/BACKEND.hpp>, and call "
                                             "sqlq::BACKEND::borrow(handle)");
  return {{}, handle};
}

}  // namespace sqlq
