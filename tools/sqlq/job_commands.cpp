#include <algorithm>
#include <memory>
#include <optional>
#include <ostream>
#include <utility>

#include <sqlq/stop_token.hpp>

#include "context.hpp"
#include "filter_options.hpp"
#include "job_records.hpp"
#include "job_watch.hpp"
#include "text.hpp"

namespace sqlq::tool {

namespace {

// ------------------------------------------------------------------------------------------------- list

struct ListOptions {
  std::shared_ptr<FilterOptions> filter{};
  std::uint64_t limit = 100;
  std::string before{};
  bool payloads = false;
};

ExitCode list(Context& context, const ListOptions& options) {
  const sqlq::stop_token stop = context.stop();
  const JobFilter filter = options.filter->filter(context.now());
  Page page{.before = {}, .limit = 1, .payloads = options.payloads};
  if (!options.before.empty()) page.before = read_id(options.before, "--before");
  const Admin admin = context.admin();
  Records records = context.records(job_columns(options.payloads, context.look().width));
  std::uint64_t left = options.limit;
  bool more = true;
  while (left > 0 && more && !stop.stop_requested()) {
    page.limit = static_cast<std::size_t>(std::min<std::uint64_t>(left, 1000));
    const JobPage step = admin.list_step(filter, page);
    const std::vector<std::optional<AttemptRecord>> last = last_records(admin, step.jobs);
    for (std::size_t i = 0; i < last.size(); ++i) records.add(job_row(step.jobs[i], last[i], options.payloads));
    left -= std::min<std::uint64_t>(left, step.jobs.size());
    more = step.next.has_value();
    page.before = step.next;
  }
  records.finish();
  if (stop.stop_requested()) return ExitCode::interrupted;
  if (more && page.before) {
    context.say("more jobs may follow: --before " + page.before->to_string());
  }
  return ExitCode::ok;
}

// ------------------------------------------------------------------------------------------------- show

struct ShowOptions {
  std::string id{};
  std::size_t lines = 20;
  bool full = false;
};

using Rows = std::vector<std::vector<Value>>;

template <class T>
Rows rows_of(const std::vector<T>& things, std::vector<Value> (*row)(const T&)) {
  Rows rows;
  for (const T& thing : things) rows.push_back(row(thing));
  return rows;
}

void print_part(Context& context, const std::string& title, const std::vector<Column>& columns, const Rows& rows) {
  if (rows.empty()) return;
  context.out() << '\n' << title << '\n';
  Records records = context.records(columns);
  for (const std::vector<Value>& row : rows) records.add(row);
  records.finish();
}

ExitCode show(Context& context, const ShowOptions& options) {
  const JobId id = read_id(options.id, "the argument");
  const Admin admin = context.admin();
  const std::optional<Job> job = admin.find(id);
  if (!job) {
    throw Exit(ExitCode::not_found, "there is no job " + id.to_string() + ": it was deleted, or never enqueued");
  }
  const Rows history = rows_of(admin.history(id, 1000), history_row);
  Rows steps;
  for (const StepRecord& step : admin.steps(id)) steps.push_back(step_row(step, options.full));
  const std::vector<LogLine> log = last_lines(admin, id, options.lines);
  const std::vector<Reason> reasons = is_finished(job->state) ? std::vector<Reason>{} : admin.explain(id);
  const bool table = context.options().format == Format::table;

  std::vector<Column> columns = job_columns(true, 0);
  for (Column& column : columns) {
    if (column.shown == Column::in_data) column.shown = Column::always;
  }
  std::vector<Value> row = job_row(*job, last_record(admin, *job), true);
  if (!table) {
    columns.insert(columns.end(), {{"history"}, {"log"}, {"reasons"}, {"steps"}});
    row.insert(row.end(), {json_array(history_columns(), history), json_array(log_columns(), rows_of(log, log_row)),
                           json_array(reason_columns(), rows_of(reasons, reason_row)),
                           json_array(step_columns(options.full), steps)});
  }
  context.record(columns, row);
  if (!table) return ExitCode::ok;
  print_part(context, "Steps", step_columns(options.full), steps);
  print_part(context, "History", history_columns(), history);
  if (!log.empty()) context.out() << "\nLog\n";
  for (const LogLine& line : log) context.out() << log_text(line) << '\n';
  if (!reasons.empty()) context.out() << "\nWhy it has not finished\n";
  for (const Reason& reason : reasons) context.out() << printable(reason.sentence) << '\n';
  return ExitCode::ok;
}

// ------------------------------------------------------------------------------------------------- logs

struct LogOptions {
  std::string id{};
  bool follow = false;
};

ExitCode logs(Context& context, const LogOptions& options) {
  const sqlq::stop_token stop = context.stop();  // from here on a signal ends what is printed as it should end
  const JobId id = read_id(options.id, "the argument");
  const Admin admin = context.admin();
  std::optional<Job> job = admin.find(id);
  if (!job) {
    throw Exit(ExitCode::not_found, "there is no job " + id.to_string() + ": it was deleted, or never enqueued");
  }
  const bool lines = context.options().format == Format::table;
  std::optional<Records> records;
  if (!lines) records.emplace(context.records(log_columns()));
  constexpr std::size_t page = 1000;
  std::pair<std::int64_t, std::int64_t> after{0, 0};
  for (;;) {
    const std::vector<LogLine> step = admin.logs(id, after, page);
    for (const LogLine& line : step) {
      if (lines) {
        context.out() << log_text(line) << '\n';
      } else {
        records->add(log_row(line));
      }
      after = {line.claim, line.number};
    }
    context.out().flush();
    if (step.size() == page && !stop.stop_requested()) continue;
    // The lines of a job are there before its end is: what was read after its end was seen is all.
    if (!options.follow || !job || is_finished(job->state) || stop.stop_requested()) break;
    pause_for(std::chrono::milliseconds(500), stop);
    job = admin.find(id);
  }
  if (records) records->finish();
  return ExitCode::ok;
}

}  // namespace

void add_job_commands(CLI::App& root, Context& context) {
  CLI::App& job = noun(root, "job", "Look at jobs, steer them, enqueue them");

  CLI::App& list_command = *job.add_subcommand("list", "List jobs, newest first");
  auto listing = std::make_shared<ListOptions>();
  listing->filter = add_filter_options(list_command, true);
  list_command.add_option("--limit", listing->limit, "At most so many")
      ->capture_default_str()
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 62).description(""))
      ->type_name("N");
  list_command.add_option("--before", listing->before, "Go on below this id");
  list_command.add_flag("--params", listing->payloads, "With params and results");
  list_command.footer("Example:\n  sqlq job list --queue mail --state errored --newer 1d");
  context.on(list_command, [&context, listing] { return list(context, *listing); });

  CLI::App& show_command =
      *job.add_subcommand("show", "All about one job: steps, history, log, and why it does not run");
  auto showing = std::make_shared<ShowOptions>();
  show_command.add_option("id", showing->id, "The job")->required();
  show_command.add_option("--lines", showing->lines, "So many of the last lines of its log")->capture_default_str();
  show_command.add_flag("--full", showing->full, "With what its durable steps have recorded, not only the sizes");
  show_command.footer("Example:\n  sqlq job show 019ad0c5-7f3a-7c1e-9a55-0f6b2d1c8e47");
  context.on(show_command, [&context, showing] { return show(context, *showing); });

  CLI::App& logs_command = *job.add_subcommand("logs", "The log of a job");
  auto logging = std::make_shared<LogOptions>();
  logs_command.add_option("id", logging->id, "The job")->required();
  logs_command.add_flag("-f,--follow", logging->follow, "Go on until the job has finished");
  logs_command.footer("Example:\n  sqlq job logs --follow 019ad0c5-7f3a-7c1e-9a55-0f6b2d1c8e47");
  context.on(logs_command, [&context, logging] { return logs(context, *logging); });

  add_job_watching(job, context);
}

}  // namespace sqlq::tool
