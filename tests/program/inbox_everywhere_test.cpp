/// \file
/// Rows of the inbox as others write them: each database's own shell, and Python with the module that people use.

#include <algorithm>
#include <string>
#include <vector>

#include "process/place.hpp"
#include "program.hpp"

namespace sqlq::program {
namespace {

class InboxEverywhere : public ProgramOn<process::Anywhere> {
 protected:
  void SetUp() override { static_cast<void>(db()); }

  [[nodiscard]] bool is_postgres() const { return place().service == "postgres"; }
  [[nodiscard]] std::string table() const {
    if (place().is_file()) return "sqlq_inbox";
    const std::string all = url();
    return all.substr(all.rfind('=') + 1) + (is_postgres() ? ".sqlq_inbox" : "sqlq_inbox");
  }
  /// The URL up to its options.
  [[nodiscard]] std::string server_url() const { return url().substr(0, url().find('?')); }
  /// A part of that: what stands between two texts.
  [[nodiscard]] std::string part(const std::string& from, const std::string& to) const {
    const std::string all = server_url() + "/";
    const auto begin = all.find(from, all.find("//")) + from.size();
    return all.substr(begin, all.find(to, begin) - begin);
  }
  [[nodiscard]] std::string base() const { return server_url().substr(server_url().rfind('/') + 1); }

  void succeeds(const std::string& program, const std::vector<std::string>& words) {
    const Result result = Running(program, words, here()).wait();
    EXPECT_EQ(result.code, 0) << result.out << result.err;
  }
  void by_shell(const std::string& sql) {
    if (place().is_file()) {
      succeeds("/usr/bin/sqlite3", {file(), sql});
    } else if (is_postgres()) {
      succeeds("/usr/bin/psql", {"--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", server_url(), "--command", sql});
    } else {
      succeeds("/usr/bin/mariadb", {"--no-defaults", "--host=" + part("@", ":"), "--port=" + part(":", "/"),
                                    "--user=" + part("//", "@"), "--execute=" + sql, base()});
    }
  }
  /// The statement with `mark` for values.
  void by_python(const std::string& sql, const std::string& values) {
    std::string connect = "import sqlite3\nc = sqlite3.connect('" + file() + "')\n";
    std::string text = sql;
    if (is_postgres()) {
      connect = "import psycopg2\nc = psycopg2.connect('" + server_url() + "')\n";
    } else if (!place().is_file()) {
      connect = "import MySQLdb\nc = MySQLdb.connect(host='" + part("@", ":") + "', port=" + part(":", "/") +
                ", user='" + part("//", "@") + "', database='" + base() + "', charset='utf8mb4')\n";
    }
    if (place().is_file()) {
      for (auto at = text.find("%s"); at != std::string::npos; at = text.find("%s")) text.replace(at, 2, "?");
    }
    const std::string insert = "c.cursor().execute(\"" + text + "\", " + values + ")\nc.commit()\n";
    succeeds("/usr/bin/python3", {"-c", connect + insert});
  }
};
SQLQ_PLACES(InboxEverywhere, SQLQ_EVERYWHERE);

TEST_P(InboxEverywhere, RowsOfShellsAndOfPythonBecomeJobs) {
  by_shell("INSERT INTO " + table() + " (kind, params) VALUES ('greet', '{\"name\": \"Ada\"}')");
  by_python("INSERT INTO " + table() + " (kind, params, priority) VALUES (%s, %s, %s)",
            R"(('greet', '["\xe4", "\u65e5"]', 3))");
  const Result worked = sqlq({"work", "--queue", "default", "--kind", "greet", "--max-jobs", "2", "--", "cat"});
  EXPECT_EQ(worked.code, 0) << worked.err;
  std::vector<std::string> params;
  for (const Job& job : admin().list()) {
    EXPECT_EQ(job.state, JobState::success);
    params.push_back(job.params);
  }
  std::sort(params.begin(), params.end());
  EXPECT_EQ(params, (std::vector<std::string>{"[\"\xC3\xA4\", \"\xE6\x97\xA5\"]", R"({"name": "Ada"})"}));
}

TEST_P(InboxEverywhere, DoctorTellsOfRowsThatCouldNotBecomeJobs) {
  by_shell("INSERT INTO " + table() + " (n, kind, problem) VALUES (-1, 'greet', 'it is too long')");
  const Result said = sqlq({"doctor", "-o", "json"});
  EXPECT_TRUE(has(said.out, "inbox_kept")) << said.out << said.err;
}

}  // namespace
}  // namespace sqlq::program
