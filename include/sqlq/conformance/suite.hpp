#pragma once
/// \file
/// The conformance suite: what every backend of sqlq must do, as tests. For authors of backends.
///
/// The suite is a library of GoogleTest tests that names no database. A backend passes when an executable like this
/// one is green; it needs public headers only and is all there is to write:
///
///     #include <sqlq/backend/register.hpp>
///     #include <sqlq/conformance/suite.hpp>
///     #include "duck.hpp"                                        // yours: duck::factory, DuckUser, ...
///
///     sqlq::conformance::Backend duck_on_disk() {
///       sqlq::backend::register_backend("duck", duck::factory());
///       return {.create = [](const std::string& test) { return "duck:///tmp/" + test + unique_suffix(); },
///               .drop = [](const std::string& url) { remove_files_of(url); },
///               // what follows belongs to the capability borrowed_transactions: without it, leave it out
///               .handles = {{"native", [](const std::string& url) { return std::make_unique<DuckUser>(url); }}},
///               .newer_schema_sql = {"INSERT INTO ..."},
///               .changed_checksum_sql = {"UPDATE ..."},
///               .breakages = {{"trigger", {"CREATE TRIGGER ..."}}},
///               .refusals = {{"trigger", {"CREATE TRIGGER ..."}}}};
///     }
///     SQLQ_CONFORMANCE(DuckOnDisk, duck_on_disk);
///
/// and in CMake:
///
///     find_package(sqlq REQUIRED COMPONENTS conformance)
///     add_library(duck duck.cpp)
///     target_link_libraries(duck PUBLIC sqlq::core)
///     add_executable(duck_conformance duck_conformance.cpp)
///     target_link_libraries(duck_conformance PRIVATE sqlq::conformance duck GTest::gtest_main)
///
/// **Instantiate it several times** when the backend has several modes (a file and memory, two server versions): each
/// has its own capabilities.
///
/// **Capabilities, not names.** The tests read `Dialect::capabilities()`. A test that needs something not declared is
/// skipped with the text "not applicable: <capability>"; nothing else is ever skipped. A capability that is declared is
/// tested, and a test of it that fails fails. At the end of a run the suite prints the capabilities of each
/// instantiation and how many tests each missing one left out; paste the table into your README.
///
/// **Topics.** One class per promise (fixture.hpp has the list): `--gtest_filter='*/ClaimRace.*'` runs one. Most tests
/// own the time (testing::ManualClock, handed down as `now`); races and wake-ups run on the real clock and never sleep.
/// Every random sequence prints its seed; SQLQ_CONFORMANCE_SEED repeats one.
///
/// **Your own tests** of what only your backend has can use the same fixture: derive from
/// sqlq::conformance::Conformance.
///
/// The suite cannot show crashes of processes, faults of servers and speed: write other tests for these.

#include <sqlq/conformance/backend.hpp>
#include <sqlq/conformance/fixture.hpp>

/// One topic of SQLQ_CONFORMANCE.
#define SQLQ_CONFORMANCE_INSTANTIATE(topic, name, factory) \
  INSTANTIATE_TEST_SUITE_P(name, topic, ::testing::Values(Candidate{#name, factory}));

/// Runs the whole suite against the backend that `factory` (a BackendFactory) describes. At global scope, once per
/// `name`; the name begins the names of the tests.
#define SQLQ_CONFORMANCE(name, factory)                                \
  namespace sqlq::conformance {                                        \
  SQLQ_CONFORMANCE_TOPICS(SQLQ_CONFORMANCE_INSTANTIATE, name, factory) \
  }                                                                    \
  static_assert(true, "so that a semicolon may follow")
