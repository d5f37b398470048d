// `top`: what happens now.

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <ostream>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <sqlq/bulk.hpp>
#include <sqlq/stop_token.hpp>

#include "context.hpp"
#include "terminal.hpp"
#include "text.hpp"
#include "top_data.hpp"
#include "top_screen.hpp"

namespace sqlq::tool {
namespace {

struct TopChoice {
  std::string interval = "2s";
  std::uint64_t cap = 1000;
  bool once = false;
};

// ---------------------------------------------------------------------------------------------------- one look

Value count(const CappedCount& number) { return Value::Count{number.value, number.capped}; }

const std::vector<Column>& queue_columns() {
  static const auto& columns = *new std::vector<Column>{
      {"queue"}, {"pending", Column::right}, {"scheduled", Column::right}, {"running", Column::right},
      {"failed", Column::right}, {"oldest", Column::right}, {"limit", Column::right}, {"paused"}};
  return columns;
}

std::vector<std::vector<Value>> queue_rows(const TopData& data) {
  std::vector<std::vector<Value>> rows;
  for (const TopQueue& queue : data.queues) {
    const auto limit = queue.limit ? Value{static_cast<std::int64_t>(*queue.limit)} : Value{};
    rows.push_back({queue.name, count(queue.pending), count(queue.scheduled), count(queue.running),
                    count(queue.failed), queue.oldest, limit, queue.paused});
  }
  return rows;
}

const std::vector<Column>& worker_columns() {
  static const auto& columns = *new std::vector<Column>{{"worker"}, {"host"}, {"busy", Column::right},
                                                        {"slots", Column::right}, {"seen_at"}, {"draining"}};
  return columns;
}

std::vector<std::vector<Value>> worker_rows(const TopData& data) {
  std::vector<std::vector<Value>> rows;
  for (const WorkerInfo& worker : data.workers) {
    rows.push_back({worker.name, worker.host, static_cast<std::int64_t>(worker.busy),
                    static_cast<std::int64_t>(worker.concurrency), worker.seen_at, worker.draining});
  }
  return rows;
}

const std::vector<Column>& failure_columns() {
  static const auto& columns = *new std::vector<Column>{
      {"id", Column::left, Column::whole}, {"queue"}, {"kind"}, {"finished_at"}, {"attempt", Column::right}, {"error"}};
  return columns;
}

std::vector<std::vector<Value>> failure_rows(const TopData& data) {
  std::vector<std::vector<Value>> rows;
  for (const TopJob& one : data.failed) {
    rows.push_back({one.job.id.to_string(), one.job.queue, one.job.kind, one.job.finished_at, one.job.attempt,
                    one.error});
  }
  return rows;
}

void print(std::ostream& out, const Look& look, const std::vector<Column>& columns,
           const std::vector<std::vector<Value>>& rows) {
  Records records(out, look, columns);
  for (const auto& row : rows) records.add(row);
  records.finish();
}

Value as_json(const Look& look, const std::vector<Column>& columns, const std::vector<std::vector<Value>>& rows) {
  std::ostringstream text;
  Look data = look;
  data.format = Format::json;
  print(text, data, columns, rows);
  return Value::Json{nlohmann::json::parse(text.str()).dump()};
}

ExitCode one_look(Context& context, const TopChoice& choice) {
  constexpr std::size_t failures = 10;
  const TopData data = TopReader(context.database()).read({.cap = choice.cap, .failed = failures});
  const Look look = context.look();
  if (look.format != Format::table) {
    context.record({{"at"}, {"queues"}, {"workers"}, {"failures"}},
                   {data.at, as_json(look, queue_columns(), queue_rows(data)),
                    data.workers_known ? as_json(look, worker_columns(), worker_rows(data)) : Value{},
                    as_json(look, failure_columns(), failure_rows(data))});
    return ExitCode::ok;
  }
  print(context.out(), look, queue_columns(), queue_rows(data));
  if (data.workers_known) {
    context.out() << '\n';
    print(context.out(), look, worker_columns(), worker_rows(data));
  }
  if (!data.failed.empty()) {
    context.out() << '\n';
    print(context.out(), look, failure_columns(), failure_rows(data));
  }
  return ExitCode::ok;
}

// ---------------------------------------------------------------------------------------------------- the screen

/// What R, C or D will do after the question.
struct Planned {
  BulkAction action;
  JobFilter filter{};
  std::string done{};  ///< "retried"
};

class Top {
 public:
  Top(Context& context, const TopChoice& choice, Duration interval)
      : context_(context), choice_(choice), interval_(interval), clock_(context.database().clock()),
        reader_(context.database()), color_(context.look().color) {}

  ExitCode run() {
    data_ = reader_.read(wish_for(state_, Terminal::size(), choice_.cap));  // its errors end the program
    context_.out().flush();
    Terminal terminal;
    const sqlq::stop_token stop = context_.stop();
    SteadyPoint next = clock_.steady() + interval_;
    while (!stop.stop_requested()) {
      draw();
      const std::string typed = terminal.wait(next - clock_.steady(), stop);
      if (terminal.disturbed()) next = clock_.steady();
      for (const int key : keys_in(typed)) {
        const TopRequest request = press(key, state_, data_);
        if (request.kind == TopRequest::Kind::quit) return ExitCode::ok;
        if (carry_out(request)) next = clock_.steady();
      }
      if (clock_.steady() < next) continue;
      const SteadyPoint began = clock_.steady();
      look();
      constexpr int rest = 9;  // so that looks take at most a tenth of the time
      next = clock_.steady() + std::max(interval_, rest * (clock_.steady() - began));
    }
    return ExitCode::ok;
  }

 private:
  void draw() const {
    const ScreenSize size = Terminal::size();
    Terminal::write(drawn(lay_out(data_, state_, size), size, color_));
  }

  /// A database that is away is told on the last line; what was seen before stays.
  void look() {
    try {
      data_ = reader_.read(wish_for(state_, Terminal::size(), choice_.cap));
      if (trouble_) state_.message.clear();
      trouble_ = false;
    } catch (const Error& error) {
      state_.message = error.what();
      trouble_ = true;
    }
  }

  /// True: look again at once.
  bool carry_out(const TopRequest& request) {
    using Kind = TopRequest::Kind;
    try {
      switch (request.kind) {
        case Kind::pause_or_resume: return pause_or_resume(*request.queue);
        case Kind::retry: ask(BulkAction::retry(), request, {JobState::errored}, "Retry", "retried"); return false;
        case Kind::cancel:
          ask(BulkAction::cancel(), request, {JobState::pending, JobState::scheduled, JobState::waiting}, "Cancel",
              "cancelled");
          return false;
        case Kind::erase:
          ask(BulkAction::erase(), request, {JobState::success, JobState::errored, JobState::cancelled}, "Delete",
              "deleted");
          return false;
        case Kind::yes: return go();
        case Kind::refresh: return true;
        case Kind::none:
        case Kind::quit: break;
      }
    } catch (const Error& error) {
      state_.message = error.what();
    }
    return false;
  }

  bool pause_or_resume(const TopQueue& queue) {
    if (context_.options().dry_run) {
      state_.message = "--dry-run: nothing is changed";
      return false;
    }
    Admin admin = context_.admin();
    queue.paused ? admin.resume(queue.name) : admin.pause(queue.name);
    state_.message = (queue.paused ? "resumed " : "paused ") + queue.name;
    return true;
  }

  void ask(BulkAction action, const TopRequest& request, const std::vector<JobState>& states, const std::string& verb,
           const std::string& done) {
    if (!request.queue && !request.job) return;
    Planned plan{.action = std::move(action), .done = done};
    std::string what;
    if (request.job) {
      plan.filter.ids = {request.job->id};
      what = "1 job, " + request.job->kind + " " + request.job->id.to_string();
    } else {
      plan.filter = {.queues = {request.queue->name}, .states = states};
      const CappedCount number = Bulk{context_.database()}.preview(plan.filter, 10'000, 0).count;
      std::string names;
      for (const JobState state : states) names += (names.empty() ? "" : ", ") + std::string(to_string(state));
      if (number.value == 0) {
        state_.message = "no job of " + request.queue->name + " is " + names;
        return;
      }
      what = counted(number.value, "job", number.capped) + " (" + names + ") of " + request.queue->name;
    }
    state_.question = verb + " " + what + "?";
    plan_.emplace(std::move(plan));
  }

  bool go() {
    if (!plan_) return false;
    const Planned plan = *std::exchange(plan_, std::nullopt);
    if (context_.options().dry_run) {
      state_.message = "--dry-run: nothing is changed";
      return false;
    }
    BulkOptions how;
    how.stop = context_.stop();
    how.on_progress = [&](const BulkReport& so_far) {
      state_.message = counted(so_far.done, "job") + " " + plan.done + " ...";
      draw();
      return true;
    };
    const BulkReport report = Bulk{context_.database()}.apply(plan.action, plan.filter, how);
    state_.message = counted(report.done, "job") + " " + plan.done;
    if (report.unchanged > 0) state_.message += ", " + human(report.unchanged) + " in no state for it";
    if (report.conflicts > 0) state_.message += ", " + human(report.conflicts) + " kept away by their unique keys";
    if (report.refused > 0) state_.message += ", " + human(report.refused) + " refused by the database";
    return true;
  }

  Context& context_;
  const TopChoice& choice_;
  Duration interval_;
  Clock& clock_;
  TopReader reader_;
  bool color_;
  TopState state_{};
  TopData data_{};
  std::optional<Planned> plan_{};
  bool trouble_ = false;
};

ExitCode top(Context& context, const TopChoice& choice) {
  const auto interval = parse_duration(choice.interval);
  constexpr Duration shortest = std::chrono::milliseconds(100);
  if (!interval || *interval < shortest || *interval > std::chrono::hours(1)) {
    throw Exit(ExitCode::usage, "--interval takes a time from 100ms to 1h, such as 2s");
  }
  const char* const terminal = std::getenv("TERM");  // NOLINT(concurrency-mt-unsafe): nobody sets it here
  const bool dumb = terminal == nullptr || std::string_view(terminal) == "dumb";
  if (choice.once || dumb || !context.stdout_is_terminal() || context.look().format != Format::table) {
    return one_look(context, choice);
  }
  return Top(context, choice, *interval).run();
}

}  // namespace

void add_top_command(CLI::App& root, Context& context) {
  CLI::App* command = root.add_subcommand("top", "Show queues, workers and failures, live; ? shows its keys");
  const auto choice = std::make_shared<TopChoice>();
  command->add_option("--interval", choice->interval, "Between two looks (default 2s); longer where a look takes long")
      ->type_name("TIME");
  command->add_option("--cap", choice->cap, "Up to which number jobs are counted (default 1000)")
      ->check(CLI::Range(1, 1'000'000))
      ->type_name("N");
  command->add_flag("--once", choice->once, "One look as text; also where standard output is no terminal");
  command->footer("Example:\n  sqlq top --interval 5s");
  context.on(*command, [&context, choice] { return top(context, *choice); });
}

}  // namespace sqlq::tool
