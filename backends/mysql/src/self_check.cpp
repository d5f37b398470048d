// What doctor says of a MySQL or MariaDB server: settings, who holds old snapshots, rows that are left over.

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sqlq/error.hpp>

#include "core/findings.hpp"
#include "server.hpp"

namespace sqlq::mysql {
namespace {

namespace found = core::found;

using Findings = std::vector<Finding>;
using Settings = std::map<std::string, std::string, std::less<>>;

bool is(const Settings& settings, std::string_view name, std::initializer_list<std::string_view> values) {
  const auto at = settings.find(name);
  return at != settings.end() && std::ranges::find(values, at->second) != values.end();
}

void look_at_settings(const Settings& s, Findings& findings) {
  const auto say = [&](bool when, Finding finding) {
    if (when) findings.push_back(std::move(finding));
  };
  const bool logs = is(s, "log_bin", {"ON", "1"});
  say(!is(s, "innodb_flush_log_at_trx_commit", {"1"}),
      found::warning("durability",
                     "innodb_flush_log_at_trx_commit is not 1: commits of the last second may be lost when the "
                     "server's machine stops, also acknowledged jobs",
                     "set it to 1"));
  say(logs && !is(s, "sync_binlog", {"1"}),
      found::warning("durability",
                     "sync_binlog is not 1: after a crash of the server's machine replicas may lack acknowledged jobs",
                     "set it to 1"));
  say(is(s, "innodb_flush_method", {"nosync"}),
      found::warning("durability", "innodb_flush_method is nosync: nothing is safe from a power cut",
                     "take the setting out of the server's configuration and restart it"));
  say(is(s, "innodb_doublewrite", {"OFF", "0"}),
      found::warning("durability",
                     "innodb_doublewrite is off: a power cut can damage pages",
                     "switch it on, unless the file system writes pages whole"));
  say(logs && is(s, "binlog_format", {"STATEMENT"}),
      found::error("binlog_format",
                   "binlog_format is STATEMENT, with which READ COMMITTED transactions cannot be logged",
                   "set it to ROW"));
  say(is(s, "wsrep_on", {"ON", "1"}),
      found::note("cluster",
                  "this is a Galera cluster: workers on several nodes get in each other's way, which costs time",
                  "migrate on one node only, for the others do not know its lock"));
  say(is(s, "transaction_isolation", {"SERIALIZABLE"}) || is(s, "tx_isolation", {"SERIALIZABLE"}),
      found::note("isolation",
                  "transaction_isolation is SERIALIZABLE, which transactions of your own run with: what they enqueue "
                  "and finish waits for others, and they are undone more often",
                  "set READ COMMITTED in them, unless they need more"));
  if (const auto at = s.find("max_allowed_packet"); at != s.end() && std::stoll(at->second) < 4 << 20) {
    findings.push_back(found::warning("packet_size",
                                      "max_allowed_packet is " + at->second + ": jobs of 1 MiB need 4 MiB",
                                      "set it to 4194304 or more"));
  }
}

void look_at_snapshots(sql::Session& session, const Queries& q, Findings& findings) {
  constexpr std::int64_t long_enough = 60;  // seconds
  session.execute(q.old_transactions, {{"seconds", long_enough}}, [&](const sql::Row& row) {
    const std::string id = std::to_string(row.integer(0));
    findings.push_back(found::warning("old_snapshot",
                                      "connection " + id + " (" + std::string(row.text(3)) +
                                          ") has a transaction open since " + std::string(row.text(2)) + " UTC, for " +
                                          std::to_string(row.integer(1)) +
                                          " seconds: until it ends, deleted rows are not cleaned up, and claims slow "
                                          "down",
                                      "end it; if nobody needs it: KILL " + id));
  });
  constexpr std::int64_t many = 1'000'000;
  if (const std::int64_t length = session.integer(q.history_length).value_or(0); length >= many) {
    findings.push_back(found::warning("dead_rows",
                                      "InnoDB's history list has " + std::to_string(length) +
                                          " entries: deleted rows are not cleaned up, and claims slow down",
                                      "see old_snapshot; else give innodb_purge_threads more"));
  }
}

void look_at_rows(sql::Session& session, const Queries& q, Findings& findings) {
  constexpr std::int64_t most = 1000;
  session.execute(q.without_jobs, {}, [&](const sql::Row& row) {
    const std::int64_t n = row.integer(1);
    if (n == 0) return;
    findings.push_back(found::note("rows_without_job",
                                   std::string(n >= most ? "at least " : "") + std::to_string(n) + " rows of sqlq_" +
                                       std::string(row.text(0)) +
                                       " belong to jobs that were deleted by hand; keys, ready and scheduled ones are "
                                       "removed when they are met",
                                   "delete jobs by Admin::erase or `sqlq job delete`"));
  });
}

}  // namespace

std::vector<Finding> MysqlServer::self_check(sql::Session& session) {
  Settings settings;
  session.execute(schema_.queries.settings, {},
                  [&](const sql::Row& row) { settings.emplace(row.text(0), row.text(1)); });
  Findings findings;
  look_at_settings(settings, findings);
  found::look_at("the transactions of others (the right PROCESS)", findings,
                 [&] { look_at_snapshots(session, schema_.queries, findings); });
  found::look_at("rows whose jobs were deleted by hand", findings, [&] {
    try {
      look_at_rows(session, schema_.queries, findings);
    } catch (const Error& e) {
      if (e.code() != Errc::schema) throw;  // there are no tables
    }
  });
  return findings;
}

}  // namespace sqlq::mysql
