#pragma once
/// \file
/// What Metrics counts (metrics.hpp): numbers of each queue and kind, and those of all.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <sqlq/observer.hpp>

#include "core/mutex.hpp"

namespace sqlq::metric {

inline constexpr std::size_t job_ends = static_cast<std::size_t>(JobEnd::lost) + 1;
inline constexpr std::array reaped{"returned", "errored", "cancelled"};
inline constexpr std::array levels{"info", "warning", "error"};
inline constexpr std::string_view others_name = "_other";

/// In microseconds: 1 ms to an hour.
inline constexpr std::array<Duration, 16> bounds{
    Duration(1'000),     Duration(5'000),      Duration(10'000),     Duration(25'000),
    Duration(50'000),    Duration(100'000),    Duration(250'000),    Duration(500'000),
    Duration(1'000'000), Duration(2'500'000),  Duration(5'000'000),  Duration(10'000'000),
    Duration(30'000'000), Duration(60'000'000), Duration(300'000'000), Duration(3'600'000'000)};

struct Histogram {
  std::array<std::uint64_t, bounds.size() + 1> counts{};  // of each bucket alone; the last one is without bound
  Duration sum{};

  void add(Duration value) {
    const auto at = std::ranges::lower_bound(bounds, value);
    ++counts[static_cast<std::size_t>(at - bounds.begin())];
    sum = value > Duration::max() - sum ? Duration::max() : sum + value;
  }
};

/// Of one queue and kind.
struct Series {
  std::uint64_t enqueued = 0;
  std::uint64_t existing = 0;
  std::array<std::uint64_t, job_ends> ended{};
  std::int64_t running = 0;
  Histogram run{};
  Histogram wait{};
};

struct Totals {
  std::uint64_t claims = 0;
  std::uint64_t claimed = 0;
  Histogram claim{};
  std::array<std::uint64_t, reaped.size()> leases{};
  std::uint64_t ticks = 0;
  std::array<std::uint64_t, levels.size()> events{};
};

/// Queue and kind. Looked up without a copy of either.
struct Less {
  using is_transparent = void;
  template <class A, class B>
  bool operator()(const A& a, const B& b) const noexcept {
    const int order = std::string_view(a.first).compare(b.first);
    return order != 0 ? order < 0 : std::string_view(a.second) < std::string_view(b.second);
  }
};
using AllSeries = std::map<std::pair<std::string, std::string>, Series, Less>;

struct Counts {
  explicit Counts(std::size_t most) : most_series(most) {}

  void count(const JobEnqueued& e) SQLQ_REQUIRES(mutex) {
    Series& its = series(e.queue, e.kind);
    ++(e.status == EnqueueStatus::inserted ? its.enqueued : its.existing);
  }
  void count(const JobsClaimed& e) SQLQ_REQUIRES(mutex) {
    ++totals.claims;
    totals.claimed += e.got;
    totals.claim.add(e.took);
  }
  void count(const JobStarted& e) SQLQ_REQUIRES(mutex) {
    Series& its = series(e.job->queue, e.job->kind);
    ++its.running;
    its.wait.add(e.waited);
  }
  void count(const JobEnded& e) SQLQ_REQUIRES(mutex) {
    Series& its = series(e.job->queue, e.job->kind);
    ++its.ended[std::min(static_cast<std::size_t>(e.end), job_ends - 1)];
    if (!e.ran) return;
    --its.running;
    its.run.add(*e.ran);
  }
  void count(const LeasesEnded& e) SQLQ_REQUIRES(mutex) {
    totals.leases[0] += e.returned.size();
    totals.leases[1] += e.errored.size();
    totals.leases[2] += e.cancelled.size();
  }
  void count(const TicksFired& e) SQLQ_REQUIRES(mutex) { totals.ticks += e.ticks; }
  void count(const WorkerEvent& e) SQLQ_REQUIRES(mutex) {
    ++totals.events[std::min(static_cast<std::size_t>(e.level), levels.size() - 1)];
  }

  Series& series(std::string_view queue, std::string_view kind) SQLQ_REQUIRES(mutex) {
    const auto at = all.find(std::pair(queue, kind));
    if (at != all.end()) return at->second;
    const bool named_like_others = queue == others_name && kind == others_name;
    if (all.size() >= most_series || named_like_others) return rest ? *rest : rest.emplace();
    return all.try_emplace({std::string(queue), std::string(kind)}).first->second;
  }

  const std::size_t most_series;
  mutable core::Mutex mutex;
  AllSeries all SQLQ_GUARDED_BY(mutex);
  std::optional<Series> rest SQLQ_GUARDED_BY(mutex);  // all others
  Totals totals SQLQ_GUARDED_BY(mutex);
};

}  // namespace sqlq::metric
