#include <algorithm>

#include "findings.hpp"

namespace sqlq::faults {
namespace {

/// The most intervals that hold at one instant. An end comes before a beginning of the same microsecond: which was
/// first is not known.
int most_at_once(const std::vector<Interval>& intervals) {
  std::vector<std::pair<Moment, int>> changes;
  for (const Interval& i : intervals) {
    if (i.to <= i.from) continue;
    changes.emplace_back(i.from, 1);
    changes.emplace_back(i.to, -1);
  }
  std::ranges::sort(changes);
  int now = 0;
  int most = 0;
  for (const auto& [at, change] : changes) most = std::max(most, now += change);
  return most;
}

/// From after its claim to before its end: it was certainly held then, unless its lease ended.
Interval certainly_held(const Execution& e, const History& history) {
  return {e.begin(), std::min({history.over(e), e.finishing.value_or(never), history.last})};
}

bool lost_its_lease(const Story& job, std::int32_t claim) {
  const Line* const line = job.line(claim);
  return line != nullptr && says_lease_ended(*line);
}

void check_limits(const Run& run, const History& history, Findings& findings) {
  for (const auto& [queue, limit] : run.settings.limits) {
    std::vector<Interval> held;
    std::vector<Interval> alive;
    for (const auto& [id, job] : history.jobs) {
      for (const auto& [claim, e] : job.executions) {
        if (e.queue != queue) continue;
        alive.push_back(certainly_held(e, history));
        if (!lost_its_lease(job, claim)) held.push_back(alive.back());
      }
    }
    const int most = most_at_once(held);
    findings.figures().most_held[queue] = most;
    findings.figures().most_alive[queue] = most_at_once(alive);
    if (most > limit) {
      findings.add(Rule::limit, std::to_string(most) + " jobs of a queue were held at once; allowed are " +
                                    std::to_string(limit));
    }
    for (const Record& seen : history.held) {
      if (seen.queue != queue || seen.value <= static_cast<std::uint64_t>(limit)) continue;
      findings.add(Rule::limit, std::to_string(seen.value) + " jobs of a queue were seen held; allowed are " +
                                    std::to_string(limit));
    }
  }
}

/// The most of these times in any period of that length.
std::size_t most_within(std::vector<std::int64_t> times, std::int64_t length) {
  std::ranges::sort(times);
  std::size_t most = 0;
  for (std::size_t first = 0, end = 0; first < times.size(); ++first) {
    while (end < times.size() && times[end] < times[first] + length) ++end;
    most = std::max(most, end - first);
  }
  return most;
}

/// How many jobs started before an older one had started for the last time.
std::size_t overtakers(const std::map<Id, Interval>& begins) {
  std::size_t early = 0;
  Moment last = 0;
  for (const auto& [id, began] : begins) {
    early += began.from < last ? 1 : 0;
    last = std::max(last, began.to);
  }
  return early;
}

/// Starts are those that the database says, of executions that somebody has written down: there may be more.
void check_keys(const Run& run, const History& history, Findings& findings) {
  struct OfKey {
    std::vector<Interval> held;
    std::vector<std::int64_t> starts;
    std::map<Id, Interval> begins;  // of each job the first and the last one
  };
  std::map<std::uint64_t, OfKey> keys;
  for (const auto& [id, job] : history.jobs) {
    if (job.row == nullptr || job.row->key == 0) continue;
    OfKey& key = keys[job.row->key];
    if (!job.executions.empty()) {
      key.begins[id] = {job.executions.begin()->second.begin(), job.executions.rbegin()->second.begin()};
    }
    for (const auto& [claim, e] : job.executions) {
      if (e.given_us != 0) key.starts.push_back(e.given_us);
      if (!lost_its_lease(job, claim)) key.held.push_back(certainly_held(e, history));
    }
  }
  Figures& f = findings.figures();
  f.keys = keys.size();
  for (const auto& [name, rules] : run.settings.keys) {
    OfKey& key = keys[name];
    const int held = most_at_once(key.held);
    const std::size_t starts = rules.starts > 0 ? most_within(std::move(key.starts), rules.per_us) : 0;
    f.most_of_key = std::max(f.most_of_key, held);
    f.most_starts = std::max(f.most_starts, starts);
    if (rules.at_once > 0 && held > rules.at_once) {
      findings.add(Rule::key, std::to_string(held) + " jobs of a key were held at once; allowed are " +
                                  std::to_string(rules.at_once));
    }
    if (const std::size_t early = rules.in_order ? overtakers(key.begins) : 0; early > 0) {
      findings.add(Rule::key, std::to_string(early) + " jobs of a key started before an older one's last start");
    }
    if (starts > rules.starts) {
      findings.add(Rule::rate, std::to_string(starts) + " jobs of a key started within " +
                                   std::to_string(rules.per_us) + " us; allowed are " + std::to_string(rules.starts));
    }
  }
}

/// When the job was certainly alive: from its acknowledgement to the last sign before its end.
Interval certainly_alive(const Story& job) {
  Interval alive{job.acknowledged.value_or(never), 0};
  if (job.row != nullptr && !is_finished(job.row->state)) alive.to = never;
  if (!job.executions.empty()) {
    const Execution& last = job.executions.rbegin()->second;
    alive.to = std::max({alive.to, last.begin(), last.end.value_or(0), last.finishing.value_or(0)});
  }
  return alive;
}

void check_unique(const History& history, Findings& findings) {
  struct Holder {
    Interval alive;
    Id id;
  };
  std::map<std::uint64_t, std::vector<Holder>> keys;
  std::map<std::uint64_t, Id> live_rows;
  for (const auto& [id, job] : history.jobs) {
    // Who comes back after an operator's requeue, or after its crashes were none, was not alive in between.
    const bool first = job.row == nullptr || std::ranges::none_of(job.row->history, [](const Line& line) {
      return line.reason == Reason::requeued || line.reason == Reason::outage;
    });
    const Interval alive = certainly_alive(job);
    if (job.key != 0 && first && alive.from < alive.to) keys[job.key].push_back({alive, id});
    if (job.row == nullptr || job.row->unique_key == 0 || is_finished(job.row->state)) continue;
    const auto [at, only] = live_rows.try_emplace(job.row->unique_key, id);
    if (!only) findings.add(Rule::unique, id, "has the unique key of " + to_string(at->second) + ", and both live");
  }
  for (auto& [key, holders] : keys) {
    std::ranges::sort(holders, {}, [](const Holder& h) { return h.alive.from; });
    const Holder* longest = nullptr;
    for (const Holder& holder : holders) {
      if (longest != nullptr && holder.alive.from < longest->alive.to) {
        findings.add(Rule::unique, holder.id,
                     "was accepted with its unique key while " + to_string(longest->id) + " lived");
      }
      if (longest == nullptr || holder.alive.to > longest->alive.to) longest = &holder;
    }
  }
}

/// A job that waits for its first start.
struct Waiting {
  Moment asked = 0;
  Moment acknowledged = 0;
  Moment start = never;
  int priority = 0;
  const Id* id = nullptr;
};

std::map<std::uint32_t, std::vector<Waiting>> waiting_by_queue(const History& history) {
  std::map<std::uint32_t, std::vector<Waiting>> queues;
  for (const auto& [id, job] : history.jobs) {
    if (!job.asked || !job.acknowledged || job.row == nullptr || !job.not_before.empty()) continue;
    const Execution* first = job.execution(1);
    // Cancelled, or its first claim died before it started: when it would have started is not known.
    if (first == nullptr && (is_finished(job.row->state) || job.row->claims > 0)) continue;
    queues[job.row->queue].push_back({.asked = *job.asked,
                                      .acknowledged = *job.acknowledged,
                                      .start = first == nullptr ? never : first->begin(),
                                      .priority = job.row->priority,
                                      .id = &id});
  }
  return queues;
}

/// Whatever was acknowledged before another was asked for starts before it. Jobs of one priority each.
void check_order(std::vector<Waiting> jobs, Findings& findings) {
  std::map<int, std::vector<Waiting>> by_priority;
  for (const Waiting& w : jobs) by_priority[w.priority].push_back(w);
  for (auto& [priority, asked] : by_priority) {
    std::vector<Waiting> known = asked;
    std::ranges::sort(asked, {}, &Waiting::asked);
    std::ranges::sort(known, {}, &Waiting::acknowledged);
    auto next = known.begin();
    const Waiting* last = nullptr;  // of those acknowledged so far, the one that started last
    for (const Waiting& w : asked) {
      for (; next != known.end() && next->acknowledged < w.asked; ++next) {
        if (last == nullptr || next->start > last->start) last = &*next;
      }
      if (last == nullptr || w.start == never || last->start <= w.start) continue;
      findings.add(Rule::order, *w.id, "started before " + to_string(*last->id) + ", which was enqueued before it");
    }
  }
}

/// How many starts passed over a job of better priority that had waited for more than a second.
std::size_t inversions(const std::vector<Waiting>& jobs) {
  constexpr Moment patience = 1'000'000;
  struct Change {
    Moment at;
    int order;  // at one moment: a job that starts is no longer waiting
    int priority;
    bool start;
  };
  std::vector<Change> changes;
  for (const Waiting& w : jobs) {
    if (w.start != never) changes.push_back({w.start, 1, w.priority, true});
    if (w.acknowledged + patience >= w.start) continue;
    changes.push_back({w.acknowledged + patience, 2, w.priority, false});
    if (w.start != never) changes.push_back({w.start, 0, w.priority, false});
  }
  std::ranges::sort(changes, [](const Change& a, const Change& b) {
    return std::pair(a.at, a.order) < std::pair(b.at, b.order);
  });
  std::map<int, int> waiting;
  std::size_t passed_over = 0;
  for (const Change& c : changes) {
    if (!c.start) {
      waiting[c.priority] += c.order == 0 ? -1 : 1;
      continue;
    }
    const bool better = std::any_of(waiting.begin(), waiting.lower_bound(c.priority),
                                    [](const auto& at) { return at.second > 0; });
    if (better) ++passed_over;
  }
  return passed_over;
}

/// After an outage each worker that had worked before begins again soon, as long as there is work.
void check_recovery(const Run& run, const History& history, Findings& findings) {
  for (const Fault& fault : run.faults) {
    if (fault.kind != Fault::Kind::outage) continue;
    const Moment deadline = fault.to_us + run.settings.recovery_us;
    const bool work_left = std::ranges::any_of(history.jobs, [&](const auto& entry) {
      const Story& job = entry.second;
      if (!job.acknowledged || *job.acknowledged > fault.to_us) return false;
      return job.executions.empty() || job.executions.begin()->second.begin() > deadline;
    });
    for (const auto& [pid, moments] : history.beginnings) {
      if (moments.front() > fault.from_us) continue;
      const auto next = std::ranges::upper_bound(moments, fault.to_us);
      if (next != moments.end()) findings.figures().recoveries_us.push_back(*next - fault.to_us);
      if (history.death(pid) < deadline) continue;
      if ((next == moments.end() || *next > deadline) && work_left) {
        findings.add(Rule::recovery, "process " + std::to_string(pid) + " began no job in time after an outage");
      }
    }
  }
}

void check_atomic(const Run& run, const History& history, Findings& findings) {
  if (!run.user_rows) return;
  for (const auto& [id, job] : history.jobs) {
    if (!job.in_transaction) continue;
    const bool users = run.user_rows->contains(id);
    if (users != (job.row != nullptr)) {
      findings.add(Rule::atomic, id, users ? "the user's row is there without it" : "is there without the user's row");
    }
  }
}

void check_balance(const Run& run, const History& history, Findings& findings) {
  for (const Id& id : history.rows_twice) findings.add(Rule::balance, id, "is there twice");
  for (const Row& row : run.rows) {
    const int state = static_cast<int>(row.state);
    if (state < 1 || state > 7) findings.add(Rule::balance, row.id, "has no state: " + std::to_string(state));
  }
  const Figures& f = findings.figures();
  if (f.acknowledged + f.unknown_present + f.ticks != run.rows.size()) {
    findings.add(Rule::balance, std::to_string(f.acknowledged) + " acknowledged, " +
                                    std::to_string(f.unknown_present) + " of unknown outcome and " +
                                    std::to_string(f.ticks) + " of schedules, but " + std::to_string(run.rows.size()) +
                                    " rows");
  }
  for (const Counter& counter : run.counters) {
    if (counter.kept == counter.recounted) continue;
    findings.add(Rule::counters, counter.name + " says " + std::to_string(counter.kept) + ", a recount " +
                                     std::to_string(counter.recounted));
  }
}

}  // namespace

void check_whole(const Run& run, const History& history, Findings& findings) {
  check_limits(run, history, findings);
  check_keys(run, history, findings);
  check_unique(history, findings);
  for (const auto& [queue, jobs] : waiting_by_queue(history)) {
    if (run.settings.strict.contains(queue)) check_order(jobs, findings);
    findings.figures().inversions += inversions(jobs);
  }
  check_recovery(run, history, findings);
  check_atomic(run, history, findings);
  check_balance(run, history, findings);
  for (const Fault& fault : run.faults) ++findings.figures().faults[fault.kind];
}

}  // namespace sqlq::faults
