// What doctor says of a PostgreSQL server: settings, defects, who holds old snapshots, dead rows, plans.

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sqlq/error.hpp>

#include "core/findings.hpp"
#include "server.hpp"

namespace sqlq::postgres {
namespace {

namespace found = core::found;

using Findings = std::vector<Finding>;
using Settings = std::map<std::string, std::string, std::less<>>;

std::string minutes(std::int64_t time) { return std::to_string(time / 60) + " minutes"; }  // of seconds

void look_at_durability(Settings& settings, Findings& findings) {
  const auto say = [&](bool when, Finding finding) {
    if (when) findings.push_back(std::move(finding));
  };
  say(settings["fsync"] == "off",
      found::warning("durability", "fsync is off: a crash of the machine can damage or lose the whole database",
                     "switch it on"));
  say(settings["full_page_writes"] == "off",
      found::warning("durability", "full_page_writes is off: a crash of the machine can damage pages",
                     "switch it on, unless the file system writes pages whole"));
  say(settings["synchronous_commit"] == "off",
      found::warning("durability",
                     "synchronous_commit is off: a crash of the server loses the last commits, also of jobs that were "
                     "acknowledged",
                     "set it to on for sqlq's user or database"));
}

void look_at_settings(Settings& settings, Findings& findings) {
  if (settings["autovacuum"] == "off") {
    findings.push_back(found::warning("autovacuum", "autovacuum is off: claims become slower with every finished job",
                                      "switch it on"));
  }
  const std::string& encoding = settings["server_encoding"];  // SQL_ASCII takes any bytes and gives them back
  if (encoding != "UTF8" && encoding != "SQL_ASCII") {
    findings.push_back(found::warning("encoding",
                                      "the encoding of the database is " + encoding +
                                          ": jobs with characters that it lacks are refused",
                                      "make a database with ENCODING 'UTF8' and move to it"));
  }
  const std::string& isolation = settings["default_transaction_isolation"];  // our own sessions set it
  if (isolation != "read committed") {
    findings.push_back(found::warning("isolation",
                                      "default_transaction_isolation is " + isolation +
                                          ", which statements through a pooler run with: conflicts cost time",
                                      "ALTER ROLE ... SET default_transaction_isolation = 'read committed'"));
  }
  const auto version = std::stol("0" + settings["server_version_num"]);
  if (version >= 140'000 && version < 140'004) {
    findings.push_back(found::warning("version_defect",
                                      "PostgreSQL 14.0 to 14.3: CREATE INDEX CONCURRENTLY and REINDEX CONCURRENTLY can "
                                      "make indexes that lack rows",
                                      "update to 14.4 or later, then REINDEX what was made so"));
  }
}

void look_at_snapshots(sql::Session& session, const Queries& q, Findings& findings) {
  constexpr std::int64_t long_enough = 600;  // seconds
  session.execute(q.old_snapshots, {{"seconds", long_enough}}, [&](const sql::Row& row) {
    findings.push_back(found::warning("old_snapshot",
                                      std::string(row.text(0)) + " has been open for " + minutes(row.integer(1)) +
                                          ": until it ends, nothing that finished since is cleaned up, and claims "
                                          "slow down",
                                      "end it; if nobody needs it: " + std::string(row.text(2))));
  });
  session.execute(q.old_slots, {}, [&](const sql::Row& row) {
    const std::string name(row.text(0));
    findings.push_back(found::warning("old_snapshot",
                                      "the replication slot " + name +
                                          (row.integer(2) == 0 ? ", used by nobody," : "") +
                                          " keeps all rows that died in the last " + std::to_string(row.integer(1)) +
                                          " transactions: claims slow down",
                                      "let its standby catch up; if there is none any more: SELECT "
                                      "pg_drop_replication_slot('" + name + "')"));
  });
  if (session.integer(q.sees_others).value_or(1) == 0) {
    findings.push_back(found::note("not_looked_at",
                                   "this user may not look at the transactions of other users: one that holds up "
                                   "cleaning is not seen",
                                   "GRANT pg_read_all_stats to it, to know more"));
  }
}

void look_at_dead_rows(sql::Session& session, const Queries& q, Findings& findings) {
  constexpr std::int64_t many = 100'000;
  session.execute(q.dead_rows, {}, [&](const sql::Row& row) {
    const std::string table(row.text(0));
    const std::int64_t dead = row.integer(1);
    const std::int64_t live = row.integer(2);
    if (row.integer(3) != 0) {
      findings.push_back(found::warning("autovacuum",
                                        "autovacuum is off for " + table + ": each change of it slows down the next",
                                        "ALTER TABLE " + table + " RESET (autovacuum_enabled)"));
    }
    if (dead >= many && dead > live) {
      findings.push_back(found::warning("dead_rows",
                                        table + " has about " + std::to_string(dead) + " dead rows and " +
                                            std::to_string(live) + " live ones: autovacuum does not keep up",
                                        "see old_snapshot, or VACUUM " + table + " and give autovacuum more workers"));
    }
  });
}

/// Sessions of our own forbid other plans (connection.cpp); behind a pooler the server's statistics decide.
void look_at_plan(sql::Session& session, const Queries& q, Findings& findings) {
  if (session.integer(q.plan_matters).value_or(0) == 0) return;
  std::string plan;
  session.execute(q.plan, {}, [&](const sql::Row& row) {
    plan += (plan.empty() ? "" : " ") + std::string(row.text(0));
  });
  if (plan.find("sqlq_jobs_ready") != std::string::npos) return;
  findings.push_back(found::warning("plan", "a look for pending jobs does not use the index sqlq_jobs_ready: " + plan,
                                    "ANALYZE sqlq_jobs; see schema_drift if the index is not there"));
}

}  // namespace

std::vector<Finding> PgServer::self_check(sql::Session& session) {
  Settings settings;
  session.execute(q_.settings, {}, [&](const sql::Row& row) {
    settings.emplace(std::string(row.text(0)), std::string(row.text(1)));
  });
  Findings findings;
  look_at_durability(settings, findings);
  look_at_settings(settings, findings);
  found::look_at("the standbys", findings, [&] {
    if (session.integer(q_.standbys).value_or(0) == 0 || !settings["synchronous_standby_names"].empty()) return;
    findings.push_back(
        found::warning("durability",
                       "there are standbys, and none is synchronous: a failover can lose jobs that were acknowledged",
                       "name one in synchronous_standby_names, unless that loss can be borne"));
  });
  if (options_.pooled) {
    findings.push_back(found::note("pooler",
                                   "connections lead through a pooler (pooled=true): workers are not woken, and poll; "
                                   "statements are planned each time",
                                   "connect workers to the server itself"));
  }
  found::look_at("old snapshots", findings, [&] { look_at_snapshots(session, q_, findings); });
  found::look_at("dead rows", findings, [&] { look_at_dead_rows(session, q_, findings); });
  found::look_at("plans", findings, [&] { look_at_plan(session, q_, findings); });
  return findings;
}

}  // namespace sqlq::postgres
