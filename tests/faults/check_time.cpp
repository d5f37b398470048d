// What can be said of schedules and of durable steps.

#include <map>
#include <set>

#include "findings.hpp"

namespace sqlq::faults {
namespace {

using Times = std::map<std::int64_t, std::size_t>;

void check_series(const Series& s, const Times& fired, Findings& findings) {
  const auto expect = [&](bool good, const std::string& text) {
    if (!good) findings.add(Rule::tick, "schedule " + s.name + ": " + text);
  };
  std::int64_t jobs = 0;
  for (const auto& [at, times] : fired) {
    jobs += static_cast<std::int64_t>(times);
    expect(at >= s.first_us && (at - s.first_us) % s.every_us == 0, "fired at " + std::to_string(at) + ", no tick");
    expect(s.last_us && at <= *s.last_us, "fired at " + std::to_string(at) + ", after its last tick");
  }
  expect(jobs == s.fired, std::to_string(s.fired) + " ticks fired, but " + std::to_string(jobs) + " jobs");
  const std::int64_t ticks = s.last_us ? (*s.last_us - s.first_us) / s.every_us + 1 : 0;
  expect(ticks == s.fired + s.skipped + s.missed,
         std::to_string(ticks) + " ticks, but " + std::to_string(s.fired) + " fired, " + std::to_string(s.skipped) +
             " skipped and " + std::to_string(s.missed) + " missed");
  expect(!s.each || s.skipped + s.missed == 0, std::to_string(s.skipped + s.missed) + " ticks passed over");
  findings.figures().ticks_skipped += s.skipped;
  findings.figures().ticks_missed += s.missed;
}

void check_ticks(const Run& run, Findings& findings) {
  std::map<std::string, Times> fired;
  for (const Row& row : run.rows) {
    if (!row.tick) continue;
    ++findings.figures().ticks;
    if (++fired[row.tick->schedule][row.tick->at_us] < 2) continue;
    findings.add(Rule::tick, row.id, "schedule " + row.tick->schedule + " has fired its tick at " +
                                         std::to_string(row.tick->at_us) + " more than once");
  }
  for (const Series& s : run.series) check_series(s, fired[s.name], findings);
}

/// The first execution of the job with a later claim, if it began before the moment.
const Execution* follower(const Story& job, std::int32_t claim, Moment before) {
  for (auto at = job.executions.upper_bound(claim); at != job.executions.end(); ++at) {
    if (at->second.begin() < before) return &at->second;
  }
  return nullptr;
}

/// What is known of a step: of one job, in order of time.
void check_step(const Id& id, std::uint32_t step, const std::vector<Record>& records, const Story& job,
                Findings& findings) {
  std::set<std::uint64_t> values;
  std::map<std::int32_t, Moment> stepping;  // by claim
  const Record* recorded = nullptr;
  bool stored = false;  // a signal
  bool answered = false;
  for (const Record& r : records) {
    if (r.what == What::stepping) {
      stepping[r.claim] = r.at_us;
      continue;
    }
    if (r.what == What::signalled) {
      if (r.code != Code::ok) continue;
      ++findings.figures().signals;
      findings.expect(!stored, Rule::step, id, "a signal was stored that was there before");
      stored = true;
      values.insert(r.value);
      continue;
    }
    answered = true;
    values.insert(r.value);
    if (r.code != Code::ok) {
      ++findings.figures().steps_again;
      continue;
    }
    ++findings.figures().steps;
    const std::string by = "recorded a step by claim " + std::to_string(r.claim);
    findings.expect(recorded == nullptr, Rule::step, id, by + " that was recorded before");
    recorded = &r;
    const auto asked = stepping.find(r.claim);
    if (asked == stepping.end()) continue;
    if (const Execution* next = follower(job, r.claim, asked->second)) {
      findings.add(Rule::step, id, by + " after claim " + std::to_string(next->claim) + " had begun");
    }
  }
  if (job.row != nullptr && !values.empty()) {
    std::size_t rows = 0;
    for (const Recorded& row : job.row->steps) {
      if (row.step != step) continue;
      ++rows;
      values.insert(row.value);
    }
    findings.expect(rows == 1, Rule::step, id, "a step that answered is recorded " + std::to_string(rows) + " times");
    findings.expect(answered || job.row->state != State::success, Rule::step, id, "a signal was stored, not received");
  }
  findings.expect(values.size() < 2, Rule::step, id, "a step has " + std::to_string(values.size()) + " values");
}

}  // namespace

void check_time(const Run& run, const History& history, Findings& findings) {
  check_ticks(run, findings);
  for (const auto& [key, records] : history.steps) {
    const auto job = history.jobs.find(key.first);
    if (job != history.jobs.end()) check_step(key.first, key.second, records, job->second, findings);
  }
}

}  // namespace sqlq::faults
