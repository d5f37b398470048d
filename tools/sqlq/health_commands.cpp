// What is wrong: `explain` for one job, `doctor` for the installation.

#include <algorithm>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "context.hpp"
#include "job_records.hpp"
#include "text.hpp"

namespace sqlq::tool {
namespace {

Value text_or_none(const std::string& text) { return text.empty() ? Value{} : Value{text}; }

JobId job_id_of(const std::string& text) {
  const auto id = JobId::parse(text);
  if (!id) {
    throw Exit(ExitCode::usage, "this is no id of a job: " + printable(text) + "; `sqlq job list` shows ids");
  }
  return *id;
}

ExitCode explain(Context& context, const std::vector<std::string>& texts) {
  std::vector<JobId> ids;
  for (const std::string& text : texts) ids.push_back(job_id_of(text));
  const bool for_people = context.look().format == Format::table;
  std::unique_ptr<Records> records;
  if (!for_people) {
    std::vector<Column> columns{{"id"}, {"number"}};
    for (Column& column : reason_columns()) columns.push_back(std::move(column));
    records = std::make_unique<Records>(context.records(std::move(columns)));
  }
  const Admin admin = context.admin();
  ExitCode code = ExitCode::ok;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const std::vector<Reason> reasons = admin.explain(ids[i]);
    if (for_people && ids.size() > 1) context.out() << (i > 0 ? "\n" : "") << ids[i].to_string() << '\n';
    int number = 0;
    for (const Reason& reason : reasons) {
      ++number;
      if (reason.code == Reason::Code::schema_behind) code = ExitCode::schema;
      if (reason.code == Reason::Code::not_found) code = ExitCode::not_found;
      if (for_people) {
        context.out() << (number < 10 ? " " : "") << number << ". " << printable(reason.sentence) << '\n';
      } else {
        std::vector<Value> row{ids[i].to_string(), number};
        for (Value& value : reason_row(reason)) row.push_back(std::move(value));
        records->add(std::move(row));
      }
    }
  }
  if (records) records->finish();
  return code;
}

const char* color_of(Finding::Severity severity) {
  switch (severity) {
    case Finding::Severity::error: return "\x1b[31m";
    case Finding::Severity::warning: return "\x1b[33m";
    case Finding::Severity::note: break;
  }
  return "\x1b[2m";
}

ExitCode doctor(Context& context) {
  const std::vector<Finding> findings = context.admin().doctor();
  const Look look = context.look();
  if (look.format == Format::table) {
    for (const Finding& finding : findings) {
      const std::string severity(to_string(finding.severity));
      context.out() << (look.color ? color_of(finding.severity) + severity + "\x1b[0m" : severity)
                    << std::string(severity.size() < 8 ? 8 - severity.size() : 1, ' ') << printable(finding.code)
                    << ": " << printable(finding.sentence) << '\n';
      if (!finding.advice.empty()) context.out() << std::string(8, ' ') << printable(finding.advice) << '\n';
    }
  } else {
    Records records = context.records({{"severity"}, {"code"}, {"sentence"}, {"advice"}});
    for (const Finding& finding : findings) {
      records.add({to_string(finding.severity), finding.code, finding.sentence, text_or_none(finding.advice)});
    }
    records.finish();
  }
  if (findings.empty()) context.say("nothing to say: the doctor found no fault");
  const bool bad = std::any_of(findings.begin(), findings.end(),
                               [](const Finding& f) { return f.severity == Finding::Severity::error; });
  return bad ? ExitCode::failed : ExitCode::ok;
}

}  // namespace

void add_health_commands(CLI::App& root, Context& context) {
  CLI::App* explaining = root.add_subcommand("explain", "Say why a job does not run: all reasons, in order");
  const auto ids = std::make_shared<std::vector<std::string>>();
  explaining->add_option("id", *ids, "The jobs")->required()->type_name("ID");
  explaining->footer("Example:\n  sqlq explain 01976b40-0000-7000-8000-000000000001\n\n"
                     "Exit code 5 when one of the jobs is not there, 4 when the tables are of another version.");
  context.on(*explaining, [&context, ids] { return explain(context, *ids); });

  CLI::App* examining = root.add_subcommand(
      "doctor", "Say what is doubtful about database, schema and workers; exit code 1 when there is an error");
  examining->footer("Example:\n  sqlq doctor -o json");
  context.on(*examining, [&context] { return doctor(context); });
}

}  // namespace sqlq::tool
