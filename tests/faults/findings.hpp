#pragma once
/// \file
/// The parts of check: what can be said of each job alone, and what can be said of all together.

#include <string>
#include <utility>

#include "check.hpp"
#include "history.hpp"

namespace sqlq::faults {

/// Adds to the verdict.
class Findings {
 public:
  explicit Findings(Verdict& verdict) : verdict_(verdict) {}
  void add(Rule rule, const Id& id, const std::string& text) {
    verdict_.violations.push_back({rule, to_string(id) + ": " + text});
  }
  void add(Rule rule, std::string text) { verdict_.violations.push_back({rule, std::move(text)}); }
  void expect(bool good, Rule rule, const Id& id, const std::string& text) {
    if (!good) add(rule, id, text);
  }
  [[nodiscard]] Figures& figures() { return verdict_.figures; }

 private:
  Verdict& verdict_;
};

/// lost, phantom, duplicate, overlap, fencing, attempts, early, rescue, poison, result, counters.
void check_jobs(const Run& run, const History& history, Findings& findings);
/// tick, step.
void check_time(const Run& run, const History& history, Findings& findings);
/// signal.
void check_signals(const History& history, Findings& findings);
/// limit, key, rate, unique, order, recovery, atomic, counters, balance.
void check_whole(const Run& run, const History& history, Findings& findings);

}  // namespace sqlq::faults
