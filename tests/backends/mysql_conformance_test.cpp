// The conformance suite on MariaDB and MySQL.

#include <mysql.h>

#include <memory>
#include <string>

#include <sqlq/conformance/suite.hpp>
#include <sqlq/mysql.hpp>

#include "backends/mysql_scratch.hpp"
#include "backends/soci/user.hpp"
#include "model/sequences.hpp"

namespace {

namespace conformance = sqlq::conformance;
using sqlq::mysql::Native;
using sqlq::mysql::Place;

/// Everything a session can set, but what says how its last statement went, what time it is, or what others do.
const char* const settings_query =
    "SHOW SESSION VARIABLES WHERE Variable_name NOT IN ('timestamp', 'insert_id', 'rand_seed1', 'rand_seed2', "
    "'error_count', 'warning_count', 'in_transaction', 'last_gtid', 'statement_id', 'pseudo_thread_id') "
    "AND Variable_name NOT LIKE 'gtid%'";

std::string joined(const std::vector<std::string>& values) {
  std::string text;
  for (const std::string& value : values) text += value + "\n";
  return text;
}

bool is_in_transaction(MYSQL* handle) {
  return mysql_ping(handle) == 0 && (handle->server_status & SERVER_STATUS_IN_TRANS) != 0;
}

class NativeUser final : public conformance::UserConnection {
 public:
  explicit NativeUser(const std::string& url) : native_(url) {}

  void execute(const std::string& sql) override { native_.exec(sql); }
  std::int64_t query_int(const std::string& sql) override { return native_.number(sql); }
  bool in_transaction() override { return is_in_transaction(native_.handle()); }
  std::string settings() override { return joined(native_.query(settings_query)); }
  sqlq::Tx tx() override { return sqlq::mysql::borrow(native_.handle()); }

 private:
  Native native_;
};

std::string settings_of(void* handle) {
  auto* const connection = static_cast<MYSQL*>(handle);
  std::string text;
  if (mysql_query(connection, settings_query) != 0) return mysql_error(connection);
  const std::unique_ptr<MYSQL_RES, decltype(&mysql_free_result)> rows(mysql_store_result(connection),
                                                                      &mysql_free_result);
  while (const MYSQL_ROW row = mysql_fetch_row(rows.get())) text += std::string(row[0]) + "=" + row[1] + "\n";
  return text;
}

constexpr conformance::NativeQuestions questions{
    .in_transaction = [](void* handle) { return is_in_transaction(static_cast<MYSQL*>(handle)); },
    .settings = settings_of};

template <class User>
conformance::Handle handle(const char* name) {
  return {name, [](const std::string& url) { return std::make_unique<User>(url); }};
}

/// A trigger that raises an error with a column's value in it.
std::string tell(const std::string& table, const std::string& column) {
  return "CREATE TRIGGER tell_of_" + table + " BEFORE INSERT ON " + table + " FOR EACH ROW BEGIN DECLARE said TEXT;"
         " SET said = LEFT(CONVERT(NEW." + column + " USING utf8mb4), 100);"
         " SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = said; END";
}

/// Few, for making the tables anew takes a while: each breaks several tables.
std::vector<conformance::Breakage> breakages() {
  return {{"triggers raise errors", {tell("sqlq_jobs", "params"), tell("sqlq_logs", "text")}},
          {"columns are numbers or narrow",
           {"UPDATE sqlq_jobs SET params = '0'", "ALTER TABLE sqlq_jobs MODIFY params INT",
            "ALTER TABLE sqlq_queues MODIFY description VARBINARY(3)", "ALTER TABLE sqlq_logs MODIFY text INT"}},
          {"constraints",
           {"ALTER TABLE sqlq_jobs ADD CONSTRAINT plain CHECK (params = '' OR claims > 0)",
            "ALTER TABLE sqlq_logs ADD CONSTRAINT plain_too CHECK (text = '')"}},
          {"tables and columns are gone",
           {"ALTER TABLE sqlq_jobs DROP COLUMN unique_key", "DROP TABLE sqlq_logs"}}};
}

/// A trigger that refuses a column with the word in it.
std::string refuse(const std::string& table, const std::string& when, const std::string& column) {
  return "CREATE TRIGGER refuse_" + when + "_" + column + " BEFORE " + when + " ON " + table + " FOR EACH ROW"
         " IF LOCATE('forbidden', NEW." + column + ") > 0 THEN SIGNAL SQLSTATE '45000'"
         " SET MESSAGE_TEXT = 'not here'; END IF";
}

/// A trigger that lets no job with the word in its params become pending or running.
constexpr const char* refuse_start =
    "CREATE TRIGGER refuse_start BEFORE UPDATE ON sqlq_jobs FOR EACH ROW IF NEW.state IN (1, 2) AND"
    " LOCATE('forbidden', NEW.params) > 0 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'never'; END IF";

std::vector<conformance::Breakage> refusals() {
  return {{"triggers",
           {refuse("sqlq_jobs", "UPDATE", "result"), refuse("sqlq_jobs", "INSERT", "result"), refuse_start,
            refuse("sqlq_logs", "INSERT", "text")}},
          {"constraints",
           {"ALTER TABLE sqlq_jobs ADD CONSTRAINT mine CHECK (COALESCE(LOCATE('forbidden', result), 0) = 0)",
            "ALTER TABLE sqlq_logs ADD CONSTRAINT mine_too CHECK (LOCATE('forbidden', text) = 0)"}},
          {"an index",
           {"UPDATE sqlq_jobs SET result = '\"forbidden\"' WHERE state = 3",
            "ALTER TABLE sqlq_jobs ADD COLUMN bad INT AS (IF(LOCATE('forbidden', result) > 0, 1, NULL)) VIRTUAL,"
            " ADD UNIQUE KEY once (bad)"}}};
}

conformance::Backend suite_on(const Place& place) {
  sqlq::backend::register_backend("mysql", sqlq::mysql::factory());
  sqlq::backend::register_backend("mariadb", sqlq::mysql::factory());
  return {.create = [place](const std::string&) { return sqlq::mysql::make_scratch(place); },
          .drop = [place](const std::string& url) { sqlq::mysql::drop_scratch(place, url); },
          .open = {},
          .handles = conformance::and_soci(handle<NativeUser>("MYSQL*"), questions),
          .newer_schema_sql = {"INSERT INTO sqlq_migrations (version, name, checksum, applied_us)"
                               " SELECT max(version) + 1, 'from_the_future', '0123456789abcdef', max(applied_us)"
                               "   FROM sqlq_migrations"},
          .changed_checksum_sql = {"UPDATE sqlq_migrations SET checksum = 'fedcba9876543210' WHERE version = 1"},
          .compatible_schema_sql = {"INSERT INTO sqlq_migrations (version, name, checksum, applied_us, compatible_from)"
                                    " SELECT max(version) + 1, 'from_the_future', '0123456789abcdef', max(applied_us),"
                                    "        max(version) FROM sqlq_migrations"},
          .waiting_jobs_sql = {"UPDATE sqlq_jobs SET state = 8 WHERE state = 1", "DELETE FROM sqlq_ready"},
          .emptied_jobs_sql = {"DELETE FROM sqlq_jobs"},
          .emptied_sql = {"DELETE FROM sqlq_jobs", "DELETE FROM sqlq_keys", "DELETE FROM sqlq_ready",
                          "DELETE FROM sqlq_scheduled", "DELETE FROM sqlq_claims",
                          "DELETE FROM sqlq_finished", "DELETE FROM sqlq_history", "DELETE FROM sqlq_logs",
                          "DELETE FROM sqlq_progress", "DELETE FROM sqlq_agenda", "DELETE FROM sqlq_registry",
                          "DELETE FROM sqlq_periodic", "DELETE FROM sqlq_steps", "DELETE FROM sqlq_inbox",
                          "DELETE FROM sqlq_gated", "DELETE FROM sqlq_gates",
                          "DELETE FROM sqlq_workers", "DELETE FROM sqlq_queue_locks",
                          "DELETE FROM sqlq_lanes", "DELETE FROM sqlq_queues"},
          .forgotten_sql = {"DELETE FROM sqlq_migrations"},
          .breakages = breakages(),
          .refusals = refusals()};
}

conformance::Backend on_mariadb() { return suite_on(sqlq::mysql::mariadb_place); }
conformance::Backend on_mysql() { return suite_on(sqlq::mysql::mysql_place); }

}  // namespace

SQLQ_CONFORMANCE(MariaDb, on_mariadb);
SQLQ_CONFORMANCE(MySql, on_mysql);
SQLQ_SEQUENCES(MariaDb, on_mariadb);
SQLQ_SEQUENCES(MySql, on_mysql);
