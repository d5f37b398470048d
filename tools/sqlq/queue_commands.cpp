/// \file
/// queue: list, show, create, delete, pause, resume, limit, priority, purge.

#include <charconv>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include <fmt/format.h>

#include "context.hpp"
#include "text.hpp"

namespace sqlq::tool {
namespace {

using Names = std::vector<std::string>;

std::string named(const std::string& name) { return "'" + printable(name) + "'"; }

Value limit_of(const Queue& queue) {
  return queue.concurrency ? Value(static_cast<std::int64_t>(*queue.concurrency)) : Value();
}

Queue existing(const Admin& admin, const std::string& name) {
  auto queue = admin.queue(name);
  if (!queue) throw Exit(ExitCode::not_found, "there is no queue " + named(name));
  return *std::move(queue);
}

/// A number, or "none".
std::optional<std::uint32_t> limit(const std::string& text) {
  if (text == "none") return std::nullopt;
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) {
    throw Exit(ExitCode::usage, "a limit is a number, 0 or more, or none: not " + named(text));
  }
  return value;
}

ExitCode list(Context& context) {
  const Admin admin = context.admin();
  Records out = context.records({{"queue"},
                                 {"priority", Column::right},
                                 {"limit", Column::right},
                                 {"paused"},
                                 {"created_at"},
                                 {"description"}});
  constexpr std::size_t page = 1000;
  std::string after;
  for (std::size_t read = page; read == page;) {
    const std::vector<Queue> queues = admin.queues(after, page);
    for (const Queue& queue : queues) {
      out.add({queue.name, queue.priority, limit_of(queue), queue.paused, queue.created_at, queue.description});
    }
    read = queues.size();
    if (read > 0) after = queues.back().name;
  }
  out.finish();
  return ExitCode::ok;
}

ExitCode show(Context& context, const std::string& name) {
  const std::optional<QueueStats> found = context.admin().stats(name);
  if (!found) throw Exit(ExitCode::not_found, "there is no queue " + named(name));
  const Queue& queue = found->queue;
  std::vector<Column> columns{{"queue"},  {"description"}, {"priority"}, {"limit"},
                              {"paused"}, {"created_at"},  {"oldest_due"}};
  std::vector<Value> row{queue.name,   queue.description, queue.priority,   limit_of(queue),
                         queue.paused, queue.created_at,  found->oldest_due};
  for (const auto& [state, count] : found->counts) {
    columns.push_back({std::string(to_string(state))});
    row.emplace_back(Value::Count{count.value, count.capped});
  }
  context.record(columns, row);
  return ExitCode::ok;
}

/// Does one thing to each of the queues that are there. `would` is what it does, for a dry run.
ExitCode to_each(Context& context, const Names& names, const std::string& done,
                 const std::function<void(Admin&, const std::string&)>& change,
                 const std::function<void(Queue&)>& would) {
  Admin admin = context.admin();
  const bool dry = context.options().dry_run;
  Tally tally{.things = names.size()};
  Told told(context, names.size(), {{"queue"}, {"priority"}, {"limit"}, {"paused"}});
  for (const std::string& name : names) {
    const bool there = admin.queue(name).has_value();
    if (there && !dry) change(admin, name);
    std::optional<Queue> found = there ? admin.queue(name) : std::nullopt;
    if (!found) {
      ++tally.unknown;
      context.complain("there is no queue " + named(name));
      continue;
    }
    ++tally.done;
    Queue& now = *found;
    if (dry) would(now);
    told.add((dry ? "would be: " : "") + ("queue " + named(name)) + " " + done,
             {now.name, now.priority, limit_of(now), now.paused});
  }
  return context.ended(tally, "queue");
}

/// What was said on the command line; the rest stays as it is.
struct Settings {
  std::optional<std::string> description{};
  std::optional<std::string> limit{};
  std::optional<int> priority{};
};

ExitCode create(Context& context, const std::string& name, const Settings& settings) {
  Admin admin = context.admin();
  const std::optional<Queue> there = admin.queue(name);
  QueueOptions options;
  if (there) options = {there->description, there->concurrency, there->priority};
  if (settings.description) options.description = *settings.description;
  if (settings.limit) options.concurrency = limit(*settings.limit);
  if (settings.priority) options.priority = *settings.priority;
  if (!context.options().dry_run) admin.create_queue(name, options);
  const std::string what = there ? "queue " + named(name) + " was there, and has these settings now"
                                 : "made queue " + named(name);
  context.tell((context.options().dry_run ? "would be: " : "") + what, {{"queue"}, {"created"}}, {name, !there});
  return ExitCode::ok;
}

ExitCode remove(Context& context, const std::string& name, const DeleteQueueOptions& options) {
  Admin admin = context.admin();
  static_cast<void>(existing(admin, name));
  std::string with;
  if (options.waiting) with += ", after its waiting jobs were cancelled";
  if (options.finished) with += ", with its finished jobs";
  if (context.options().dry_run) {
    context.tell("would delete queue " + named(name) + with, {{"queue"}, {"status"}}, {name, "dry_run"});
    return ExitCode::ok;
  }
  if (!with.empty() && !context.confirm("Delete queue " + named(name) + with + "?")) return context.declined();
  const DeleteQueueStatus status = admin.delete_queue(name, options);
  if (status == DeleteQueueStatus::not_empty) {
    throw Exit(ExitCode::conflict, "queue " + named(name) + " stays: it has jobs that run, or that --finished and "
                                   "--waiting were not given for");
  }
  if (status == DeleteQueueStatus::not_found) throw Exit(ExitCode::not_found, "there is no queue " + named(name));
  context.tell("deleted queue " + named(name) + with, {{"queue"}, {"status"}}, {name, to_string(status)});
  return ExitCode::ok;
}

JobFilter finished_jobs(Context& context, const std::string& queue, const Names& states, const std::string& older) {
  JobFilter filter{.queues = {queue}};
  for (const std::string& state : states) filter.states.push_back(parse_job_state(state));
  if (states.empty()) filter.states = {JobState::success, JobState::errored, JobState::cancelled};
  if (!older.empty()) {
    const auto age = parse_duration(older);
    if (!age) throw Exit(ExitCode::usage, "--older is a time such as 7d or 12h: not " + named(older));
    filter.created_before = OptionalTime(saturating_add(context.now(), -*age));
  }
  return filter;
}

ExitCode purge(Context& context, const std::string& name, const Names& states, const std::string& older) {
  static_cast<void>(existing(context.admin(), name));
  const JobFilter filter = finished_jobs(context, name, states, older);
  Bulk bulk{context.database()};
  const CappedCount count = bulk.preview(filter, 10'000, 0).count;
  const std::string jobs = counted(count.value, "finished job", count.capped);
  const std::vector<Column> columns{{"queue"}, {"deleted"}, {"refused"}, {"complete"}};
  if (context.options().dry_run) {
    context.tell("would delete " + jobs + " of queue " + named(name), {{"queue"}, {"would_delete"}},
                 {name, Value::Count{count.value, count.capped}});
    return ExitCode::ok;
  }
  if (count.value == 0) {
    context.tell("queue " + named(name) + " has no such job", columns, {name, 0, 0, true});
    return ExitCode::ok;
  }
  if (!context.confirm("Delete " + jobs + " of queue " + named(name) + ", with logs and histories?")) {
    return context.declined();
  }
  const BulkOptions options{.on_progress =
                                [&](const BulkReport& so_far) {
                                  if (so_far.next) context.progress("deleted " + counted(so_far.done, "job"));
                                  return true;
                                },
                            .stop = context.stop()};
  const BulkReport report = bulk.apply(BulkAction::erase(), filter, options);
  context.progress({});
  std::string sentence = "deleted " + counted(report.done, "job") + " of queue " + named(name);
  if (report.refused > 0) {
    sentence += "; the database refuses to delete " + human(report.refused) + " others, the first of them " +
                report.refused_ids.front().to_string();
  }
  if (report.next) sentence += "; interrupted: the same command goes on";
  context.tell(sentence, columns,
               {name, static_cast<std::int64_t>(report.done), static_cast<std::int64_t>(report.refused), !report.next});
  if (report.next && report.seen == 0) return ExitCode::interrupted;
  return report.next || report.refused > 0 ? ExitCode::partly_done : ExitCode::ok;
}

void add_changes(CLI::App& queue, Context& context) {
  const auto add = [&](const char* verb, const char* description, const char* example) {
    CLI::App* const command = queue.add_subcommand(verb, description);
    command->footer(std::string("Example:\n  sqlq queue ") + verb + " " + example);
    return command;
  };
  const auto names = [](CLI::App* command) {
    const auto values = std::make_shared<Names>();
    command->add_option("queue", *values, "Names of queues")->required()->type_name("QUEUE");
    return values;
  };
  const auto name = [](CLI::App* command) {
    const auto value = std::make_shared<std::string>();
    command->add_option("queue", *value, "Name of the queue")->required()->type_name("QUEUE");
    return value;
  };

  CLI::App* command = add("pause", "Let no worker claim jobs of these queues; running jobs go on", "mail sms");
  context.on(*command, [&context, queues = names(command)] {
    return to_each(context, *queues, "is paused", [](Admin& admin, const std::string& it) { admin.pause(it); },
                   [](Queue& one) { one.paused = true; });
  });
  command = add("resume", "Undo pause", "mail");
  context.on(*command, [&context, queues = names(command)] {
    return to_each(context, *queues, "goes on", [](Admin& admin, const std::string& it) { admin.resume(it); },
                   [](Queue& one) { one.paused = false; });
  });

  command = add("limit", "Set how many of its jobs run at once, over all workers", "mail 4");
  const auto limited = name(command);
  const auto most = std::make_shared<std::string>();
  command->add_option("limit", *most, "A number; 0: none may run; none: no limit")->required()->type_name("N");
  context.on(*command, [&context, limited, most] {
    const auto wanted = limit(*most);
    return to_each(context, {*limited}, "has the limit " + *most,
                   [&](Admin& admin, const std::string& it) { admin.set_concurrency(it, wanted); },
                   [&](Queue& one) { one.concurrency = wanted; });
  });

  command = add("priority", "Set its priority: queues with lower numbers go first", "mail 0");
  const auto ranked = name(command);
  const auto rank = std::make_shared<int>();
  command->add_option("priority", *rank, "A number; queues are made with 1")->required()->type_name("N");
  context.on(*command, [&context, ranked, rank] {
    return to_each(context, {*ranked}, "has the priority " + std::to_string(*rank),
                   [&](Admin& admin, const std::string& it) { admin.set_priority(it, *rank); },
                   [&](Queue& one) { one.priority = *rank; });
  });

  command = add("create", "Make the queue, or give it these settings if it is there", "mail --limit 4");
  const auto made = name(command);
  const auto settings = std::make_shared<Settings>();
  const auto set = [command](const char* option, auto& value, const char* what, const char* type) {
    command->add_option_function<typename std::decay_t<decltype(value)>::value_type>(
               option, [&value](const auto& given) { value = given; }, what)
        ->type_name(type);
  };
  set("--description", settings->description, "A text for people", "TEXT");
  set("--limit", settings->limit, "How many of its jobs run at once [none]", "N");
  set("--priority", settings->priority, "Lower numbers are claimed first [1]", "N");
  context.on(*command, [&context, made, settings] { return create(context, *made, *settings); });

  command = add("delete", "Forget the queue; asks if jobs go with it", "mail --finished");
  const auto gone = name(command);
  const auto with = std::make_shared<DeleteQueueOptions>();
  command->add_flag("--finished", with->finished, "Delete its finished jobs, with logs and histories");
  command->add_flag("--waiting", with->waiting, "Cancel its pending, scheduled and waiting jobs first");
  context.on(*command, [&context, gone, with] { return remove(context, *gone, *with); });

  command = add("purge", "Delete finished jobs of the queue; asks", "mail --state success --older 7d");
  const auto purged = name(command);
  const auto states = std::make_shared<Names>();
  const auto older = std::make_shared<std::string>();
  command->add_option("--state", *states, "Only of these states [all finished ones]")
      ->type_name("STATE")
      ->delimiter(',')
      ->check(CLI::IsMember(Names{"success", "errored", "cancelled"}));
  command->add_option("--older", *older, "Only jobs that were enqueued longer ago, as 7d")->type_name("TIME");
  context.on(*command, [&context, purged, states, older] { return purge(context, *purged, *states, *older); });
}

}  // namespace

void add_queue_commands(CLI::App& root, Context& context) {
  CLI::App& queue = noun(root, "queue", "Queues: look at them, pause, limit, empty them");

  CLI::App* command = queue.add_subcommand("list", "List all queues with their settings; 'sqlq stats' has their jobs");
  command->footer("Example:\n  sqlq queue list -o json");
  context.on(*command, [&context] { return list(context); });

  command = queue.add_subcommand("show", "Show one queue: settings, jobs by state, the one that waits longest");
  const auto shown = std::make_shared<std::string>();
  command->add_option("queue", *shown, "Name of the queue")->required()->type_name("QUEUE");
  command->footer("Example:\n  sqlq queue show mail");
  context.on(*command, [&context, shown] { return show(context, *shown); });

  add_changes(queue, context);
}

}  // namespace sqlq::tool
