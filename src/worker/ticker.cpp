#include "worker/ticker.hpp"

#include <algorithm>
#include <utility>

#include "core/checks.hpp"
#include "core/isolate.hpp"
#include "core/text.hpp"
#include "core/words.hpp"

namespace sqlq::worker {
namespace {

using std::chrono::hours, std::chrono::minutes, std::chrono::seconds;

constexpr std::size_t most_rows = 100;
constexpr std::size_t most_rows_left = 10'000;
/// Jobs of one schedule in one transaction, and bytes of all; what is more is fired by the next one.
constexpr std::size_t most_jobs = 1000;
constexpr std::size_t most_bytes = std::size_t{4} << 20;
constexpr std::size_t bytes_beside_params = 512;

constexpr Pace::Gaps ticker_gaps{.least = seconds(1), .most = seconds(1)};
constexpr Duration again_if_not_applied = seconds(1);
constexpr Duration left_alone = minutes(1);
constexpr Duration between_tellings = hours(1);
constexpr std::size_t max_trouble_bytes = 1024;

std::size_t most_ticks(const Schedule& schedule) {
  return std::clamp<std::size_t>(most_bytes / (schedule.job.params.size() + bytes_beside_params), 1, most_jobs);
}

/// Empty: somebody has changed it meanwhile, and this worker cannot read it.
std::optional<core::Standing> read_again(const backend::PeriodicRow& row) {
  try {
    return core::read_state(row.name, row.state);
  } catch (const core::UnreadableSchedule&) {
    return {};
  }
}

std::string trouble_of(const Error& why) { return core::ascii_text(why.what(), max_trouble_bytes); }

}  // namespace

Ticker::Ticker(Shared& shared) : Service(shared.clock()), shared_(shared), pace_(shared.clock(), ticker_gaps) {}

SteadyPoint Ticker::step() {
  backend::Periodic* const part = shared_.dialect().periodic();
  if (part == nullptr) return SteadyPoint::max();
  if (pace_.is_time()) look(*part);
  return pace_.next();
}

void Ticker::fire_due() {
  backend::Periodic* const part = shared_.dialect().periodic();
  if (part == nullptr) return;
  do {
    pace_.begin();
    look(*part);
  } while (pace_.planned() <= shared_.clock().steady());
}

void Ticker::look(backend::Periodic& part) {
  const std::size_t limit = most_rows + std::min(left_of_last_look_, most_rows_left);
  backend::PeriodicDue due = part.periodic_due(limit, shared_.now());
  const std::size_t found = due.rows.size();
  Firings firings = read(std::move(due.rows));
  const std::size_t left = found - firings.size();
  decide(firings, due.now);
  write_all(part, firings);
  take_back_counts(part, firings);
  tell_fired(firings);
  plan(due, firings);
  const bool some = std::ranges::any_of(firings, [](const Firing& f) { return f.outcome.applied; });
  if (found >= limit) {  // whoever was sooner with all of them fires the rest, too
    const bool go_on = some || left > left_of_last_look_;
    pace_.at(go_on ? SteadyPoint::min() : saturating_add(pace_.last(), again_if_not_applied));
  }
  left_of_last_look_ = left;
}

// What is wrong with one row is said of that row alone.
Ticker::Firings Ticker::read(std::vector<backend::PeriodicRow> rows) {
  const SteadyPoint now = shared_.clock().steady();
  Firings firings;
  for (backend::PeriodicRow& row : rows) {
    if (const auto at = left_.find(row.name); at != left_.end()) {
      if (at->second.version == row.version && now < at->second.until) continue;
      left_.erase(at);
    }
    try {
      Schedule schedule = core::read_definition(row.name, row.definition);
      core::Standing standing = core::read_state(row.name, row.state);
      core::Rule rule = core::rule_of(schedule);
      firings.push_back({std::move(row), std::move(schedule), std::move(standing), std::move(rule)});
    } catch (const Error& e) {
      leave(row, e.what());
    }
  }
  return firings;
}

std::map<JobId, bool> Ticker::living(const Firings& firings) {
  std::vector<JobId> ids;
  for (const Firing& f : firings) {
    if (f.schedule.overlap != Overlap::allow && f.before.last_job) ids.push_back(*f.before.last_job);
  }
  std::map<JobId, bool> lives;
  if (ids.empty()) return lives;
  const std::vector<std::optional<Job>> jobs = shared_.dialect().get(ids, nullptr);
  core::expect_answers(jobs.size(), ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) lives[ids[i]] = jobs[i] && !is_finished(jobs[i]->state);
  return lives;
}

void Ticker::decide(Firings& firings, TimePoint now) {
  const std::map<JobId, bool> lives = living(firings);
  for (Firing& f : firings) {
    const auto last = f.before.last_job ? lives.find(*f.before.last_job) : lives.end();
    f.decision = core::decide(f.schedule, f.before, f.rule, now, last != lives.end() && last->second,
                              most_ticks(f.schedule));
  }
  cancel_last_jobs(firings, now);
  for (Firing& f : firings) {
    f.look = core::next_look(f.decision.after, now);
    add_jobs(f);
  }
}

// Jobs that have not begun end at once: then their schedules' ticks fire now.
void Ticker::cancel_last_jobs(Firings& firings, TimePoint now) {
  std::vector<Firing*> asked;
  std::vector<JobId> ids;
  for (Firing& f : firings) {
    if (!f.decision.cancel_last) continue;
    asked.push_back(&f);
    ids.push_back(*f.before.last_job);
  }
  const std::span<const JobId> all(ids);
  const auto refused = core::isolate(all, [&](std::span<const JobId> some) {
    const std::vector<CancelStatus> answers = shared_.dialect().cancel(some, nullptr, shared_.now());
    core::expect_answers(answers.size(), some.size());
    for (std::size_t i = 0; i < some.size(); ++i) {
      if (answers[i] == CancelStatus::cancelling) continue;
      Firing& f = *asked[static_cast<std::size_t>(some.data() - all.data()) + i];
      f.decision = core::decide(f.schedule, f.before, f.rule, now, false, most_ticks(f.schedule));
    }
  });
  for (const core::Offender& o : refused) {
    asked[o.index]->decision.after.trouble = trouble_of(o.error);
    tell(*asked[o.index], "to cancel the last job", o.error);
  }
}

void Ticker::add_jobs(Firing& f) {
  core::Standing& after = f.decision.after;
  const bool with_headers = shared_.dialect().capabilities().headers;
  const TimePoint now = shared_.clock().now();
  for (const TimePoint tick : f.decision.ticks) {
    std::string& headers = f.headers.emplace_back();
    if (with_headers) headers = core::tick_headers(f.schedule, {tick, f.rule.offset(tick)});
    backend::EnqueueItem& job = f.jobs.emplace_back(core::item_of(f.schedule, JobId::make(now), headers));
    job.fresh_id = true;
    job.delay = core::draw_jitter(f.schedule);
    after.last_job = job.id;
    f.bytes += job.params.size() + headers.size() + bytes_beside_params;
  }
  f.state = core::state_of(after);
}

void Ticker::write_all(backend::Periodic& part, Firings& firings) {
  std::vector<Firing*> group;
  std::size_t jobs = 0;
  std::size_t bytes = 0;
  for (Firing& f : firings) {
    if (!group.empty() && (jobs + f.jobs.size() > most_jobs || bytes + f.bytes > most_bytes)) {
      write(part, std::exchange(group, {}));
      jobs = bytes = 0;
    }
    group.push_back(&f);
    jobs += f.jobs.size();
    bytes += f.bytes;
  }
  write(part, std::move(group));
}

void Ticker::write(backend::Periodic& part, std::vector<Firing*> group) {
  const auto write_some = [&](std::span<Firing*> some) {
    std::vector<backend::PeriodicChange> changes;
    for (const Firing* f : some) {
      changes.push_back({.name = f->row.name,
                         .expected = f->row.version,
                         .next = f->look,
                         .definition = f->row.definition,
                         .state = f->state,
                         .jobs = f->jobs});
    }
    std::vector<backend::PeriodicOutcome> outcomes = part.periodic_change(changes, shared_.now());
    core::expect_answers(outcomes.size(), some.size());
    for (std::size_t i = 0; i < some.size(); ++i) {
      some[i]->outcome = std::move(outcomes[i]);
    }
  };
  const auto without_jobs = [&](Firing* f, const Error& why) {
    give_up(*f, why);
    return f;
  };
  core::write_or_replace(std::span(group), write_some, without_jobs,
                         [&](const core::Offender& o, Firing* f, bool lost) {
                           if (lost) return leave(f->row, o.error.what());
                           tell(*f, "the job of a tick, which is passed over,", o.error);
                         });
}

// The state says it until it changes, so one worker tells it once.
void Ticker::tell(const Firing& f, const char* refused, const Error& why) {
  if (f.before.trouble == f.decision.after.trouble) return;
  shared_.events.report(Events::Level::error, name(),
                        "schedule " + core::quoted(f.row.name) + ": the database refused " + refused + ": " +
                            why.what(),
                        {}, Events::Code::schedule_failed);
}

/// It goes on as if the ticks had fired, without their jobs.
void Ticker::give_up(Firing& f, const Error& why) {
  core::Standing& after = f.decision.after;
  after.last_job = f.before.last_job;
  after.last_tick = f.before.last_tick;
  after.fired = f.before.fired;
  after.trouble = trouble_of(why);
  f.jobs.clear();
  f.state = core::state_of(after);
}

// Whether a live job has the unique key is known only once the tick is written.
void Ticker::take_back_counts(backend::Periodic& part, Firings& firings) {
  std::vector<std::string> names;
  std::vector<const Firing*> wrong;
  const auto stored = [](const Enqueued& job) { return job.inserted(); };
  for (const Firing& f : firings) {
    if (std::ranges::all_of(f.outcome.jobs, stored)) continue;
    names.push_back(f.row.name);
    wrong.push_back(&f);
  }
  if (names.empty()) return;
  const std::vector<std::optional<backend::PeriodicRow>> rows = part.periodic_get(names);
  core::expect_answers(rows.size(), names.size());
  std::deque<std::string> states;
  std::vector<backend::PeriodicChange> changes;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!rows[i]) continue;
    const std::vector<Enqueued>& jobs = wrong[i]->outcome.jobs;
    std::optional<core::Standing> read = read_again(*rows[i]);
    if (!read) continue;
    core::Standing& standing = *read;
    if (standing.last_job != wrong[i]->decision.after.last_job) continue;  // others went on from there
    const auto last = std::find_if(jobs.rbegin(), jobs.rend(), stored);
    standing.last_job = last != jobs.rend() ? std::optional(last->id) : wrong[i]->before.last_job;
    const auto not_stored = jobs.size() - static_cast<std::size_t>(std::ranges::count_if(jobs, stored));
    standing.fired -= std::min<std::uint64_t>(standing.fired, not_stored);
    standing.skipped += not_stored;
    changes.push_back({.name = names[i],
                       .expected = rows[i]->version,
                       .next = rows[i]->next,
                       .definition = rows[i]->definition,
                       .state = states.emplace_back(core::state_of(standing))});
  }
  if (!changes.empty()) part.periodic_change(changes, shared_.now());
}

void Ticker::tell_fired(const Firings& firings) const {
  if (!shared_.observed()) return;
  for (const Firing& f : firings) {
    if (!f.outcome.applied || f.outcome.jobs.empty()) continue;
    core::tell_enqueued(shared_.options.observers, f.jobs, f.outcome.jobs, false);
    const auto stored = std::ranges::count_if(f.outcome.jobs, [](const Enqueued& job) { return job.inserted(); });
    if (stored > 0) shared_.tell(TicksFired{.schedule = f.row.name, .ticks = static_cast<std::size_t>(stored)});
  }
}

void Ticker::leave(const backend::PeriodicRow& row, const std::string& why) {
  const SteadyPoint now = shared_.clock().steady();
  std::erase_if(left_, [&](const auto& left) { return now >= left.second.until; });
  left_[row.name] = {row.version, saturating_add(now, left_alone)};
  std::erase_if(told_, [&](const auto& told) { return now - told.second >= between_tellings; });
  if (!told_.emplace(row.name, now).second) return;
  shared_.events.report(Events::Level::error, name(),
                        "schedule " + core::quoted(row.name) + " is left as it is by this worker: " + why, {},
                        Events::Code::schedule_failed);
}

// Times of the database are told by its own clock, which need not be ours. What was not applied was fired by another
// worker, or somebody has locked it.
void Ticker::plan(const backend::PeriodicDue& due, const Firings& firings) {
  std::optional<TimePoint> next = due.next;
  for (const Firing& f : firings) {
    const std::optional<TimePoint> look = f.outcome.applied ? f.look : due.now + again_if_not_applied;
    if (look && (!next || *look < *next)) next = look;
  }
  pace_.plan(shared_.dialect().capabilities());
  if (next) pace_.by(saturating_add(pace_.last(), std::max(*next - due.now, Duration::zero())));
}

}  // namespace sqlq::worker
