#include "client/explain_steps.hpp"

#include <algorithm>

#include "core/words.hpp"

namespace sqlq {

std::string named(const StepRecord& step) {
  return core::quoted(step.name) + (step.number == 0 ? std::string() : " number " + std::to_string(step.number));
}

std::string after_last_wait(const Job& job, std::vector<StepRecord> steps) {
  std::vector<StepRecord> signals;
  std::erase_if(steps, [&](const StepRecord& step) {
    if (step.kind == StepKind::signal) signals.push_back(step);
    return step.kind == StepKind::signal || step.kind == StepKind::decision;
  });
  if (steps.empty()) return {};
  const StepRecord& last = steps.back();
  const bool ended = is_finished(job.state);
  const std::string restart = "Admin::restart or `sqlq job restart " + job.id.to_string() +
                              " --from=" + core::shell_word(last.name) +
                              (last.number == 0 ? std::string() : " --number=" + std::to_string(last.number));
  if (last.kind == StepKind::expired && ended) {
    return "; its wait for the signal " + named(last) + " has ended without one, and a retry does not wait anew: " +
           restart + "` does";
  }
  const auto signal = std::ranges::find_if(signals, [&](const StepRecord& sent) {
    return sent.name == last.name && sent.number == last.number;
  });
  const bool received = last.kind == StepKind::wait && signal != signals.end();
  if (received && !ended && signal->at > job.queued_at) {
    return "; then it reads the signal " + named(last) + ", which was sent or replaced after its last attempt";
  }
  const std::string if_wrong = "; the last that it has done is to receive the signal " + named(last) +
                               ": if that was wrong, ";
  if (received && ended) return if_wrong + restart + " --forget-signals` waits for another";
  if (received && last.number == 0) {
    return if_wrong + "SignalMode::replace or `sqlq job signal --replace " + job.id.to_string() + " " +
           core::shell_operand(last.name) + " JSON` gives it another value";
  }
  return {};
}

}  // namespace sqlq
