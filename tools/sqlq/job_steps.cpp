/// \file
/// job: signal, restart. What a workflow (sqlq/steps.hpp) is told from outside.

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "context.hpp"
#include "filter_options.hpp"
#include "job_change.hpp"
#include "json_argument.hpp"
#include "text.hpp"

namespace sqlq::tool {
namespace {

std::string in_quotes(const std::string& name) { return "'" + printable(name) + "'"; }

// ------------------------------------------------------------------------------------------------- signal

struct SignalOptions {
  std::string id{}, name{}, value{};
  bool append = false;
  bool exist_ok = false;
};

/// What Client::signal would answer.
SignalStatus would_answer(const Admin& admin, JobId id, const SignalOptions& given) {
  const std::optional<Job> job = admin.find(id);
  if (!job) return SignalStatus::not_found;
  if (is_finished(job->state)) return SignalStatus::finished;
  if (given.append) return SignalStatus::stored;
  const std::vector<StepRecord> steps = admin.steps(id);
  const bool there = std::any_of(steps.begin(), steps.end(), [&](const StepRecord& step) {
    return step.kind == StepKind::signal && step.name == given.name && step.number == 0;
  });
  return there ? SignalStatus::existing : SignalStatus::stored;
}

ExitCode send_signal(Context& context, const SignalOptions& given) {
  const JobId id = read_id(given.id, "the argument");
  const std::string value = json_argument(context, given.value);
  const bool dry = context.options().dry_run;
  const SignalStatus status =
      dry ? would_answer(context.admin(), id, given)
          : context.client().signal(id, given.name, std::string_view(value),
                                    given.append ? SignalMode::append : SignalMode::first);
  const std::string job = "job " + id.to_string();
  if (status == SignalStatus::not_found) {
    throw Exit(ExitCode::not_found, "there is no " + job + ": it was deleted, or never enqueued");
  }
  std::string sentence = job + " has finished: nothing was stored";
  if (status == SignalStatus::existing) {
    sentence = job + " has the signal " + in_quotes(given.name) + " already: nothing was stored; --append adds another";
  } else if (status == SignalStatus::stored) {
    sentence = (dry ? "would store the signal " : "stored the signal ") + in_quotes(given.name) + " for " + job;
  }
  const std::string word = (dry && status == SignalStatus::stored ? "would_be_" : "") + std::string(to_string(status));
  context.tell(sentence, {{"id"}, {"signal"}, {"status"}}, {id.to_string(), given.name, word});
  if (status == SignalStatus::stored) return ExitCode::ok;
  return status == SignalStatus::existing && given.exist_ok ? ExitCode::ok : ExitCode::conflict;
}

// ------------------------------------------------------------------------------------------------- restart

struct RestartOptions {
  std::string id{};
  std::optional<std::string> from{};
  std::int64_t number = 0;
};

/// The steps that a restart forgets, in order; Exit(usage) when the job has no such step.
std::vector<StepRecord> forgotten(const Admin& admin, JobId id, const RestartOptions& given) {
  std::vector<StepRecord> steps = admin.steps(id);
  if (given.from) {
    const auto first = std::find_if(steps.begin(), steps.end(), [&](const StepRecord& step) {
      const bool may = step.kind == StepKind::result || step.kind == StepKind::sleep || step.kind == StepKind::wait ||
                       step.kind == StepKind::children;
      return may && step.name == *given.from && step.number == given.number;
    });
    if (first == steps.end()) {
      throw Exit(ExitCode::usage, "job " + id.to_string() + " has no step " + in_quotes(*given.from) +
                                      (given.number == 0 ? "" : " number " + std::to_string(given.number)) +
                                      "; `sqlq job show` lists its steps");
    }
    steps.erase(steps.begin(), first);
  }
  std::erase_if(steps, [](const StepRecord& step) { return step.kind == StepKind::signal; });
  return steps;
}

ExitCode restart_job(Context& context, const RestartOptions& given) {
  if (given.number != 0 && !given.from) throw Exit(ExitCode::usage, "--number is the number of the step of --from");
  const JobId id = read_id(given.id, "the argument");
  Admin admin = context.admin();
  const std::optional<Job> job = admin.find(id);
  if (!job) {
    throw Exit(ExitCode::not_found, "there is no job " + id.to_string() + ": it was deleted, or never enqueued");
  }
  const bool dry = context.options().dry_run;
  const std::vector<Column> columns{{"id"}, {"answer"}, {"forgotten"}};
  Answer last = answer(RequeueStatus::not_finished);
  std::size_t steps = 0;
  if (is_finished(job->state)) {
    steps = forgotten(admin, id, given).size();
    last = answer(dry ? RequeueStatus::requeued : admin.restart(id, given.from, given.number));
  }
  const bool done = last.sort == Answer::Sort::done;
  std::string sentence = "job " + id.to_string();
  if (done) {
    sentence += (dry ? " would run again, and forget " : " runs again, and has forgotten ") + counted(steps, "step");
  } else if (last.word == to_string(RequeueStatus::duplicate)) {
    sentence += " stays: a live job has its unique key";
  } else {
    sentence += " has not finished: nothing was changed; `sqlq job cancel` ends it first";
  }
  context.tell(sentence, columns,
               {id.to_string(), done && dry ? "would_restart" : last.word, done ? Value(steps) : Value()});
  return code_of(std::vector<Answer>{last});
}

}  // namespace

void add_job_steps(CLI::App& root, Context& context) {
  CLI::App& job = noun(root, "job", "Look at jobs, steer them, enqueue them");

  CLI::App& signalling = *job.add_subcommand("signal", "Send a signal to a job that waits for it, or will");
  const auto sent = std::make_shared<SignalOptions>();
  signalling.add_option("id", sent->id, "The job")->required();
  signalling.add_option("name", sent->name, "The name that its handler waits for")->required();
  signalling.add_option("value", sent->value, "JSON text, @FILE, or - for standard input")->required();
  signalling.add_flag("--append", sent->append, "Add one more of this name; else the first one stays");
  signalling.add_flag("--exist-ok", sent->exist_ok, "A signal that is there already is no failure");
  signalling.footer("Example:\n  sqlq job signal 019ad0c5-7f3a-7c1e-9a55-0f6b2d1c8e47 approved '{\"by\":\"ada\"}'");
  context.on(signalling, [&context, sent] { return send_signal(context, *sent); });

  CLI::App& restarting =
      *job.add_subcommand("restart", "Run a finished job again that forgets its durable steps, or those from one on");
  const auto from = std::make_shared<RestartOptions>();
  restarting.add_option("id", from->id, "The job")->required();
  restarting.add_option("--from", from->from, "Keep the steps before this one [forget all]")->type_name("STEP");
  restarting.add_option("--number", from->number, "The number of that step, of a loop [0]")->type_name("N");
  restarting.footer("Example:\n  sqlq job restart 019ad0c5-7f3a-7c1e-9a55-0f6b2d1c8e47 --from ship");
  context.on(restarting, [&context, from] { return restart_job(context, *from); });
}

}  // namespace sqlq::tool
