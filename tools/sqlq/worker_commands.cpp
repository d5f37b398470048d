/// \file
/// worker: list, drain.

#include <memory>
#include <string>
#include <vector>

#include "context.hpp"
#include "text.hpp"

namespace sqlq::tool {
namespace {

Value names_json(const std::vector<std::string>& names) {
  return Value::Json{nlohmann::json(names).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)};
}

std::string lines_of(const std::vector<std::string>& names, const std::string& none) {
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ",") + name;
  return all.empty() ? none : all;
}

ExitCode list_workers(Context& context) {
  const Admin admin = context.admin();
  const bool table = context.options().format == Format::table;
  Records out = context.records({{"worker"},
                                 {"id", Column::left, Column::in_data},
                                 {"host"},
                                 {"pid", Column::right},
                                 {"version"},
                                 {"queues"},
                                 {"kinds"},
                                 {"busy", Column::right},
                                 {"slots", Column::right},
                                 {"started_at"},
                                 {"seen_at"},
                                 {"draining"}});
  constexpr std::size_t page = 1000;
  WorkerInfo after;
  for (std::size_t read = page; read == page;) {
    const std::vector<WorkerInfo> workers = admin.workers(after, page);
    for (const WorkerInfo& worker : workers) {
      out.add({worker.name, std::to_string(worker.id), worker.host, worker.pid, worker.version,
               table ? Value(lines_of(worker.queues, "all")) : names_json(worker.queues),
               table ? Value(lines_of(worker.kinds, "all")) : names_json(worker.kinds),
               static_cast<std::int64_t>(worker.busy), static_cast<std::int64_t>(worker.concurrency),
               worker.started_at, worker.seen_at, worker.draining});
    }
    read = workers.size();
    if (read > 0) after = workers.back();
  }
  out.finish();
  if (table && out.count() == 0) context.say("no worker is there");
  return ExitCode::ok;
}

bool is_listed(const Admin& admin, const std::string& name) {
  constexpr std::size_t page = 1000;
  WorkerInfo after;
  for (std::size_t read = page; read == page;) {
    const std::vector<WorkerInfo> workers = admin.workers(after, page);
    for (const WorkerInfo& worker : workers) {
      if (worker.name == name) return true;
    }
    read = workers.size();
    if (read > 0) after = workers.back();
  }
  return false;
}

ExitCode drain(Context& context, const std::vector<std::string>& names, bool undo) {
  Admin admin = context.admin();
  Tally tally{.things = names.size()};
  Told told(context, names.size(), {{"worker"}, {"draining"}});
  for (const std::string& name : names) {
    const bool done = context.options().dry_run ? is_listed(admin, name) : admin.drain(name, !undo);
    if (!done) {
      ++tally.unknown;
      context.complain("there is no worker '" + name + "'; 'sqlq worker list' shows all");
      continue;
    }
    ++tally.done;
    const std::string what = undo ? " claims jobs again" : " ends what it has, and claims nothing more within 15 s";
    told.add((context.options().dry_run ? "would be: worker '" : "worker '") + name + "'" + what, {name, !undo});
  }
  return context.ended(tally, "worker");
}

}  // namespace

void add_worker_commands(CLI::App& root, Context& context) {
  CLI::App& worker = noun(root, "worker", "Workers: who is there, and taking them out of work");

  CLI::App* command = worker.add_subcommand("list", "List the workers that run, what they work, how busy they are");
  command->footer("Example:\n  sqlq worker list\n\n"
                  "A worker that was killed is listed until it was not seen for 90 s.");
  context.on(*command, [&context] { return list_workers(context); });

  command = worker.add_subcommand("drain", "Let these workers end what they have and claim nothing more");
  const auto names = std::make_shared<std::vector<std::string>>();
  const auto undo = std::make_shared<bool>();
  command->add_option("worker", *names, "Names of workers")->required()->type_name("WORKER");
  command->add_flag("--undo", *undo, "Let them claim again");
  command->footer("Example:\n  sqlq worker drain web-1 && sqlq worker drain web-1 --undo");
  context.on(*command, [&context, names, undo] { return drain(context, *names, *undo); });
}

}  // namespace sqlq::tool
