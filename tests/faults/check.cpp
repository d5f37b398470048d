#include "check.hpp"

#include <algorithm>
#include <iomanip>
#include <sstream>

#include "findings.hpp"

namespace sqlq::faults {

std::string_view to_string(Rule rule) noexcept {
  switch (rule) {
    case Rule::lost: return "VL1 lost";
    case Rule::phantom: return "VL2 phantom";
    case Rule::duplicate: return "VD1 duplicate";
    case Rule::overlap: return "VD2 overlap";
    case Rule::fencing: return "VF1 fencing";
    case Rule::attempts: return "VF2 attempts";
    case Rule::limit: return "VC1 limit";
    case Rule::key: return "VC2 key";
    case Rule::rate: return "VC3 rate";
    case Rule::unique: return "VU1 unique";
    case Rule::order: return "VO1 order";
    case Rule::early: return "VT1 early";
    case Rule::rescue: return "VT2 rescue";
    case Rule::recovery: return "VT3 recovery";
    case Rule::poison: return "VP1 poison";
    case Rule::atomic: return "VA1 atomic";
    case Rule::result: return "VR1 result";
    case Rule::counters: return "VS1 counters";
    case Rule::tick: return "VK1 tick";
    case Rule::step: return "VK2 step";
    case Rule::signal: return "VK3 signal";
    case Rule::balance: return "VB1 balance";
  }
  return "?";
}

std::string_view to_string(Why why) noexcept {
  switch (why) {
    case Why::failed: return "failed";
    case Why::owner_killed: return "owner killed";
    case Why::paused: return "paused";
    case Why::outage: return "outage";
    case Why::cut: return "connection cut";
    case Why::starved: return "starved";
    case Why::unproved: return "UNPROVED";
    case Why::released: return "released";
    case Why::snoozed: return "snoozed";
    case Why::requeued: return "requeued";
  }
  return "?";
}

std::string_view to_string(Fault::Kind kind) noexcept {
  switch (kind) {
    case Fault::Kind::killed: return "killed";
    case Fault::Kind::paused: return "paused";
    case Fault::Kind::silent: return "silent";
    case Fault::Kind::outage: return "outage";
    case Fault::Kind::cut: return "cut";
  }
  return "?";
}

bool Verdict::broke(Rule rule) const noexcept {
  return std::ranges::any_of(violations, [rule](const Violation& v) { return v.rule == rule; });
}

Verdict check(const Run& run) {
  Verdict verdict;
  Findings findings(verdict);
  const History history(run);
  check_jobs(run, history, findings);
  check_time(run, history, findings);
  check_signals(history, findings);
  check_whole(run, history, findings);
  return verdict;
}

namespace {

double seconds(std::int64_t us) { return static_cast<double>(us) / 1e6; }

void print_times(std::ostream& out, const char* name, std::vector<std::int64_t> times, std::int64_t bound) {
  if (times.empty()) return;
  std::ranges::sort(times);
  const auto at = [&](std::size_t percent) {
    return seconds(times[std::min(times.size() - 1, times.size() * percent / 100)]);
  };
  out << name << " s: p50 " << at(50) << "  p99 " << at(99) << "  max " << at(100) << " (bound " << seconds(bound)
      << ", of " << times.size() << ")\n";
}

std::string most(const std::map<std::uint32_t, int>& queues) {
  int all = 0;
  for (const auto& [queue, n] : queues) all = std::max(all, n);
  return std::to_string(all);
}

void print_violations(std::ostream& out, const std::vector<Violation>& violations) {
  constexpr std::size_t shown = 5;
  std::map<Rule, std::size_t> counts;
  for (const Violation& v : violations) {
    if (++counts[v.rule] <= shown) out << to_string(v.rule) << ": " << v.text << '\n';
  }
  for (const auto& [rule, n] : counts) out << to_string(rule) << ": " << n << " in all\n";
}

}  // namespace

std::string to_string(const Verdict& verdict, const Settings& settings) {
  const Figures& f = verdict.figures;
  std::ostringstream out;
  out << std::fixed << std::setprecision(3);
  out << "enqueue: asked " << f.asked << "  acknowledged " << f.acknowledged << "  refused " << f.refused
      << "  unknown " << f.unknown << " (of which present " << f.unknown_present << ")\n";
  out << "executed: " << f.executions << " executions of " << f.executed_jobs << " jobs, exactly once "
      << f.executed_once << '\n';
  out << "ended and given again:";
  for (const auto& [why, n] : f.ended) out << "  " << to_string(why) << ' ' << n;
  out << "  (leases " << f.leases_ended << ": before the handler " << f.not_started << ", after it " << f.not_written
      << "; too late and refused " << f.late_refused << ")\n";
  out << "overlaps " << f.overlaps << "  held at most " << most(f.most_held) << "  alive at most "
      << most(f.most_alive) << "  passed over " << f.inversions << "  log lines " << f.log_lines << '\n';
  const auto fault = [&](Fault::Kind kind) { return f.faults.contains(kind) ? f.faults.at(kind) : 0; };
  out << "faults: killed " << fault(Fault::Kind::killed) << "  paused " << fault(Fault::Kind::paused) << "  silent "
      << fault(Fault::Kind::silent) << "  outages " << fault(Fault::Kind::outage) << "  cut "
      << fault(Fault::Kind::cut) << '\n';
  if (f.keys > 0) {
    out << "keys: " << f.keys << "  held at most " << f.most_of_key << "  starts in a period at most " << f.most_starts
        << '\n';
  }
  if (f.ticks > 0) {
    out << "ticks: fired " << f.ticks << "  skipped " << f.ticks_skipped << "  missed " << f.ticks_missed << '\n';
  }
  if (f.steps > 0) out << "steps: run " << f.steps << "  answered again " << f.steps_again << '\n';
  if (f.signals > 0) {
    out << "signals: stored " << f.signals << "  received " << f.received << "  waits expired " << f.expired << '\n';
  }
  if (f.zombies > 0) {
    out << "zombies: " << f.zombies << " late completions after " << f.zombie_pauses.size() << " pauses, refused "
        << f.zombies_refused << " of " << f.zombies << '\n';
  }
  print_times(out, "rescue", f.rescues_us, settings.rescue_us);
  print_times(out, "recovery", f.recoveries_us, settings.recovery_us);
  out << "violations: " << verdict.violations.size() << '\n';
  print_violations(out, verdict.violations);
  return out.str();
}

}  // namespace sqlq::faults
