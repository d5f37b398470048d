// `prune`: finished jobs that have stayed long enough.

#include <cstdint>
#include <memory>
#include <string>

#include <sqlq/bulk.hpp>

#include "context.hpp"
#include "filter_options.hpp"
#include "text.hpp"

namespace sqlq::tool {
namespace {

ExitCode past_retention(Context& context) {
  if (context.options().dry_run) {
    context.tell("would delete the finished jobs whose retention has passed; how many is known only afterwards",
                 {{"would_delete"}}, {Value()});
    return ExitCode::ok;
  }
  Admin admin = context.admin();
  PurgeReport all;
  while (!context.stop().stop_requested()) {
    const PurgeReport step = admin.purge();
    all.deleted += step.deleted;
    all.kept.insert(all.kept.end(), step.kept.begin(), step.kept.end());
    if (step.deleted == 0) break;
    context.progress(counted(all.deleted, "job") + " deleted");
  }
  context.progress("");
  context.record({{"deleted"}, {"kept"}}, {all.deleted, all.kept.size()});
  constexpr std::size_t shown = 10;
  for (std::size_t i = 0; i < all.kept.size() && i < shown; ++i) {
    context.complain("kept " + all.kept[i].to_string() + ": the database refuses to delete it, because something of "
                     "yours, such as a foreign key, refers to it");
  }
  if (context.stop().stop_requested()) {
    context.complain("interrupted: run the same command again to go on");
    return all.deleted == 0 ? ExitCode::interrupted : ExitCode::partly_done;
  }
  return all.kept.empty() ? ExitCode::ok : ExitCode::partly_done;
}

ExitCode by_filter(Context& context, const FilterOptions& options, std::uint64_t limit) {
  JobFilter filter = options.filter(context.now());
  for (const JobState state : filter.states) {
    if (!is_finished(state)) {
      throw Exit(ExitCode::usage, "prune deletes finished jobs: --state takes success, errored and cancelled, not " +
                                      std::string(to_string(state)) + "; `sqlq job cancel` ends the others");
    }
  }
  if (filter.states.empty()) filter.states = {JobState::success, JobState::errored, JobState::cancelled};
  Bulk bulk{context.database()};
  CappedCount count = bulk.preview(filter, 1'000'000, 0).count;
  if (limit > 0 && limit < count.value) count = {.value = limit, .capped = false};
  const std::string jobs = counted(count.value, "finished job", count.capped);
  if (context.options().dry_run) {
    context.record({{"would_delete"}}, {Value::Count{count.value, count.capped}});
    return ExitCode::ok;
  }
  if (count.value > 0 && !context.confirm("Delete " + jobs + " with their logs and histories?")) {
    context.say("nothing was deleted");
    return ExitCode::failed;
  }
  BulkOptions how;
  if (limit > 0) how.limit = limit;
  how.stop = context.stop();
  how.on_progress = [&](const BulkReport& so_far) {
    context.progress(human(so_far.done) + " of " + jobs + " deleted");
    return true;
  };
  const BulkReport report = bulk.apply(BulkAction::erase(), filter, how);
  context.progress("");
  context.record({{"deleted"}, {"kept"}}, {report.done, report.refused});
  for (const JobId& id : report.refused_ids) {
    context.complain("kept " + id.to_string() + ": the database refuses to delete it, because something of yours, such "
                     "as a foreign key, refers to it");
  }
  if (report.next && (limit == 0 || report.seen < limit)) {
    context.complain("interrupted: run the same command again to go on");
    return report.done == 0 ? ExitCode::interrupted : ExitCode::partly_done;
  }
  return report.refused == 0 ? ExitCode::ok : ExitCode::partly_done;
}

}  // namespace

void add_prune_command(CLI::App& root, Context& context) {
  CLI::App* command = root.add_subcommand(
      "prune", "Delete finished jobs: those past their retention, or those that a filter chooses");
  command->footer("Example:\n  sqlq prune --state success --older 7d\n\n"
                  "Without a filter it does what every worker does each sweep. With one, such as --state success "
                  "--older 7d, the retention does not count.");
  const std::shared_ptr<FilterOptions> filter = add_filter_options(*command, false);
  const auto limit = std::make_shared<std::uint64_t>(0);
  command->add_option("--limit", *limit, "With a filter: stop after about so many jobs, the newest first")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 62).description(""))
      ->type_name("N")
      ->group("Filter");
  context.on(*command, [&context, filter, limit] {
    if (!filter->empty()) return by_filter(context, *filter, *limit);
    if (*limit == 0) return past_retention(context);
    throw Exit(ExitCode::usage, "--limit needs a filter, such as --older 7d: without one, all that is past its "
                                "retention goes");
  });
}

}  // namespace sqlq::tool
