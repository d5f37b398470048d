#include "core/gate.hpp"

#include <algorithm>
#include <limits>

#include <nlohmann/json.hpp>

#include <sqlq/error.hpp>

#include "core/checks.hpp"
#include "core/mutant.hpp"

namespace sqlq {

std::string_view key_of(const Job& job) noexcept {
  if (job.headers.empty()) return {};
  const auto header = job.headers.find(std::string(core::key_header));
  return header == job.headers.end() ? std::string_view() : std::string_view(header->second);
}

namespace core {
namespace {

using nlohmann::json;

constexpr std::size_t most_room = 10'000;
constexpr Duration shortest_net = std::chrono::seconds(1);
constexpr Duration longest_net_of_line = std::chrono::seconds(60);
constexpr Duration longest_net_of_inside = std::chrono::minutes(10);
/// Sums of a few such do not overflow.
constexpr Duration longest_ahead = Duration::max() / 8;

constexpr std::uint32_t most_starts = 1'000'000;
constexpr Duration shortest_per = std::chrono::milliseconds(1);
constexpr Duration longest_per = std::chrono::hours(24 * 366);

/// An unsigned number of a JSON object. Throws for everything else.
std::uint64_t number_in(const json& object, const char* field) {
  const json& value = object.at(field);
  if (!value.is_number_unsigned()) throw Error(Errc::invalid_argument, "no number");
  return value.get<std::uint64_t>();
}

std::uint32_t small_number_in(const json& object, const char* field) {
  const std::uint64_t value = number_in(object, field);
  check_range(value, 0, std::numeric_limits<std::uint32_t>::max(), field);
  return static_cast<std::uint32_t>(value);
}

Rate rate_in(const json& object) {
  if (object.size() != 3) throw Error(Errc::invalid_argument, "a field is not known");
  const std::uint64_t per = number_in(object, "per_us");
  check_range(per, 0, static_cast<std::uint64_t>(longest_per.count()), "per_us");
  return {.count = small_number_in(object, "count"),
          .per = Duration(static_cast<Duration::rep>(per)),
          .burst = small_number_in(object, "burst")};
}

KeyLimits limits_in(const json& object) {
  KeyLimits limits;
  std::size_t known = 0;
  const auto has = [&](const char* field) {
    const bool there = object.contains(field);
    known += there ? 1 : 0;
    return there;
  };
  const auto choice = [&](const char* field) {
    const std::uint64_t value = number_in(object, field);
    check_range(value, 1, 2, field);
    return static_cast<std::uint8_t>(value);
  };
  if (has("concurrency")) limits.concurrency = small_number_in(object, "concurrency");
  if (has("rate")) limits.rate = rate_in(object.at("rate"));
  if (has("order")) limits.order = static_cast<KeyOrder>(choice("order"));
  if (has("after_error")) limits.after_error = static_cast<AfterError>(choice("after_error"));
  if (known != object.size()) throw Error(Errc::invalid_argument, "a field is not known");
  check_key_limits(limits);
  return limits;
}

/// `times` * `interval`, at most `longest_ahead`.
Duration times(Duration interval, std::size_t times) {
  const auto most = static_cast<std::size_t>(longest_ahead / interval);
  return interval * static_cast<Duration::rep>(std::min(times, most));
}

/// A rate as GCRA wants it.
struct Pace {
  Duration interval{};  ///< rounded up, so that `count` + 1 starts never fit into `per`
  Duration slack{};     ///< so far ahead of the clock may `next_start` be at a start

  // A smaller burst is within the same rate, so one that would overflow is cut.
  explicit Pace(const Rate& rate) {
    const Duration::rep steady = static_cast<Duration::rep>(rate.count) - rate.burst + 1;
    interval = Duration((rate.per.count() + steady - 1) / steady);
    slack = times(interval, rate.burst) - interval;
  }
  /// When a gate that has not been used for long has had all its starts at `now`.
  [[nodiscard]] TimePoint furthest(TimePoint now) const { return saturating_add(now, slack + interval); }
};

/// Starts of `inside` that no look has counted, as far as the rate of the gate can know of them.
void count_starts(const Pace& pace, std::span<const InsideJob> inside, TimePoint now, Room& room) {
  std::vector<TimePoint> starts;
  for (const InsideJob& job : inside) {
    const bool gone = job.state == JobState::invalid && !job.counted;
    if (!job.started && !gone) continue;
    starts.push_back(job.started ? job.started_at : now);
    room.counted.push_back(job.seq);
  }
  std::ranges::sort(starts);
  TimePoint& next = room.state.next_start;
  for (const TimePoint at : starts) next = saturating_add(std::max(next, at), pace.interval);
  next = std::min(next, pace.furthest(now));
}

bool takes_slot(JobState state) {
  return state == JobState::pending || state == JobState::running || state == JobState::cancelling ||
         state == JobState::scheduled;
}

}  // namespace

std::optional<std::uint32_t> concurrency_of(const KeyLimits& limits) {
  if (limits.order != KeyOrder::strict) return limits.concurrency;
  return std::min(limits.concurrency.value_or(1), std::uint32_t{1});
}

void check_key_limits(const KeyLimits& limits) {
  const auto known = [](auto value) { return static_cast<int>(value) == 1 || static_cast<int>(value) == 2; };
  if (!known(limits.order)) throw Error(Errc::invalid_argument, "order has a value that is not known");
  if (!known(limits.after_error)) throw Error(Errc::invalid_argument, "after_error has a value that is not known");
  if (limits.after_error == AfterError::hold && limits.order != KeyOrder::strict) {
    throw Error(Errc::invalid_argument,
                "after_error `hold` needs the order `strict`: without an order nothing comes after a job");
  }
  if (!limits.rate) return;
  check_range(limits.rate->count, 1, most_starts, "the count of the rate");
  check_range(limits.rate->burst, 1, limits.rate->count, "the burst of the rate");
  if (limits.rate->per < shortest_per || limits.rate->per > longest_per) {
    throw Error(Errc::invalid_argument, "the period of the rate must be 1 ms to 366 days");
  }
}

std::string key_limits_text(const KeyLimits& limits) {
  json out = json::object();
  if (limits.concurrency) out["concurrency"] = *limits.concurrency;
  if (const auto& rate = limits.rate) {
    out["rate"] = {{"count", rate->count}, {"per_us", rate->per.count()}, {"burst", rate->burst}};
  }
  const KeyLimits usual;
  if (limits.order != usual.order) out["order"] = static_cast<int>(limits.order);
  if (limits.after_error != usual.after_error) out["after_error"] = static_cast<int>(limits.after_error);
  return out.dump();
}

KeyLimits read_key_limits(std::string_view text) {
  if (text.empty()) return {};
  const json object = json::parse(text.begin(), text.end(), nullptr, false);
  try {
    if (object.is_object()) return limits_in(object);
  } catch (const json::exception&) {
  } catch (const Error&) {
  }
  return {.concurrency = 0};
}

Room measure(const KeyLimits& limits, const GateState& state, std::span<const InsideJob> inside, TimePoint now) {
  Room room{.state = state};
  std::size_t used = 0;
  std::size_t unstarted = 0;
  bool failed = false;
  for (const InsideJob& job : inside) {
    if (job.state == JobState::waiting) {
      room.returned.push_back(job.seq);
    } else if (takes_slot(job.state)) {
      ++used;
      if (job.state == JobState::pending || job.state == JobState::scheduled) ++unstarted;
    } else {
      room.ended.push_back(job.seq);
      failed = failed || job.state == JobState::errored;
    }
  }
  SQLQ_MUTANT(rate_forgets_let_in, unstarted = 0)
  const bool holds = limits.order == KeyOrder::strict && limits.after_error == AfterError::hold;
  if (holds && failed) room.state.shut_until = TimePoint::max();

  std::size_t free = std::numeric_limits<std::size_t>::max();
  if (const auto most = concurrency_of(limits)) free = *most > used ? *most - used : 0;
  std::size_t allowed = most_room;
  std::optional<Pace> pace;
  Duration ahead{};
  if (limits.rate) {
    pace.emplace(*limits.rate);
    count_starts(*pace, inside, now, room);
    ahead = std::max(room.state.next_start, now) - now + times(pace->interval, unstarted);
    const Duration left = pace->slack - ahead;
    allowed = left < Duration(0) ? 0 : static_cast<std::size_t>(left / pace->interval) + 1;
  }
  const TimePoint shut = room.state.shut_until;
  room.room = shut > now ? 0 : std::min({free, allowed, most_room});
  if (free <= room.room || shut == TimePoint::max()) return room;
  room.opens = std::max(shut, now);
  if (pace && room.room <= most_room - 1) {
    const Duration wait = ahead + times(pace->interval, room.room) - pace->slack;
    room.opens = std::max(*room.opens, saturating_add(now, wait));
  }
  return room;
}

Rank rank(const KeyLimits& limits, const WaitingJob& job) noexcept {
  if (limits.order == KeyOrder::strict) return {.first = job.returned ? -1 : 0, .second = job.seq};
  return {.first = job.priority, .second = job.due.time_since_epoch().count()};
}

bool in_line(const KeyLimits& limits, const WaitingJob& job, TimePoint now) noexcept {
  return job.due <= now || (limits.order == KeyOrder::strict && job.returned);
}

std::vector<std::int64_t> choose(const KeyLimits& limits, std::span<const WaitingJob> line, std::size_t room,
                                 TimePoint now) {
  std::vector<WaitingJob> sorted(line.begin(), line.end());
  std::ranges::sort(sorted, {}, [&](const WaitingJob& job) { return std::pair(rank(limits, job), job.seq); });
  std::vector<std::int64_t> chosen;
  for (const WaitingJob& job : sorted) {
    if (chosen.size() == room) break;
    if (job.due <= now) {
      chosen.push_back(job.seq);
    } else if (limits.order == KeyOrder::strict) {
      break;
    }
  }
  return chosen;
}

std::optional<TimePoint> look_again(const Room& room, bool any_inside, bool any_in_line,
                                    std::optional<TimePoint> head_due, TimePoint now) noexcept {
  const auto net_of = [&](Duration longest) {
    const TimePoint since = std::clamp(room.state.let_in, now - longest, now);
    return saturating_add(now, std::max<Duration>(now - since, shortest_net));
  };
  if (any_in_line) {
    // Nobody tells when somebody cancels what is inside, or the first in line while it blocks the others.
    const bool blocked = head_due && *head_due > now;
    const TimePoint net = net_of(longest_net_of_line);
    if (!blocked && !room.opens) return net;
    TimePoint at = std::max(room.opens.value_or(now), now);
    if (blocked) at = std::max(at, *head_due);
    return any_inside || blocked ? std::min(at, net) : at;
  }
  if (any_inside) return net_of(longest_net_of_inside);
  const GateState& state = room.state;
  if (state.shut_until == TimePoint::max()) return std::nullopt;
  const TimePoint forgotten = std::max(state.next_start, state.shut_until);
  return forgotten > now ? std::optional(forgotten) : std::nullopt;
}

}  // namespace core

}  // namespace sqlq
