#pragma once
/// \file
/// A database's own command line, fed with a script.

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include <sqlq/migrator.hpp>

namespace sqlq {

/// Runs `command < script`; empty when it succeeded, else what it said.
inline std::string feed(const std::string& command, const std::string& script) {
  const auto file = std::filesystem::temp_directory_path() / ("sqlq_script_" + std::to_string(::getpid()) + ".sql");
  std::ofstream(file) << script;
  std::string said;
  const std::string whole = command + " <'" + file.string() + "' 2>&1";
  FILE* const pipe = ::popen(whole.c_str(), "r");
  if (pipe == nullptr) return "popen failed";
  std::array<char, 4096> part{};
  while (const std::size_t n = std::fread(part.data(), 1, part.size(), pipe)) said.append(part.data(), n);
  const int status = ::pclose(pipe);
  std::filesystem::remove(file);
  return status == 0 ? std::string() : whole + ": " + said;
}

/// The printed SQL of both ways, run by `command`, leaves what Migrator::up and down would have left.
inline void expect_scripts_accepted(Migrator migrator, const std::string& command, const std::string& before = {},
                                    const std::string& after = {}) {
  const int latest = migrator.status().latest;
  ASSERT_EQ(feed(command, before + migrator.sql(0, latest) + after), "");
  const MigrationStatus made = migrator.status();
  EXPECT_EQ(made.current, latest);
  EXPECT_EQ(made.problem, "");
  EXPECT_EQ(migrator.up(), 0);
  ASSERT_EQ(feed(command, before + migrator.sql(latest, 0) + after), "");
  EXPECT_EQ(migrator.status().current, 0);
  EXPECT_EQ(migrator.status().problem, "");
}

}  // namespace sqlq
