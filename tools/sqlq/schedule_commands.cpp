/// \file
/// schedule: list, show, next, preview. Those that change something are in schedule_changes.cpp.

#include <memory>
#include <string>
#include <vector>

#include "context.hpp"
#include "schedule_records.hpp"
#include "text.hpp"

namespace sqlq::tool {
namespace {

struct WantedTicks {
  std::string what{};  ///< a name, or a rule
  std::string zone = "UTC";
  std::string after{};
  std::size_t count = 5;
};

ExitCode list_schedules(Context& context) {
  const Schedules schedules{context.database()};
  Records out = context.records(schedule_columns(false));
  constexpr std::size_t page = 1000;
  std::string after;
  for (std::size_t read = page; read == page && !context.stop().stop_requested();) {
    const std::vector<ScheduleState> some = schedules.list(after, page);
    for (const ScheduleState& state : some) out.add(schedule_row(state));
    read = some.size();
    if (read > 0) after = some.back().schedule.name;
  }
  out.finish();
  return context.stopped() ? ExitCode::interrupted : ExitCode::ok;
}

ExitCode show_schedule(Context& context, const std::string& name) {
  const Schedules schedules{context.database()};
  context.record(schedule_columns(true), schedule_row(existing_schedule(schedules, name)));
  return ExitCode::ok;
}

ExitCode print_ticks(Context& context, const std::vector<Tick>& ticks, std::size_t wanted) {
  Records out = context.records(tick_columns());
  for (const Tick& tick : ticks) out.add(tick_row(tick));
  out.finish();
  if (ticks.size() < wanted) context.say("there is no later tick");
  return ExitCode::ok;
}

ExitCode next_ticks(Context& context, const WantedTicks& wanted) {
  const Schedules schedules{context.database()};
  const ScheduleState state = existing_schedule(schedules, wanted.what);
  const std::vector<Tick> ticks = schedules.next(wanted.what, wanted.count);
  if (state.paused) context.say("schedule " + schedule_name(wanted.what) + " is paused: none of these will fire");
  return print_ticks(context, ticks, wanted.count);
}

ExitCode preview(Context& context, const WantedTicks& wanted) {
  TimePoint after = context.now();
  if (!wanted.after.empty()) {
    const auto at = parse_time(wanted.after, after);
    if (!at) throw Exit(ExitCode::usage, "--after: a time such as 2026-11-29T16:20:00Z is needed");
    after = *at;
  }
  return print_ticks(context, ticks_after(wanted.what, wanted.zone, after, wanted.count), wanted.count);
}

std::shared_ptr<WantedTicks> ticks_of(CLI::App& command, const char* what, const char* description) {
  const auto wanted = std::make_shared<WantedTicks>();
  command.add_option(what, wanted->what, description)->required();
  command.add_option("-n,--count", wanted->count, "How many")
      ->capture_default_str()
      ->check(CLI::Range(std::size_t{1}, std::size_t{10'000}).description(""))
      ->type_name("N");
  return wanted;
}

}  // namespace

void add_schedule_commands(CLI::App& root, Context& context) {
  CLI::App& schedule = noun(root, "schedule", "Periodic jobs: look at schedules, steer them, make them");

  CLI::App* command = schedule.add_subcommand("list", "List all schedules, with their next ticks");
  command->footer("Example:\n  sqlq schedule list -o json");
  context.on(*command, [&context] { return list_schedules(context); });

  command = schedule.add_subcommand("show", "All about one schedule: rule, policies, counts, the job it enqueues");
  const auto shown = std::make_shared<std::string>();
  command->add_option("schedule", *shown, "Its name")->required();
  command->footer("Example:\n  sqlq schedule show nightly");
  context.on(*command, [&context, shown] { return show_schedule(context, *shown); });

  command = schedule.add_subcommand("next", "Its next ticks");
  command->footer("Example:\n  sqlq schedule next nightly -n 10");
  context.on(*command, [&context, wanted = ticks_of(*command, "schedule", "Its name")] {
    return next_ticks(context, *wanted);
  });

  command = schedule.add_subcommand("preview", "The ticks of a rule, without a database");
  const auto wanted = ticks_of(*command, "rule", "Such as '30 2 * * *', '@daily', '@every 90s'");
  command->add_option("--zone", wanted->zone, "A time zone such as Europe/Berlin")
      ->capture_default_str()
      ->type_name("ZONE");
  command->add_option("--after", wanted->after, "Ticks after this time [now]")->type_name("TIME");
  command->footer("Example:\n  sqlq schedule preview '30 2 * * mon-fri' --zone Europe/Berlin -n 10");
  context.on(*command, [&context, wanted] { return preview(context, *wanted); });
}

}  // namespace sqlq::tool
