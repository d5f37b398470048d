#include "history.hpp"

#include <algorithm>

namespace sqlq::faults {

const Execution* Story::execution(std::int32_t claim) const {
  const auto found = executions.find(claim);
  return found == executions.end() ? nullptr : &found->second;
}

const Line* Story::line(std::int32_t claim) const {
  if (row == nullptr) return nullptr;
  const auto found = std::find_if(row->history.rbegin(), row->history.rend(),
                                  [claim](const Line& line) { return line.claim == claim; });
  return found == row->history.rend() ? nullptr : &*found;
}

History::History(const Run& run) : clock_ahead_us_(run.clock_ahead_us) {
  std::map<std::int32_t, Moment> pulses;
  for (const Record& r : run.records) {
    last = std::max(last, r.at_us);
    if (r.what == What::pulse || r.what == What::answered) {
      const std::int32_t whose = r.what == What::pulse ? r.pid : 0;
      const auto [before, first] = pulses.try_emplace(whose, r.at_us);
      if (!first && r.at_us - before->second > run.settings.lease_us / 4) {
        gaps[whose].push_back({before->second, r.at_us});
      }
      before->second = r.at_us;
    } else {
      note(r);
    }
  }
  for (const Fault& fault : run.faults) {
    // Who killed itself knew better when.
    if (fault.kind == Fault::Kind::killed) deaths.try_emplace(fault.pid, fault.from_us);
  }
  for (const Row& row : run.rows) {
    Story& job = jobs[row.id];
    if (job.row != nullptr) rows_twice.push_back(row.id);
    job.row = &row;
  }
}

void History::note(const Record& r) {
  if (r.what == What::held) {
    held.push_back(r);
    return;
  }
  if (r.what == What::stepping || r.what == What::stepped) {
    steps[{r.id, r.queue}].push_back(r);
    return;
  }
  if (r.what >= What::signalling && r.what <= What::waited) {
    signals[{r.id, r.queue}].push_back(r);
    return;
  }
  if (r.what == What::dying) {
    deaths.try_emplace(r.pid, r.at_us);
    return;
  }
  if (r.what == What::enqueued && r.code == Code::duplicate) return;  // about another job
  Story& job = jobs[r.id];
  switch (r.what) {
    case What::enqueue_asked:
      if (!job.asked) job.asked = r.at_us;
      job.key = r.value;
      job.in_transaction = r.code == Code::in_transaction;
      break;
    case What::enqueued:
      if (!job.acknowledged) job.acknowledged = r.at_us;
      break;
    case What::not_enqueued: job.refused = true; break;
    case What::not_before: job.not_before.emplace_back(r.at_us, static_cast<Moment>(r.value)); break;
    case What::requeued: break;  // the job's own history says so too
    default: note_execution(job, r);
  }
}

void History::note_execution(Story& job, const Record& r) {
  const auto [at, isnew] = job.executions.try_emplace(r.claim);
  Execution& e = at->second;
  if (isnew) {
    e.claim = r.claim;
    e.pid = r.pid;
    e.attempt = r.attempt;
    e.token = r.token;
    e.queue = r.queue;
  }
  const bool elsewhere = e.pid != r.pid || e.token != r.token;
  const bool begins = r.what == What::claimed || r.what == What::start;
  if (begins && (elsewhere || (r.what == What::start ? e.start : e.claimed))) {
    Execution again;
    again.pid = r.pid;
    again.start = r.at_us;
    job.again.push_back(again);
    return;
  }
  if (begins && e.given_us == 0) e.given_us = static_cast<std::int64_t>(r.value);
  if (begins && !e.given) e.given = by_database(e.given_us);
  switch (r.what) {
    case What::claimed: e.claimed = r.at_us; break;
    case What::start:
      e.start = r.at_us;
      if (r.code == Code::poison) {
        e.poison = true;
        deaths.try_emplace(r.pid, r.at_us);
      }
      break;
    case What::end:
      e.end = r.at_us;
      e.end_code = r.code;
      if (r.value != 0) e.result = r.value;
      break;
    case What::finishing:
      e.finishing = r.at_us;
      if (r.value != 0) e.result = r.value;
      break;
    case What::finished:
      e.finished = r.at_us;
      e.finish_code = r.code;
      break;
    default: break;
  }
  if (begins) beginnings[r.pid].push_back(r.at_us);
}

Moment History::death(std::int32_t pid) const {
  const auto found = deaths.find(pid);
  return found == deaths.end() ? never : found->second;
}

Moment History::over(const Execution& execution) const {
  if (execution.end) return *execution.end;
  if (execution.finishing) return *execution.finishing;
  return death(execution.pid);
}

}  // namespace sqlq::faults
