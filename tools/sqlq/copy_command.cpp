#include "copy_command.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <utility>
#include <vector>

#include <sqlq/bulk.hpp>
#include <sqlq/migrator.hpp>

#include "comparison.hpp"
#include "pace.hpp"
#include "text.hpp"

namespace sqlq::tool {
namespace {

/// Jobs that wait go here before they are cancelled and deleted: a paused queue, from which nobody claims them any
/// more, and which a later call finds when this one was killed in between.
const std::string parking_queue = "sqlq-moved-away";
constexpr std::uint64_t most_counted = 1'000'000;
const BulkOptions at_once{.share = 1.0};

struct CopyChoice {
  TransferChoice transfer{};
  std::string from{}, to{}, from_file{}, to_file{};
  bool migrate = false, move = false, live = false, no_verify = false;
};

std::string first_line_of(const std::string& file, const std::string& option) {
  std::ifstream in(file);
  std::string line;
  if (!std::getline(in, line) || line.empty()) {
    throw Exit(ExitCode::usage, option + ": cannot read a URL from the first line of " + printable(file));
  }
  if (line.back() == '\r') line.pop_back();
  return line;
}

Database open_side(Context& context, const std::string& url, const std::string& file, const char* variable,
                   const std::string& option, bool create) {
  if (!url.empty() && !file.empty()) {
    throw Exit(ExitCode::usage, option + " and " + option + "-file exclude each other");
  }
  if (!url.empty()) return context.open(url, option, create);
  if (!file.empty()) return context.open(first_line_of(file, option + "-file"), option + "-file", create);
  const char* set = std::getenv(variable);
  if (set != nullptr && *set != '\0') return context.open(set, variable, create);
  throw Exit(ExitCode::usage, "which database? Say " + option + " URL, " + option + "-file FILE, or set " + variable);
}

std::vector<std::string> workers_of(const Database& db) {
  std::vector<std::string> names;
  try {
    for (const WorkerInfo& worker : Admin{db}.workers()) names.push_back(worker.name);
  } catch (const Error& error) {
    if (error.code() != Errc::configuration) throw;  // a backend without a list of workers
  }
  return names;
}

std::string some_of(const std::vector<std::string>& names) {
  constexpr std::size_t shown = 5;
  std::string text;
  for (std::size_t i = 0; i < names.size() && i < shown; ++i) text += (i > 0 ? ", " : "") + printable(names[i]);
  return names.size() > shown ? text + ", ..." : text.empty() ? "none now" : text;
}

class Copy {
 public:
  Copy(Context& context, const CopyChoice& choice)
      : context_(context), choice_(choice), how_(choice.transfer.options(context)) {
    if (choice.move && choice.no_verify) {
      throw Exit(ExitCode::usage, "--move deletes only what was verified: it excludes --no-verify");
    }
    source_.emplace(open_side(context, choice.from, choice.from_file, "SQLQ_FROM_URL", "--from", false));
    const bool create = choice.migrate && !context.options().dry_run;
    target_.emplace(open_side(context, choice.to, choice.to_file, "SQLQ_TO_URL", "--to", create));
  }

  ExitCode run() {
    make_ready(*source_, false, "--from");
    total_ = quick_count(*source_, how_.filter);
    if (context_.options().dry_run) return only_tell();
    workers_ = workers_of(*source_);
    if (choice_.move && !workers_.empty() && !choice_.live) {
      throw Exit(ExitCode::conflict,
                 "workers of the source are listed: " + some_of(workers_) + "; stop them (one that was killed is "
                 "listed for 90 s), or take --live and expect that some jobs run on both sides");
    }
    if (!context_.confirm(question())) {
      context_.say("nothing was copied");
      return ExitCode::failed;
    }
    how_.stop = context_.stop();
    make_ready(*target_, choice_.migrate, "--to");
    if (choice_.move) {
      if (same_database(*source_, *target_)) {
        throw Exit(ExitCode::usage, "--from and --to are the same database: --move would delete its jobs");
      }
      empty_parking_of_a_killed_call();
    }
    const Pace pace(how_.after ? std::nullopt : total_);
    how_.on_progress = [&](const TransferReport& so_far) {
      context_.progress("copying: " + pace.line(so_far.jobs));
      return true;
    };
    report_ = copy_jobs(*source_, *target_, how_);
    context_.progress("");
    if (report_.next) {
      tell();
      return tell_interruption(context_, report_);
    }
    if (!choice_.no_verify) verify();
    if (choice_.move && verified_ && compared_.whole) move();
    tell();
    return outcome();
  }

 private:
  ExitCode only_tell() {
    const CappedCount count = total_ ? CappedCount{*total_, false}
                                     : Bulk{*source_}.preview(how_.filter, most_counted, 0).count;
    context_.record({{"from"}, {"to"}, {"would_copy"}},
                    {source_->description(), target_->description(), Value::Count{count.value, count.capped}});
    return ExitCode::ok;
  }

  /// Queues that are copied and whose keys have settings.
  std::vector<std::string> with_key_limits() const {
    constexpr std::size_t most_keys = 1000;
    std::vector<std::string> limited;
    if (!how_.queues) return limited;
    const Admin admin{*source_};
    for (const Queue& queue : admin.queues()) {
      const auto& meant = how_.filter.queues;
      if (!meant.empty() && std::ranges::find(meant, queue.name) == meant.end()) continue;
      const auto has_own = [](const KeyStatus& key) { return key.own.has_value(); };
      const bool some = admin.key_limits(queue.name) != KeyLimits{} ||
                        std::ranges::any_of(admin.keys(queue.name, {}, most_keys), has_own);
      if (some) limited.push_back(queue.name);
    }
    return limited;
  }

  std::string question() const {
    CappedCount count{total_.value_or(0), false};
    if (!total_ && !context_.options().yes) count = Bulk{*source_}.preview(how_.filter, 10'000, 0).count;
    return std::string(choice_.move ? "Move " : "Copy ") + counted(count.value, "job", count.capped) + " from " +
           printable(source_->description()) + " to " + printable(target_->description()) +
           (choice_.move ? ", and delete them at the source?" : "?");
  }

  void verify() {
    context_.progress("verifying: reading the source");
    const TransferSum here = sum_of_jobs(*source_, how_.filter, context_.stop());
    context_.progress("verifying: reading the target");
    const TransferSum there = sum_of_jobs(*target_, how_.filter, context_.stop());
    if (context_.stop().stop_requested()) {
      compared_.whole = false;
      context_.progress("");
      return;
    }
    if (here.jobs == there.jobs && here.checksum == there.checksum && there.held == 0) {
      context_.progress("");
      compared_.same = here.jobs;
      compared_.held = here.held;
      verified_ = true;
      context_.say("verified: both sides have the same " + counted(here.jobs, "job") + ", checksum " + here.checksum);
      return;
    }
    const Pace pace(here.jobs);
    compared_ = compare_jobs(*source_, *target_, how_.filter, context_.stop(),
                             [&](const Comparison& so_far, const std::vector<JobId>&) {
                               context_.progress("verifying job by job: " +
                                                 pace.line(so_far.same + so_far.missing + so_far.different));
                             });
    context_.progress("");
    verified_ = compared_.whole && compared_.different == 0 && compared_.missing == 0;
    if (verified_) {
      context_.say("verified: all that the source has, " + counted(compared_.same, "job") + ", is the same in the "
                   "target, which has jobs of its own (" + counted(there.jobs + there.held, "job") +
                   " there fit the filter): the jobs were compared one by one");
    }
  }

  void move() {
    Bulk bulk{*source_};
    const Pace pace(compared_.same);
    // Once more: only what is the same at this moment goes, a few hundred at a time.
    const Comparison at_last = compare_jobs(
        *source_, *target_, how_.filter, context_.stop(), [&](const Comparison&, const std::vector<JobId>& same) {
          if (same.empty()) return;
          make_parking();  // each time: another call that moves may have deleted it
          moved_ += bulk.apply(BulkAction::move(parking_queue),
                               {.ids = same, .states = {JobState::pending, JobState::scheduled, JobState::waiting}},
                               at_once).done;
          moved_ += bulk.apply(BulkAction::erase(),
                               {.ids = same, .states = {JobState::success, JobState::errored, JobState::cancelled}},
                               at_once).done;
          context_.progress("deleting at the source: " + pace.line(moved_));
        });
    context_.progress("");
    compared_.whole = at_last.whole;
    compared_.held += at_last.held;
    const std::uint64_t left = empty_parking();
    if (left > 0) {
      context_.complain(human(left) + " jobs in the queue " + parking_queue + " of the source were not deleted: "
                        "another call is moving them to another target, or something of yours, such as a foreign key, "
                        "refers to them");
    }
  }

  void make_parking() {
    Admin admin{*source_};
    admin.create_queue(parking_queue, {.description = "Jobs that `sqlq copy --move` has copied, on their way out"});
    admin.pause(parking_queue);
  }

  /// Before anything is copied: what another target has, but not this one, is nobody's to delete.
  void empty_parking_of_a_killed_call() {
    const std::uint64_t left = empty_parking();
    if (left == 0) return;
    throw Exit(ExitCode::conflict,
               human(left) + " jobs in the queue " + parking_queue + " of the source were moved away by another call, "
               "and are not in this target, or cannot be deleted. If that call still runs, wait for it. If it was "
               "killed, name its target; or, where that is gone, put them back with `sqlq job move --queue " +
               parking_queue + " --to QUEUE`. Nothing was copied");
  }

  /// Deletes what is parked and is in the target, where it was verified when it was parked; how many jobs are left.
  std::uint64_t empty_parking() {
    Admin admin{*source_};
    if (!admin.queue(parking_queue)) return 0;
    Bulk bulk{*source_};
    const JobFilter parked{.queues = {parking_queue}};
    for_those_in_both(*source_, *target_, parked, [&](const std::vector<JobId>& ids) {
      const JobFilter those{.ids = ids, .queues = {parking_queue}};
      static_cast<void>(bulk.apply(BulkAction::cancel(), those, at_once));
      static_cast<void>(bulk.apply(BulkAction::erase(), those, at_once));
    });
    if (admin.delete_queue(parking_queue) != DeleteQueueStatus::not_empty) return 0;
    return bulk.preview(parked, most_counted, 0).count.value;
  }

  void tell() const {
    const bool checked = !choice_.no_verify && compared_.whole && !report_.next;
    context_.record({{"from"}, {"to"}, {"queues"}, {"jobs"}, {"stored"}, {"existing"}, {"conflicts"}, {"refused"},
                     {"held"}, {"checksum"}, {"verified"}, {"missing"}, {"different"}, {"moved"}},
                    {source_->description(), target_->description(), report_.queues,
                     report_.jobs, report_.stored, report_.existing,
                     report_.conflicts, report_.refused, report_.held,
                     report_.checksum, checked ? Value{verified_} : Value{},
                     checked ? Value{compared_.missing} : Value{},
                     checked ? Value{compared_.different} : Value{},
                     choice_.move ? Value{moved_} : Value{}});
  }

  /// Some of those that run now; they may have ended since they were counted.
  std::vector<std::string> held_now() const {
    JobFilter held = how_.filter;
    held.states = {JobState::running, JobState::cancelling};
    std::vector<std::string> ids;
    for (const Job& job : Admin{*source_}.list_step(held, {.before = {}, .limit = 6, .payloads = false}).jobs) {
      ids.push_back(job.id.to_string());
    }
    return ids;
  }

  ExitCode outcome() const {
    tell_problems(context_, report_);
    const std::uint64_t not_taken = report_.conflicts + report_.refused;
    const std::uint64_t came = compared_.missing > not_taken ? compared_.missing - not_taken : 0;
    if (const auto limited = with_key_limits(); !limited.empty()) {
      context_.complain("limits by key are not copied, of the queues " + some_of(limited) +
                        ": set them in the target before workers run there (`sqlq queue limit-keys`)");
    }
    if (!workers_.empty()) context_.complain("the source is live: workers " + some_of(workers_) + " are listed");
    if (report_.held > 0) {
      context_.complain("left in the source, for they run: " + counted(report_.held, "job") + ": " +
                        some_of(held_now()) +
                        "; run the same command again when they have ended");
    }
    if (came > 0) {
      context_.complain("came to the source meanwhile: " + counted(came, "job") + "; run the same command again to "
                        "take what came");
    }
    if (compared_.different > 0) {
      std::vector<std::string> ids;
      for (const JobId& id : compared_.examples) ids.push_back(id.to_string());
      context_.complain("not the same on both sides: " + counted(compared_.different, "job") + ": " + some_of(ids) +
                        ". "
                        "Workers of one side have changed them since they were copied, or they differed before; jobs "
                        "that are there are never changed. Stop the workers of both sides; to take the source's state, "
                        "cancel and delete these jobs in the target and copy again");
    }
    if (!compared_.whole) {
      context_.complain("interrupted: run the same command again to go on");
      return ExitCode::partly_done;
    }
    if (choice_.move && !verified_) {
      context_.complain("nothing was deleted at the source, for not all is in the target");
    }
    if (compared_.different > 0) return ExitCode::failed;
    return not_taken + came + report_.held > 0 ? ExitCode::partly_done : ExitCode::ok;
  }

  Context& context_;
  const CopyChoice& choice_;
  TransferOptions how_;
  std::optional<Database> source_{}, target_{};
  std::optional<std::uint64_t> total_{};
  std::vector<std::string> workers_{};
  TransferReport report_{};
  Comparison compared_{};
  bool verified_ = false;
  std::uint64_t moved_ = 0;
};

}  // namespace

void TransferChoice::add_to(CLI::App& command) {
  filter = add_filter_options(command, false);
  command.add_option("--after", after, "Only jobs with greater ids: what an interrupted call said")->type_name("ID");
  command.add_flag("--no-queues", no_queues, "Without the settings of queues");
}

TransferOptions TransferChoice::options(Context& context) const {
  TransferOptions options;
  options.filter = filter->filter(context.now());
  options.queues = !no_queues;
  if (!after.empty()) {
    options.after = JobId::parse(after);
    if (!options.after) throw Exit(ExitCode::usage, "--after: this is no id of a job: " + printable(after));
  }
  return options;
}

std::optional<std::uint64_t> quick_count(const Database& db, const JobFilter& filter) {
  const bool simple = filter.ids.empty() && filter.kinds.empty() && filter.unique_key.empty() && !filter.created_from &&
                      !filter.created_before && filter.error.empty() && !filter.lowest_priority &&
                      !filter.highest_priority;
  if (!simple) return {};
  std::vector<std::string> queues = filter.queues;
  if (queues.empty()) queues.emplace_back();  // all
  std::uint64_t total = 0;
  for (const std::string& queue : queues) {
    for (const auto& [state, count] : Admin{db}.counts(queue, most_counted)) {
      if (state == JobState::running || state == JobState::cancelling) continue;
      bool wanted = filter.states.empty();
      for (const JobState one : filter.states) wanted = wanted || one == state;
      if (!wanted) continue;
      if (count.capped) return {};
      total += count.value;
    }
  }
  return total;
}

void tell_problems(Context& context, const TransferReport& report) {
  for (const TransferProblem& problem : report.problems) {
    context.complain("not stored: " + problem.id.to_string() + ": " + printable(problem.why));
  }
  const std::uint64_t all = report.conflicts + report.refused;
  if (all > report.problems.size()) context.complain("and " + human(all - report.problems.size()) + " more");
}

ExitCode tell_interruption(Context& context, const TransferReport& report) {
  tell_problems(context, report);
  context.complain("interrupted: run the same command again to go on (jobs that are there are skipped); it is quicker "
                   "with --after " + report.next->to_string());
  return report.jobs == 0 ? ExitCode::interrupted : ExitCode::partly_done;
}

void make_ready(const Database& db, bool migrate, const std::string& what) {
  if (migrate) db.migrate();
  const MigrationStatus status = Migrator{db}.status();
  if (!status.problem.empty()) throw Exit(ExitCode::schema, what + ": " + printable(status.problem));
  if (status.current < status.latest) {
    throw Exit(ExitCode::schema,
               what + ": the schema is " + (status.current == 0 ? "not there yet" : "at " +
               std::to_string(status.current) + ", and this program needs " + std::to_string(status.latest)) +
               (what == "--to" ? "; take --migrate, or run `sqlq schema up` there" : "; run `sqlq schema up` there"));
  }
}

void add_copy_command(CLI::App& root, Context& context) {
  CLI::App* command = root.add_subcommand(
      "copy", "Copy or move jobs to another database: with histories, logs, results, unique keys, queue settings");
  const auto choice = std::make_shared<CopyChoice>();
  command->add_option("--from", choice->from, "The source; else SQLQ_FROM_URL")->type_name("URL");
  command->add_option("--to", choice->to, "The target; else SQLQ_TO_URL")->type_name("URL");
  command->add_option("--from-file", choice->from_file, "The source is the first line of this file")->type_name("FILE");
  command->add_option("--to-file", choice->to_file, "The target is the first line of this file")->type_name("FILE");
  choice->transfer.add_to(*command);
  command->add_flag("--migrate", choice->migrate, "Make or update the tables of the target first");
  command->add_flag("--move", choice->move, "Delete at the source what was copied and verified; never jobs that run");
  command->add_flag("--live", choice->live, "With --move: although workers of the source are listed");
  command->add_flag("--no-verify", choice->no_verify, "Do not read both sides again at the end to compare them");
  command->footer("Example:\n  sqlq copy --from sqlite://jobs.db --to postgresql://localhost/app --migrate --yes\n\n"
                  "May be interrupted and repeated: jobs that are there by their id are skipped. Stop producers and "
                  "workers of the source first; with a live source it says what is left for a second pass.");
  context.on(*command, [&context, choice] { return Copy(context, *choice).run(); });
}

}  // namespace sqlq::tool
