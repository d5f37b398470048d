// What doctor says of a SQLite file: the library's defects, where the file is, its log, plans.

#include <sqlite3.h>

#include <string>
#include <vector>

#include <sqlq/error.hpp>

#include "core/findings.hpp"
#include "platform/file_system.hpp"
#include "runner.hpp"
#include "schema.hpp"
#include "version_check.hpp"

namespace sqlq::sqlite {
namespace {

namespace found = core::found;

/// Statistics that ANALYZE has left may mislead SQLite. True without tables.
bool uses_ready_index(Connection& c) {
  bool uses = false;
  try {
    c.session().execute(queries().plan, {}, [&](const sql::Row& row) {
      uses = uses || row.text(3).find("sqlq_jobs_ready") != std::string_view::npos;
    });
  } catch (const Error& e) {
    if (e.code() != Errc::schema) throw;
    return true;
  }
  return uses;
}

}  // namespace

std::vector<Finding> Runner::self_check() {
  std::vector<Finding> findings;
  if (options_.in_memory()) return findings;
  if (has_wal_reset_bug(sqlite3_libversion_number())) {
    findings.push_back(found::note("version_defect", wal_reset_bug(), wal_reset_advice()));
  }
  if (!options_.full_sync) {
    findings.push_back(found::note("durability",
                                   "synchronous=normal: the last commits may be lost when the machine stops, also of "
                                   "jobs that were acknowledged",
                                   "leave the option out of the URL where that must not happen"));
  }
  if (const auto network = platform::network_file_system(options_.path)) {
    findings.push_back(found::error("network_file_system",
                                    "'" + options_.path + "' is on a network file system (" + *network +
                                        "), whose locks and shared memory SQLite cannot rely on: jobs may run twice, "
                                        "and the file may be damaged",
                                    "put the file on a local disk, or use a database server"));
  }
  writer_.tidy();
  writer_.exclusive([&](Connection& c) {
    const std::string mode = c.pragma("PRAGMA journal_mode");
    if (mode != "wal") {
      findings.push_back(found::warning(
          "journal_mode", "journal_mode is '" + mode + "', not WAL: readers and the writer block each other",
          "the file system does not support it: put the file on a local one that does"));
    }
    if (!uses_ready_index(c)) {
      findings.push_back(found::warning(
          "plan", "a look for pending jobs does not use the index sqlq_jobs_ready",
          "run ANALYZE, or DROP TABLE sqlite_stat1; see schema_drift if the index is not there"));
    }
    const auto mib = [](std::int64_t bytes) { return std::to_string((bytes + (1 << 20) - 1) >> 20) + " MiB"; };
    if (c.wal_size() > options_.wal_limit) {
      findings.push_back(found::warning(
          "wal_size",
          "the write-ahead log '" + options_.path + "-wal' has " + mib(c.wal_size()) + ", more than wal_limit (" +
              mib(options_.wal_limit) + "): a connection has been reading for long and keeps it from being begun anew",
          "look for transactions and statements of your own that stay open: it is cut when they end"));
    }
    if (const std::int64_t left = c.free_space(); left < c.wal_size()) {
      const auto kib = [](std::int64_t bytes) { return std::to_string(bytes >> 10) + " KiB"; };
      findings.push_back(found::warning(
          "disk_space",
          "the volume of '" + options_.path + "' has " + kib(left) + " left, less than the write-ahead log (" +
              kib(c.wal_size()) + "): copying it into the file may need as much, and before it is copied nothing can "
              "be written",
          "free space on the volume"));
    }
  });
  return findings;
}

}  // namespace sqlq::sqlite
