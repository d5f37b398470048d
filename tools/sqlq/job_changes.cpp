#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <sqlq/stop_token.hpp>

#include "context.hpp"
#include "filter_options.hpp"
#include "job_change.hpp"
#include "text.hpp"

namespace sqlq::tool {

namespace {

using States = std::vector<JobState>;

const States& finished_states() {
  static const auto& states = *new States{JobState::success, JobState::errored, JobState::cancelled};
  return states;
}

const States& waiting_states() {
  static const auto& states = *new States{JobState::pending, JobState::scheduled, JobState::waiting};
  return states;
}

const States& held_states() {
  static const auto& states = *new States{JobState::running, JobState::cancelling};
  return states;
}

/// What was said on the command line.
struct Chosen {
  std::shared_ptr<FilterOptions> filter{};
  bool all = false;
  std::string before{};
  std::uint64_t limit = 0;  ///< 0: not given
  std::string to{};         ///< move
  int priority = 0;         ///< priority
  bool errored = false;     ///< take-away
};

// ------------------------------------------------------------------------------------------------- what it does

/// With `one` for single jobs, or through Bulk where Admin has no such call.
Change by_bulk(Context& context, std::string verb, const BulkAction& action, const States& states,
               std::function<Answer(JobId)> one = {}) {
  const auto many = [&context, action](const JobFilter& filter, const BulkOptions& options) {
    return Bulk(context.database()).apply(action, filter, options);
  };
  if (!one) {
    one = [many](JobId id) {
      JobFilter filter;
      filter.ids = {id};
      return answer(many(filter, {}));
    };
  }
  return {std::move(verb), states, states, std::move(one), many, {}};
}

Change retry(Context& context, const Chosen&) {
  Change change = by_bulk(context, "retry", BulkAction::retry(), finished_states(),
                          [&context](JobId id) { return answer(context.admin().requeue(id)); });
  change.states = {JobState::errored};  // what went well, or was stopped, is run again only when somebody says so
  return change;
}

Change cancel(Context& context, const Chosen&) {
  States live = waiting_states();
  live.push_back(JobState::running);
  Change change = by_bulk(context, "cancel", BulkAction::cancel(), live,
                          [&context](JobId id) { return answer(context.admin().cancel(id)); });
  change.possible.push_back(JobState::cancelling);
  return change;
}

Change erase(Context& context, const Chosen&) {
  return by_bulk(context, "delete", BulkAction::erase(), finished_states(),
                 [&context](JobId id) { return answer(context.admin().erase(id)); });
}

Change run_now(Context& context, const Chosen&) {
  return by_bulk(context, "run-now", BulkAction::run_now(), {JobState::scheduled, JobState::waiting},
                 [&context](JobId id) { return answer(context.admin().run_now(id)); });
}

Change move(Context& context, const Chosen& given) {
  Change change = by_bulk(context, "move", BulkAction::move(given.to), waiting_states());
  change.words = "--to " + shell_word(given.to);
  return change;
}

Change set_priority(Context& context, const Chosen& given) {
  Change change = by_bulk(context, "priority", BulkAction::set_priority(given.priority), waiting_states());
  change.words = std::to_string(given.priority);
  return change;
}

Change take_away(Context& context, const Chosen& given) {
  const AfterTaking then = given.errored ? AfterTaking::errored : AfterTaking::pending;
  return {"take-away", held_states(), held_states(),
          [&context, then](JobId id) { return answer(context.admin().take_away(id, then)); },
          [&context, then](const JobFilter& filter, const BulkOptions& options) {
            return take_away_all(context.admin(), filter, then, options);
          },
          given.errored ? "--errored" : ""};
}

// ------------------------------------------------------------------------------------------------- one by one

Answer tried(const Change& change, JobId id) {
  try {
    return change.one(id);
  } catch (const Error& e) {
    if (e.code() != Errc::refused) throw;
    return {Answer::Sort::conflict, "refused", e.what()};
  }
}

/// What `change` would answer.
Answer looked_at(Context& context, const Change& change, JobId id) {
  const std::optional<Job> job = context.admin().find(id);
  if (!job) return {Answer::Sort::not_found, "not_found", {}};
  const bool possible = std::find(change.possible.begin(), change.possible.end(), job->state) != change.possible.end();
  if (possible) return {Answer::Sort::done, "would_" + change.verb, {}};
  return {Answer::Sort::conflict, std::string(to_string(job->state)), {}};
}

ExitCode change_each(Context& context, const Change& change, const std::vector<JobId>& ids) {
  const sqlq::stop_token stop = context.stop();
  Records records = context.records({{"id", Column::left, Column::whole}, {"answer"}, {"why"}});
  std::vector<Answer> answers;
  try {
    for (const JobId id : ids) {
      if (stop.stop_requested()) break;
      answers.push_back(context.options().dry_run ? looked_at(context, change, id) : tried(change, id));
      const Answer& last = answers.back();
      records.add({id.to_string(), last.word, last.why.empty() ? Value() : Value(last.why)});
    }
  } catch (...) {
    records.finish();  // what was done is told
    throw;
  }
  records.finish();
  if (answers.size() == ids.size()) {
    return context.ended(tally_of(answers), "job", "the answers say why; 'sqlq explain ID' says more of each");
  }
  context.complain("interrupted after " + human(answers.size()) + " of " + counted(ids.size(), "job"));
  return answers.empty() ? ExitCode::interrupted : ExitCode::partly_done;
}

// ------------------------------------------------------------------------------------------------- by a filter

void print_report(Context& context, const Change& change, const BulkReport& report) {
  nlohmann::json refused = nlohmann::json::array();
  for (const JobId id : report.refused_ids) refused.push_back(id.to_string());
  const auto number = [](std::uint64_t value) { return Value(static_cast<std::int64_t>(value)); };
  context.record({{"action"}, {"seen"}, {"done"}, {"unchanged"}, {"conflicts"}, {"refused"},
                  {"refused_ids", Column::left, Column::in_data}, {"next"}},
                 {change.verb, number(report.seen), number(report.done), number(report.unchanged),
                  number(report.conflicts), number(report.refused), Value::Json{refused.dump()},
                  report.next ? Value(report.next->to_string()) : Value()});
  context.out().flush();  // before what is said about it
}

void show_preview(Context& context, const Change& change, const BulkPreview& preview) {
  context.say(change.verb + ": " + jobs_text(preview.count) +
              (preview.sample.empty() ? "" : preview.count.value > preview.sample.size() ? ", of which these" : ""));
  for (const Job& job : preview.sample) {
    context.say("  " + job.id.to_string() + "  " + job.queue + "  " + job.kind + "  " +
                std::string(to_string(job.state)));
  }
}

/// The command that does the rest.
std::string going_on(const Context& context, const Change& change, const Chosen& given, TimePoint began,
                     const BulkReport& report) {
  std::string line = "sqlq job " + change.verb;
  const auto add = [&line](const std::string& words) {
    if (!words.empty()) line += " " + words;
  };
  add(change.words);
  add(given.filter->words(began));
  if (given.all) add("--all");
  if (report.next) add("--before " + report.next->to_string());
  if (given.limit > report.seen) add("--limit " + std::to_string(given.limit - report.seen));
  add(context.same_database());
  add("--yes");
  return line;
}

/// The filter changes nothing but jobs in a state for it, so that the count before is that of what will be changed.
JobFilter filter_of(const Change& change, const Chosen& given, TimePoint now) {
  JobFilter filter = given.filter->filter(now);
  if (filter.states.empty()) filter.states = change.states;
  return filter;
}

/// What a call that is stopped by --limit, or goes on at --before, changes of these. Only the number below --before is
/// not known.
BulkPreview part_of(BulkPreview all, const BulkOptions& options) {
  if (options.before) std::erase_if(all.sample, [&](const Job& job) { return !(job.id < *options.before); });
  if (options.limit < all.count.value) {
    all.count = {options.limit, false};
    all.sample.resize(std::min<std::size_t>(all.sample.size(), static_cast<std::size_t>(options.limit)));
  }
  return all;
}

ExitCode change_many(Context& context, const Change& change, const Chosen& given) {
  if (given.filter->empty() && !given.all) {
    throw Exit(ExitCode::usage, "job " + change.verb + " needs ids or a filter; --all means all jobs");
  }
  const TimePoint began = context.now();
  const JobFilter filter = filter_of(change, given, began);
  BulkOptions options;
  if (!given.before.empty()) options.before = read_id(given.before, "--before");
  if (given.limit > 0) options.limit = given.limit;
  const BulkPreview preview = part_of(Bulk(context.database()).preview(filter), options);
  if (context.options().dry_run) {
    show_preview(context, change, preview);
    context.record({{"action"}, {"dry_run"}, {"count"}},
                   {change.verb, true, Value::Count{preview.count.value, preview.count.capped}});
    return ExitCode::ok;
  }
  if (!context.options().yes && preview.count.value > 0) {
    show_preview(context, change, preview);
    if (!context.confirm(change.verb + " " + jobs_text(preview.count) + "?")) {
      context.complain("nothing was changed");
      return context.stop().stop_requested() ? ExitCode::interrupted : ExitCode::failed;
    }
  }

  const auto clock = system_clock();
  const SteadyPoint start = clock->steady();
  BulkReport report;
  options.stop = context.stop();
  options.on_progress = [&](const BulkReport& now) {
    report = now;
    if (!now.next) return true;
    context.progress(change.verb + ": " + progress_text(now, preview.count, clock->steady() - start));
    return true;
  };
  try {
    report = change.many(filter, options);
  } catch (const Error& e) {
    context.progress({});
    if (report.seen == 0) throw;
    print_report(context, change, report);
    throw Exit(ExitCode::partly_done, summary(change.verb, report) + ", then: " + e.what() + "; go on with: " +
                                          going_on(context, change, given, began, report));
  }
  context.progress({});
  print_report(context, change, report);
  context.say(summary(change.verb, report));
  if (!report.next) return code_of(report);
  const bool as_asked = given.limit > 0 && report.seen >= given.limit;
  context.complain("go on with: " + going_on(context, change, given, began, report));
  if (!as_asked) return report.seen == 0 ? ExitCode::interrupted : ExitCode::partly_done;
  report.next.reset();
  return code_of(report);
}

// ------------------------------------------------------------------------------------------------- command line

using Make = Change (*)(Context&, const Chosen&);

CLI::App& add_change(CLI::App& job, Context& context, const std::string& name, const std::string& what,
                     const std::string& example, Make make, const std::shared_ptr<Chosen>& given,
                     const std::function<void(CLI::App&)>& before_ids = {}) {
  CLI::App& command = *job.add_subcommand(name, what);
  if (before_ids) before_ids(command);
  given->filter = add_filter_options(command, true);
  command.add_flag("--all", given->all, "All jobs, without a filter")->group("Filter");
  command.add_option("--before", given->before, "Go on below this id")->group("Filter");
  command.add_option("--limit", given->limit, "Stop after about so many jobs")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 62).description(""))
      ->type_name("N")
      ->group("Filter");
  command.footer("Examples:\n  sqlq job " + example + "\n  sqlq job " + name +
                 (name == "priority" ? " 1" : name == "move" ? " --to other" : "") +
                 " 019ad0c5-7f3a-7c1e-9a55-0f6b2d1c8e47");
  context.on(command, [&context, make, given] {
    const Change change = make(context, *given);
    const bool each =
        given->filter->only_ids() && !given->filter->empty() && given->before.empty() && given->limit == 0;
    if (!each) return change_many(context, change, *given);
    return change_each(context, change, given->filter->filter(context.now()).ids);
  });
  return command;
}

}  // namespace

void add_job_changes(CLI::App& root, Context& context) {
  CLI::App& job = noun(root, "job", "Look at jobs, steer them, enqueue them");
  add_change(job, context, "retry", "Run finished jobs again; by a filter: errored ones unless --state says others",
             "retry --queue mail --error 'timed out'", retry, std::make_shared<Chosen>());
  add_change(job, context, "cancel", "End waiting jobs, and ask running ones to stop",
             "cancel --kind report --older 1d", cancel, std::make_shared<Chosen>());
  add_change(job, context, "delete", "Delete finished jobs with their histories and logs",
             "delete --state cancelled --older 30d --yes", erase, std::make_shared<Chosen>());
  add_change(job, context, "run-now", "Make scheduled jobs due", "run-now --queue mail", run_now,
             std::make_shared<Chosen>());

  const auto moving = std::make_shared<Chosen>();
  add_change(job, context, "move", "Move jobs that wait to another queue", "move --to slow --kind report", move, moving)
      .add_option("--to", moving->to, "The queue, which is made if there is none")
      ->required();

  const auto ranking = std::make_shared<Chosen>();
  add_change(job, context, "priority", "Set the priority of jobs that wait: lower numbers come first",
             "priority 1 --key order-42", set_priority, ranking, [ranking](CLI::App& command) {
               command.add_option("number", ranking->priority, "The priority")->required();
             });

  const auto taking = std::make_shared<Chosen>();
  add_change(job, context, "take-away", "Take running jobs away from their workers, to be run again",
             "take-away --queue mail --older 1h --dry-run", take_away, taking)
      .add_flag("--errored", taking->errored, "They end as errored instead");
}

}  // namespace sqlq::tool
