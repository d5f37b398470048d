#include "worker/execution_steps.hpp"

#include <algorithm>
#include <deque>
#include <utility>

#include <sqlq/error.hpp>

#include "core/checks.hpp"
#include "core/enqueue_items.hpp"
#include "core/headers.hpp"
#include "core/mutant.hpp"
#include "core/observing.hpp"
#include "core/parents.hpp"
#include "core/step_values.hpp"
#include "core/steps.hpp"
#include "core/words.hpp"
#include "worker/context.hpp"

namespace sqlq::worker {
namespace {

using backend::RecordAnswer;
using backend::RecordStatus;

constexpr Duration longest_pause = std::chrono::days(3653);  // ten years
constexpr std::size_t most_children = 1000;
constexpr Duration first_look = std::chrono::seconds(2);
constexpr Duration longest_look = std::chrono::minutes(5);

void check_pause(Duration time, const char* what) {
  if (time <= longest_pause) return;
  throw Error(Errc::invalid_argument, std::string(what) + " is longer than ten years, which is the most");
}

void check_children(std::span<const NewJob> children, const PayloadLimits& limits, const backend::Capabilities& can) {
  core::check_range(children.size(), 0, most_children, "the number of children");
  for (const NewJob& child : children) {
    core::check_job(child, limits);
    core::check_can_store(can, child.options);
    if (!child.options.id && !child.options.unique_key) continue;
    throw Error(Errc::invalid_argument, "a child has an id or a unique_key: leave both empty, for the parent must know "
                                        "its children before they are stored");
  }
}

std::string label(std::string_view name, std::int64_t number) {
  return core::quoted(name) + (number == 0 ? std::string() : " number " + std::to_string(number));
}

}  // namespace

ExecutionSteps::ExecutionSteps(Shared& shared, HeldPtr lease) : shared_(shared), lease_(std::move(lease)) {
  const Job& job = lease_->job();
  known_since_ = job.started_at ? lease_->claimed_at() : shared_.clock().steady();
  known_at_ = job.started_at ? *job.started_at : shared_.clock().now();
}

std::optional<std::string> ExecutionSteps::find_step(const Tx* tx, StepName name) {
  const Key key = begin(StepKind::result, name);
  if (!within_.contains(key)) require_committed(tx);
  if (const StepRecord* done = row(StepKind::result, key)) {
    used_.insert(key);
    return done->value;
  }
  if (tx == nullptr && within_.contains(key)) {
    throw Error(Errc::misuse, "the step " + label(key.name, key.number) +
                                  " was recorded in a transaction of yours before: repeat it in one, or give it "
                                  "another name or number");
  }
  // What would be found only when it is recorded is found before its effect has happened.
  core::require_room_for_step(std::ssize(rows_) + std::ssize(within_));
  if (tx != nullptr) static_cast<void>(shared_.dialect().get({&lease_->job().id, 1}, tx));
  return std::nullopt;
}

std::string ExecutionSteps::record_step(const Tx* tx, StepName name, const std::string& value) {
  const Key key = begin(StepKind::result, name);
  const std::size_t most = std::min(core::max_step_bytes, shared_.dialect().capabilities().longest_result);
  if (value.size() > most) {
    throw ResultRefused(Errc::invalid_argument, "the value of a step has " + std::to_string(value.size()) +
                                                    " bytes; at most " + std::to_string(most) +
                                                    " are allowed: store it elsewhere and return where it is");
  }
  check_json(value, core::step_limits(shared_.db.limits()), "the value of a step");
  if (tx != nullptr) {
    record_within(*tx, key, value);
    return value;
  }
  const std::string recorded = write(StepKind::result, key, value).value;
  used_.insert(key);
  return recorded;
}

void ExecutionSteps::record_within(const Tx& tx, const Key& key, const std::string& value) {
  const Job& job = lease_->job();
  const RecordAnswer answer = part().record_step({.id = job.id,
                                                  .token = job.lease_token,
                                                  .kind = StepKind::result,
                                                  .name = key.name,
                                                  .number = key.number,
                                                  .value = value},
                                                 &tx, shared_.now());
  if (answer.status == RecordStatus::stale) lose();
  if (answer.status == RecordStatus::recorded) {
    within_.insert(key);
    last_within_ = key;
    return;
  }
  if (answer.step.claim == job.claims) {
    throw Error(Errc::misuse, "this execution has committed the step " + label(key.name, key.number) +
                                  " before: roll back, and give the second one another name or number");
  }
  throw Error(Errc::lease_lost, "an execution that had lost its lease has committed the step " +
                                    label(key.name, key.number) + " meanwhile: roll back and let this error through");
}

void ExecutionSteps::sleep(StepName name, Duration time) {
  const Key key = begin(StepKind::sleep, name);
  require_committed(nullptr);
  check_pause(time, "the sleep");
  const StepRecord* slept = row(StepKind::sleep, key);
  if (slept == nullptr && time > Duration::zero()) slept = &write(StepKind::sleep, key, {}, time);
  const TimePoint until = slept != nullptr ? slept->until.value_or(slept->at) : TimePoint::min();
  if (now() < until) suspend(until, "sleeps: " + label(key.name, key.number));
  used_.insert(key);
}

std::optional<std::string> ExecutionSteps::await_signal(StepName name, Duration timeout) {
  const Key key = begin(StepKind::wait, name);
  require_committed(nullptr);
  check_pause(timeout, "the wait");
  const auto answer = [&](const StepRecord& step) -> std::optional<std::string> {
    used_.insert(key);
    return step.kind == StepKind::signal ? std::optional(step.value) : std::nullopt;
  };
  if (const StepRecord* expired = row(StepKind::expired, key)) return answer(*expired);
  const StepRecord* waits = row(StepKind::wait, key);
  const StepRecord* signal = row(StepKind::signal, key);
  if (waits != nullptr && signal != nullptr) return answer(*signal);
  if (waits == nullptr || now() < waits->until.value_or(waits->at)) {
    // The first time in any case, for since and Admin::restart. Also where it is recorded: from here on a signal is
    // told to the suspended job, and the answer has earlier ones.
    const StepRecord& step = write(StepKind::wait, key, {}, std::max(timeout, Duration::zero()));
    if (step.kind == StepKind::signal) return answer(step);
    const TimePoint until = step.until.value_or(step.at);
    if (now() < until) suspend(until, "waits for the signal: " + label(key.name, key.number));
  }
  return answer(write(StepKind::expired, key, {}));
}

std::vector<Job> ExecutionSteps::all(StepName name, std::span<const NewJob> children) {
  const Key key = begin(StepKind::children, name);
  require_committed(nullptr);
  const bool fresh = row(StepKind::children, key) == nullptr;
  const std::vector<JobId> ids = children_of(key, children);
  if (ids.empty()) {
    used_.insert(key);
    return {};
  }
  const StepRecord step = *row(StepKind::children, key);
  if (fresh) {
    store(key, ids, children);
  } else {
    bool live = core::any_live(shared_.dialect(), ids);
    if (live) {  // from here on, the end of the last one is told
      static_cast<void>(write(StepKind::children, key, step.value));
      live = core::any_live(shared_.dialect(), ids);
    }
    if (!live) {
      std::vector<Job> jobs = read_children(ids);
      const auto gone = [](const Job& job) { return job.state == JobState::invalid; };
      if (!std::ranges::all_of(jobs, gone) || were_stored(step)) {
        used_.insert(key);
        return jobs;
      }
      store(key, ids, children);
    }
  }
  suspend(saturating_add(now(), std::clamp(now() - step.at, first_look, longest_look)),
          "waits for " + std::to_string(ids.size()) + (ids.size() == 1 ? " child: " : " children: ") +
              label(key.name, key.number));
}

bool ExecutionSteps::since(StepName change) {
  const Key key = begin(StepKind::decision, change);
  require_committed(nullptr);
  const StepRecord* decided = row(StepKind::decision, key);
  if (decided == nullptr) decided = &write(StepKind::decision, key, passed_all() ? "true" : "false");
  return decided->value == "true";
}

bool ExecutionSteps::passed_all() const {
  return std::ranges::all_of(rows_, [&](const auto& row) {
    const auto& [key, step] = row;
    const bool recorded_before = step.claim != 0 && step.claim != lease_->job().claims;
    if (!recorded_before || key.kind == StepKind::decision) return true;
    const StepKind call = key.kind == StepKind::expired ? StepKind::wait : key.kind;
    return used_.contains({.kind = call, .name = key.name, .number = key.number});
  });
}

Outcome ExecutionSteps::rest() const {
  if (!unstored_.empty()) return Outcome::error("the children of " + unstored_ + " could not be stored");
  return Outcome::snooze(suspension_->until() - now(), suspended_for_);
}

Outcome ExecutionSteps::ended(Outcome outcome) {
  if (suspension_) {
    const std::string said = outcome.message().empty() ? std::string() : ": " + outcome.message();
    return Outcome::error("the job was to be suspended, but the handler has swallowed the Suspension that a durable "
                          "step threw, as by catch (...): throw it on" + said);
  }
  using Kind = Outcome::Kind;
  const bool snoozes = outcome.kind() == Kind::snooze || outcome.kind() == Kind::throttled;
  if (snoozes && !unstored_.empty()) {
    return Outcome::error("the children of " + unstored_ + " could not be stored");
  }
  if (outcome.kind() != Outcome::Kind::done) return outcome;
  const auto name = uncommitted();
  if (!name) return outcome;
  return Outcome::error("the transaction given to the step " + *name +
                        " was not committed: commit it before the handler returns");
}

backend::Steps& ExecutionSteps::part() const {
  if (backend::Steps* const steps = shared_.dialect().steps()) return *steps;
  throw Error(Errc::configuration, "this database's backend has no durable steps (capability `steps`): use a backend "
                                   "that has them, or a handler without steps");
}

ExecutionSteps::Key ExecutionSteps::begin(StepKind kind, StepName name) {
  throw_on();
  static_cast<void>(part());
  require_lease();
  if (in_body_) {
    throw Error(Errc::misuse, "a step calls another one, or sleeps or waits, before it has ended: it would run anew "
                              "each time; call them one after the other");
  }
  core::check_name(name.name(), "the name of a step");
  read();
  Key key{.kind = kind, .name = std::string(name.name()), .number = name.number()};
  if (used_.contains(key)) {
    throw Error(Errc::misuse, "this execution has come to the " + std::string(to_string(kind)) + " " +
                                  label(key.name, key.number) +
                                  " before: give the second one another name, or a number, as in "
                                  "step(\"row\", i, ...)");
  }
  return key;
}

void ExecutionSteps::read() {
  if (read_) return;
  const Job& job = lease_->job();
  if (job.claims > 1) {
    for (StepRecord& step : part().read_steps(job.id, nullptr)) {
      static_cast<void>(keep(std::move(step)));
    }
  }
  read_ = true;
}

const StepRecord* ExecutionSteps::row(StepKind kind, const Key& key) const {
  const auto at = rows_.find({.kind = kind, .name = key.name, .number = key.number});
  return at == rows_.end() ? nullptr : &at->second;
}

const StepRecord& ExecutionSteps::keep(StepRecord step) {
  Key key{.kind = step.kind, .name = step.name, .number = step.number};
  return rows_.insert_or_assign(std::move(key), std::move(step)).first->second;
}

const StepRecord& ExecutionSteps::write(StepKind kind, const Key& key, std::string_view value,
                                        std::optional<Duration> delay) {
  const Job& job = lease_->job();
  const backend::NewStep step{.id = job.id,
                              .token = job.lease_token,
                              .kind = kind,
                              .name = key.name,
                              .number = key.number,
                              .value = value,
                              .delay = delay,
                              .first_claim = job.claims == 1};
  const auto record = [&] { return part().record_step(step, nullptr, shared_.now()); };
  RecordAnswer answer;
  try {
    answer = record();
  } catch (const Error& e) {  // once more: it is safe to replay, and what is not recorded is done again
    if (!e.connection_lost()) throw;
    answer = record();
  }
  if (answer.status == RecordStatus::stale) lose();
  if (answer.status == RecordStatus::recorded) {
    known_at_ = answer.step.at;
    known_since_ = shared_.clock().steady();
  }
  return keep(std::move(answer.step));
}

void ExecutionSteps::require_lease() const {
  SQLQ_MUTANT(step_without_fence, return)
  if (lease_->lost()) lose();
}

void ExecutionSteps::lose() const {
  shared_.lose(lease_);
  throw Error(Errc::lease_lost, "the job's lease is lost: this execution can record no step; let this error through");
}

void ExecutionSteps::suspend(TimePoint until, std::string what) {
  suspended_for_ = std::move(what);
  suspension_.emplace(until);
  throw *suspension_;
}

std::vector<JobId> ExecutionSteps::children_of(const Key& key, std::span<const NewJob> children) {
  if (const StepRecord* step = row(StepKind::children, key)) return core::read_ids(step->value);
  check_children(children, shared_.db.limits(), shared_.dialect().capabilities());
  std::vector<JobId> ids;
  const TimePoint made_at = shared_.clock().now();
  for (std::size_t i = 0; i < children.size(); ++i) ids.push_back(JobId::make(made_at));
  return core::read_ids(write(StepKind::children, key, core::ids_text(ids)).value);
}

// The same once more changes nothing, for the ids are recorded.
void ExecutionSteps::store(const Key& key, std::span<const JobId> ids, std::span<const NewJob> children) {
  unstored_ = label(key.name, key.number);
  const ClientOptions& options = shared_.options.client;
  std::vector<NewJob> passed;
  if (!options.hooks.empty()) children = passed = core::pass_hooks(children, options.hooks);
  check_children(children, shared_.db.limits(), shared_.dialect().capabilities());
  if (children.size() != ids.size()) {
    throw Error(Errc::misuse, "the children " + unstored_ + " are other ones than those that an earlier execution has "
                              "begun to store: give them another name");
  }
  const std::string parent = core::parent_text({.id = lease_->job().id, .number = key.number, .name = key.name});
  const bool headed = shared_.dialect().capabilities().headers;
  std::deque<std::string> headers;
  std::vector<backend::EnqueueItem> items;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    backend::EnqueueItem& item =
        items.emplace_back(core::item_of(children[i], options, shared_.clock().now()));
    item.id = ids[i];
    item.fresh_id = false;
    Headers all = core::stored_headers(children[i].options);
    if (headed) all.emplace(core::parent_header, parent);
    core::check_headers(all, "the headers of a child");
    if (!all.empty()) item.headers = headers.emplace_back(core::headers_text(all));
  }
  const auto answers = shared_.dialect().enqueue(items, nullptr, shared_.now());
  core::expect_answers(answers.size(), items.size());
  core::tell_enqueued(options.observers, items, answers, false);
  unstored_.clear();
}

std::vector<Job> ExecutionSteps::read_children(std::span<const JobId> ids) const {
  std::vector<std::optional<Job>> found = shared_.dialect().get(ids, nullptr);
  core::expect_answers(found.size(), ids.size());
  std::vector<Job> jobs;
  for (std::size_t i = 0; i < ids.size(); ++i) jobs.push_back(found[i] ? std::move(*found[i]) : Job{.id = ids[i]});
  return jobs;
}

// None of them is there. An execution that was suspended has stored them; of one that ended otherwise, as by a crash,
// it is not known. Its line may have made room for later ones.
bool ExecutionSteps::were_stored(const StepRecord& row) const {
  constexpr std::size_t most_lines = 1000;
  const auto lines = shared_.dialect().history(lease_->job().id, most_lines);
  const auto line = std::ranges::find(lines, row.claim, &AttemptRecord::claim);
  return line == lines.end() || line->cause == Cause::snoozed;
}

// A point read at the next call, and none for a handler that gave no transaction. Only the last one: those before it
// were looked at before it, or are in the same transaction. Where the database does not answer, the end looks again.
void ExecutionSteps::require_committed(const Tx* tx) {
  if (!last_within_) return;
  const Key key = *last_within_;
  const JobId id = lease_->job().id;
  const backend::Steps::From from{.kind = key.kind, .name = key.name, .number = key.number};
  bool open = false;
  try {
    if (!part().has_step(id, from, nullptr)) {
      if (tx != nullptr && part().has_step(id, from, tx)) return;  // this call is in the same one
      open = true;
    }
  } catch (const Error&) {
    return;
  }
  if (open) {
    throw Error(Errc::misuse, "the transaction given to the step " + label(key.name, key.number) +
                                  " is not committed: commit it before the next call of the context; where it was "
                                  "rolled back, repeat that step first");
  }
  last_within_.reset();
  within_.erase(key);
  used_.insert(key);
  static_cast<void>(keep({.kind = key.kind, .name = key.name, .number = key.number, .claim = lease_->job().claims}));
}

// As far as the database answers: the outcome does not depend on it.
std::optional<std::string> ExecutionSteps::uncommitted() const {
  if (within_.empty()) return std::nullopt;
  std::set<Key> there;
  try {
    for (StepRecord& step : part().read_steps(lease_->job().id, nullptr)) {
      there.insert({.kind = step.kind, .name = std::move(step.name), .number = step.number});
    }
  } catch (const Error&) {
    return std::nullopt;
  }
  const auto lost = std::ranges::find_if(within_, [&](const Key& key) { return !there.contains(key); });
  if (lost == within_.end()) return std::nullopt;
  return label(lost->name, lost->number);
}

TimePoint ExecutionSteps::now() const { return saturating_add(known_at_, shared_.clock().steady() - known_since_); }

}  // namespace sqlq::worker
