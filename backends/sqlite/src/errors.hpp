#pragma once
/// \file
/// SQLite's result codes as classes of trouble.

#include <sqlite3.h>

#include <string>
#include <string_view>

#include <sqlq/error.hpp>

namespace sqlq::sqlite {

/// Whose the connection is on which something went wrong.
enum class Owner { us, user };

/// What SQLite says went wrong.
struct Failure {
  int code = 0;                ///< extended result code
  std::string_view message{};  ///< SQLite's
  std::string file{};          ///< the database's, empty for one in memory
  int system_error = 0;        ///< where the system refused something (platform/files.hpp); else 0
  Owner owner = Owner::us;

  /// The last failure on the handle.
  [[nodiscard]] static Failure of(sqlite3* handle, Owner owner = Owner::us);
};

[[nodiscard]] Errc classify(const Failure& failure) noexcept;

/// Throws the `Error` for it, with what to do. `statement`: the name of what failed, may be empty.
[[noreturn]] void raise(const Failure& failure, const std::string& statement);

}  // namespace sqlq::sqlite
