/// \file
/// schedule: set, pause, resume, run, backfill, remove.

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "context.hpp"
#include "enqueue_line.hpp"
#include "filter_options.hpp"
#include "json_argument.hpp"
#include "schedule_records.hpp"
#include "text.hpp"

namespace sqlq::tool {
namespace {

using Names = std::vector<std::string>;

TimePoint time_in(Context& context, const std::string& text, const std::string& option) {
  const auto at = parse_time(text, context.now());
  if (!at) throw Exit(ExitCode::usage, option + ": a time such as 2026-11-29T16:20:00Z is needed");
  return *at;
}

// ------------------------------------------------------------------------------------------------- set

/// What was said on the command line; the rest stays as it is.
struct ScheduleSettings {
  std::string name{};
  std::optional<std::string> rule{}, zone{}, kind{}, params{}, queue{}, missed{}, overlap{}, grace{}, jitter{}, start{},
      end{}, unique_key{}, key{}, timeout{}, retention{};
  std::optional<int> priority{}, max_attempts{};
  std::optional<std::size_t> most_missed{};
};

void set_job(Context& context, NewJob& job, const ScheduleSettings& given) {
  EnqueueOptions& options = job.options;
  if (given.kind) job.kind = *given.kind;
  if (given.params) job.params = json_argument(context, *given.params);
  if (given.queue) options.queue = *given.queue;
  if (given.priority) options.priority = *given.priority;
  if (given.max_attempts) options.max_attempts = *given.max_attempts;
  if (given.unique_key) options.unique_key = *given.unique_key;
  if (given.key) options.key = *given.key;
  if (given.timeout) options.timeout = read_duration(*given.timeout, "--timeout");
  if (given.retention) options.retention = retention_of(*given.retention);
}

Schedule wanted(Context& context, const std::optional<ScheduleState>& there, const ScheduleSettings& given) {
  Schedule schedule{.job = {.kind = {}, .params = "{}"}};
  const bool readable = there && !there->schedule.rule.empty();
  if (readable) {
    schedule = there->schedule;
  } else if (!given.rule || !given.kind) {
    const std::string name = "schedule " + schedule_name(given.name);
    throw Exit(ExitCode::usage, there ? name + " cannot be read: it is made anew, which needs --rule and --kind"
                                      : "there is no " + name + " yet: a new one needs --rule and --kind");
  }
  schedule.name = given.name;
  set_job(context, schedule.job, given);
  if (given.rule) schedule.rule = *given.rule;
  if (given.zone) schedule.zone = *given.zone;
  if (given.missed) schedule.missed = missed_of(*given.missed);
  if (given.most_missed) schedule.most_missed = *given.most_missed;
  if (given.grace) schedule.grace = read_duration(*given.grace, "--grace");
  if (given.overlap) schedule.overlap = overlap_of(*given.overlap);
  if (given.jitter) schedule.jitter = read_duration(*given.jitter, "--jitter");
  const auto set_time = [&](OptionalTime& time, const std::optional<std::string>& text, const char* option) {
    if (text) time = *text == "none" ? OptionalTime() : OptionalTime(time_in(context, *text, option));
  };
  set_time(schedule.start, given.start, "--start");
  set_time(schedule.end, given.end, "--end");
  return schedule;
}

/// Of a schedule that would begin now; null also where an interval is counted from its start.
Value first_tick(Context& context, const Schedule& schedule) {
  if (schedule.start && schedule.rule.starts_with("@every")) return {};
  const TimePoint before = saturating_add(schedule.start.value_or(TimePoint::min()), Duration(-1));
  const std::vector<Tick> ticks = ticks_after(schedule.rule, schedule.zone, std::max(context.now(), before), 1);
  const bool ended = ticks.empty() || (schedule.end && ticks.front().at > *schedule.end);
  return ended ? Value() : Value(ticks.front().at);
}

ExitCode set_schedule(Context& context, const ScheduleSettings& given) {
  Schedules schedules{context.database()};
  const std::optional<ScheduleState> there = schedules.find(given.name);
  const Schedule schedule = wanted(context, there, given);
  const std::vector<Column> columns{{"schedule"}, {"status"}, {"next"}};
  const std::string name = "schedule " + schedule_name(given.name);
  if (context.options().dry_run) {
    const SyncStatus status = schedules.preview({schedule}).front();
    const bool same = status == SyncStatus::unchanged;
    const char* const would = status == SyncStatus::added ? "add" : "change";
    context.tell((same ? "would leave as it is: " : std::string("would ") + would + " ") + name, columns,
                 {given.name, same ? "unchanged" : std::string("would_") + would, first_tick(context, schedule)});
    return ExitCode::ok;
  }
  const SyncStatus status = schedules.sync({schedule}).front();
  const std::optional<ScheduleState> now = schedules.find(given.name);
  std::string stands;
  if (now) stands = now->next ? ", next tick " + utc(*now->next) : now->paused ? ", paused" : ", no later tick";
  context.tell(name + " was " + std::string(to_string(status)) + stands, columns,
               {given.name, to_string(status), now ? Value(now->next) : Value()});
  return ExitCode::ok;
}

// ------------------------------------------------------------------------------------------------- pause, remove

/// Each name once, in the order given.
Names each_once(const Names& names) {
  Names once;
  for (const std::string& name : names) {
    if (std::ranges::find(once, name) == once.end()) once.push_back(name);
  }
  return once;
}

void complain_unknown(Context& context, const std::string& name) {
  context.complain("there is no schedule " + schedule_name(name));
}

/// Does one thing to each of the schedules that are there.
ExitCode to_schedules(Context& context, const Names& names, const std::string& done, bool paused,
                      const std::function<bool(Schedules&, const std::string&)>& change) {
  Schedules schedules{context.database()};
  const bool dry = context.options().dry_run;
  Tally tally{.things = names.size()};
  Told told(context, names.size(), {{"schedule"}, {"paused"}, {"next"}});
  for (const std::string& name : names) {
    const bool there = dry || change(schedules, name);
    const std::optional<ScheduleState> now = there ? schedules.find(name) : std::nullopt;
    if (!now) {
      ++tally.unknown;
      complain_unknown(context, name);
      continue;
    }
    ++tally.done;
    told.add((dry ? "would be: " : "") + ("schedule " + schedule_name(name)) + " " + done,
             {name, dry ? paused : now->paused, dry ? Value() : Value(now->next)});
  }
  return context.ended(tally, "schedule");
}

ExitCode remove_schedules(Context& context, const Names& names) {
  Schedules schedules{context.database()};
  Names there;
  for (const std::string& name : names) {
    if (schedules.find(name)) {
      there.push_back(name);
    } else {
      complain_unknown(context, name);
    }
  }
  if (there.empty()) return ExitCode::not_found;
  const bool dry = context.options().dry_run;
  const std::string what = there.size() == 1 ? "schedule " + schedule_name(there.front())
                                             : counted(there.size(), "schedule");
  if (!dry && !context.confirm("Remove " + what + "? The jobs stay.")) return context.declined();
  Told told(context, names.size(), {{"schedule"}, {"status"}});
  for (const std::string& name : there) {
    if (!dry) static_cast<void>(schedules.remove(name));
    told.add((dry ? "would remove schedule " : "removed schedule ") + schedule_name(name),
             {name, dry ? "dry_run" : "removed"});
  }
  return context.ended({names.size(), there.size(), names.size() - there.size()}, "schedule");
}

// ------------------------------------------------------------------------------------------------- run, backfill

ExitCode run_schedules(Context& context, const Names& names) {
  Schedules schedules{context.database()};
  const bool table = context.options().format == Format::table;
  Tally tally{.things = names.size()};
  Told told(context, names.size(), {{"schedule"}, {"id"}, {"status"}});
  for (const std::string& name : names) {
    if (context.options().dry_run && schedules.find(name)) {
      ++tally.done;
      context.say("would enqueue the job of schedule " + schedule_name(name));
      continue;
    }
    const std::optional<Enqueued> job = context.options().dry_run ? std::nullopt : schedules.run_now(name);
    if (!job) {
      ++tally.unknown;
      complain_unknown(context, name);
      continue;
    }
    if (table) {
      context.out() << job->id.to_string() << '\n';
    } else {
      told.add({}, {name, job->id.to_string(), to_string(job->status)});
    }
    if (job->inserted()) {
      ++tally.done;
    } else {
      context.say(std::string(to_string(job->status)) + ": a live job has the unique key; nothing was stored");
    }
  }
  return context.ended(tally, "schedule");
}

struct TickRange {
  std::string name{};
  std::string from{};
  std::string to{};
};

constexpr std::size_t most_ticks = 10'000;

/// How many ticks are in [from, to). Not known of an interval, which is counted from the first `sync`.
std::optional<CappedCount> ticks_in(const Schedule& schedule, TimePoint from, TimePoint to) {
  if (schedule.rule.starts_with("@every")) return std::nullopt;
  const TimePoint first = std::max(from, schedule.start.value_or(from));
  const std::vector<Tick> ticks =
      ticks_after(schedule.rule, schedule.zone, saturating_add(first, Duration(-1)), most_ticks + 1);
  const auto n = static_cast<std::size_t>(std::count_if(ticks.begin(), ticks.end(), [&](const Tick& tick) {
    return tick.at < to && (!schedule.end || tick.at <= *schedule.end);
  }));
  return CappedCount{std::min(n, most_ticks), n > most_ticks};
}

ExitCode backfill(Context& context, const TickRange& range) {
  const TimePoint from = time_in(context, range.from, "--from");
  const TimePoint to = range.to.empty() ? context.now() : time_in(context, range.to, "--to");
  if (to <= from) throw Exit(ExitCode::usage, "--to must be later than --from");
  Schedules schedules{context.database()};
  const ScheduleState state = existing_schedule(schedules, range.name);
  const std::optional<CappedCount> ticks = ticks_in(state.schedule, from, to);
  const std::string number = ticks ? counted(ticks->value, "tick", ticks->capped) : "all ticks";
  const std::string what = "of schedule " + schedule_name(range.name) + " from " + utc(from) + " to " + utc(to);
  if (context.options().dry_run) {
    context.tell("would enqueue the jobs of " + number + " " + what, {{"schedule"}, {"would_enqueue"}},
                 {range.name, ticks ? Value(Value::Count{ticks->value, ticks->capped}) : Value()});
    return ExitCode::ok;
  }
  const bool none = ticks && ticks->value == 0;
  if (!none && !context.confirm("Enqueue the jobs of " + number + " " + what + "?")) return context.declined();
  const std::vector<Enqueued> jobs = schedules.backfill(range.name, from, to);
  const auto stored = static_cast<std::size_t>(std::count_if(jobs.begin(), jobs.end(), [](const Enqueued& job) {
    return job.inserted();
  }));
  const std::size_t existing = jobs.size() - stored;
  context.tell("enqueued " + counted(stored, "job") + " " + what +
                   (existing == 0 ? "" : "; " + human(existing) + " were there already"),
               {{"schedule"}, {"ticks"}, {"enqueued"}, {"existing"}}, {range.name, jobs.size(), stored, existing});
  return ExitCode::ok;
}

// ------------------------------------------------------------------------------------------------- command line

void add_set(CLI::App& command, Context& context) {
  const auto given = std::make_shared<ScheduleSettings>();
  command.add_option("schedule", given->name, "Its name")->required();
  const auto text = [&command](const char* option, std::optional<std::string>& value, const char* what,
                               const char* type) {
    return command.add_option(option, value, what)->type_name(type);
  };
  text("--rule", given->rule, "When: '30 2 * * *', '@daily', '@every 90s'", "RULE");
  text("--zone", given->zone, "The time zone of the rule, such as Europe/Berlin [UTC]", "ZONE");
  text("--kind", given->kind, "The kind of the job that each tick enqueues", "KIND");
  text("--params", given->params, "Its params: JSON text, @FILE, or - for standard input [{}]", "JSON");
  text("--queue", given->queue, "Its queue [default]", "QUEUE");
  command.add_option("--priority", given->priority, "Its priority: lower numbers come first [10]")->type_name("N");
  command.add_option("--max-attempts", given->max_attempts, "How often it may be tried [25]")->type_name("N");
  text("--key", given->key, "Whose jobs they are, for limits by key", "KEY");
  text("--unique-key", given->unique_key, "A tick enqueues nothing while a live job has this key", "KEY");
  text("--timeout", given->timeout, "Longest run of one attempt", "TIME");
  text("--retention", given->retention, "How long a finished job stays; or unlimited", "TIME");
  text("--missed", given->missed, "Ticks that nobody fired in time: the latest fires, none, or all [one]", "POLICY")
      ->check(CLI::IsMember(words_of_missed()));
  command.add_option("--most-missed", given->most_missed, "With --missed all: at most so many of them [100]")
      ->type_name("N");
  text("--grace", given->grace, "With --missed skip: a tick may be so late [1m]", "TIME");
  text("--overlap", given->overlap, "At a tick when the last job has not finished [skip]", "POLICY")
      ->check(CLI::IsMember(words_of_overlap()));
  text("--jitter", given->jitter, "Each job is delayed at random by up to this", "TIME");
  text("--start", given->start, "No tick before this time; none: no limit", "TIME");
  text("--end", given->end, "No tick after this time; none: no limit", "TIME");
  command.footer("Example:\n  sqlq schedule set nightly --rule '30 2 * * *' --zone Europe/Berlin --kind cleanup\n\n"
                 "Of a schedule that is there, only what is said changes.");
  context.on(command, [&context, given] { return set_schedule(context, *given); });
}

std::shared_ptr<Names> names_of(CLI::App& command) {
  const auto values = std::make_shared<Names>();
  command.add_option("schedule", *values, "Names of schedules")->required()->type_name("NAME");
  return values;
}

}  // namespace

void add_schedule_changes(CLI::App& root, Context& context) {
  CLI::App& schedule = noun(root, "schedule", "Periodic jobs: look at schedules, steer them, make them");
  const auto add = [&](const char* verb, const char* description, const char* example) -> CLI::App& {
    CLI::App* const command = schedule.add_subcommand(verb, description);
    command->footer(std::string("Example:\n  sqlq schedule ") + verb + " " + example);
    return *command;
  };

  add_set(*schedule.add_subcommand("set", "Make the schedule, or change it if it is there"), context);

  CLI::App& pausing = add("pause", "Let these schedules fire no more until resume, also when they are set again",
                          "nightly poll");
  context.on(pausing, [&context, names = names_of(pausing)] {
    return to_schedules(context, each_once(*names), "is paused", true,
                        [](Schedules& all, const std::string& name) { return all.pause(name); });
  });

  CLI::App& resuming = add("resume", "Undo pause: goes on with the first tick after now", "nightly");
  context.on(resuming, [&context, names = names_of(resuming)] {
    return to_schedules(context, each_once(*names), "goes on", false,
                        [](Schedules& all, const std::string& name) { return all.resume(name); });
  });

  CLI::App& running = add("run", "Enqueue the jobs of these schedules now, and print the ids", "nightly");
  context.on(running, [&context, names = names_of(running)] { return run_schedules(context, each_once(*names)); });

  CLI::App& filling = add("backfill", "Enqueue a job for each tick of the past, fired or not; asks. Again: nothing",
                          "nightly --from 2026-11-01 --to 2026-11-08");
  const auto range = std::make_shared<TickRange>();
  filling.add_option("schedule", range->name, "Its name")->required();
  filling.add_option("--from", range->from, "From this time on: 2026-11-01 (UTC), -7d")->required()->type_name("TIME");
  filling.add_option("--to", range->to, "Before this time [now]")->type_name("TIME");
  context.on(filling, [&context, range] { return backfill(context, *range); });

  CLI::App& removing = add("remove", "Forget these schedules; asks. Jobs that they have enqueued stay", "poll");
  context.on(removing, [&context, names = names_of(removing)] { return remove_schedules(context, each_once(*names)); });
}

}  // namespace sqlq::tool
