/// \file
/// schema: up, down, status, sql, check, drop.

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "context.hpp"
#include "text.hpp"

namespace sqlq::tool {
namespace {

std::string steps(int count) { return std::to_string(count) + (count == 1 ? " step" : " steps"); }

/// current, newer (and compatible), behind, missing, broken.
std::string state_of(const MigrationStatus& status) {
  if (!status.problem.empty()) return "broken";
  if (status.current == 0) return "missing";
  if (status.current < status.latest) return "behind";
  return status.current > status.latest ? "newer" : "current";
}

void tell_change(Context& context, const std::string& sentence, int before, int after) {
  context.tell(sentence, {{"before"}, {"current"}}, {before, after});
}

ExitCode up(Context& context, std::optional<int> target) {
  if (!context.options().dry_run) context.may_create();
  Migrator migrator{context.database()};
  const MigrationStatus before = migrator.status();
  if (context.options().dry_run) {
    const int goal = std::max(target.value_or(before.latest), before.current);
    if (!before.problem.empty()) throw Exit(ExitCode::schema, before.problem);
    const int count = goal - before.current;
    tell_change(context, fmt::format("would apply {}: from {} to {}", steps(count), before.current, goal),
                before.current, goal);
    return ExitCode::ok;
  }
  const int applied = migrator.up(target);
  const int now = migrator.status().current;
  tell_change(context,
              applied == 0 ? fmt::format("the schema is at {}: nothing to do", now)
                           : fmt::format("applied {}: the schema is at {}", steps(applied), now),
              before.current, now);
  return ExitCode::ok;
}

ExitCode down(Context& context, int target) {
  Migrator migrator{context.database()};
  const int before = migrator.status().current;
  if (target < 0) throw Exit(ExitCode::usage, "--to is a version, 0 or more");
  if (before <= target) {
    tell_change(context, fmt::format("the schema is at {}: nothing to undo", before), before, before);
    return ExitCode::ok;
  }
  const std::string what = fmt::format("{} of the schema, from {} to {}, in {}", steps(before - target), before, target,
                                       context.database().description());
  if (context.options().dry_run) {
    tell_change(context, "would undo " + what, before, target);
    return ExitCode::ok;
  }
  if (!context.confirm("Undo " + what + "? What is in tables that are dropped is gone: jobs, schedules, "
                       "durable steps and signals.")) return context.declined();
  const int undone = migrator.down(target);
  tell_change(context, fmt::format("undid {}: the schema is at {}", steps(undone), target), before, target);
  return ExitCode::ok;
}

/// All steps known here or there, as JSON.
std::string steps_json(const MigrationStatus& status, const std::vector<Migration>& known) {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  const auto add = [&](int version, const std::string& name, const nlohmann::ordered_json& at) {
    all.push_back({{"version", version}, {"name", name}, {"applied_at", at}});
  };
  for (const auto& step : status.applied) add(step.version, step.name, utc(step.at));
  for (const Migration& step : known) {
    if (step.version > status.current) add(step.version, step.name, nullptr);
  }
  return all.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

ExitCode status(Context& context, bool exit_code) {
  const Migrator migrator{context.database()};
  const MigrationStatus now = migrator.status();
  const std::vector<Migration> known = migrator.steps();
  const std::string state = state_of(now);
  const std::optional<std::string> problem = now.problem.empty() ? std::nullopt : std::optional(now.problem);
  context.record({{"database"},
                  {"state"},
                  {"current"},
                  {"latest"},
                  {"problem"},
                  {"steps", Column::left, Column::in_data}},
                 {context.database().description(), state, now.current, now.latest, problem,
                  Value::Json{steps_json(now, known)}});
  if (context.options().format == Format::table) {
    context.out() << '\n';
    Records out = context.records({{"version", Column::right}, {"name"}, {"applied_at"}});
    for (const auto& step : now.applied) out.add({step.version, step.name, step.at});
    for (const Migration& step : known) {
      if (step.version > now.current) out.add({step.version, step.name, {}});
    }
    out.finish();
  }
  return !exit_code || state == "current" || state == "newer" ? ExitCode::ok : ExitCode::schema;
}

ExitCode print_sql(Context& context, int from, std::optional<int> to, const std::string& form) {
  const Migrator migrator{context.database()};
  const SqlForm wanted = form == "dbmate" ? SqlForm::dbmate : form == "goose" ? SqlForm::goose : SqlForm::plain;
  const std::vector<Migration> known = migrator.steps();
  context.out() << migrator.sql(from, to.value_or(known.empty() ? 0 : known.back().version), wanted);
  return ExitCode::ok;
}

ExitCode check(Context& context) {
  std::vector<Finding> found = context.admin().doctor();
  std::erase_if(found, [](const Finding& finding) { return !finding.code.starts_with("schema"); });
  // Sentences are not cut: what is to be done is at their ends.
  Records out = context.records(
      {{"severity"}, {"code"}, {"sentence", Column::left, Column::whole}, {"advice", Column::left, Column::whole}});
  for (const Finding& finding : found) {
    out.add({to_string(finding.severity), finding.code, finding.sentence, finding.advice});
  }
  const bool table = context.options().format == Format::table;
  if (!found.empty() || !table) out.finish();
  if (found.empty() && table) context.say("the tables are as this program expects them");
  const bool broken = std::any_of(found.begin(), found.end(), [](const Finding& finding) {
    return finding.severity == Finding::Severity::error;
  });
  return broken ? ExitCode::schema : ExitCode::ok;
}

ExitCode drop(Context& context) {
  Migrator migrator{context.database()};
  const std::string what = "everything that sqlq has made in " + context.database().description() + ", with all jobs";
  const int before = migrator.status().current;
  if (context.options().dry_run) {
    tell_change(context, "would drop " + what, before, 0);
    return ExitCode::ok;
  }
  if (!context.confirm("Drop " + what + "?")) return context.declined();
  migrator.teardown();
  tell_change(context, "dropped " + what, before, 0);
  return ExitCode::ok;
}

}  // namespace

void add_schema_commands(CLI::App& root, Context& context) {
  CLI::App& schema = noun(root, "schema", "The tables: make, update, look at, print, drop them");

  CLI::App* command = schema.add_subcommand("up", "Make the tables or bring them up to date");
  const auto to = std::make_shared<std::optional<int>>();
  command->add_option("--to", *to, "Up to this version [the latest]")->type_name("VERSION");
  command->footer("Example:\n  sqlq schema up");
  context.on(*command, [&context, to] { return up(context, *to); });

  command = schema.add_subcommand("down", "Undo steps, newest first; asks");
  const auto target = std::make_shared<int>();
  command->add_option("--to", *target, "Down to this version; 0: to nothing")->type_name("VERSION")->required();
  command->footer("Example:\n  sqlq schema down --to 1 --yes");
  context.on(*command, [&context, target] { return down(context, *target); });

  command = schema.add_subcommand("status", "Say which version the tables have, and what this program expects");
  const auto exit_code = std::make_shared<bool>();
  command->add_flag("--exit-code", *exit_code, "End with 4 when this program cannot work with them as they are");
  command->footer("Example:\n  sqlq schema status --exit-code || sqlq schema up");
  context.on(*command, [&context, exit_code] { return status(context, *exit_code); });

  command = schema.add_subcommand("sql", "Print the SQL of steps, for review and other migration tools");
  const auto from = std::make_shared<int>();
  const auto until = std::make_shared<std::optional<int>>();
  const auto form = std::make_shared<std::string>("plain");
  command->add_option("--from", *from, "From this version [0]")->type_name("VERSION");
  command->add_option("--to", *until, "To this version; below --from: the way back [the latest]")->type_name("VERSION");
  command->add_option("--form", *form, "For which tool [plain]")
      ->type_name("FORM")
      ->check(CLI::IsMember(std::vector<std::string>{"plain", "flyway", "dbmate", "goose"}));
  command->footer("Example:\n  sqlq schema sql --from 1 --form goose > 00002_sqlq.sql\n\n"
                  "Only the kind of the database matters, not what is in it.");
  context.on(*command, [&context, from, until, form] { return print_sql(context, *from, *until, *form); });

  command = schema.add_subcommand("check", "Compare the tables with what this program expects");
  command->footer("Example:\n  sqlq schema check\n\nEnds with 4 when something is missing or different.");
  context.on(*command, [&context] { return check(context); });

  command = schema.add_subcommand("drop", "Drop all that sqlq has made, with all jobs; asks");
  command->footer("Example:\n  sqlq schema drop --dry-run");
  context.on(*command, [&context] { return drop(context); });
}

}  // namespace sqlq::tool
