#include "sql/migrations.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include <sqlq/error.hpp>

#include "core/text.hpp"
#include "sql/job_row.hpp"
#include "sql/work.hpp"

namespace sqlq::sql {
namespace {

/// FNV-1a: the checksum notices edits, it defends against nobody.
std::string checksum(std::string_view text) {
  std::uint64_t h = 14695981039346656037U;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 1099511628211U;
  std::string hex(16, '0');
  for (std::size_t i = 16; i-- > 0; h >>= 4) hex[i] = "0123456789abcdef"[h & 15];
  return hex;
}

/// The text after `-- sqlq: <what>` in the comments at the top of a script; none if it is not there.
std::optional<std::string> mark_of(std::string_view script, std::string_view what) {
  const std::string begin = "-- sqlq: " + std::string(what);
  while (script.starts_with("--")) {
    const std::string_view line = script.substr(0, script.find('\n'));
    if (line.starts_with(begin)) return std::string(line.substr(begin.size()));
    script.remove_prefix(std::min(line.size() + 1, script.size()));
  }
  return std::nullopt;
}

std::string judge(const std::vector<MigrationStatus::Applied>& applied, const std::vector<std::string>& sums,
                  std::span<const Migration> known) {
  for (std::size_t i = 0; i < applied.size(); ++i) {
    const auto& a = applied[i];
    const auto place = "migration " + std::to_string(a.version) + " (" + a.name + ")";
    if (a.version != static_cast<int>(i) + 1) {
      return place + " was applied without the ones before it: restore a backup or, if the jobs may go, "
                     "Migrator::teardown() and migrate";
    }
    if (i >= known.size()) {
      if (a.compatible_from <= static_cast<int>(known.size())) continue;
      return "the schema is at version " + std::to_string(applied.back().version) + ", this library knows only " +
             std::to_string(known.size()) + ", and " + place +
             " is not compatible with it: use a newer sqlq, or migrate down with the one that made it";
    }
    if (sums[i] != known[i].checksum) {
      return place +
             " is not the one this library has: its checksum differs, so another version of sqlq made these tables, or "
             "somebody changed the script. Use the version that made them; or, if their jobs may go, "
             "Migrator::teardown() and migrate";
    }
  }
  return {};
}

/// The statement with its values in it: names and checksums are ours, and have nothing in them to quote.
std::string written_out(const Statement& statement, const Migration& step) {
  const auto value = [&](const std::string& param) -> std::string {
    if (param == "version") return std::to_string(step.version);
    if (param == "name") return "'" + step.name + "'";
    if (param == "checksum") return "'" + step.checksum + "'";
    if (param == "compatible_from") return std::to_string(step.compatible_from);
    return "NULL";
  };
  std::string text;
  for (const Piece& piece : statement.pieces) {
    text += piece.text;
    if (piece.param) text += value(statement.params[*piece.param].name);
  }
  return text + ";\n";
}

/// The statement that records from where on a step is compatible. A step without such a statement is not: the tables of
/// version 1 have no place for it.
constexpr std::string_view compatible = "migration_compatible";

/// The step that comes after version `current`; null when the target is reached.
const Migration* next_step(std::span<const Migration> known, int current, backend::Direction direction, int target) {
  const bool up = direction == backend::Direction::up;
  if (up ? current >= target : current <= target) return nullptr;
  return &known[static_cast<std::size_t>(up ? current : current - 1)];
}

bool in_transaction(const Migration& step, backend::Direction direction) {
  return direction == backend::Direction::up ? step.up_in_transaction : step.down_in_transaction;
}

/// The statements of a script: each ends with a line that ends with `;`, but for what stands between goose's marks.
std::vector<std::string> statements_of(const std::string& script) {
  std::vector<std::string> statements(1);
  bool marked = false;
  std::string_view rest = script;
  for (std::string_view line; core::take_until('\n', rest, line);) {
    const bool end = line == "-- +goose StatementEnd";
    if (line == "-- +goose StatementBegin") marked = true;
    if (line.starts_with("--") || line.empty()) {
      if (!end) continue;
    } else {
      statements.back().append(line) += '\n';
    }
    if (end) marked = false;
    if (end || (!marked && line.ends_with(';'))) statements.emplace_back();
  }
  std::erase(statements, std::string{});
  return statements;
}

constexpr const char* unrecorded =
    "there are tables of sqlq, but no record of their version: sqlq_migrations is missing or empty. Either a script "
    "that keeps no record has made them, or the record was deleted. If they are whole, run the statements on "
    "sqlq_migrations that Migrator::sql(0, version) prints; if their jobs may go, Migrator::teardown() and migrate";

}  // namespace

void write_scripts(std::vector<Migration>& steps, const Catalogue& queries, const RecordStatements& record) {
  const auto add = [&](std::string& script, const std::vector<std::string_view>& names, const Migration& step) {
    for (const std::string_view name : names) {
      if (name == compatible && step.compatible_from == step.version) continue;
      script += written_out(queries[name], step);
    }
  };
  const auto add_text = [](std::string& script, const std::string& text) {
    script += text;
    if (!text.ends_with('\n')) script += '\n';
  };
  for (Migration& step : steps) {
    add(step.up_script, record.before_up, step);
    add_text(step.up_script, step.up);
    add(step.up_script, record.after_up, step);
    add(step.down_script, record.before_down, step);
    add_text(step.down_script, step.down);
    add(step.down_script, record.after_down, step);
  }
}

std::string_view file_text(std::span<const EmbeddedFile> files, std::string_view name) {
  const auto it = std::ranges::find(files, name, &EmbeddedFile::name);
  if (it == files.end()) throw Error(Errc::internal, "embedded schema file '" + std::string(name) + "' is missing");
  return it->text;
}

std::vector<Migration> read_migrations(std::span<const EmbeddedFile> files) {
  std::vector<Migration> steps;
  for (const EmbeddedFile& file : files) {
    if (!file.name.ends_with(".up.sql")) continue;
    const auto stem = file.name.substr(0, file.name.size() - 7);
    Migration m;
    m.version = std::stoi(std::string(stem.substr(0, stem.find('_'))));
    m.name = std::string(stem.substr(stem.find('_') + 1));
    m.up = std::string(file.text);
    m.down = std::string(file_text(files, std::string(stem) + ".down.sql"));
    m.checksum = checksum(m.up);
    m.compatible_from = m.version;
    if (const auto from = mark_of(m.up, "compatible from ")) m.compatible_from = std::stoi(*from);
    m.up_in_transaction = !mark_of(m.up, "no transaction");
    m.down_in_transaction = !mark_of(m.down, "no transaction");
    steps.push_back(std::move(m));
  }
  std::ranges::sort(steps, {}, &Migration::version);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (steps[i].version != static_cast<int>(i) + 1) {
      throw Error(Errc::internal, "the migrations are not numbered 1, 2, ...");
    }
  }
  return steps;
}

void record_compatible(Session& session, const Catalogue& queries, const Migration& step) {
  if (step.compatible_from == step.version) return;
  session.execute(queries[compatible], {{"version", step.version}, {"compatible_from", step.compatible_from}});
}

namespace {

void record(Session& session, const Catalogue& queries, const Migration& step, backend::Direction direction,
            TimePoint now) {
  if (direction == backend::Direction::down) {
    session.execute(queries["migration_remove"], {{"version", step.version}});
    return;
  }
  session.execute(queries["migration_add"],
                  {{"version", step.version}, {"name", step.name}, {"checksum", step.checksum}, {"now", us(now)}});
  record_compatible(session, queries, step);
}

}  // namespace

MigrationStatus read_status(Session& session, const Catalogue& queries, std::span<const Migration> known) {
  MigrationStatus status;
  status.latest = static_cast<int>(known.size());
  const bool exist = session.integer(queries["migrations_exist"]).value_or(0) != 0;
  const bool any = exist && session.integer(queries["migrations_any"]).value_or(0) != 0;
  if (!any) {
    if (session.integer(queries["jobs_exist"]).value_or(0) != 0) status.problem = unrecorded;
    return status;
  }
  std::vector<std::string> sums;
  session.execute(queries["migrations"], {}, [&](const Row& row) {
    Fields f(row);
    const auto version = static_cast<int>(f.integer());
    std::string name(f.text());
    sums.emplace_back(f.text());
    const TimePoint at = wall(f.integer());
    const auto compatible_from = static_cast<int>(f.maybe_integer().value_or(version));
    status.applied.push_back({version, std::move(name), at, compatible_from});
  });
  if (!status.applied.empty()) status.current = status.applied.back().version;
  status.problem = judge(status.applied, sums, known);
  return status;
}

void check_target(const MigrationStatus& status, backend::Direction direction, int target) {
  if (!status.problem.empty()) throw Error(Errc::schema, "cannot migrate: " + status.problem);
  if (direction == backend::Direction::down && status.current > status.latest) {
    throw Error(Errc::schema, "cannot migrate down: the schema is at version " + std::to_string(status.current) +
                                  ", this library knows only " + std::to_string(status.latest) +
                                  ": migrate down with the library that made it");
  }
  if (target < 0 || target > status.latest) {
    throw Error(Errc::invalid_argument, "there is no schema version " + std::to_string(target) +
                                            "; this library knows 0 to " + std::to_string(status.latest));
  }
}

int run_steps(Session& session, const Catalogue& queries, std::span<const Migration> known, MigrationStatus& status,
              backend::Direction direction, int target, TimePoint now,
              const std::function<void(const std::string&)>& run_script) {
  int steps = 0;
  if (direction == backend::Direction::up && target > status.current) session.execute(queries["migrations_make"]);
  while (const Migration* m = next_step(known, status.current, direction, target)) {
    if (!in_transaction(*m, direction)) break;
    run_script(direction == backend::Direction::up ? m->up : m->down);
    record(session, queries, *m, direction, now);
    status.current = direction == backend::Direction::up ? m->version : m->version - 1;
    ++steps;
  }
  return steps;
}

const Migration* next_outside(std::span<const Migration> known, int current, backend::Direction direction,
                              int target) {
  const Migration* next = next_step(known, current, direction, target);
  return next == nullptr || in_transaction(*next, direction) ? nullptr : next;
}

int run_outside(Connection& connection, const Catalogue& queries, std::span<const Migration> known,
                backend::Direction direction, int target, TimePoint now) {
  Session& session = connection.session();
  const MigrationStatus status = read_status(session, queries, known);
  check_target(status, direction, target);
  const Migration* step = next_outside(known, status.current, direction, target);
  if (step == nullptr) return 0;
  const std::string& script = direction == backend::Direction::up ? step->up : step->down;
  for (const std::string& statement : statements_of(script)) connection.script(statement);
  connection.begin();
  try {
    if (direction == backend::Direction::up) session.execute(queries["migrations_make"]);
    record(session, queries, *step, direction, now);
    connection.commit();
  } catch (...) {
    connection.rollback();
    throw;
  }
  return 1;
}

void refuse_teardown(std::span<const std::string> in_the_way, const std::string& backend) {
  if (in_the_way.empty()) return;
  throw Error(Errc::refused,
              "nothing was dropped, for objects of yours refer to sqlq's tables: " + core::joined(in_the_way, ", ") +
                  "; drop them first",
              backend);
}

}  // namespace sqlq::sql
