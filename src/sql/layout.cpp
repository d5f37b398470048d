#include "sql/layout.hpp"

#include <algorithm>
#include <set>

#include "core/findings.hpp"
#include "core/text.hpp"
#include "sql/migrations.hpp"

namespace sqlq::sql {
namespace {

namespace found = core::found;

std::string called(const LayoutKey& key) { return "the " + key.kind + " " + key.name + " of sqlq_" + key.table; }

std::set<std::string> tables_of(const Layout& layout) {
  std::set<std::string> tables;
  for (const auto& [key, definition] : layout) tables.insert(key.table);
  return tables;
}

Finding drift(std::string what) {
  return found::error("schema_drift", std::move(what),
                      "change it back by hand: `sqlq schema sql` or Migrator::sql() prints what made it");
}

}  // namespace

Layout parse_layout(std::string_view text) {
  Layout layout;
  for (std::string_view line; core::take_until('\n', text, line);) {
    LayoutKey key;
    for (std::string* field : {&key.table, &key.kind, &key.name}) {
      if (std::string_view word; core::take_until(' ', line, word)) *field = word;
    }
    layout.emplace(std::move(key), line);
  }
  return layout;
}

std::string text_of(const Layout& layout) {
  std::string text;
  for (const auto& [key, definition] : layout) {
    text += key.table + ' ' + key.kind + ' ' + key.name + ' ' + definition + '\n';
  }
  return text;
}

Layout read_layout(Session& session, const Catalogue& queries) {
  Layout layout;
  session.execute(queries["layout"], {}, [&](const Row& row) {
    Fields f(row);
    LayoutKey key;
    key.table = f.text();
    key.kind = f.text();
    key.name = f.text();
    layout.emplace(std::move(key), f.text());
  });
  return layout;
}

std::vector<Finding> differences(const Layout& expected, const Layout& there, bool hidden, bool more) {
  std::vector<Finding> findings;
  const std::set<std::string> tables = tables_of(there);
  std::vector<std::string> unseen;
  for (const std::string& table : tables_of(expected)) {
    if (tables.contains(table)) continue;
    if (hidden) unseen.push_back("sqlq_" + table);
    if (!hidden) findings.push_back(drift("the table sqlq_" + table + " is missing"));
  }
  for (const auto& [key, definition] : expected) {
    if (!tables.contains(key.table)) continue;
    const auto at = there.find(key);
    if (at == there.end()) {
      if (hidden) unseen.push_back(called(key));
      if (!hidden) findings.push_back(drift(called(key) + " is missing"));
    } else if (at->second != definition) {
      const std::string is = called(key) + " is \"" + at->second;
      findings.push_back(drift(is + "\", this library expects \"" + definition + "\""));
    }
  }
  if (!unseen.empty()) {
    findings.push_back(found::note("not_looked_at",
                                   "this user may not look at, or there are not: " + core::joined(unseen, ", "),
                                   "ask as the owner of the tables, to know more"));
  }
  const std::set<std::string> ours = tables_of(expected);
  for (const auto& [key, definition] : there) {
    if (more || !ours.contains(key.table) || expected.contains(key)) continue;
    findings.push_back(found::note(
        "schema_extra", called(key) + " (" + definition + ") is not of this library",
        key.kind == "index" ? "it costs time at each write: drop it if nothing of yours needs it" : std::string()));
  }
  return findings;
}

std::vector<Finding> find_drift(Session& session, const Operations& operations) {
  const Layout expected = parse_layout(operations.layout());
  if (expected.empty()) return {};
  const MigrationStatus status = read_status(session, operations.queries(), operations.migrations());
  if (!status.problem.empty() || status.current < status.latest) return {};
  const Layout there = read_layout(session, operations.queries());
  const bool all = std::ranges::all_of(expected, [&](const auto& one) { return there.contains(one.first); });
  return differences(expected, there, !all && operations.hides_tables(session), status.current > status.latest);
}

}  // namespace sqlq::sql
