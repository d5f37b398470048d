#include "client/doctor_schedules.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>

#include <sqlq/error.hpp>

#include "core/finding_names.hpp"
#include "core/findings.hpp"
#include "core/firing.hpp"
#include "core/schedule_text.hpp"
#include "core/words.hpp"

namespace sqlq::client {
namespace {

namespace found = core::found;
using std::chrono::minutes, std::chrono::seconds;

constexpr Duration clocks_differ = seconds(1);
constexpr Duration most_late = minutes(1);

bool before(const std::optional<TimePoint>& time, const std::optional<TimePoint>& other) {
  return time && (!other || *time < *other);
}

/// A row that is read, and what it means.
struct Known {
  const Schedule& schedule;
  const core::Standing& standing;
  core::Rule rule;
};

/// Schedules that have the same fault.
using Faults = std::map<std::string, found::Names>;

constexpr std::size_t most_faults_told = 5;

/// One finding for each fault, and one for all that are more: `tell(names, fault)`, where that is empty.
template <class Tell>
void tell_each(const Faults& faults, Tell tell) {
  found::Names others;
  std::size_t told = 0;
  for (const auto& [fault, names] : faults) {
    if (told++ < most_faults_told) {
      tell(names, fault);
    } else {
      others.insert(names.begin(), names.end());
    }
  }
  if (!others.empty()) tell(others, std::string());
}

/// ": " and the fault; without one how to learn it.
std::string because(const std::string& fault) {
  return fault.empty() ? ", each for a reason that `sqlq schedule show NAME` says" : ": " + fault;
}

class Ticking {
 public:
  Ticking(const Database& db, const backend::Now& request) : dialect_(db.dialect()), clock_(db.clock()) {
    given_ = request.has_value();
    backend::Workers* const registry = dialect_.workers();
    known_ = registry != nullptr;
    worked_ = known_ && !registry->list_workers({}, 0, 1, request).empty();
  }

  void look() {
    constexpr std::size_t page = 1000;
    constexpr std::size_t most = 10'000;
    std::string after;
    std::size_t seen = 0;
    for (std::size_t n = page; n == page && seen < most; seen += n) {
      const std::vector<backend::PeriodicRow> some = dialect_.periodic()->periodic_list(after, page);
      n = some.size();
      now_ = time();  // later than any decision in these rows
      for (const backend::PeriodicRow& row : some) look_at(row);
      if (n > 0) after = some.back().name;
    }
  }

  void tell(std::vector<Finding>& findings) const;

 private:
  [[nodiscard]] TimePoint time() const {
    backend::Insight* const insight = given_ ? nullptr : dialect_.insight();
    return insight != nullptr ? insight->clock_now() : clock_.now();
  }

  void look_at(const backend::PeriodicRow& row) {
    const core::ReadRow read(row.name, row.definition, row.state);
    if (read.why) {
      (read.why->newer() ? newer_ : unreadable_)[read.why->why()].insert(row.name);
      return;
    }
    try {
      core::check_policies(*read.schedule);
    } catch (const Error& e) {
      at_odds_[e.what()].insert(row.name);
    }
    std::optional<core::Rule> rule;
    try {
      rule = core::Rule::parse(read.schedule->rule, read.schedule->zone);
    } catch (const Error& e) {
      if (e.code() != Errc::invalid_argument && e.code() != Errc::configuration) throw;
      ruleless_[e.what()].insert(row.name);
      return;
    }
    look_at(row, Known{*read.schedule, *read.standing, *rule});
  }

  void look_at(const backend::PeriodicRow& row, const Known& known) {
    const core::Standing& s = known.standing;
    if (!s.trouble.empty()) troubled_[s.trouble].insert(row.name);
    const std::optional<TimePoint> last = std::max(s.past, s.last_tick);
    if (last && *last > saturating_add(now_, clocks_differ)) {
      if (ahead_.empty()) tick_ = *last;
      ahead_.insert(row.name);
    } else if (!s.paused) {
      const std::optional<TimePoint> due = due_at(known);
      const bool waits = s.owed || waits_for_last(known);
      if (before(due, row.next)) {
        if (asleep_.empty()) missed_ = *due;
        asleep_.insert(row.name);
      } else if (due && saturating_add(*due, most_late) < now_ && !waits) {
        since_ = late_.empty() ? *due : std::min(since_, *due);
        late_.insert(row.name);
      }
    }
  }

  /// When it is to be looked at, at the latest. Empty: there is no tick any more.
  [[nodiscard]] std::optional<TimePoint> due_at(const Known& known) const {
    const core::Standing& s = known.standing;
    const TimePoint soon = saturating_add(now_, clocks_differ);
    const TimePoint anchor = s.anchor > soon ? now_ : s.anchor;
    const auto by_rule = core::Ticks(known.schedule, known.rule, anchor).after(std::max(soon, s.past.value_or(soon)));
    std::optional<TimePoint> due = core::next_tick(s);
    if (before(by_rule, due)) due = by_rule;
    if (s.owed) due = std::min(due.value_or(TimePoint::max()), saturating_add(soon, core::between_looks_at_owed));
    return due;
  }

  /// A tick may be kept until the last job has finished.
  [[nodiscard]] bool waits_for_last(const Known& known) const {
    const Overlap overlap = known.schedule.overlap;
    const std::optional<JobId>& last = known.standing.last_job;
    if (!last || (overlap != Overlap::queue_one && overlap != Overlap::cancel_old)) return false;
    const std::vector<std::optional<Job>> job = dialect_.get(std::span(&*last, 1), nullptr);
    return !job.empty() && job.front() && !is_finished(job.front()->state);
  }

  backend::Dialect& dialect_;
  const Clock& clock_;
  bool given_ = false;   // whether the time is the test's
  bool known_ = false;   // whether there is a list of workers
  bool worked_ = false;  // whether one is listed
  TimePoint now_{};
  Faults newer_{};
  Faults unreadable_{};
  Faults ruleless_{};
  Faults at_odds_{};
  Faults troubled_{};
  found::Names ahead_{};
  found::Names asleep_{};
  found::Names late_{};
  TimePoint tick_{};    // of the first that is ahead
  TimePoint missed_{};  // of the first that is asleep
  TimePoint since_{};   // the earliest
};

void Ticking::tell(std::vector<Finding>& findings) const {
  using found::called;
  const auto row = [&](const std::string& sentence, const std::string& advice) {
    findings.push_back(found::warning("schedule_unreadable", sentence, advice));
  };
  tell_each(newer_, [&](const found::Names& names, const std::string& why) {
    row(called("schedule", names) + " cannot be read" + because(why),
        "use a newer sqlq: workers of that version fire what this one cannot read");
  });
  tell_each(unreadable_, [&](const found::Names& names, const std::string& why) {
    row(called("schedule", names) + " cannot be read" + because(why),
        "start the program that syncs it, make it anew with `sqlq schedule set NAME --rule RULE --kind KIND`, or "
        "forget it: `sqlq schedule remove " + found::operands(names) + "`");
  });
  tell_each(ruleless_, [&](const found::Names& names, const std::string& why) {
    row(called("schedule", names) + " can fire nothing here" + because(why),
        "for a zone that is right update this system's time zones; else start the program that syncs it, set it right "
        "with `sqlq schedule set NAME --rule RULE --zone ZONE`, or forget it: `sqlq schedule remove " +
            found::operands(names) + "`");
  });
  tell_each(at_odds_, [&](const found::Names& names, const std::string& why) {
    findings.push_back(found::warning(
        "schedule_at_odds", called("schedule", names) + because(why),
        "change it in the program that syncs it, or by `sqlq schedule set`, as in `sqlq schedule set --missed one " +
            core::shell_operand(*names.begin()) + "`"));
  });
  tell_each(troubled_, [&](const found::Names& names, const std::string& why) {
    findings.push_back(found::warning(
        "schedule_trouble", called("schedule", names) + ": the last tick could not be fired" + because(why),
        "mend the cause; the next tick is tried as usual. `sqlq schedule show " + core::shell_operand(*names.begin()) +
            "` says how it stands"));
  });
  if (!ahead_.empty()) {
    findings.push_back(found::warning(
        "schedule_ahead",
        found::called("schedule", ahead_) + ": the last tick lies in the future (" + core::in_words(tick_) +
            "): the database's clock was ahead, and until its next tick a schedule fires nothing",
        "set the clock right. Ticks up to then were fired too early, and are not fired again: `sqlq schedule run " +
            core::shell_operand(*ahead_.begin()) + "` enqueues a job now; a schedule that is removed and made again "
            "begins anew"));
  }
  if (!asleep_.empty()) {
    findings.push_back(found::warning(
        "schedule_asleep",
        found::called("schedule", asleep_) + ": nobody will look at it in time for the tick that its rule has at " +
            core::in_words(missed_) + ": the clock was ahead when it was synced or resumed, or its row was changed by "
            "hand",
        "set the clock right; then `sqlq schedule pause " + found::operands(asleep_) + "` and `sqlq schedule resume " +
            found::operands(asleep_) + "` let it go on with the first tick after now"));
  }
  if (late_.empty() || !known_) return;
  const std::string due = found::called("schedule", late_) + ": due since " + core::in_words(since_) + " and not fired";
  if (worked_) {
    findings.push_back(found::warning(
        "schedule_late", due + ", although workers are listed",
        "look at the workers' events: a worker that may not write to the schedules, or one of a version without "
        "them, fires none"));
  } else {
    findings.push_back(found::warning("schedule_late", due + ": no worker is listed",
                                      "start a worker; each one fires all schedules, whatever its queues are"));
  }
}

}  // namespace

void judge_schedules(const Database& db, const backend::Now& now, std::vector<Finding>& findings) {
  Ticking ticking(db, now);
  ticking.look();
  ticking.tell(findings);
}

}  // namespace sqlq::client
