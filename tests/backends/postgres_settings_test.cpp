// Whatever a role's defaults for sessions are, ours do what they are meant to.

#include <string>
#include <vector>

#include "backends/hostile_settings.hpp"
#include "backends/postgres_fixture.hpp"
#include "support/expect_error.hpp"

namespace sqlq::postgres {
namespace {

class PostgresSettings : public PostgresTest {
 protected:
  PostgresSettings() {
    native_.exec("CREATE ROLE " + role_ + " LOGIN");
    native_.exec("GRANT ALL ON SCHEMA " + options().schema + " TO " + role_);
  }
  ~PostgresSettings() override { native_.exec("DROP OWNED BY " + role_ + "; DROP ROLE " + role_); }

  void make_hostile(const std::vector<std::string>& settings) const {
    for (const std::string& setting : settings) native_.exec("ALTER ROLE " + role_ + " SET " + setting);
  }
  /// Those of the settings that this server has: PostgreSQL got some in 14 and 17.
  [[nodiscard]] std::vector<std::string> known(const std::vector<std::string>& settings) const {
    std::vector<std::string> found;
    for (const std::string& name : settings) {
      if (!native_.query("SELECT 1 FROM pg_settings WHERE name = '" + name + "'").empty()) found.push_back(name);
    }
    return found;
  }
  [[nodiscard]] std::string url_of_role() const {
    return "postgresql://" + role_ + url().substr(url().find('@'));
  }

 private:
  Native native_{url()};
  const std::string role_ = "role_of_" + options().schema;
};

TEST_F(PostgresSettings, OfARoleDoNotMatter) {
  make_hostile({"default_transaction_isolation = 'serializable'",
                "default_transaction_deferrable = on",
                "row_security = off",
                "statement_timeout = '1ms'",
                "lock_timeout = '1ms'",
                "idle_in_transaction_session_timeout = '1ms'",
                "client_min_messages = error",
                "standard_conforming_strings = off",
                "escape_string_warning = off",
                "bytea_output = 'escape'",
                "\"IntervalStyle\" = 'sql_standard'",
                "\"DateStyle\" = 'SQL, DMY'",
                "\"TimeZone\" = 'Pacific/Kiritimati'",
                "extra_float_digits = -15",
                "array_nulls = off",
                "transform_null_equals = on",
                "quote_all_identifiers = on",
                "client_encoding = 'LATIN1'",
                "search_path = ''",
                "enable_indexscan = off",
                "enable_indexonlyscan = off",
                "enable_nestloop = off",
                "enable_sort = off",
                "enable_hashagg = off",
                "enable_material = off",
                "from_collapse_limit = 1",
                "join_collapse_limit = 1",
                "plan_cache_mode = force_custom_plan",
                "jit = on",
                "jit_above_cost = 0",
                "work_mem = '64kB'",
                "synchronous_commit = off"});
  // Two names of one setting: PostgreSQL 16 gave it the second.
  const std::vector<std::string> parallel = known({"force_parallel_mode", "debug_parallel_query"});
  ASSERT_EQ(parallel.size(), 1u);
  make_hostile({parallel[0] + " = on"});
  testing::use_all_of(backend::open(url_of_role()));
}

TEST_F(PostgresSettings, ThatMatterAreOurs) {
  make_hostile({"client_min_messages = error", "enable_indexscan = off", "standard_conforming_strings = off"});
  const std::vector<std::string> timeouts = known({"idle_session_timeout", "transaction_timeout"});
  for (const std::string& timeout : timeouts) make_hostile({timeout + " = '60s'"});
  for (const Role role : {Role::work, Role::hints}) {
    const Handle handle = connect(Options::from(backend::Url::parse(url_of_role())), role);
    const auto show = [&](const std::string& name) {
      const Result result(PQexec(handle.get(), ("SHOW " + name).c_str()));
      return std::string(PQgetvalue(result.get(), 0, 0));
    };
    EXPECT_EQ(show("client_min_messages"), "warning");  // one says that a commit has not reached its standby
    for (const std::string& timeout : timeouts) EXPECT_EQ(show(timeout), "0") << timeout;
    EXPECT_EQ(show("standard_conforming_strings"), "on");
    EXPECT_EQ(show("enable_indexscan"), role == Role::work ? "on" : "off");
  }
}

}  // namespace
}  // namespace sqlq::postgres
