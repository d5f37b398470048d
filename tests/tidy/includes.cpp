// Who may include whom (CONTRIBUTING.md has the table in words).

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "rules.hpp"

namespace tidy {
namespace {

constexpr std::array backend_names{"sqlite", "postgres", "mysql"};

struct Include {
  std::string_view path;
  bool angled = false;
};

std::optional<Include> parse(std::string_view line) {
  const auto hash = line.find_first_not_of(" \t");
  if (hash == std::string_view::npos || line[hash] != '#') return {};
  const auto word = line.find("include", hash);
  if (word == std::string_view::npos) return {};
  const auto open = line.find_first_of("<\"", word);
  if (open == std::string_view::npos) return {};
  const bool angled = line[open] == '<';
  const auto close = line.find(angled ? '>' : '"', open + 1);
  if (close == std::string_view::npos) return {};
  return Include{line.substr(open + 1, close - open - 1), angled};
}

/// What kind of header it is: the columns of the table.
std::string kind_of(const File& from, const Include& include) {
  const auto path = include.path;
  const auto begins = [path](std::string_view prefix) { return path.compare(0, prefix.size(), prefix) == 0; };
  if (begins("sqlq/backend/")) return "backend";
  if (begins("sqlq/testing/")) return "testing";
  if (begins("sqlq/conformance/")) return "conformance";
  for (const std::string name : backend_names) {
    if (path == "sqlq/" + name + ".hpp" || begins("sqlq/" + name + "/")) return "api-" + name;
  }
  if (begins("sqlq/")) return "public";
  if (begins("soci/soci-sqlite3") || begins("soci/sqlite3/") || path == "sqlite3.h") return "client-sqlite";
  if (begins("soci/postgresql/") || begins("libpq") || begins("pg_")) return "client-postgres";
  if (begins("soci/mysql/") || begins("mysql") || begins("mariadb")) return "client-mysql";
  if (begins("soci/")) return "soci";
  if (begins("nlohmann/")) return "nlohmann";
  if (begins("benchmark/")) return "benchmark";
  if (begins("gtest/") || begins("gmock/")) return "gtest";
  if (!include.angled) {
    const auto slash = path.find('/');
    if (slash == std::string_view::npos) return "own";
    const std::string folder(path.substr(0, slash));
    if (from.in("src/" + folder)) return "own";
    return folder;
  }
  return "system";
}

struct Row {
  std::string from;
  std::vector<std::string> may;
};

// The first row whose folder holds the file counts. "own" is the file's own folder; "system" is allowed everywhere.
std::vector<Row> make_table() {
  std::vector<Row> rows{
      {"include/sqlq/json.hpp", {"public", "nlohmann"}},
      {"include/sqlq/json_types.hpp", {"public", "nlohmann"}},
      {"include/sqlq/backend/", {"public", "backend"}},
      {"include/sqlq/testing/", {"public", "testing"}},
      {"include/sqlq/conformance/", {"public", "backend", "testing", "conformance", "gtest"}},
      {"include/", {"public"}},
      {"src/core/", {"public", "backend", "own", "platform"}},
      {"src/client/", {"public", "backend", "own", "core", "platform"}},
      {"src/transfer/", {"public", "backend", "own", "core", "platform"}},
      {"src/worker/", {"public", "backend", "own", "core", "platform"}},
      {"src/platform/", {"public", "backend", "own", "core"}},
      {"src/testing/", {"public", "backend", "testing", "own", "core", "platform", "worker"}},
      {"src/sql/", {"public", "backend", "own", "core", "platform"}},
      {"tests/conformance/", {"public", "backend", "testing", "conformance", "own", "gtest"}},
      {"tools/", {"public", "own", "nlohmann"}},
      {"bench/micro/", {"public", "own", "benchmark"}},
  };
  Row limits{"bench/limits/", {"own"}};
  Row studies{"bench/studies/", {"own"}};
  rows.push_back({"src/open.cpp", {"public", "backend"}});
  rows.push_back({"src/builtin_backends.cpp.in", {}});
  Row examples{"examples/", {"public", "testing", "own", "soci"}};
  for (const std::string name : backend_names) {
    const std::string api = "api-" + name;
    const std::string client = "client-" + name;
    rows.push_back({"backends/" + name + "/include/", {"public", "backend", api}});
    rows.push_back({"backends/" + name + "/",
                    {"public", "backend", "own", "sql", "core", "platform", "soci", api, client}});
    examples.may.insert(examples.may.end(), {api, client});
    limits.may.push_back(client);
    studies.may.push_back(client);
  }
  rows.push_back(std::move(limits));
  rows.push_back(std::move(studies));
  rows.push_back({"bench/", {"public", "own", "process", "limits"}});
  rows.push_back(std::move(examples));
  return rows;
}

const std::vector<Row>& table() {
  static const std::vector<Row> rows = make_table();
  return rows;
}

bool allows(const Row& row, std::string_view kind) {
  if (kind == "system") return true;
  for (const auto& allowed : row.may) {
    if (allowed == kind) return true;
  }
  return false;
}

}  // namespace

void check_includes(const File& file, Report& report) {
  if (!file.is_cpp()) return;
  const Row* row = nullptr;
  for (const auto& candidate : table()) {
    if (file.path == candidate.from || (candidate.from.back() == '/' && file.in(candidate.from))) {
      row = &candidate;
      break;
    }
  }
  if (row == nullptr) return;
  for (std::size_t i = 0; i < file.lines.size(); ++i) {
    const auto include = parse(file.lines[i]);
    if (!include) continue;
    const auto kind = kind_of(file, *include);
    if (!allows(*row, kind)) {
      report.add(file, i + 1,
                 row->from + " may not include " + std::string(include->path) + " (" + kind + ")");
    }
  }
}

}  // namespace tidy
