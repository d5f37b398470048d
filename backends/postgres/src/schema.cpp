#include "schema.hpp"

#include <algorithm>

#include "sql/migrations.hpp"

namespace sqlq::postgres {
namespace {

std::string doubled(const std::string& text, char quote) {
  std::string result(1, quote);
  for (const char c : text) {
    if (c == quote) result += quote;
    result += c;
  }
  return result += quote;
}

/// The time, once per statement. Servers have one clock for both kinds of time.
std::string clock_of(const char* given) {
  return std::string("(SELECT coalesce(:") + given +
         ", (extract(epoch FROM statement_timestamp()) * 1000000)::bigint))";
}

/// Names of channels have 63 bytes at most, cut between characters. Two schemas may share one: hints are only hints.
std::string channel_of(const std::string& schema) {
  const std::string whole = "sqlq_" + schema;
  std::size_t size = std::min<std::size_t>(whole.size(), 63);
  while (size < whole.size() && (static_cast<unsigned char>(whole[size]) & 0xc0U) == 0x80) --size;
  return whole.substr(0, size);
}

std::vector<sql::Substitution> substitutions(const std::string& schema) {
  const std::string place = quoted_name(schema) + ".sqlq_";
  std::vector<sql::Substitution> all{
      {"now", clock_of("now")},
      {"steady", clock_of("steady")},
      {"took", "(extract(epoch FROM clock_timestamp() - statement_timestamp()) * 1000000)::bigint"},
      {"schema", quoted_name(schema)},
      {"schema_name", quoted_text(schema)},
      {"jobs_seq", quoted_text(place + "jobs_seq_seq") + "::regclass"},
      {"channel", quoted_text(channel_of(schema))},
      {"inbox_told", place + "inbox_told"},
      {"queues_oid", quoted_text(place + "queues") + "::regclass::oid::integer"},
      {"gates_oid", quoted_text(place + "gates") + "::regclass::oid::integer"},
  };
  std::string made;
  for (const char* table :
       {"queues", "lanes", "jobs", "history", "logs", "progress", "agenda", "registry", "periodic", "steps",
        "inbox", "gates", "gated", "jobs_readable", "migrations"}) {
    all.push_back({table, place + table});
    made += (made.empty() ? "" : ", ") + quoted_text(std::string("sqlq_") + table);
  }
  all.push_back({"made", made});
  return all;
}

std::vector<std::string> wire_texts(const sql::Catalogue& catalogue) {
  std::vector<std::string> texts;
  for (const sql::Statement& s : catalogue.all()) {
    std::string& text = texts.emplace_back();
    for (const sql::Piece& piece : s.pieces) {
      text += piece.text;
      if (piece.param) text += '$' + std::to_string(*piece.param + 1);
    }
  }
  return texts;
}

std::vector<Migration> placed_migrations(const std::string& schema, const sql::Catalogue& catalogue) {
  const auto places = substitutions(schema);
  std::vector<Migration> migrations = sql::read_migrations(schema_files());
  for (Migration& m : migrations) {
    m.up = sql::expand(m.up, places);
    m.down = sql::expand(m.down, places);
  }
  sql::RecordStatements record;
  // `public` is there in every database, and to many roles making another is forbidden.
  if (schema != "public") record.before_up.insert(record.before_up.begin(), "schema_make_if_missing");
  sql::write_scripts(migrations, catalogue, record);
  return migrations;
}

}  // namespace

std::string quoted_name(const std::string& name) { return doubled(name, '"'); }

/// A backslash means different things under different settings, except in a text that says so itself.
std::string quoted_text(const std::string& text) {
  std::string escaped;
  for (const char c : text) escaped += c == '\\' ? std::string("\\\\") : std::string(1, c);
  return (escaped == text ? "" : "E") + doubled(escaped, '\'');
}

Schema::Schema(const std::string& name)
    : catalogue_(sql::expand(sql::file_text(schema_files(), "queries.sql"), substitutions(name))),
      texts_(wire_texts(catalogue_)),
      migrations_(placed_migrations(name, catalogue_)),
      channel_(channel_of(name)) {}

}  // namespace sqlq::postgres
