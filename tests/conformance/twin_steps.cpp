// A worker runs jobs whose handlers have durable steps, and holders of leases record some by hand.

#include <algorithm>
#include <utility>

#include <sqlq/json.hpp>

#include "twin_values.hpp"

namespace sqlq::conformance {

using namespace std::chrono_literals;
using backend::RecordStatus;

namespace {

/// What a step throws whose effect fails.
struct Broken : std::runtime_error {
  using std::runtime_error::runtime_error;
};

std::string word(StepKind kind, std::string_view step_name, std::int64_t number) {
  return std::string(to_string(kind)) + " '" + std::string(step_name) + "' " + std::to_string(number);
}

}  // namespace

StepRecord* Twin::find(Known& job, StepKind kind, std::string_view of, std::int64_t number) {
  const auto at = std::ranges::find_if(
      job.steps, [&](const StepRecord& s) { return s.kind == kind && s.name == of && s.number == number; });
  return at == job.steps.end() ? nullptr : &*at;
}

StepRecord& Twin::add(Known& job, StepKind kind, std::string_view of, std::int64_t number, std::string value,
                      std::optional<TimePoint> until) const {
  job.steps.push_back({.kind = kind, .name = std::string(of), .number = number,
                       .claim = kind == StepKind::signal ? 0 : job.claims, .at = clock_.now(), .until = until,
                       .value = std::move(value)});
  return job.steps.back();
}

/// Whether a step that need not suspend has a row is the library's choice.
void Twin::adopt_step(JobId id, Known& job, StepKind kind, StepName step, TimePoint until) const {
  for (const StepRecord& row : admin_.steps(id)) {
    if (row.kind != kind || row.name != step.name() || row.number != step.number()) continue;
    require(row.until == until, word(kind, step.name(), step.number()) + " ends at another time");
    add(job, kind, step.name(), step.number(), {}, until);
  }
}

// ------------------------------------------------------------------------------------------------- a worker

void Twin::run() {
  tick();
  execution_ = Execution{};
  const std::size_t ran = worker_.work_due(1);
  const Execution execution = *std::exchange(execution_, {});
  if (execution.mismatch) std::rethrow_exception(execution.mismatch);
  if (ran == 0) {
    require(execution.id.nil(), "a job was run and not counted");
    let_in();
    const Known* left = first_ready({}, {}, true);
    return require(left == nullptr, left == nullptr ? "" : "job " + twin::text(left->number) + " was not run");
  }
  if (execution.id.nil()) return given_back();
  Known& job = jobs_.at(execution.id);
  const bool cancelled = job.state == JobState::cancelling;
  const bool for_good = execution.way == Command::Kind::error && job.attempt >= job.max_attempts;
  job.ended = for_good ? Command::Kind::discard : execution.way;
  if (cancelled) std::erase_if(leases_, [&](const Job& lease) { return lease.lease_token == job.token; });
  if (!execution.result.empty()) job.result = execution.result;
  end_lease(execution.id, job, execution.way, execution.delay, job.result, cancelled);
  if (job.kind == "y" && job.state == JobState::success) job.steps.clear();
}

/// A worker gives a suspect back that another crash would end, to run it with no other one.
void Twin::given_back() {
  for (Job& is : admin_.list({}, {.limit = 1000})) {
    Known& job = jobs_.at(is.id);
    if (is.claims == job.claims) continue;
    done("run " + name(is.id) + ", which is given back, claim " + twin::text(is.claims));
    require(job.is_suspect() && (job.crashes >= job.max_crashes || job.attempt + 1 >= job.max_attempts),
            "it need not be alone");
    ++is.attempt;
    if (job.state == JobState::waiting) job.state = JobState::pending;  // and was let in before
    bool suspects = true;
    take(is, {}, {}, suspects);
    job.ended = Command::Kind::release;
    return end_lease(is.id, job, Command::Kind::release, {}, {}, false);
  }
  require(false, "no job was run, and one was counted");
}

Outcome Twin::execute(JobContext& context) {
  try {
    require(execution_ && execution_->id.nil(), "a second job was run");
    require(jobs_.contains(context.id()), "a job was run that is not there");
    done("run " + name(context.id()) + ", claim " + twin::text(context.job().claims));
    let_in();
    bool suspects = true;
    take(context.job(), {}, {}, suspects);
    execution_->id = context.id();
    return act(context, jobs_.at(context.id()));
  } catch (const Mismatch&) {
    execution_->mismatch = std::current_exception();
  }
  return Outcome::done();
}

/// What the handler does: no two executions the same, as if each were of another version of the program.
Outcome Twin::act(JobContext& context, Known& job) {
  using Way = Command::Kind;
  try {
    for (int left = capabilities_.steps ? number(0, 5) : 0; left > 0; --left) {
      switch (number(0, 9)) {
        case 0:
        case 1:
        case 2: do_step(context, job); break;
        case 3:
        case 4: do_sleep(context, job); break;
        case 5:
        case 6: do_wait(context, job); break;
        case 7: do_since(context, job); break;
        case 8: send(context.id(), &job); break;
        default:
          if (number(0, 2) > 0) break;
          done("  cancel it");
          client().cancel(context.id());
          job.state = JobState::cancelling;
      }
    }
    if (number(0, 2) == 1) {
      execution_->result = twin::text(number(0, 9));
      context.set_result(std::string_view(execution_->result));
      done("  result " + execution_->result);
    }
  } catch (const Broken&) {
    done("  it fails");
    execution_->way = Way::error;
    execution_->delay = twin::retry;
    throw;
  } catch (const Suspension& suspension) {
    done("  suspended for " + twin::text(Duration(suspension.until() - clock_.now())));
    execution_->way = Way::snooze;
    execution_->delay = suspension.until() - clock_.now();
    throw;
  }
  const Duration delay = std::chrono::seconds(number(0, 30));
  switch (number(0, 5)) {
    case 3: execution_->way = Way::error; break;
    case 4: execution_->way = Way::discard; break;
    case 5: execution_->way = Way::snooze; break;
    default: break;
  }
  execution_->delay = execution_->way == Way::error ? twin::retry : delay;
  done("  ends with " + std::string(execution_->way == Way::error     ? "an error"
                                    : execution_->way == Way::discard ? "an error, discarded"
                                    : execution_->way == Way::snooze  ? "a snooze for " + twin::text(delay)
                                                                      : "success"));
  switch (execution_->way) {
    case Way::error: return Outcome::error("no");
    case Way::discard: return Outcome::discard("no");
    case Way::snooze: return Outcome::snooze(delay);
    default: return Outcome::done();
  }
}

/// Two steps of one execution must not have the same name and number.
bool Twin::met_before(JobContext& context, StepKind kind, StepName step) {
  if (execution_->met.emplace(kind, step.name(), step.number()).second) return false;
  done("  " + word(kind, step.name(), step.number()) + " once more");
  try {
    switch (kind) {
      case StepKind::sleep: context.sleep(step, 1s); break;
      case StepKind::wait: static_cast<void>(context.wait<int>(step, 1s)); break;
      default: context.step(step, [] {});
    }
  } catch (const Error& error) {
    require(error.code() == Errc::misuse, "another error: " + std::string(error.what()));
    return true;
  }
  require(false, "it was not refused");
  return true;
}

void Twin::do_step(JobContext& context, Known& job) {
  const std::string of = number(0, 1) == 0 ? "s" : "t";
  const StepName step(of, number(0, 1));
  const int value = number(0, 9);
  const bool breaks = number(0, 7) == 7;
  if (met_before(context, StepKind::result, step)) return;
  const StepRecord* const recorded = find(job, StepKind::result, of, step.number());
  done("  step '" + of + "' " + twin::text(step.number()) + " = " + twin::text(value) +
       (recorded == nullptr ? "" : ", is recorded as " + recorded->value));
  bool ran = false;
  const int answer = context.step(step, [&] {
    ran = true;
    if (breaks) throw Broken("down");
    return value;
  });
  same(ran, recorded == nullptr, "that it ran");
  same(twin::text(answer), recorded == nullptr ? twin::text(value) : recorded->value, "what it answers");
  if (recorded == nullptr) add(job, StepKind::result, of, step.number(), twin::text(value));
}

/// It has suspended the job; `expected`: until when it should, if at all.
void Twin::suspended(TimePoint until, const std::optional<TimePoint>& expected) {
  require(expected.has_value(), "it suspends the job");
  same(Duration(until - *expected), Duration(0), "the difference in until when it suspends the job");
  throw Suspension(until);
}

void Twin::do_sleep(JobContext& context, Known& job) {
  const StepName step("z", number(0, 1));
  const Duration time = std::chrono::seconds(number(0, 3) == 3 ? 0 : number(1, 30));
  if (met_before(context, StepKind::sleep, step)) return;
  const StepRecord* const row = find(job, StepKind::sleep, "z", step.number());
  done("  sleep 'z' " + twin::text(step.number()) + " for " + twin::text(time) +
       (row == nullptr ? "" : ", has begun"));
  std::optional<TimePoint> expected;
  if (row != nullptr && *row->until > clock_.now()) expected = row->until;
  if (row == nullptr && time > Duration(0)) {
    expected = clock_.now() + time;
    add(job, StepKind::sleep, "z", step.number(), {}, expected);
  }
  try {
    context.sleep(step, time);
  } catch (const Suspension& suspension) {
    suspended(suspension.until(), expected);
  }
  require(!expected, "it does not suspend the job");
  if (row == nullptr) adopt_step(context.id(), job, StepKind::sleep, step, clock_.now());
}

void Twin::do_wait(JobContext& context, Known& job) {
  const std::string of = number(0, 1) == 0 ? "g" : "h";
  const StepName step(of, number(0, 2));
  const Duration time = std::chrono::seconds(number(0, 3) == 3 ? 0 : number(1, 40));
  if (met_before(context, StepKind::wait, step)) return;
  const StepRecord* const row = find(job, StepKind::wait, of, step.number());
  const StepRecord* const sent = find(job, StepKind::signal, of, step.number());
  const bool expired = find(job, StepKind::expired, of, step.number()) != nullptr;
  const bool begun = row != nullptr;
  const std::optional<std::string> value =
      sent == nullptr || expired ? std::nullopt : std::optional<std::string>(sent->value);
  const TimePoint until = begun ? *row->until : clock_.now() + time;
  done("  wait '" + of + "' " + twin::text(step.number()) + " for " + twin::text(time) + (begun ? ", has begun" : "") +
       (expired ? ", has ended" : "") + (value ? ", has come: " + *value : ""));
  const bool suspends = !expired && !value && until > clock_.now();
  if (suspends || (!expired && !begun)) {
    if (!begun) add(job, StepKind::wait, of, step.number(), {}, until);
    job.told = Told::no;
  } else if (job.told == Told::yes) {
    job.told = Told::perhaps;
  }
  std::optional<int> answer;
  try {
    answer = context.wait<int>(step, time);
  } catch (const Suspension& suspension) {
    suspended(suspension.until(), suspends ? std::optional(until) : std::nullopt);
  }
  require(!suspends, "it does not suspend the job");
  same(answer.has_value(), value.has_value(), "that there is a signal");
  if (value) {
    const std::string is = twin::text(*answer);
    require(is == *value || execution_->stale.contains(of + is), "the signal is " + is + ", should be " + *value);
  } else if (!expired) {
    add(job, StepKind::expired, of, step.number());
  }
}

void Twin::do_since(JobContext& context, Known& job) {
  const std::string of = number(0, 1) == 0 ? "c" : "d";
  const StepRecord* const decided = find(job, StepKind::decision, of, 0);
  const bool went_past = std::ranges::any_of(job.steps, [&](const StepRecord& s) {
    return (s.kind == StepKind::result || s.kind == StepKind::sleep || s.kind == StepKind::wait) &&
           !execution_->met.contains({s.kind, s.name, s.number});
  });
  const bool expected = decided == nullptr ? !went_past : decided->value == "true";
  done("  since '" + of + "'" + (decided == nullptr ? "" : ", is decided"));
  same(context.since(of), expected, "the answer");
  if (decided == nullptr) add(job, StepKind::decision, of, 0, expected ? "true" : "false");
}

// ------------------------------------------------------------------------------------------------- by hand

void Twin::record() {
  const Job* lease = any_lease();
  if (lease == nullptr || !capabilities_.steps) return;
  const auto found = jobs_.find(lease->id);
  Known* const job = found == jobs_.end() ? nullptr : &found->second;
  const bool holds = job != nullptr && job->token == lease->lease_token && job->is_held();
  const std::vector<StepKind> kinds{StepKind::result, StepKind::wait, StepKind::sleep, StepKind::expired,
                                    StepKind::decision};
  const StepKind kind = kinds[index(kinds.size())];
  const bool waits = kind == StepKind::wait || kind == StepKind::expired;
  const std::string of = waits                          ? (number(0, 1) == 0 ? "g" : "h")
                         : kind == StepKind::sleep    ? "z"
                         : kind == StepKind::decision ? (number(0, 1) == 0 ? "c" : "d")
                                                      : (number(0, 1) == 0 ? "s" : "t");
  const std::int64_t n = kind == StepKind::decision ? 0 : number(0, 1);
  const std::string value = kind == StepKind::result     ? twin::text(number(0, 9))
                            : kind == StepKind::decision ? (number(0, 1) == 0 ? "true" : "false")
                                                         : "";
  std::optional<Duration> delay;
  if (kind == StepKind::wait || kind == StepKind::sleep) delay = std::chrono::seconds(number(1, 30));
  // A wait ends after it has begun.
  if (kind == StepKind::expired && (job == nullptr || find(*job, StepKind::wait, of, n) == nullptr)) return;

  const StepRecord* there = holds ? find(*job, kind, of, n) : nullptr;
  const bool begun = there != nullptr;
  if (const StepRecord* sent = holds && waits ? find(*job, StepKind::signal, of, n) : nullptr) there = sent;
  const RecordStatus expected = !holds             ? RecordStatus::stale
                                : there == nullptr ? RecordStatus::recorded
                                                   : RecordStatus::existing;
  const StepRecord shown = there == nullptr ? StepRecord{.kind = kind, .value = value} : *there;
  const backend::RecordAnswer said = client().database().ready().steps()->record_step(
      {.id = lease->id, .token = lease->lease_token, .kind = kind, .name = of, .number = n, .value = value,
       .delay = delay},
      nullptr, clock_.instant());
  const std::vector<std::string> words{"", "recorded", "existing", "stale"};
  done("record " + word(kind, of, n) + " = " + value + (delay ? " for " + twin::text(*delay) : "") + " of " +
       name(lease->id) + ", claim " + twin::text(lease->claims) + ": " + words[static_cast<std::size_t>(said.status)]);
  same(words[static_cast<std::size_t>(said.status)], words[static_cast<std::size_t>(expected)], "the answer");
  if (!holds) return;
  same(said.step.kind, shown.kind, "the kind of the row that is there");
  same(said.step.value, shown.value, "the value of the row that is there");
  if (kind == StepKind::wait) job->told = Told::no;
  if (begun || (there != nullptr && kind != StepKind::wait)) return;
  add(*job, kind, of, n, value, delay ? std::optional(clock_.now() + *delay) : std::nullopt);
}

void Twin::compare_steps(JobId id, const Known& job) const {
  if (!capabilities_.steps) return;
  const auto words = [this](const StepRecord& s) {
    return word(s.kind, s.name, s.number) + " = " + s.value + ", claim " + twin::text(s.claim) + ", at " +
           twin::text(Duration(s.at - clock_.now())) +
           (s.until ? ", until " + twin::text(Duration(*s.until - clock_.now())) : "") + ";";
  };
  std::vector<std::string> is;
  std::vector<std::string> should;
  for (const StepRecord& step : admin_.steps(id)) is.push_back(words(step));
  for (const StepRecord& step : job.steps) should.push_back(words(step));
  same(is, should, "the steps of " + name(id));
}

}  // namespace sqlq::conformance
