// The conformance suite on PostgreSQL: directly, and through a pooler in transaction mode.

#include <libpq-fe.h>

#include <memory>
#include <string>

#include <sqlq/conformance/suite.hpp>
#include <sqlq/postgres.hpp>

#include "backends/postgres_scratch.hpp"
#include "backends/soci/user.hpp"
#include "model/sequences.hpp"

namespace {

namespace conformance = sqlq::conformance;
using sqlq::postgres::Native;

/// Everything a session can set, and what is prepared on it.
const char* const settings_query =
    "SELECT string_agg(name || '=' || setting, E'\\n' ORDER BY name) || E'\\nprepared='"
    " || (SELECT count(*) FROM pg_prepared_statements)"
    "  FROM pg_settings WHERE name NOT IN ('transaction_isolation', 'transaction_read_only', 'transaction_deferrable')";

class NativeUser final : public conformance::UserConnection {
 public:
  explicit NativeUser(const std::string& url) : native_(url) {}

  void execute(const std::string& sql) override { native_.exec(sql); }
  std::int64_t query_int(const std::string& sql) override { return std::stoll(native_.query(sql).at(0)); }
  bool in_transaction() override { return PQtransactionStatus(native_.handle()) != PQTRANS_IDLE; }
  std::string settings() override {
    return native_.query(settings_query).at(0) + "\nnonblocking=" + std::to_string(PQisnonblocking(native_.handle()));
  }
  sqlq::Tx tx() override { return sqlq::postgres::borrow(native_.handle()); }

 private:
  Native native_;
};

constexpr conformance::NativeQuestions questions{
    .in_transaction = [](void* h) { return PQtransactionStatus(static_cast<PGconn*>(h)) != PQTRANS_IDLE; },
    .settings = [](void* h) -> std::string {
      auto* const handle = static_cast<PGconn*>(h);
      const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(handle, settings_query), &PQclear);
      return PQntuples(result.get()) == 1 ? PQgetvalue(result.get(), 0, 0) : PQerrorMessage(handle);
    }};

template <class User>
conformance::Handle handle(const char* name) {
  return {name, [](const std::string& url) { return std::make_unique<User>(url); }};
}

/// A trigger that raises an error with the whole row in it.
std::vector<std::string> tell(const std::string& table, const std::string& error) {
  const std::string name = "tell_of_" + table;
  return {"CREATE OR REPLACE FUNCTION " + name + "() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN " + error +
              "; RETURN NEW; END $$",
          "CREATE TRIGGER tell BEFORE INSERT OR UPDATE ON " + table + " FOR EACH ROW EXECUTE FUNCTION " + name + "()"};
}

std::vector<conformance::Breakage> breakages() {
  return {{"triggers raise errors", tell("sqlq_jobs", "RAISE EXCEPTION 'row %', NEW")},
          {"triggers raise errors of their own codes",
           tell("sqlq_jobs", "RAISE EXCEPTION 'row %', NEW USING ERRCODE = '45000'")},
          {"triggers of logs and history", tell("sqlq_logs", "RAISE EXCEPTION 'row %', NEW USING ERRCODE = 'ZZ001'")},
          {"a trigger reads params as a number", tell("sqlq_jobs", "PERFORM NEW.params::integer")},
          {"constraints",
           {"ALTER TABLE sqlq_jobs ADD CONSTRAINT plain CHECK (length(params) < 3) NOT VALID",
            "ALTER TABLE sqlq_logs ADD CONSTRAINT plain CHECK (length(text) < 3) NOT VALID"}},
          {"params are unique", {"CREATE UNIQUE INDEX once ON sqlq_jobs (params) WHERE claims = 0"}},
          {"columns are narrow",
           {"DROP VIEW sqlq_jobs_readable", "ALTER TABLE sqlq_jobs ALTER COLUMN params TYPE varchar(3) USING 'x'",
            "ALTER TABLE sqlq_queues ALTER COLUMN description TYPE varchar(3)"}},
          {"columns are numbers",
           {"DROP VIEW sqlq_jobs_readable", "ALTER TABLE sqlq_jobs ALTER COLUMN params TYPE integer USING 0"}},
          {"a column is gone", {"ALTER TABLE sqlq_jobs RENAME COLUMN params TO parameters"}},
          {"tables are gone", {"DROP TABLE sqlq_jobs, sqlq_logs CASCADE"}}};
}

/// A trigger that refuses a column with the word in it.
std::vector<std::string> refuse(const std::string& table, const std::string& column) {
  return {"CREATE OR REPLACE FUNCTION refuse_" + column + "() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
              " IF NEW." + column + " LIKE '%forbidden%' THEN RAISE EXCEPTION 'not here'; END IF; RETURN NEW; END $$",
          "CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON " + table + " FOR EACH ROW EXECUTE FUNCTION refuse_" +
              column + "()"};
}

/// A trigger that lets no job with the word in its params become pending or running.
std::vector<std::string> refuse_start() {
  return {"CREATE OR REPLACE FUNCTION refuse_start() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
          " RAISE EXCEPTION 'never'; END $$",
          "CREATE TRIGGER refuse_start BEFORE UPDATE ON sqlq_jobs FOR EACH ROW"
          " WHEN (NEW.state IN (1, 2) AND NEW.params LIKE '%forbidden%') EXECUTE FUNCTION refuse_start()"};
}

std::vector<conformance::Breakage> refusals() {
  std::vector<std::string> triggers = refuse("sqlq_jobs", "result");
  std::ranges::copy(refuse_start(), std::back_inserter(triggers));
  std::ranges::copy(refuse("sqlq_logs", "text"), std::back_inserter(triggers));
  return {{"triggers", triggers},
          {"a trigger at the end of the transaction",
           {refuse("sqlq_jobs", "result")[0],
            "CREATE CONSTRAINT TRIGGER refuse AFTER INSERT OR UPDATE ON sqlq_jobs INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION refuse_result()"}},
          {"constraints",
           {"ALTER TABLE sqlq_jobs ADD CONSTRAINT mine CHECK (result NOT LIKE '%forbidden%')",
            "ALTER TABLE sqlq_logs ADD CONSTRAINT mine CHECK (text NOT LIKE '%forbidden%')"}},
          {"an index",
           {"UPDATE sqlq_jobs SET result = '\"forbidden\"' WHERE state = 3",
            "CREATE UNIQUE INDEX sqlq_jobs_once ON sqlq_jobs ((1)) WHERE result LIKE '%forbidden%'"}}};
}

conformance::Backend suite_on(std::function<std::string(const std::string&)> create) {
  sqlq::backend::register_backend("postgresql", sqlq::postgres::factory());
  return {.create = std::move(create),
          .drop = sqlq::postgres::drop_scratch,
          .open = {},
          .handles = conformance::and_soci(handle<NativeUser>("PGconn*"), questions),
          .newer_schema_sql = {"INSERT INTO sqlq_migrations (version, name, checksum, applied_us)"
                               " SELECT max(version) + 1, 'from_the_future', '0123456789abcdef', max(applied_us)"
                               "   FROM sqlq_migrations"},
          .changed_checksum_sql = {"UPDATE sqlq_migrations SET checksum = 'fedcba9876543210' WHERE version = 1"},
          .compatible_schema_sql = {"INSERT INTO sqlq_migrations (version, name, checksum, applied_us, compatible_from)"
                                    " SELECT max(version) + 1, 'from_the_future', '0123456789abcdef', max(applied_us),"
                                    "        max(version) FROM sqlq_migrations"},
          .waiting_jobs_sql = {"UPDATE sqlq_jobs SET state = 8 WHERE state = 1"},
          .emptied_jobs_sql = {"DELETE FROM sqlq_jobs"},
          .emptied_sql = {"DELETE FROM sqlq_jobs", "DELETE FROM sqlq_history", "DELETE FROM sqlq_logs",
                          "DELETE FROM sqlq_progress", "DELETE FROM sqlq_agenda", "DELETE FROM sqlq_registry",
                          "DELETE FROM sqlq_periodic", "DELETE FROM sqlq_steps", "DELETE FROM sqlq_inbox",
                          "DELETE FROM sqlq_gated", "DELETE FROM sqlq_gates",
                          "DELETE FROM sqlq_lanes", "DELETE FROM sqlq_queues"},
          .forgotten_sql = {"DELETE FROM sqlq_migrations"},
          .breakages = breakages(),
          .refusals = refusals()};
}

conformance::Backend postgres_direct() {
  return suite_on([](const std::string&) { return sqlq::postgres::make_scratch(); });
}

/// The jobs go through the pooler; the application's own connections, whose settings the suite compares, do not.
conformance::Backend postgres_pooled() {
  return suite_on([](const std::string&) { return sqlq::postgres::make_scratch(sqlq::postgres::Through::pooler); });
}

}  // namespace

SQLQ_CONFORMANCE(Postgres, postgres_direct);
SQLQ_CONFORMANCE(PostgresPooled, postgres_pooled);
SQLQ_SEQUENCES(Postgres, postgres_direct);
