#pragma once
/// \file
/// Known defects of SQLite versions.

#include <string>

namespace sqlq::sqlite {

/// 3.7.0 to 3.51.2, except the back-ports 3.44.6 and 3.50.7: a checkpoint that overlaps a commit of another connection
/// may lose committed pages.
[[nodiscard]] constexpr bool has_wal_reset_bug(int version) noexcept {
  const bool fixed = version >= 3051003 || (version >= 3050007 && version < 3051000) ||
                     (version >= 3044006 && version < 3045000);
  return version >= 3007000 && !fixed;
}

[[nodiscard]] inline std::string wal_reset_bug() {
  return "this SQLite has the WAL-reset bug (fixed in 3.44.6, 3.50.7 and 3.51.3); sqlq checkpoints in a way that "
         "avoids it";
}

[[nodiscard]] inline std::string wal_reset_advice() {
  return "set PRAGMA wal_autocheckpoint = 0 and SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE on connections of your own to the "
         "file, or use a version without the bug";
}

}  // namespace sqlq::sqlite
