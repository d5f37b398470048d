// Schedules are made, changed and steered; a worker fires those that are due.

#include <algorithm>
#include <utility>

#include "twin_values.hpp"

namespace sqlq::conformance {

using namespace std::chrono_literals;

namespace {

/// The rules there are. Without an interval of their own they tick at multiples of their distance.
struct Rule {
  std::string text;
  Duration distance;
  bool anchored;
};
const std::vector<Rule>& rules() {
  static const auto& all = *new std::vector<Rule>{
      {"@every 7s", 7s, true}, {"@every 20s", 20s, true}, {"*/5 * * * * *", 5s, false}, {"* * * * *", 1min, false}};
  return all;
}
const Rule& rule_of(const Schedule& schedule) { return *std::ranges::find(rules(), schedule.rule, &Rule::text); }

bool keeps(const Schedule& schedule) {
  return schedule.overlap == Overlap::queue_one || schedule.overlap == Overlap::cancel_old;
}

std::string time(const OptionalTime& at) { return at ? twin::text(at->time_since_epoch()) : "-"; }

/// All of it, to see whether two are the same.
std::string definition(const Schedule& s) {
  const EnqueueOptions& o = s.job.options;
  return s.rule + ", missed " + twin::text(s.missed) + " (" + twin::text(s.most_missed) + ", grace " +
         twin::text(s.grace) + "), overlap " + twin::text(s.overlap) + ", jitter " + twin::text(s.jitter) + ", start " +
         time(s.start) + ", end " + time(s.end) + ", job " + s.job.kind + " in " + *o.queue + ", priority " +
         twin::text(o.priority) + ", attempts " + twin::text(*o.max_attempts) + ", retention " +
         twin::text(*o.retention);
}

bool same_times(const Schedule& one, const Schedule& other) {
  return one.rule == other.rule && time(one.start) == time(other.start) && time(one.end) == time(other.end);
}

std::uint64_t decided_on(const ScheduleState& state) { return state.fired + state.skipped + state.missed; }

}  // namespace

/// The first tick after that moment.
std::optional<TimePoint> Twin::tick_after(const Periodic& schedule, TimePoint after) const {
  const Schedule& asked = schedule.asked;
  const Rule& rule = rule_of(asked);
  const TimePoint anchor = !rule.anchored ? TimePoint{} : asked.start ? *asked.start : schedule.added;
  if (asked.start) after = std::max(after, *asked.start - 1us);
  const auto past = (after - anchor).count() / rule.distance.count() - (after < anchor ? 1 : 0);
  TimePoint tick = anchor + past * rule.distance;
  while (tick <= after || (rule.anchored && !asked.start && tick == anchor)) tick += rule.distance;
  if (asked.end && tick > *asked.end) return {};
  return tick;
}

/// Ticks that nobody has decided on yet.
std::vector<TimePoint> Twin::due(const Periodic& schedule) const {
  std::vector<TimePoint> all = schedule.carried;
  if (schedule.paused) return all;
  for (auto tick = tick_after(schedule, schedule.decided); tick && *tick <= clock_.now();
       tick = tick_after(schedule, *tick)) {
    all.push_back(*tick);
  }
  return all;
}

Schedule Twin::some_schedule() {
  Schedule schedule{.name = number(0, 1) == 0 ? "p" : "q"};
  schedule.rule = rules()[index(rules().size())].text;
  schedule.job = {.kind = twin::kinds[index(twin::kinds.size())]};
  schedule.job.options = {.queue = twin::queues[index(twin::queues.size())],
                          .priority = number(0, 3),
                          .max_attempts = 1 + number(0, 1),
                          .max_crashes = 1,
                          .keepalive = 20s,
                          .retention = std::chrono::seconds(number(0, 60))};
  schedule.overlap = static_cast<Overlap>(number(1, 4));
  schedule.missed = static_cast<Missed>(number(1, schedule.overlap == Overlap::allow ? 3 : 2));
  schedule.most_missed = static_cast<std::size_t>(number(1, 4));
  schedule.grace = std::chrono::seconds(number(1, 5));
  if (number(0, 3) == 3) schedule.jitter = std::chrono::seconds(number(1, 10));
  // Rules tick each minute at least, so there is a tick between both.
  if (number(0, 3) == 3) schedule.start = clock_.now() + std::chrono::seconds(number(1, 30));
  if (number(0, 3) == 3) schedule.end = clock_.now() + std::chrono::seconds(number(100, 150));
  return schedule;
}

void Twin::sync() {
  if (!capabilities_.periodic || !capabilities_.headers) return;
  Schedule asked = some_schedule();
  const auto there = schedules_.find(asked.name);
  if (there != schedules_.end() && number(0, 3) == 3) asked = there->second.asked;
  const SyncStatus expected = there == schedules_.end() ? SyncStatus::added
                              : definition(there->second.asked) == definition(asked) ? SyncStatus::unchanged
                                                                                    : SyncStatus::changed;
  Schedules way = schedules();
  const SyncStatus before = way.preview({asked}).at(0);
  const SyncStatus said = way.sync({asked}).at(0);
  done("sync " + asked.name + ": " + definition(asked) + ": " + twin::text(said));
  same(before, expected, "the preview");
  same(said, expected, "the answer");
  if (said == SyncStatus::unchanged) return;
  Periodic& schedule = schedules_[asked.name];
  if (said == SyncStatus::added) {
    schedule.added = clock_.now();
    schedule.decided = clock_.now();
  } else if (!same_times(schedule.asked, asked)) {
    // What was due stays due; whether the sync has decided on it already is the library's choice.
    schedule.carried = due(schedule);
    schedule.perhaps = schedule.perhaps || !schedule.carried.empty();
    schedule.decided = clock_.now();
  }
  if (schedule.kept) schedule.perhaps = true;
  schedule.asked = asked;
}

void Twin::steer(Command::Kind how) {
  if (!capabilities_.periodic || !capabilities_.headers) return;
  const std::string name = number(0, 1) == 0 ? "p" : "q";
  const auto at = schedules_.find(name);
  const bool there = at != schedules_.end();
  Schedules way = schedules();
  const bool said = how == Command::Kind::pause_schedule    ? way.pause(name)
                    : how == Command::Kind::resume_schedule ? way.resume(name)
                                                            : way.remove(name);
  const std::string verb = how == Command::Kind::pause_schedule    ? "pause"
                           : how == Command::Kind::resume_schedule ? "resume"
                                                                   : "remove";
  done(verb + " schedule " + name + (said ? "" : ": there is none"));
  same(said, there, "the answer");
  if (!there) return;
  if (how == Command::Kind::remove_schedule) {
    schedules_.erase(at);
    return;
  }
  Periodic& schedule = at->second;
  const std::optional<ScheduleState> state = way.find(name);
  require(state.has_value(), "the schedule is gone");
  const bool paused = how == Command::Kind::pause_schedule;
  // What was due may be given up.
  const std::vector<TimePoint> open = due(schedule);
  if (!open.empty() || schedule.kept) schedule.perhaps = true;
  if (paused || schedule.paused || !state->next || *state->next > clock_.now()) {
    schedule.carried = open;
    schedule.decided = clock_.now();
  }
  schedule.paused = paused;
}

void Twin::fire() {
  if (!capabilities_.periodic || !capabilities_.headers) return;
  const std::string name = number(0, 1) == 0 ? "p" : "q";
  const auto at = schedules_.find(name);
  const std::optional<Enqueued> said = schedules().run_now(name);
  done("fire schedule " + name + (said ? "" : ": there is none"));
  same(said.has_value(), at != schedules_.end(), "that there is such a schedule");
  if (!said) return;
  require(said->inserted(), "nothing was stored");
  const std::optional<Job> job = admin_.find(said->id);
  require(job && tick_of(*job) && tick_of(*job)->at == clock_.now(), "its tick is not now");
  add_fired(at->second, *job, inserted_ + 1);
  at->second.was.last_job = said->id;
  if (at->second.kept) at->second.perhaps = true;  // what it waits for is another one now
}

void Twin::add_fired(const Periodic& schedule, const Job& is, int order) {
  const NewJob& asked = schedule.asked.job;
  Known job;
  job.number = ++inserted_;
  job.order = order;
  job.queue = *asked.options.queue;
  job.kind = asked.kind;
  job.priority = asked.options.priority;
  job.max_attempts = *asked.options.max_attempts;
  job.max_crashes = *asked.options.max_crashes;
  job.keepalive = *asked.options.keepalive;
  job.retention = asked.options.retention;
  job.run_at = is.run_at;
  job.state = is.state;
  require(!jobs_.contains(is.id), "its job was there already");
  jobs_.emplace(is.id, job);
  done("  " + name(is.id) + " of tick " + twin::text(Duration(tick_of(is)->at - clock_.now())) + " from now");
  same(is.queue, job.queue, "its queue");
  same(is.kind, job.kind, "its kind");
  same(is.priority, job.priority, "its priority");
  same(is.headers.at("sqlq-schedule"), schedule.asked.name, "the schedule in its headers");
  require(is.run_at <= clock_.now() + schedule.asked.jitter, "it is due too late");
  require(is.state == JobState::scheduled || (is.state == JobState::pending && is.run_at <= clock_.now()),
          "it does not wait");
}

// ------------------------------------------------------------------------------------------------- ticks

void Twin::tick() {
  if (!capabilities_.periodic || !capabilities_.headers) return;
  require(worker_.work_due(0) == 0, "jobs were run");
  std::map<std::string, std::vector<Job>> fired;
  std::size_t n = 0;
  if (!schedules_.empty()) {
    for (const Job& job : admin_.list({}, {.limit = 1000})) {
      if (jobs_.contains(job.id)) continue;
      require(tick_of(job).has_value(), "there is a job that nobody has made");
      fired[job.headers.at("sqlq-schedule")].push_back(job);
      ++n;
    }
  }
  done("tick: " + twin::text(n) + " fired");
  for (auto& [of, schedule] : schedules_) {
    std::vector<Job>& jobs = fired[of];
    std::ranges::sort(jobs, {}, [](const Job& job) { return tick_of(job)->at; });
    look_at(of, schedule, jobs);
  }
  const int order = inserted_ + 1;
  for (auto& [of, jobs] : fired) {
    require(schedules_.contains(of), "schedule " + of + " has fired, which there is not");
    for (const Job& job : jobs) add_fired(schedules_.at(of), job, order);
  }
}

/// What has become of its ticks.
void Twin::look_at(const std::string& of, Periodic& schedule, const std::vector<Job>& fired) {
  const std::optional<ScheduleState> found = Schedules(clients_.front().database()).find(of);
  require(found.has_value(), "schedule " + of + " is gone");
  const ScheduleState& is = *found;
  const ScheduleState& was = schedule.was;
  const Schedule& asked = schedule.asked;
  const std::string about = " of schedule " + of;
  const std::vector<TimePoint> ticks = due(schedule);
  const std::optional<TimePoint> kept = std::exchange(schedule.kept, {});

  // Each job is that of a tick which was due.
  require(is.fired - was.fired == fired.size(), "the count of ticks that were fired is wrong" + about);
  std::set<TimePoint> open(ticks.begin(), ticks.end());
  if (kept) open.insert(*kept);
  if (schedule.perhaps) open.insert(schedule.perhaps_kept.begin(), schedule.perhaps_kept.end());
  for (const Job& job : fired) {
    const TimePoint tick = tick_of(job)->at;
    require(open.erase(tick) == 1,
            "a tick of " + twin::text(Duration(tick - clock_.now())) + " from now was fired that was not due" + about);
  }
  require(!schedule.paused || fired.empty(), "it is paused and has fired" + about);

  // The last job ends, or is told to, where the policy says so.
  const auto last = was.last_job ? jobs_.find(*was.last_job) : jobs_.end();
  const bool overlaps = last != jobs_.end() && !last->second.is_over();
  bool cancelled = false;
  if (overlaps && (asked.overlap == Overlap::cancel_old || schedule.perhaps)) {
    const std::optional<Job> now = admin_.find(last->first);
    require(now.has_value(), "the last job is gone" + about);
    cancelled = now->state == JobState::cancelled && !last->second.is_held();
    if (cancelled) cancel_waiting(last->second);
    if (last->second.is_held() && now->state == JobState::cancelling) last->second.state = JobState::cancelling;
  }

  std::size_t skipped = 0;
  std::size_t missed = 0;
  std::vector<TimePoint> fires;
  std::optional<TimePoint> wanted;
  if (!ticks.empty()) {
    const std::size_t most = asked.missed == Missed::all ? asked.most_missed : 1;
    missed = ticks.size() - std::min(ticks.size(), most);
    fires.assign(ticks.begin() + static_cast<std::ptrdiff_t>(missed), ticks.end());
    if (asked.missed == Missed::skip && clock_.now() - fires.back() > asked.grace) {
      ++missed;
      fires.clear();
    }
    if (!fires.empty() && overlaps && asked.overlap != Overlap::allow) {
      if (keeps(asked)) wanted = fires.back();
      else ++skipped;
      fires.clear();
    }
    const bool kept_first = kept && asked.overlap == Overlap::queue_one && fires.size() == 1 && fired.size() == 1 &&
                            tick_of(fired.front())->at == *kept;
    if (kept_first) {  // the later one waits for its job
      wanted = fires.back();
      fires = {*kept};
    } else if (kept && (wanted || !fires.empty())) {
      ++skipped;  // a later one takes its place
    }
  }
  if (!wanted && fires.empty()) wanted = kept;

  // One that is kept fires within 5 s after the end of the job, which may be now.
  const std::size_t all = ticks.size() + (kept ? 1 : 0);
  const std::size_t gone = decided_on(is) - decided_on(was);
  require(gone <= all && (schedule.perhaps || gone + (wanted ? 1 : 0) >= all),
          twin::text(gone) + " ticks were decided on of " + twin::text(all) + about);
  if (!schedule.perhaps) {
    const bool now = wanted && fired.size() > fires.size();
    if (now) fires.push_back(*wanted);
    require(!now || !overlaps || cancelled, "it has fired beside its last job" + about);
    same(fired.size(), fires.size(), "how many ticks were fired" + about);
    for (std::size_t i = 0; i < fires.size(); ++i) {
      same(Duration(tick_of(fired[i])->at - fires[i]), Duration(0), "the difference of a tick" + about);
    }
    same(static_cast<std::size_t>(is.skipped - was.skipped), skipped, "the skipped ticks" + about);
    same(static_cast<std::size_t>(is.missed - was.missed), missed, "the missed ticks" + about);
    if (wanted && !now) {
      const std::optional<Job> ended = overlaps || kept != wanted ? std::nullopt : admin_.find(*was.last_job);
      require(!ended || clock_.now() - *ended->finished_at < 5s, "the tick that was kept has not fired" + about);
      schedule.kept = wanted;
    }
    if (asked.overlap == Overlap::cancel_old && overlaps && ticks.size() > missed && !cancelled) {
      same(last->second.state, JobState::cancelling, "the state of the last job" + about);
    }
  } else if (gone < all && (keeps(asked) || kept)) {
    schedule.kept = wanted ? wanted : ticks.empty() ? kept : ticks.back();
  }
  const std::optional<JobId> newest = fired.empty() ? was.last_job : std::optional(fired.back().id);
  require(is.last_job == newest, "the last job is another one" + about);
  require(is.paused == schedule.paused, "that it is paused is wrong" + about);
  require(is.trouble.empty(), "it is in trouble: " + is.trouble + about);

  schedule.perhaps = schedule.perhaps && schedule.kept.has_value();
  schedule.perhaps_kept = schedule.perhaps ? open : std::set<TimePoint>{};
  schedule.carried.clear();
  schedule.decided = clock_.now();
  schedule.was = is;
}

void Twin::compare_schedules() {
  if (!capabilities_.periodic || !capabilities_.headers) return;
  const Schedules way(clients_.front().database());
  const std::vector<ScheduleState> all = way.list();
  same(all.size(), schedules_.size(), "the number of schedules");
  for (const ScheduleState& state : all) {
    const std::string& of = state.schedule.name;
    require(schedules_.contains(of), "there is a schedule " + of);
    const Periodic& schedule = schedules_.at(of);
    same(definition(state.schedule), definition(schedule.asked), "schedule " + of);
    same(state.paused, schedule.paused, "that it is paused, schedule " + of);
    std::vector<std::string> is;
    std::vector<std::string> should;
    for (const Tick& tick : way.next(of, 3)) is.push_back(twin::text(Duration(tick.at - clock_.now())));
    std::optional<TimePoint> at = clock_.now();
    for (int i = 0; i < 3; ++i) {
      at = tick_after(schedule, *at);
      if (!at) break;
      should.push_back(twin::text(Duration(*at - clock_.now())));
    }
    same(is, should, "the next ticks of schedule " + of);
    if (schedule.paused) {
      require(!state.next, "schedule " + of + " is paused and has a next tick");
    } else if (!schedule.kept && !schedule.perhaps) {
      const auto next = tick_after(schedule, schedule.decided);
      require(state.next == next, "the next tick of schedule " + of + " is " +
                                      (state.next ? twin::text(Duration(*state.next - clock_.now())) : "none") +
                                      ", should be " + (next ? twin::text(Duration(*next - clock_.now())) : "none"));
    }
  }
}

}  // namespace sqlq::conformance
