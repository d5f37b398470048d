/// \file
/// job: signal, restart. What a workflow (sqlq/steps.hpp) is told from outside.

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <sqlq/error.hpp>

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
  bool replace = false;
  bool exist_ok = false;
  [[nodiscard]] SignalMode mode() const {
    return append ? SignalMode::append : replace ? SignalMode::replace : SignalMode::first;
  }
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
  if (!there) return SignalStatus::stored;
  return given.replace ? SignalStatus::replaced : SignalStatus::existing;
}

/// What to add where nobody will read the signal that was, or would be, stored; else empty. A user who may not read
/// steps is told nothing.
std::string too_late(const Admin& admin, JobId id, const SignalOptions& given, bool dry) {
  try {
    const std::vector<StepRecord> steps = admin.steps(id);
    std::int64_t number = 0;
    for (const StepRecord& step : steps) {
      const bool same = given.append && step.kind == StepKind::signal && step.name == given.name;
      if (same) number = std::max(number, step.number + (dry ? 1 : 0));
    }
    const bool expired = std::any_of(steps.begin(), steps.end(), [&](const StepRecord& step) {
      return step.kind == StepKind::expired && step.name == given.name && step.number == number;
    });
    if (!expired) return {};
    return "; its wait for that has ended, so nobody reads it: once the job has finished, `sqlq job restart " +
           id.to_string() + " --from=" + shell_word(given.name) +
           (number == 0 ? std::string() : " --number=" + std::to_string(number)) + "` waits anew";
  } catch (const Error&) {
    return {};
  }
}

ExitCode send_signal(Context& context, const SignalOptions& given) {
  const JobId id = read_id(given.id, "the argument");
  const std::string value = json_argument(context, given.value);
  const bool dry = context.options().dry_run;
  const SignalStatus status =
      dry ? would_answer(context.admin(), id, given)
          : context.client().signal(id, given.name, std::string_view(value), given.mode());
  const std::string job = "job " + id.to_string();
  if (status == SignalStatus::not_found) {
    throw Exit(ExitCode::not_found, "there is no " + job + ": it was deleted, or never enqueued");
  }
  std::string sentence = job + " has finished: nothing was stored; `sqlq job restart " + id.to_string() +
                         " --from=STEP` runs it again from that step on, and then it takes signals";
  if (status == SignalStatus::existing) {
    sentence = job + " has the signal " + in_quotes(given.name) +
               " already: nothing was stored; --replace gives it this value, --append adds another";
  } else if (status == SignalStatus::stored) {
    sentence = (dry ? "would store the signal " : "stored the signal ") + in_quotes(given.name) + " for " + job +
               too_late(context.admin(), id, given, dry);
  } else if (status == SignalStatus::replaced) {
    sentence = (dry ? "would replace the value of the signal " : "replaced the value of the signal ") +
               in_quotes(given.name) + " of " + job;
  }
  const bool sent = status == SignalStatus::stored || status == SignalStatus::replaced;
  const std::string word = (dry && sent ? "would_be_" : "") + std::string(to_string(status));
  context.tell(sentence, {{"id"}, {"signal"}, {"status"}}, {id.to_string(), given.name, word});
  if (sent) return ExitCode::ok;
  return status == SignalStatus::existing && given.exist_ok ? ExitCode::ok : ExitCode::conflict;
}

// ------------------------------------------------------------------------------------------------- restart

struct Restart {
  std::string id{};
  RestartOptions options{};
};

/// The steps that a restart forgets; Exit(usage) when the job has no such step.
std::vector<StepRecord> forgotten(const Admin& admin, JobId id, const RestartOptions& given) {
  const std::vector<StepRecord> steps = admin.steps(id);
  const auto place_of = [&](auto fits) { return std::find_if(steps.begin(), steps.end(), fits); };
  auto first = steps.begin();
  if (given.from) {
    first = place_of([&](const StepRecord& step) {
      const bool may = step.kind != StepKind::signal && step.kind != StepKind::decision;
      return may && step.name == *given.from && step.number == given.number;
    });
    if (first == steps.end()) {
      const bool signalled = place_of([&](const StepRecord& step) {
        return step.kind == StepKind::signal && step.name == *given.from && step.number == given.number;
      }) != steps.end();
      throw Exit(ExitCode::usage, "job " + id.to_string() + " has no step " + in_quotes(*given.from) +
                                      (given.number == 0 ? "" : " number " + std::to_string(given.number)) +
                                      (signalled ? ", only a signal that it has not waited for, and a signal is no "
                                                   "place to begin at" : "") +
                                      "; `sqlq job show` lists its steps");
    }
  }
  std::vector<StepRecord> all;
  for (auto step = steps.begin(); step != steps.end(); ++step) {
    const bool signal = step->kind == StepKind::signal;
    if (signal && !given.forget_signals) continue;
    auto place = step;
    if (signal) {
      place = place_of([&](const StepRecord& other) {
        return other.kind == StepKind::wait && other.name == step->name && other.number == step->number;
      });
      if (place == steps.end()) place = step;
    }
    if (place >= first) all.push_back(*step);
  }
  return all;
}

ExitCode restart_job(Context& context, const Restart& asked) {
  const RestartOptions& given = asked.options;
  if (given.number != 0 && !given.from) throw Exit(ExitCode::usage, "--number is the number of the step of --from");
  const JobId id = read_id(asked.id, "the argument");
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
    last = answer(dry ? RequeueStatus::requeued : admin.restart(id, given));
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
  return tally_of({last}).code();
}

}  // namespace

void add_job_steps(CLI::App& root, Context& context) {
  CLI::App& job = noun(root, "job", "Look at jobs, steer them, enqueue them");

  CLI::App& signalling = *job.add_subcommand("signal", "Send a signal to a job that waits for it, or will");
  const auto sent = std::make_shared<SignalOptions>();
  signalling.add_option("id", sent->id, "The job")->required();
  signalling.add_option("name", sent->name, "The name that its handler waits for")->required();
  signalling.add_option("value", sent->value, "JSON text, @FILE, or - for standard input")->required();
  CLI::Option& append =
      *signalling.add_flag("--append", sent->append, "Add one more of this name; else the first one stays");
  signalling.add_flag("--replace", sent->replace, "Give the one of this name that is there this value")
      ->excludes(&append);
  signalling.add_flag("--exist-ok", sent->exist_ok, "A signal that is there already is no failure");
  signalling.footer("Example:\n  sqlq job signal 019ad0c5-7f3a-7c1e-9a55-0f6b2d1c8e47 approved '{\"by\":\"ada\"}'");
  context.on(signalling, [&context, sent] { return send_signal(context, *sent); });

  CLI::App& restarting =
      *job.add_subcommand("restart", "Run a finished job again that forgets its durable steps, or those from one on; "
                                    "--dry-run says how many");
  const auto asked = std::make_shared<Restart>();
  restarting.add_option("id", asked->id, "The job")->required();
  restarting.add_option("--from", asked->options.from, "Keep the steps before this one [forget all]")
      ->type_name("STEP");
  restarting.add_option("--number", asked->options.number, "The number of that step, of a loop [0]")->type_name("N");
  restarting.add_flag("--forget-signals", asked->options.forget_signals,
                      "Forget its signals from there on too; else all stay");
  restarting.footer("Example:\n  sqlq job restart 019ad0c5-7f3a-7c1e-9a55-0f6b2d1c8e47 --from ship");
  context.on(restarting, [&context, asked] { return restart_job(context, *asked); });
}

}  // namespace sqlq::tool
