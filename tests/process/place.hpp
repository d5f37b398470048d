#pragma once
/// \file
/// The databases that process tests run on: a SQLite file, and the servers that ci/services starts.

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <ostream>
#include <stdexcept>
#include <string>

#include <sqlq/sqlq.hpp>

#include "faults/check.hpp"
#include "audit.hpp"
#include "counters.hpp"
#include "scratch.hpp"
#include "sqlite_audit.hpp"

namespace sqlq::process {

struct Place {
  std::string name{};
  std::string service{};   ///< as ci/services calls it; empty: a file
  std::string variable{};  ///< where the server's URL stands
  std::string tables{};    ///< what to append for tables of one's own; followed by a name
  std::string options{};   ///< for files

  [[nodiscard]] bool is_file() const noexcept { return service.empty(); }
  /// The server's URL up to its path. Errors: std::runtime_error when it is not known.
  [[nodiscard]] std::string server() const {
    const char* server = std::getenv(variable.c_str());  // NOLINT(concurrency-mt-unsafe): nobody sets it here
    if (server == nullptr) {
      throw std::runtime_error(variable + " is not set: run ci/services up " + service +
                               " and eval \"$(ci/services env)\"");
    }
    return server;
  }
  /// With tables of one's own.
  [[nodiscard]] std::string server_url(const std::string& whose) const { return server() + tables + whose; }
};
inline std::string name_of_place(const ::testing::TestParamInfo<Place>& place) { return place.param.name; }
inline void PrintTo(const Place& place, std::ostream* out) { *out << place.name; }

inline const Place sqlite_place{.name = "Sqlite"};
inline const Place sqlite_normal_place{.name = "SqliteNormal", .options = "?synchronous=normal"};
inline const Place postgres_place{
    .name = "Postgres", .service = "postgres", .variable = "SQLQ_TEST_POSTGRES", .tables = "?schema="};
inline const Place mariadb_place{
    .name = "MariaDb", .service = "mariadb", .variable = "SQLQ_TEST_MARIADB", .tables = "/sqlq?tls=off&prefix="};
inline const Place mysql_place{
    .name = "MySql", .service = "mysql", .variable = "SQLQ_TEST_MYSQL", .tables = "/sqlq?tls=off&prefix="};

/// Which of them a build has is decided by ctest: it selects by name (tests/CMakeLists.txt).
#define SQLQ_PLACES(topic, ...) \
  INSTANTIATE_TEST_SUITE_P(On, topic, ::testing::Values(__VA_ARGS__), ::sqlq::process::name_of_place)
#define SQLQ_ALL_SERVERS \
  ::sqlq::process::postgres_place, ::sqlq::process::mariadb_place, ::sqlq::process::mysql_place
#define SQLQ_EVERYWHERE ::sqlq::process::sqlite_place, SQLQ_ALL_SERVERS

/// A place of its own for each test: a file in its folder, or tables in a server, which are dropped at the end.
class Anywhere : public Scratch, public ::testing::WithParamInterface<Place> {
 protected:
  void TearDown() override {
    if (!GetParam().is_file() && !HasFailure()) Migrator{open(url())}.teardown();
  }

  [[nodiscard]] const Place& place() const { return GetParam(); }
  /// The file, in the test's folder; and the server's URL up to its path. Tests that bring their own say so.
  [[nodiscard]] virtual std::string file() const { return path(); }
  [[nodiscard]] virtual std::string server() const { return place().server(); }
  [[nodiscard]] std::string url() const {
    return place().is_file() ? "sqlite://" + file() + place().options : server() + place().tables + name();
  }
  /// A file is asked itself.
  void expect_sound() const {
    if (place().is_file()) {
      EXPECT_EQ(integrity(file()), "ok");
    }
  }
  /// What was recorded, and what the database says, asked without the library.
  [[nodiscard]] faults::Run evidence(const faults::Settings& settings, std::vector<faults::Fault> known = {}) const {
    expect_sound();
    const auto audit = open_audit(url());
    faults::Run run{.records = faults::RecordReader(records()).more(),
                    .rows = rows_of(*audit),
                    .faults = std::move(known),
                    .settings = settings};
    run.settings.dead_are_known = place().is_file();
    const Database db = open(url());
    run.counters = counters_of(db, *audit, run.rows);
    run.series = series_of(db);
    return run;
  }
  /// Prints the figures; a violation is a failure.
  static faults::Figures judge_run(const faults::Run& run) {
    faults::Verdict verdict = faults::check(run);
    const std::string text = faults::to_string(verdict, run.settings);
    EXPECT_TRUE(verdict.clean()) << text;
    std::cout << text << std::flush;
    return std::move(verdict.figures);
  }
  faults::Figures judge(const faults::Settings& settings, std::vector<faults::Fault> known = {}) const {
    return judge_run(evidence(settings, std::move(known)));
  }

 private:
  /// Short, for MySQL's names end at 64 bytes.
  [[nodiscard]] static std::string name() {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    return "p" + std::to_string(::getpid()) + "_" + std::to_string(std::hash<std::string>{}(info->name()) % 100000) +
           "_";
  }
};

}  // namespace sqlq::process
