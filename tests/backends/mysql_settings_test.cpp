// Whatever the server's defaults for sessions are, ours do what they are meant to.

#include <algorithm>
#include <cctype>
#include <string>
#include <utility>
#include <vector>

#include "backends/hostile_settings.hpp"
#include "backends/mysql_fixture.hpp"

namespace sqlq::mysql {
namespace {

/// Changes defaults of the server: beside no other test.
class MysqlWholeServerSettings : public OnServer {
 protected:
  using Values = std::vector<std::pair<std::string, std::string>>;

  MysqlWholeServerSettings() {
    native_.exec("CREATE USER " + user_ + " IDENTIFIED BY 'secret'");
    native_.exec("GRANT ALL ON " + options().database + ".* TO " + user_);
  }
  ~MysqlWholeServerSettings() override {
    for (const auto& [name, value] : before_) set(name, value);
    native_.exec("DROP USER " + user_);
  }

  void make_hostile(const Values& values) {
    for (const auto& [name, value] : values) {
      before_.insert(before_.begin(), {name, native_.query("SELECT @@GLOBAL." + name).at(0)});
      set(name, value);
    }
  }
  /// Of a user without rights on the server: of others init_connect is not run.
  [[nodiscard]] std::string url_of_user() const { return url_of(user_ + ":secret"); }
  [[nodiscard]] const Native& native() const { return native_; }

 private:
  void set(const std::string& name, const std::string& value) const {
    const bool number = std::ranges::all_of(value, [](unsigned char c) { return std::isdigit(c) != 0 || c == '.'; });
    native_.exec("SET GLOBAL " + name + " = " + (number && !value.empty() ? value : "'" + value + "'"));
  }

  Native native_{url()};
  const std::string user_ = "user_of_" + options().database;
  Values before_{};
};

TEST_P(MysqlWholeServerSettings, DoNotMatter) {
  make_hostile({{"init_connect", "SET NAMES latin1"},
                {"autocommit", "0"},
                {"completion_type", "RELEASE"},
                {"sql_mode", "NO_BACKSLASH_ESCAPES,ANSI_QUOTES,HIGH_NOT_PRECEDENCE,PIPES_AS_CONCAT"},
                {"sql_select_limit", "1"},
                {"max_join_size", "1"},
                {"sql_auto_is_null", "1"},
                {"sql_safe_updates", "1"},
                {"sql_buffer_result", "1"},
                {"unique_checks", "0"},
                {"foreign_key_checks", "0"},
                {"max_sort_length", "64"},
                {"group_concat_max_len", "4"},
                {"big_tables", "1"},
                {"default_storage_engine", "MyISAM"},
                {"innodb_strict_mode", "1"},
                {"innodb_default_row_format", "compact"},
                {"auto_increment_increment", "7"},
                {"auto_increment_offset", "3"},
                {"div_precision_increment", "0"},
                {"eq_range_index_dive_limit", "1"},
                {"max_seeks_for_key", "1"},
                {"time_zone", "-11:00"},
                {"lc_time_names", "de_DE"},
                {"innodb_lock_wait_timeout", "1"},
                {"lock_wait_timeout", "1"}});
  if (on_mariadb()) {
    make_hostile({{"tx_isolation", "SERIALIZABLE"},
                  {"tx_read_only", "1"},
                  {"max_statement_time", "0.001"},
                  {"idle_write_transaction_timeout", "1"},
                  {"max_recursive_iterations", "1"},
                  {"in_predicate_conversion_threshold", "2"},
                  {"optimizer_max_sel_arg_weight", "1"},
                  {"join_cache_level", "8"},
                  {"optimizer_switch", "extended_keys=off,mrr=on,mrr_cost_based=off,derived_merge=off"},
                  {"sql_if_exists", "1"},
                  {"old_mode", "ZERO_DATE_TIME_CAST"}});
  } else {
    make_hostile({{"transaction_isolation", "SERIALIZABLE"},
                  {"transaction_read_only", "1"},
                  {"max_execution_time", "1"},
                  {"cte_max_recursion_depth", "1"},
                  {"range_optimizer_max_mem_size", "1"},
                  {"sql_require_primary_key", "1"},
                  {"sql_generate_invisible_primary_key", "1"},
                  {"explicit_defaults_for_timestamp", "0"},
                  {"optimizer_switch", "use_index_extensions=off,batched_key_access=on,mrr_cost_based=off,"
                                       "prefer_ordering_index=off,derived_merge=off"}});
  }
  const Native strange(url_of_user());
  EXPECT_EQ(strange.query("SELECT @@sql_select_limit, @@sql_big_selects, @@character_set_client"),
            (std::vector<std::string>{"1", "0", "latin1"}));
  testing::use_all_of(backend::open(url_of_user()));
}

TEST_P(MysqlWholeServerSettings, ThatComeWhenTheTablesAreThereDoNotMatter) {
  static_cast<void>(open_migrated());
  make_hostile({{"sql_mode", "NO_BACKSLASH_ESCAPES,ANSI_QUOTES,HIGH_NOT_PRECEDENCE"},
                {"time_zone", "-11:00"},
                {on_mariadb() ? "tx_isolation" : "transaction_isolation", "READ-UNCOMMITTED"}});
  Client fresh{backend::open(url())};
  const std::string nasty = R"({"a":"it's \\ \" \n ' \\' -- ; \u00e9 %s ?"})";
  const JobId id = fresh.enqueue({.kind = "k", .params = nasty}).id;
  EXPECT_EQ(fresh.find(id)->params, nasty);
  EXPECT_LT(std::chrono::abs(fresh.find(id)->created_at - system_clock()->now()), std::chrono::minutes(1));
  const Job job = fresh.claim().at(0);
  EXPECT_EQ(fresh.success(job, nasty), FinishStatus::applied);
  EXPECT_EQ(fresh.find(id)->result, nasty);
}

TEST_P(MysqlWholeServerSettings, OfALentConnectionStayAndAnErrorSaysWhatToSet) {
  const Database db = open_migrated();
  make_hostile({{"max_join_size", "1"}});
  const Native lent(url());
  EXPECT_EQ(lent.number("SELECT @@sql_big_selects"), 0);
  const Client client{db};
  lent.exec("START TRANSACTION");
  const JobId id = Client(db).enqueue(borrow(lent.handle()), NewJob{.kind = "work"}).id;
  const auto look = [&] { return client.find(borrow(lent.handle()), id); };
  testing::expect_error(Errc::configuration, "SET SESSION sql_big_selects = 1", [&] { static_cast<void>(look()); });
  lent.exec("SET SESSION sql_big_selects = 1");
  EXPECT_TRUE(look());
  lent.exec("COMMIT");
  EXPECT_TRUE(client.find(id));
}

SQLQ_MYSQL_PLACES(MysqlWholeServerSettings);

}  // namespace
}  // namespace sqlq::mysql
