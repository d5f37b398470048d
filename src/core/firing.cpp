#include "core/firing.hpp"

#include <algorithm>
#include <deque>
#include <utility>

#include <sqlq/error.hpp>

#include "core/tick_text.hpp"
#include "core/uuid.hpp"
#include "core/words.hpp"
#include "platform/random.hpp"

namespace sqlq::core {
namespace {

/// Ticks that are due are walked through one by one, so that each is counted; of more than these only the last ones.
constexpr std::size_t most_walked = 100'000;
constexpr Duration least_between_ticks = std::chrono::seconds(1);

/// From one time until another; 0 where that is earlier. Times of a row that somebody has changed may be any.
Duration between(TimePoint from, TimePoint to) {
  if (from >= to) return Duration::zero();
  const auto count = [](TimePoint at) { return static_cast<std::uint64_t>(at.time_since_epoch().count()); };
  const auto longest = static_cast<std::uint64_t>(Duration::max().count());
  return Duration(static_cast<Duration::rep>(std::min(count(to) - count(from), longest)));
}

/// The last ticks in [from, now], at most `keep`. `from` is one of them.
std::deque<TimePoint> last_ticks(const Ticks& ticks, TimePoint from, TimePoint now, std::size_t keep) {
  const Duration whole = between(from, now);
  for (Duration span = least_between_ticks * keep;; span *= 2) {
    const bool all = span >= whole || span > Duration::max() / 2;
    std::deque<TimePoint> last;
    for (auto tick = ticks.after(saturating_add(all ? from : now, all ? Duration(-1) : -span)); tick && *tick <= now;
         tick = ticks.after(*tick)) {
      last.push_back(*tick);
      if (last.size() > keep) last.pop_front();
    }
    if (all || last.size() == keep) return last;
  }
}

/// Those due ticks of `standing` that its policy lets through, oldest first. Counts the others, and moves `next` on.
std::vector<TimePoint> take_due(const Schedule& schedule, const Ticks& ticks, TimePoint now, Standing& standing) {
  const std::size_t keep = schedule.missed == Missed::all ? schedule.most_missed : 1;
  std::deque<TimePoint> due(standing.due.begin(), standing.due.end());
  standing.due.clear();
  const auto trim = [&] {
    for (; due.size() > keep; due.pop_front()) ++standing.missed;
  };
  trim();
  for (std::size_t walked = 0; standing.next && *standing.next <= now; ++walked) {
    if (walked == most_walked) {
      standing.missed += due.size();
      due = last_ticks(ticks, *standing.next, now, keep);
      standing.next = ticks.after(due.back());
      break;
    }
    due.push_back(*standing.next);
    trim();
    standing.next = ticks.after(due.back());
  }
  if (due.empty()) return {};
  standing.past = std::max(standing.past.value_or(due.back()), due.back());
  if (schedule.missed == Missed::skip && between(due.back(), now) > schedule.grace) {
    standing.missed += due.size();
    return {};
  }
  return {due.begin(), due.end()};
}

bool same(const std::optional<TimePoint>& one, const std::optional<TimePoint>& other) { return one == other; }

std::uint64_t hash_of(std::string_view name, std::int64_t tick, std::uint64_t seed) {
  std::uint64_t h = 0xCBF29CE484222325U ^ seed;
  const auto add = [&](std::uint8_t byte) { h = (h ^ byte) * 0x100000001B3U; };
  for (const char c : name) add(static_cast<std::uint8_t>(c));
  const auto bits = static_cast<std::uint64_t>(tick);
  for (unsigned shift = 0; shift < 64; shift += 8) add(static_cast<std::uint8_t>(bits >> shift));
  h = (h ^ (h >> 33)) * 0xFF51AFD7ED558CCDU;
  h = (h ^ (h >> 33)) * 0xC4CEB9FE1A85EC53U;
  return h ^ (h >> 33);
}

}  // namespace

Ticks::Ticks(const Schedule& schedule, const Rule& rule, TimePoint first_sync)
    : rule_(rule),
      anchor_(schedule.start.value_or(first_sync)),
      before_first_(schedule.start ? saturating_add(*schedule.start, Duration(-1)) : TimePoint::min()),
      last_(schedule.end.value_or(TimePoint::max())) {}

std::optional<TimePoint> Ticks::after(TimePoint time) const {
  const std::optional<TimePoint> tick = rule_.next(std::max(time, before_first_), anchor_);
  return tick && *tick <= last_ ? tick : std::nullopt;
}

Rule rule_of(const Schedule& schedule) {
  try {
    return Rule::parse(schedule.rule, schedule.zone);
  } catch (const Error& e) {
    throw Error(e.code(), "the schedule " + core::quoted(schedule.name) + " can fire nothing here: " + e.what() +
                              "; sync it again, or set its rule and zone anew");
  }
}

void check_fires(const Schedule& schedule, const Rule& rule) {
  if (!schedule.start && !schedule.end) return;
  if (Ticks(schedule, rule, TimePoint::min()).after(TimePoint::min())) return;
  const std::string from = schedule.start ? "from its start " + in_words(*schedule.start) + " " : "";
  const std::string to = schedule.end ? "until its end " + in_words(*schedule.end) : "on";
  Schedule unbounded = schedule;
  unbounded.end = {};
  const auto first = Ticks(unbounded, rule, TimePoint::min()).after(TimePoint::min());
  const std::string later = first ? ", and the next one would be " + tick_text({*first, rule.offset(*first)}) : "";
  throw Error(Errc::invalid_argument, "the rule " + core::quoted(schedule.rule) + " has no tick " + from + to +
                                          ": it can never fire" + later +
                                          "; move the start or the end, or change the rule");
}

Decision decide(const Schedule& schedule, const Standing& before, const Rule& rule, TimePoint now, bool last_lives,
                std::size_t most) {
  Decision d{.after = before};
  Standing& after = d.after;
  if (after.paused) return d;
  std::vector<TimePoint> wanted = take_due(schedule, Ticks(schedule, rule, before.anchor), now, after);
  if (wanted.size() > most) {  // only Missed::all
    after.due.assign(wanted.begin() + static_cast<std::ptrdiff_t>(most), wanted.end());
    wanted.resize(most);
  }
  if (const auto owed = std::exchange(after.owed, {})) wanted.insert(wanted.begin(), *owed);
  const auto skip = [&](TimePoint tick) {
    ++after.skipped;
    after.last_tick = tick;
  };
  if (schedule.overlap == Overlap::cancel_old) {  // none is fired only to be cancelled by the next
    while (wanted.size() > 1) {
      skip(wanted.front());
      wanted.erase(wanted.begin());
    }
  }
  bool lives = last_lives;
  for (const TimePoint tick : wanted) {
    if (!lives || schedule.overlap == Overlap::allow) {
      d.ticks.push_back(tick);
      ++after.fired;
      after.last_tick = tick;
      after.trouble.clear();
      lives = true;
    } else if (schedule.overlap == Overlap::skip) {
      skip(tick);
    } else {
      if (after.owed) skip(*after.owed);
      after.owed = tick;
    }
  }
  d.cancel_last = schedule.overlap == Overlap::cancel_old && last_lives && after.owed.has_value();
  return d;
}

std::optional<TimePoint> next_tick(const Standing& standing) {
  if (standing.paused) return {};
  return standing.due.empty() ? standing.next : standing.due.front();
}

std::optional<TimePoint> next_look(const Standing& standing, TimePoint now) {
  const std::optional<TimePoint> tick = next_tick(standing);
  if (standing.paused || !standing.owed) return tick;
  const TimePoint again = saturating_add(now, between_looks_at_owed);
  return tick ? std::min(*tick, again) : again;
}

Standing begun(const Schedule& schedule, const Rule& rule, TimePoint now) {
  return {.anchor = now, .next = Ticks(schedule, rule, now).after(now)};
}

// What is due stays due: it is decided on by the old rule now, and fired by the new definition.
Standing changed(const Schedule& schedule, const Rule* rule, const Standing& before, const Schedule& wanted,
                 const Rule& wanted_rule, TimePoint now) {
  Standing after = before;
  const bool same_ticks = schedule.rule == wanted.rule && schedule.zone == wanted.zone &&
                          same(schedule.start, wanted.start) && same(schedule.end, wanted.end);
  if (same_ticks || before.paused) return after;
  if (rule != nullptr) {
    after.due = take_due(schedule, Ticks(schedule, *rule, before.anchor), now, after);
  } else if (after.next && *after.next <= now) {
    after.due.push_back(*after.next);
    after.past = after.next;
  }
  after.anchor = std::min(before.anchor, now);
  after.next = Ticks(wanted, wanted_rule, after.anchor).after(std::max(now, after.past.value_or(now)));
  return after;
}

Standing paused(const Standing& before) {
  Standing after = before;
  after.paused = true;
  after.due.clear();
  if (const auto owed = std::exchange(after.owed, {})) {
    ++after.skipped;
    after.last_tick = owed;
  }
  return after;
}

Standing begun_anew(const Schedule& wanted, const Standing& before, const Rule& rule, TimePoint now) {
  Standing after = resumed(wanted, paused(before), rule, now);
  after.paused = before.paused;
  after.trouble.clear();
  return after;
}

// The clock may have been ahead at the first sync: an interval must not wait for that time.
Standing resumed(const Schedule& schedule, const Standing& before, const Rule& rule, TimePoint now) {
  Standing after = before;
  after.paused = false;
  after.anchor = std::min(before.anchor, now);
  after.next = Ticks(schedule, rule, after.anchor).after(std::max(now, before.past.value_or(now)));
  return after;
}

backend::EnqueueItem item_of(const Schedule& schedule, JobId id, std::string_view headers) {
  const EnqueueOptions& o = schedule.job.options;
  backend::EnqueueItem item;
  item.id = id;
  item.queue = *o.queue;
  item.kind = schedule.job.kind;
  item.params = schedule.job.params;
  if (o.unique_key) item.unique_key = *o.unique_key;
  if (o.key) item.key = *o.key;
  item.priority = o.priority;
  item.max_attempts = *o.max_attempts;
  item.max_crashes = *o.max_crashes;
  item.keepalive = *o.keepalive;
  item.timeout = o.timeout;
  item.retention = o.retention;
  item.headers = headers;
  return item;
}

Duration draw_jitter(const Schedule& schedule) {
  const auto range = static_cast<std::uint64_t>(schedule.jitter.count()) + 1;
  return Duration(static_cast<Duration::rep>(platform::random64() % range));
}

JobId backfill_id(std::string_view name, TimePoint tick) {
  const std::int64_t us = tick.time_since_epoch().count();
  const auto ms = static_cast<std::uint64_t>(
      std::chrono::floor<std::chrono::milliseconds>(tick.time_since_epoch()).count());
  return make_uuid(ms, 8, hash_of(name, us, 0), hash_of(name, us, 0x9E3779B97F4A7C15U));
}

}  // namespace sqlq::core
