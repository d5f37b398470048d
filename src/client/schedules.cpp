#include <sqlq/schedule.hpp>

#include <algorithm>
#include <deque>
#include <set>
#include <utility>

#include <sqlq/backend/dialect.hpp>
#include <sqlq/error.hpp>

#include "core/checks.hpp"
#include "core/enqueue_items.hpp"
#include "core/firing.hpp"
#include "core/observing.hpp"
#include "core/request_time.hpp"
#include "core/schedule_text.hpp"
#include "core/tick_text.hpp"
#include "core/words.hpp"

namespace sqlq {

namespace {

using backend::PeriodicChange;
using backend::PeriodicRow;
using core::Rule;
using core::Standing;

constexpr std::size_t most_synced = 10'000;
constexpr std::size_t most_ticks = 10'000;
constexpr std::size_t most_per_call = 1000;
constexpr std::size_t most_bytes_per_call = std::size_t{16} << 20;
/// Whoever changes the row in between has made progress; so many times in a row it is a storm.
constexpr int most_tries = 20;

[[noreturn]] void refuse(const std::string& what) { throw Error(Errc::invalid_argument, what); }

[[noreturn]] void refuse_unknown(const std::string& name) {
  refuse("there is no schedule " + core::quoted(name) + ": sync it first");
}

[[noreturn]] void give_up(const std::string& name) {
  throw Error(Errc::busy, "the schedule " + core::quoted(name) + " was changed by others " +
                              std::to_string(most_tries) + " times in a row: try again");
}

backend::Periodic& part_of(const Database& db) {
  if (backend::Periodic* const part = db.ready().periodic()) return *part;
  throw Error(Errc::configuration,
              "this database's backend has no schedules (capability `periodic`): use a backend that has");
}

/// By the clock that decides what is due.
TimePoint time_of(const Database& db) { return part_of(db).periodic_due(1, core::request_time(db.clock())).now; }

std::vector<std::optional<PeriodicRow>> read_rows(const Database& db, std::span<const std::string> names) {
  std::vector<std::optional<PeriodicRow>> rows;
  for (std::size_t first = 0; first < names.size(); first += most_per_call) {
    const auto some = names.subspan(first, std::min(most_per_call, names.size() - first));
    auto answers = part_of(db).periodic_get(some);
    core::expect_answers(answers.size(), some.size());
    std::ranges::move(answers, std::back_inserter(rows));
  }
  return rows;
}

std::optional<PeriodicRow> read_row(const Database& db, const std::string& name) {
  core::check_name(name, "the name of the schedule");
  return std::move(read_rows(db, std::span(&name, 1)).front());
}

/// What a row means. Throws UnreadableSchedule.
struct Known {
  explicit Known(const PeriodicRow& row)
      : schedule(core::read_definition(row.name, row.definition)), standing(core::read_state(row.name, row.state)) {}
  [[nodiscard]] Rule rule() const { return core::rule_of(schedule); }

  Schedule schedule;
  Standing standing;
};

Known find_known(const Database& db, const std::string& name) {
  const std::optional<PeriodicRow> row = read_row(db, name);
  if (!row) refuse_unknown(name);
  return Known(*row);
}

/// Why it fires nothing, as far as its row says; empty: it fires.
std::string trouble_of(const PeriodicRow& row, const core::ReadRow& read) {
  if (read.why) return read.why->what();
  try {
    static_cast<void>(core::rule_of(*read.schedule));
  } catch (const Error& e) {
    return e.what();
  }
  const std::optional<TimePoint> tick = core::next_tick(*read.standing);
  if (!tick || (row.next && *row.next <= *tick)) return {};
  return "nobody will look at it in time for its next tick at " + core::in_words(*tick) +
         ": its row was changed by hand; pause and resume it";
}

/// A row that cannot be read, or can never fire, is shown as one that is in trouble.
ScheduleState shown(const PeriodicRow& row) {
  const core::ReadRow read(row.name, row.definition, row.state);
  const Standing s = read.standing ? *read.standing : core::rest_of_state(row.state, {});
  ScheduleState state{.schedule = read.schedule.value_or(Schedule{.name = row.name}),
                      .paused = s.paused,
                      .last_tick = s.last_tick,
                      .last_job = s.last_job,
                      .fired = s.fired,
                      .skipped = s.skipped,
                      .missed = s.missed,
                      .trouble = trouble_of(row, read)};
  if (!state.trouble.empty()) return state;
  state.next = core::next_tick(s);
  state.trouble = s.trouble;
  return state;
}

backend::PeriodicOutcome change_one(const Database& db, const PeriodicChange& change) {
  auto answers = part_of(db).periodic_change(std::span(&change, 1), core::request_time(db.clock()));
  core::expect_answers(answers.size(), 1);
  return std::move(answers.front());
}

/// Compare and set until it succeeds. `change(row)` gives what to set, or nothing where there is nothing to do. False:
/// there is no such row.
template <class Change>
bool change_row(const Database& db, const std::string& name, Change change) {
  for (int tries = 0; tries < most_tries; ++tries) {
    const std::optional<PeriodicRow> row = read_row(db, name);
    if (!row) return false;
    const std::optional<PeriodicChange> wanted = change(*row);
    if (!wanted || change_one(db, *wanted).applied) return true;
  }
  give_up(name);
}

/// One that is to be synced. Its address stays.
struct Wanted {
  Schedule schedule;
  Rule rule;
  std::string definition;
  std::string state{};
  SyncStatus status = SyncStatus::unchanged;
};

/// Empty: the row is as it is wanted.
std::optional<PeriodicChange> sync_one(Wanted& wanted, const std::optional<PeriodicRow>& row, TimePoint now) {
  std::optional<Standing> standing;
  wanted.status = row ? SyncStatus::changed : SyncStatus::added;
  if (!row) {
    standing = core::begun(wanted.schedule, wanted.rule, now);
  } else if (const core::ReadRow read(row->name, row->definition, row->state); read.why) {
    if (read.why->newer()) throw *read.why;
    standing = core::begun_anew(wanted.schedule, read.standing.value_or(core::rest_of_state(row->state, now)),
                                wanted.rule, now);
  } else {
    if (core::definition_of(*read.schedule) == wanted.definition) {
      wanted.status = SyncStatus::unchanged;
      return {};
    }
    std::optional<Rule> rule;
    try {
      rule = Rule::parse(read.schedule->rule, read.schedule->zone);
    } catch (const Error&) {  // its zone is gone
    }
    standing = core::changed(*read.schedule, rule ? &*rule : nullptr, *read.standing, wanted.schedule, wanted.rule,
                             now);
  }
  wanted.state = core::state_of(*standing);
  return PeriodicChange{.name = wanted.schedule.name,
                        .expected = row ? row->version : 0,
                        .next = core::next_look(*standing, now),
                        .definition = wanted.definition,
                        .state = wanted.state};
}

/// The indices of those that were changed by others meanwhile.
std::vector<std::size_t> try_to_sync(const Database& db, std::deque<Wanted>& all, std::span<const std::size_t> open) {
  std::vector<std::string> names;
  for (const std::size_t i : open) names.push_back(all[i].schedule.name);
  const auto rows = read_rows(db, names);
  const TimePoint now = time_of(db);
  std::vector<PeriodicChange> changes;
  std::vector<std::size_t> which;
  for (std::size_t i = 0; i < open.size(); ++i) {
    const auto change = sync_one(all[open[i]], rows[i], now);
    if (!change) continue;
    changes.push_back(*change);
    which.push_back(open[i]);
  }
  std::vector<std::size_t> again;
  for (std::size_t first = 0; first < changes.size();) {
    std::size_t last = first;
    for (std::size_t bytes = 0; last < changes.size() && last - first < most_per_call; ++last) {
      bytes += changes[last].definition.size() + changes[last].state.size();
      if (bytes > most_bytes_per_call && last > first) break;
    }
    const auto some = std::span(changes).subspan(first, last - first);
    const auto answers = part_of(db).periodic_change(some, core::request_time(db.clock()));
    core::expect_answers(answers.size(), some.size());
    for (std::size_t i = 0; i < answers.size(); ++i) {
      if (!answers[i].applied) again.push_back(which[first + i]);
    }
    first = last;
  }
  return again;
}

std::deque<Wanted> checked(const Database& db, std::span<const Schedule> schedules, const ClientOptions& defaults) {
  core::check_range(schedules.size(), 0, most_synced, "the number of schedules");
  const backend::Capabilities& can = db.ready().capabilities();
  std::deque<Wanted> all;
  std::set<std::string_view> names;
  for (const Schedule& s : schedules) {
    core::check_name(s.name, "the name of a schedule");
    try {
      core::check_schedule(s, db.limits());
      if (!names.insert(s.name).second) refuse("there are two of this name: leave one of them out");
      core::check_can_store(can, s.job.options);
      Rule rule = Rule::parse(s.rule, s.zone);  // so it is text that can be stored
      core::check_fires(s, rule);
      Schedule full = core::resolved(s, defaults);
      std::string definition = core::definition_of(full);
      all.push_back({std::move(full), std::move(rule), std::move(definition)});
    } catch (const Error& e) {
      throw Error(e.code(), "schedule " + core::quoted(s.name) + ": " + e.what());
    }
  }
  return all;
}

/// Of [from, to).
std::vector<Tick> ticks_between(const Known& known, TimePoint from, TimePoint to) {
  const Rule rule = known.rule();
  const core::Ticks ticks(known.schedule, rule, known.standing.anchor);
  std::vector<Tick> found;
  for (auto tick = ticks.after(saturating_add(from, Duration(-1))); tick && *tick < to; tick = ticks.after(*tick)) {
    if (found.size() == most_ticks) {
      refuse("more than " + std::to_string(most_ticks) + " ticks of schedule " + core::quoted(known.schedule.name) +
             " are in that time: fill it in pieces");
    }
    found.push_back({*tick, rule.offset(*tick)});
  }
  return found;
}

}  // namespace

std::optional<Tick> tick_of(const Job& job) {
  const auto header = job.headers.find("sqlq-tick");
  return header == job.headers.end() ? std::nullopt : core::parse_tick(header->second);
}

Schedules::Schedules(Database db, ClientOptions defaults) : db_(std::move(db)), defaults_(std::move(defaults)) {
  core::check_client_options(defaults_);
}

std::vector<SyncStatus> Schedules::sync(std::span<const Schedule> schedules) {
  part_of(db_);
  std::deque<Wanted> all = checked(db_, schedules, defaults_);
  std::vector<std::size_t> open(all.size());
  for (std::size_t i = 0; i < open.size(); ++i) open[i] = i;
  std::vector<SyncStatus> answers(all.size());
  for (int tries = 0; !open.empty(); ++tries) {
    if (tries == most_tries) give_up(all[open.front()].schedule.name);
    const std::vector<std::size_t> again = try_to_sync(db_, all, open);
    for (const std::size_t i : open) answers[i] = all[i].status;
    open = again;
  }
  return answers;
}

std::vector<SyncStatus> Schedules::preview(std::span<const Schedule> schedules) const {
  part_of(db_);
  std::deque<Wanted> all = checked(db_, schedules, defaults_);
  std::vector<std::string> names;
  for (const Wanted& wanted : all) names.push_back(wanted.schedule.name);
  const auto rows = read_rows(db_, names);
  const TimePoint now = time_of(db_);
  std::vector<SyncStatus> answers;
  for (std::size_t i = 0; i < all.size(); ++i) {
    static_cast<void>(sync_one(all[i], rows[i], now));
    answers.push_back(all[i].status);
  }
  return answers;
}

std::optional<ScheduleState> Schedules::find(const std::string& name) const {
  const std::optional<PeriodicRow> row = read_row(db_, name);
  return row ? std::optional(shown(*row)) : std::nullopt;
}

std::vector<ScheduleState> Schedules::list(const std::string& after, std::size_t limit) const {
  if (!after.empty()) core::check_name(after, "the name of the schedule");
  core::check_range(limit, 1, 1000, "the limit");
  std::vector<ScheduleState> states;
  for (const PeriodicRow& row : part_of(db_).periodic_list(after, limit)) states.push_back(shown(row));
  return states;
}

std::vector<Tick> Schedules::next(const std::string& name, std::size_t n) const {
  core::check_range(n, 1, most_ticks, "the number of ticks");
  const Known known = find_known(db_, name);
  const Rule rule = known.rule();
  const core::Ticks ticks(known.schedule, rule, known.standing.anchor);
  std::vector<Tick> found;
  for (auto at = ticks.after(time_of(db_)); at && found.size() < n; at = ticks.after(*at)) {
    found.push_back({*at, rule.offset(*at)});
  }
  return found;
}

bool Schedules::pause(const std::string& name) {
  std::string state;
  return change_row(db_, name, [&](const PeriodicRow& row) -> std::optional<PeriodicChange> {
    const Standing standing = core::read_state(name, row.state);
    if (standing.paused) return {};
    state = core::state_of(core::paused(standing));
    return PeriodicChange{
        .name = name, .expected = row.version, .definition = row.definition, .state = state};
  });
}

bool Schedules::resume(const std::string& name) {
  std::string state;
  return change_row(db_, name, [&](const PeriodicRow& row) -> std::optional<PeriodicChange> {
    const Known known(row);
    const Rule rule = known.rule();  // one that can fire nothing does not go on
    if (!known.standing.paused) return {};
    const TimePoint now = time_of(db_);
    const Standing standing = core::resumed(known.schedule, known.standing, rule, now);
    state = core::state_of(standing);
    return PeriodicChange{.name = name,
                          .expected = row.version,
                          .next = core::next_look(standing, now),
                          .definition = row.definition,
                          .state = state};
  });
}

bool Schedules::remove(const std::string& name) {
  return change_row(db_, name, [&](const PeriodicRow& row) -> std::optional<PeriodicChange> {
    return PeriodicChange{.name = name, .expected = row.version, .remove = true};
  });
}

std::optional<Enqueued> Schedules::run_now(const std::string& name) {
  const bool with_headers = db_.ready().capabilities().headers;
  for (int tries = 0; tries < most_tries; ++tries) {
    const std::optional<PeriodicRow> row = read_row(db_, name);
    if (!row) return {};
    const Known known(*row);
    const TimePoint now = time_of(db_);
    const std::string headers =
        with_headers ? core::tick_headers(known.schedule, {now, known.rule().offset(now)}) : std::string();
    backend::EnqueueItem job = core::item_of(known.schedule, JobId::make(now), headers);
    job.fresh_id = true;
    Standing after = known.standing;
    after.last_job = job.id;
    const std::string state = core::state_of(after);
    const backend::PeriodicOutcome outcome = change_one(db_, {.name = name,
                                                              .expected = row->version,
                                                              .next = row->next,
                                                              .definition = row->definition,
                                                              .state = state,
                                                              .jobs = std::span(&job, 1)});
    if (!outcome.applied) continue;
    core::expect_answers(outcome.jobs.size(), 1);
    core::tell_enqueued(defaults_.observers, std::span(&job, 1), outcome.jobs, false);
    if (outcome.jobs.front().inserted()) return outcome.jobs.front();
    // A live job has the unique key; the last job is the one that it was before.
    std::string restored;
    change_row(db_, name, [&](const PeriodicRow& there) -> std::optional<PeriodicChange> {
      Standing standing = core::read_state(name, there.state);
      if (standing.last_job != job.id) return {};
      standing.last_job = known.standing.last_job;
      restored = core::state_of(standing);
      return PeriodicChange{.name = name,
                            .expected = there.version,
                            .next = there.next,
                            .definition = there.definition,
                            .state = restored};
    });
    return outcome.jobs.front();
  }
  give_up(name);
}

std::vector<Enqueued> Schedules::backfill(const std::string& name, TimePoint from, TimePoint to) {
  const Known known = find_known(db_, name);
  const bool with_headers = db_.ready().capabilities().headers;
  const std::vector<Tick> ticks = ticks_between(known, from, to);
  const std::size_t chunk =
      std::clamp<std::size_t>(most_bytes_per_call / (known.schedule.job.params.size() + 1), 1, most_per_call);
  std::vector<Enqueued> answers;
  for (std::size_t first = 0; first < ticks.size(); first += chunk) {
    std::deque<std::string> headers;
    std::vector<backend::EnqueueItem> items;
    for (std::size_t i = first; i < std::min(ticks.size(), first + chunk); ++i) {
      headers.push_back(with_headers ? core::tick_headers(known.schedule, ticks[i]) : std::string());
      items.push_back(core::item_of(known.schedule, core::backfill_id(name, ticks[i]), headers.back()));
    }
    const auto some = db_.ready().enqueue(items, nullptr, core::request_time(db_.clock()));
    core::expect_answers(some.size(), items.size());
    core::tell_enqueued(defaults_.observers, items, some, false);
    answers.insert(answers.end(), some.begin(), some.end());
  }
  return answers;
}

}  // namespace sqlq
