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
                "force_parallel_mode = on",
                "work_mem = '64kB'",
                "synchronous_commit = off"});
  testing::use_all_of(backend::open(url_of_role()));
}

TEST_F(PostgresSettings, ThatMatterAreOurs) {
  make_hostile({"client_min_messages = error", "idle_session_timeout = '60s'", "enable_indexscan = off",
                "standard_conforming_strings = off"});
  for (const Role role : {Role::work, Role::hints}) {
    const Handle handle = connect(Options::from(backend::Url::parse(url_of_role())), role);
    const auto show = [&](const char* name) {
      const Result result(PQexec(handle.get(), (std::string("SHOW ") + name).c_str()));
      return std::string(PQgetvalue(result.get(), 0, 0));
    };
    EXPECT_EQ(show("client_min_messages"), "warning");  // one says that a commit has not reached its standby
    EXPECT_EQ(show("idle_session_timeout"), "0");
    EXPECT_EQ(show("standard_conforming_strings"), "on");
    EXPECT_EQ(show("enable_indexscan"), role == Role::work ? "on" : "off");
  }
}

}  // namespace
}  // namespace sqlq::postgres
