// What each rule must find, and what it must leave alone.

#include <algorithm>
#include <array>
#include <iostream>
#include <memory>
#include <string>

#include "rules.hpp"

namespace tidy {
namespace {

struct Sample {
  std::string_view rule;
  std::string_view path;
  std::string text;
  bool fires;
};

std::string lines(std::size_t count) {
  std::string text = "#pragma once\n";
  for (std::size_t i = 1; i < count; ++i) text += "int x;\n";
  return text;
}

std::string manual(std::size_t comments, std::size_t code) {
  std::string text = "#pragma once\n/// \\file\n";
  for (std::size_t i = 0; i < comments; ++i) text += "/// Says what it is.\n";
  for (std::size_t i = 0; i < code; ++i) text += "int x;\n";
  return text;
}

const std::vector<Sample>& samples() {
  static const std::vector<Sample> all{
      {"includes", "src/core/a.cpp", "#include <soci/soci.h>\n", true},
      {"includes", "src/core/a.cpp", "#include \"sql/statement.hpp\"\n", true},
      {"includes", "src/core/a.cpp", "#include \"worker/fetcher.hpp\"\n", true},
      {"includes", "src/core/a.cpp", "#include <nlohmann/json.hpp>\n", true},
      {"includes", "src/core/a.cpp", "#include \"core/b.hpp\"\n#include <sqlq/job.hpp>\n#include <vector>\n", false},
      {"includes", "src/client/a.cpp", "#include <sqlq/sqlite.hpp>\n", true},
      {"includes", "src/worker/a.cpp", "#include \"client/client_impl.hpp\"\n", true},
      {"includes", "src/worker/a.cpp", "#include \"worker/b.hpp\"\n#include \"core/c.hpp\"\n", false},
      {"includes", "src/sql/a.cpp", "#include <sqlite3.h>\n", true},
      {"includes", "src/sql/a.cpp", "#include \"sql/b.hpp\"\n", false},
      {"includes", "src/sql/a.cpp", "#include <soci/soci.h>\n", true},
      {"includes", "include/sqlq/job.hpp", "#include <nlohmann/json.hpp>\n", true},
      {"includes", "include/sqlq/job.hpp", "#include <soci/session.h>\n", true},
      {"includes", "include/sqlq/job.hpp", "#include <sqlq/backend/dialect.hpp>\n", true},
      {"includes", "include/sqlq/json.hpp", "#include <nlohmann/json.hpp>\n", false},
      {"includes", "backends/sqlite/src/a.cpp", "#include <libpq-fe.h>\n", true},
      {"includes", "backends/sqlite/src/a.cpp", "#include \"worker/fetcher.hpp\"\n", true},
      {"includes", "backends/sqlite/src/a.cpp", "#include <sqlite3.h>\n#include \"sql/b.hpp\"\n#include \"c.hpp\"\n",
       false},
      {"includes", "tests/conformance/a.cpp", "#include \"core/uuid.hpp\"\n", true},
      {"includes", "tests/conformance/a.cpp", "#include <sqlq/sqlite.hpp>\n", true},
      {"includes", "tests/conformance/a.cpp", "#include <sqlq/conformance/suite.hpp>\n#include <gtest/gtest.h>\n",
       false},
      {"includes", "examples/a.cpp", "#include \"core/uuid.hpp\"\n", true},
      {"includes", "examples/a.cpp", "#include <sqlq/sqlq.hpp>\n#include <sqlite3.h>\n", false},
      {"includes", "bench/a.cpp", "#include \"worker/fetcher.hpp\"\n", true},
      {"includes", "bench/a.cpp", "#include <sqlq/backend/dialect.hpp>\n", true},
      {"includes", "bench/a.cpp", "#include <sqlq/sqlq.hpp>\n#include \"process/child.hpp\"\n#include \"b.hpp\"\n",
       false},
      {"includes", "bench/limits/a.cpp", "#include <sqlq/sqlq.hpp>\n", true},
      {"includes", "bench/limits/a.cpp", "#include <soci/soci.h>\n", true},
      {"includes", "bench/limits/a.cpp", "#include <libpq-fe.h>\n#include \"limit.hpp\"\n", false},
      {"includes", "bench/micro/a.cpp", "#include \"core/uuid.hpp\"\n", true},
      {"includes", "bench/micro/a.cpp", "#include <benchmark/benchmark.h>\n#include <sqlq/sqlq.hpp>\n", false},
      {"backend-names", "src/worker/a.cpp", "// faster on PostgreSQL\n", true},
      {"backend-names", "include/sqlq/a.hpp", "/// As SQLite does.\n", true},
      {"backend-names", "tests/conformance/a.cpp", "if (name == \"mysql\") return;\n", true},
      {"backend-names", "backends/sqlite/src/a.cpp", "// SQLite\n", false},
      {"time", "src/worker/a.cpp", "auto t = std::chrono::steady_clock::now();\n", true},
      {"time", "src/sql/a.cpp", "std::this_thread::sleep_for(1s);\n", true},
      {"time", "backends/sqlite/src/a.cpp", "condition_.wait_for(lock, 1s);\n", true},
      {"time", "src/core/a.cpp", "const auto t = std::time(nullptr);\n", true},
      {"time", "src/worker/a.cpp", "// never steady_clock::now() here\n", false},
      {"time", "src/worker/a.cpp", "clock_->now(); signal_.wait_until(t);\n", false},
      {"time", "src/platform/a.cpp", "auto t = std::chrono::steady_clock::now();\n", false},
      {"time", "src/core/a.cpp", "sleep(5);\n", true},
      {"time", "tests/worker/a_test.cpp", "job.sleep(\"nap\", 1h);\n", false},
      {"threads", "src/core/a.cpp", "sqlq::jthread worker([] {});\n", true},
      {"threads", "backends/sqlite/src/a.cpp", "auto f = std::async(work);\n", true},
      {"threads", "src/core/a.cpp", "const auto n = std::thread::hardware_concurrency();\n", false},
      {"threads", "tests/unit/a.cpp", "sqlq::jthread racer([] {});\n", false},
      {"stop-tokens", "src/core/a.hpp", "#include <stop_token>\n", true},
      {"stop-tokens", "tests/worker/a.cpp", "std::jthread racer([] {});\n", true},
      {"stop-tokens", "include/sqlq/a.hpp", "/// As std::stop_token is.\n", false},
      {"stop-tokens", "examples/a.cpp", "std::stop_source enough;\n", false},
      {"mutexes", "src/worker/a.hpp", "std::mutex mutex_;\n", true},
      {"mutexes", "backends/sqlite/src/a.cpp", "const std::lock_guard lock(mutex_);\n", true},
      {"mutexes", "src/worker/a.hpp", "core::Mutex mutex_;\n", false},
      {"mutexes", "tests/worker/a.cpp", "std::mutex mutex;\n", false},
      {"size", "include/sqlq/a.hpp", lines(401), true},
      {"size", "include/sqlq/a.hpp", lines(400), false},
      {"size", "src/core/a.cpp", lines(501), true},
      {"size", "src/core/a.cpp", lines(500), false},
      {"size", "tests/unit/a.cpp", lines(701), true},
      {"size", "tests/unit/a.cpp", lines(700), false},
      {"line-length", "src/core/a.cpp", std::string(121, 'x') + "\n", true},
      {"line-length", "src/core/a.cpp", std::string(120, 'x') + "\n", false},
      {"line-length", "schema/sqlite/queries/claim.sql", "SELECT " + std::string(120, 'x') + "\n", true},
      {"line-length", "schema/sqlite/queries/claim.sql", "-- params: " + std::string(120, 'x') + "\n", false},
      {"characters", "src/core/a.cpp", "// caf\xc3\xa9\n", true},
      {"characters", "src/core/a.cpp", "\tint x;\n", true},
      {"characters", "src/core/a.cpp", "int x;\r\n", true},
      {"characters", "src/core/a.cpp", "int x; \n", true},
      {"characters", "src/core/a.cpp", "const char* x = \"caf\\u00e9\";\n", false},
      {"leftovers", "src/core/a.cpp", "// TODO: later\n", true},
      {"leftovers", "tests/unit/a.cpp", "GTEST_SKIP() << \"no server\";\n", true},
      {"leftovers", "tests/unit/a.cpp", "TEST(Claim, DISABLED_Order) {}\n", true},
      {"leftovers", "src/core/a.cpp", "// Nothing is left.\n", false},
      {"manual", "include/sqlq/a.hpp", "#pragma once\n\nint x;\n", true},
      {"manual", "include/sqlq/a.hpp", manual(1, 20), true},
      {"manual", "backends/sqlite/include/sqlq/a.hpp", manual(1, 20), true},
      {"manual", "include/sqlq/a.hpp", manual(8, 16), false},
      {"exports", "include/sqlq/a.hpp", "int f();\n", true},
      {"exports", "include/sqlq/a.hpp", "[[nodiscard]] std::vector<int> f(int a,\n    int b = g());\n", true},
      {"exports", "backends/sqlite/include/sqlq/a.hpp", "std::ostream& operator<<(std::ostream& o, A a);\n", true},
      {"exports", "include/sqlq/a.hpp", "class A {\n public:\n  A() = default;\n  int f() const;\n};\n", true},
      {"exports", "include/sqlq/a.hpp", "SQLQ_API int f();\nclass SQLQ_API A {\n  int f() const;\n};\n", false},
      {"exports", "include/sqlq/a.hpp", "template <class T>\nint f(T t);\nint x = f(1);\n", false},
      {"exports", "include/sqlq/a.hpp",
       "struct A {\n  std::function<void(int)> f{};\n  void (*p)(A*) = nullptr;\n"
       "  int g() {\n    h();\n  }\n  int i = j();\n};\n",
       false},
      {"exports", "src/core/a.hpp", "int f();\n", false},
      {"headers", "src/core/a.hpp", "int x;\n", true},
      {"headers", "src/core/a.hpp", "#pragma once\nusing namespace std;\n", true},
      {"headers", "src/core/a.hpp", "#pragma once\n#include <iostream>\n", true},
      {"headers", "src/core/a.hpp", "#pragma once\nint x;\n", false},
      {"toolchain", "src/core/a.cpp", "#include <format>\n", true},
      {"toolchain", "src/core/a.cpp", "std::move_only_function<void()> f;\n", true},
      {"toolchain", "src/core/a.cpp", "std::function<void()> f;\n", false},
      {"paths", "ci/test", "cd /home/ada/sqlq\n", true},
      {"paths", "src/core/a.cpp", "// see include/work/x\n", false},
      {"named-paths", "docs/a.md", "as `src/core/gone.hpp` says\n", true},
      {"named-paths", "docs/a.md", "see [this](b.md), [that](../src/core/gone.hpp)\n", true},
      {"named-paths", "src/core/a.cpp", "int x;  // see docs/decisions/0002\n", true},
      {"named-paths", "src/core/a.cpp", "int x;  // as <sqlq/gone.hpp>\n", true},
      {"named-paths", "schema/sqlite/a.sql", "-- (src/gone.cpp)\n", true},
      {"named-paths", "src/core/a.cpp", "int x;  // as gone.hpp\n", true},
      {"named-paths", "docs/decisions/a.md", "`../../src/gone`\n", true},
      {"named-paths", "docs/decisions/a.md", "`../../src/core`\n", false},
      {"named-paths", "docs/a.md", "`src/core/text`, `src/core/`, `src/core/*_x.hpp`, [b](../src/core/text.hpp#x)\n",
       false},
      {"named-paths", "docs/a.md", "[out](https://example.org/src/gone), [here](#there), docs/decisions/0001.\n",
       false},
      {"named-paths", "src/core/a.cpp", "open(\"src/gone.cpp\");  // see share/doc/gone.md, sqlq/job.hpp, job.hpp\n",
       false},
      {"sql-place", "src/client/a.cpp", "run(\"SELECT id FROM jobs\");\n", true},
      {"sql-place", "src/client/a.cpp", "log(\"selected\");\n", false},
      {"systems", "src/core/a.cpp", "#ifdef _WIN32\n", true},
      {"systems", "tests/unit/a.cpp", "#if defined(__linux__) && x\n", true},
      {"systems", "include/sqlq/a.hpp", "#  if defined(_MSC_VER)\n", true},
      {"systems", "src/worker/a.cpp", "#include <unistd.h>\n", true},
      {"systems", "backends/postgres/src/a.cpp", "#include <sys/eventfd.h>\n", true},
      {"systems", "src/platform/posix/a.cpp", "#include <unistd.h>\n#if defined(__linux__)\n", false},
      {"systems", "tests/process/a.cpp", "#include <unistd.h>\n", false},
      {"systems", "src/core/a.cpp", "#if defined(__cpp_rtti)\n// not on _WIN32\n", false},
  };
  return all;
}

}  // namespace

int self_test() {
  const auto tree = std::make_shared<const Paths>(Paths{"docs", "docs/decisions", "docs/decisions/0001-lanes.md", "src",
                                                        "src/core", "src/core/text.hpp", "include/sqlq/job.hpp"});
  int wrong = 0;
  for (const auto& rule : rules()) {
    int firing = 0;
    for (const auto& sample : samples()) {
      if (sample.rule != rule.name) continue;
      std::vector<Finding> findings;
      Report report(rule.name, findings);
      File file = make_file(std::string(sample.path), sample.text);
      file.tree = tree;
      rule.check(file, report);
      firing += sample.fires ? 1 : 0;
      if (findings.empty() == sample.fires) {
        std::cout << rule.name << (sample.fires ? " misses: " : " wrongly finds: ") << sample.path << ": "
                  << sample.text.substr(0, 100);
        ++wrong;
      }
    }
    if (firing == 0) {
      std::cout << rule.name << " has no sample that it finds\n";
      ++wrong;
    }
  }
  for (const auto& sample : samples()) {
    const auto named = [&sample](const Rule& rule) { return rule.name == sample.rule; };
    if (std::none_of(rules().begin(), rules().end(), named)) {
      std::cout << "a sample for the unknown rule " << sample.rule << '\n';
      ++wrong;
    }
  }
  return wrong;
}

}  // namespace tidy
