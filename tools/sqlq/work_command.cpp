// `work`: any program is a handler.

#include <cerrno>
#include <csignal>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <utility>

#include <sqlq/stop_token.hpp>

#include "command_runner.hpp"
#include "context.hpp"
#include "filter_options.hpp"
#include "job_command.hpp"
#include "text.hpp"
#include "work_left.hpp"

namespace sqlq::tool {
namespace {

using namespace std::chrono_literals;

struct WorkOptions {
  std::vector<std::string> queues{}, kinds{}, words{};
  unsigned concurrency = 1;
  bool once = false, drain = false, verbose = false;
  std::uint64_t max_jobs = 0;
  std::string idle_exit{}, grace = "10s", stop_wait = "10s", name{};
};

Duration time_of(const std::string& option, const std::string& text) {
  const auto time = parse_duration(text);
  if (!time) throw Exit(ExitCode::usage, option + " takes a time such as 10s or 5m, not '" + text + "'");
  return *time;
}

/// Whether the system refused a process for want of descriptors, processes or memory.
bool is_want(int error) {
  return error == EMFILE || error == ENFILE || error == EAGAIN || error == ENOMEM;
}

/// One run of the command line's worker. Handlers are called on many threads.
class Work {
 public:
  Work(Context& context, const WorkOptions& options)
      : context_(context),
        options_(options),
        grace_(time_of("--grace", options.grace)),
        stop_wait_(time_of("--stop-wait", options.stop_wait)),
        file_(find_program(options.words.front())),
        stop_(context.stop()) {
    if (!options.idle_exit.empty()) idle_exit_ = time_of("--idle-exit", options.idle_exit);
    if (file_.empty()) {
      throw Exit(ExitCode::usage, "there is no program '" + options.words.front() + "' that can be run");
    }
  }

  ExitCode run() {
    left_.emplace(context_.admin(), options_.queues, options_.kinds);
    if (context_.options().dry_run) return say_what_it_would();
    const auto began = std::chrono::steady_clock::now();
    Worker worker(context_.database(), handlers(), worker_options());
    worker.start();
    wait_for_the_end(worker);
    const WorkerStats stats = worker.stop({.limit = stop_wait_ + grace_ + 20s, .drain = stop_wait_});
    guard_.reset();
    const auto took = std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - began);
    tell_summary(stats, took);
    return code_of(stats);
  }

 private:
  [[nodiscard]] bool has_goal() const { return options_.once || options_.drain; }
  [[nodiscard]] std::uint64_t most_jobs() const { return options_.once ? 1 : options_.max_jobs; }

  ExitCode say_what_it_would() {
    context_.say("would run " + file_ + " for " + (left_->due() ? "jobs that are due" : "no job: none is due"));
    return ExitCode::ok;
  }

  Handlers handlers() {
    Handlers table;
    const auto handler = [this](JobContext& job) { return handle(job); };
    if (options_.kinds.empty()) table.on_any(handler);
    for (const std::string& kind : options_.kinds) table.on(kind, handler);
    return table;
  }

  WorkerOptions worker_options() {
    WorkerOptions options;
    options.queues = options_.queues;
    options.concurrency = options_.once ? 1 : options_.concurrency;
    options.grace = grace_ + 10s;  // so that it leaves no handler that is about to kill its command
    options.name = options_.name;
    options.max_jobs = most_jobs();
    options.on_event = [this](const WorkerEvent& event) {
      if (event.level == WorkerEvent::Level::info && !options_.verbose) return;
      const std::lock_guard lock(printing_);
      context_.complain((event.job ? "job " + event.job->to_string() + ": " : std::string()) + event.message);
    };
    return options;
  }

  Outcome handle(JobContext& job) {
    const std::string id = job.id().to_string();
    const PayloadLimits& limits = context_.database().limits();
    const CommandInput input{.standard_input = job.job().params,
                             .most_output = limits.max_bytes + 64,  // and the space around it
                             .on_line =
                                 [&](std::string_view line) {
                                   job.log().info(line);
                                   if (!options_.verbose) return;
                                   const std::lock_guard lock(printing_);
                                   context_.complain("job " + id + ": " + std::string(line));
                                 },
                             .stop = job.stop_token(),
                             .grace = grace_};
    CommandEnd end;
    try {
      end = run_command({file_, options_.words, environment_of(job.job())}, input, *guard_);
    } catch (const std::system_error& error) {
      if (error.code().value() == EPIPE) return guard_is_gone();
      if (is_want(error.code().value())) return for_who_has_room(error.code().message());
      return Outcome::error("cannot run " + file_ + ": " + error.code().message());
    }
    Meaning meaning = meaning_of(std::move(end), limits);
    if (meaning.result.empty()) return std::move(meaning.outcome);
    try {
      job.set_result(std::string_view(meaning.result));
    } catch (const Error& error) {  // the database takes less than the limit
      return Outcome::error(std::string("exit status 0, but its standard output is no result: ") + error.what());
    }
    return std::move(meaning.outcome);
  }

  // The job has not begun, for this process or its host lacks something: no fault of the job's.
  Outcome for_who_has_room(const std::string& why) {
    if (!told_of_want_.exchange(true)) {
      const std::lock_guard lock(printing_);
      context_.complain("cannot start as many commands as -j " + std::to_string(options_.concurrency) + " says: " + why
                        + "; such jobs are put off for a second and not charged");
    }
    return Outcome::snooze(1s);
  }

  // The job has not begun: it is for another worker.
  Outcome guard_is_gone() {
    guard_gone_ = true;
    return Outcome::snooze(1s);
  }

  void wait_for_the_end(Worker& worker) {
    std::mutex mutex;
    std::condition_variable_any changed;
    std::unique_lock lock(mutex);
    Duration nap = 10ms;
    std::uint64_t claimed = 0;
    auto busy_at = std::chrono::steady_clock::now();
    while (!stop_.stop_requested() && !guard_gone_) {
      const WorkerStats stats = worker.stats();
      const bool idle = stats.claimed == stats.ended();
      if (stats.claimed != std::exchange(claimed, stats.claimed)) nap = 10ms;
      if (most_jobs() > 0 && stats.ended() >= most_jobs()) return;
      if (!idle || nap == 10ms) busy_at = std::chrono::steady_clock::now();
      if (idle && has_goal() && (stats.draining || reached(worker, stats.claimed))) return;
      if (idle && idle_exit_ && std::chrono::steady_clock::now() - busy_at >= *idle_exit_) return;
      changed.wait_for(lock, stop_, nap, [] { return false; });
      nap = std::min<Duration>(nap * 2, 500ms);
    }
    interrupted_ = stop_.stop_requested();
  }

  /// --once: there is no job to run. --drain: nor does one run anywhere that may come back.
  bool reached(Worker& worker, std::uint64_t claimed) {
    const bool nothing = options_.once ? !left_->due() : !left_->due_or_running();
    const WorkerStats now = worker.stats();
    return nothing && now.busy == 0 && now.claimed == claimed && now.ended() == claimed;
  }

  void tell_summary(const WorkerStats& stats, Duration took) {
    std::string line = counted(stats.ended(), "job") + ": " + human(stats.succeeded) +
                       " succeeded";
    const auto add = [&](std::uint64_t count, const char* what) {
      if (count > 0) line += ", " + human(count) + " " + what;
    };
    add(stats.failed, "failed");
    add(stats.discarded, "discarded");
    add(stats.snoozed, "put off");
    add(stats.cancelled, "cancelled");
    add(stats.released, "given back");
    add(stats.lost, "lost to others");
    add(stats.abandoned, "left behind");
    const std::lock_guard lock(printing_);
    context_.say(line + "; " + human(took));
    for (const std::string& why : left_->shut_queues()) context_.say(why);
    if (guard_gone_) context_.complain("the process that guards the commands has ended: start this worker again");
  }

  [[nodiscard]] ExitCode code_of(const WorkerStats& stats) const {
    if (guard_gone_ || stats.abandoned > 0) return ExitCode::failed;
    if (options_.once) {
      if (stats.ended() == stats.released) return interrupted_ ? ExitCode::interrupted : ExitCode::not_found;
      return stats.succeeded == 1 ? ExitCode::ok : ExitCode::job_failed;
    }
    const bool has_end = options_.drain || options_.max_jobs > 0 || idle_exit_;
    return interrupted_ && has_end ? ExitCode::partly_done : ExitCode::ok;
  }

  Context& context_;
  const WorkOptions& options_;
  const Duration grace_;
  const Duration stop_wait_;
  std::optional<Duration> idle_exit_{};
  const std::string file_;
  const sqlq::stop_token stop_;
  std::optional<WorkLeft> left_{};
  std::optional<ProcessGuard> guard_{std::in_place};
  std::mutex printing_{};
  std::atomic<bool> guard_gone_{false};
  std::atomic<bool> told_of_want_{false};
  bool interrupted_ = false;
};

}  // namespace

void add_work_command(CLI::App& root, Context& context) {
  CLI::App* const command = root.add_subcommand("work", "Run a command for each job");
  command->footer(
      "Example:\n  sqlq work --queue mail -j 4 -- ./send-mail\n\n"
      "The command gets the job's parameters (JSON) on standard input and its facts in SQLQ_JOB_ID, SQLQ_JOB_KIND and "
      "others. What it prints is the result (JSON, or nothing), its standard error is the job's log. Exit status 0 is "
      "success, 65 an end without a retry; all others, as 75, and signals are retried while attempts are left.");
  const auto options = std::make_shared<WorkOptions>();
  const auto list = [&](const char* name, std::vector<std::string>& into, const char* what, const char* type) {
    return command->add_option(name, into, what)->type_name(type)->allow_extra_args(false);
  };
  list("--queue", options->queues, "Queues to work; several times, or with commas", "QUEUE")->required();
  list("--kind", options->kinds, "Only jobs of these kinds [all]", "KIND");
  command->add_option("-j,--jobs", options->concurrency, "Commands at once, 1 to 4096 [1]")
      ->type_name("N")
      ->check(CLI::Range(1U, 4096U));
  CLI::Option* const once = command->add_flag(
      "--once", options->once, "Run one job: exit code 0, 9 when it failed, 5 when none was due");
  CLI::Option* const drain = command->add_flag(
      "--drain", options->drain, "End when no job of these queues is due or runs; those due later stay");
  command->add_option("--max-jobs", options->max_jobs, "End after so many jobs")
      ->type_name("N")
      ->check(CLI::Range(std::uint64_t{1}, std::numeric_limits<std::uint64_t>::max() / 2))
      ->excludes(once);
  command->add_option("--idle-exit", options->idle_exit, "End when there was no job for so long")
      ->type_name("TIME")
      ->excludes(once);
  drain->excludes(once);
  command->add_option("--grace", options->grace, "From SIGTERM to SIGKILL for a command that is to stop [10s]")
      ->type_name("TIME");
  command->add_option("--stop-wait", options->stop_wait,
                      "When the worker is to stop: how long commands may go on before their SIGTERM [10s]")
      ->type_name("TIME");
  command->add_option("--name", options->name, "Name of the worker [host, process and a random part]")
      ->type_name("NAME");
  command->add_flag("-v,--verbose", options->verbose, "Print the commands' standard error, too");
  command->add_option("command", options->words, "The command and its arguments, after --")
      ->type_name("COMMAND")
      ->required();
  context.on(*command, [&context, options] {
    options->words = context.options().after_dashes;
    options->queues = split_commas(options->queues);
    options->kinds = split_commas(options->kinds);
    if (options->words.empty()) throw Exit(ExitCode::usage, "write -- before the command: sqlq work ... -- COMMAND");
    std::signal(SIGCHLD, SIG_DFL);  // where it is ignored nobody can wait for a child
    return Work(context, *options).run();
  });
}

}  // namespace sqlq::tool
