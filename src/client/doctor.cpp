#include <sqlq/admin.hpp>

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <sqlq/backend/dialect.hpp>
#include <sqlq/schedule.hpp>

#include "core/findings.hpp"
#include "core/request_time.hpp"
#include "core/text.hpp"
#include "core/words.hpp"

namespace sqlq {
namespace {

namespace found = core::found;

using Findings = std::vector<Finding>;
using Names = std::set<std::string>;

constexpr std::size_t most_names_told = 10;

/// At most so many of them, in quotes.
std::string some_of(const Names& names) {
  std::vector<std::string> some;
  for (const std::string& name : names) {
    if (some.size() == most_names_told) break;
    some.push_back(core::quoted(name));
  }
  const std::string more =
      names.size() > most_names_told ? " and " + std::to_string(names.size() - most_names_told) + " more" : "";
  return core::joined(some, ", ") + more;
}

/// As many as some_of shows, as arguments of a command.
std::string operands(const Names& names) {
  std::vector<std::string> words;
  for (const std::string& name : names) {
    if (words.size() == most_names_told) break;
    words.push_back(core::shell_word(name));
  }
  const bool option = std::ranges::any_of(names, [](const std::string& name) { return name.starts_with('-'); });
  return (option ? "-- " : "") + core::joined(words, " ");
}

/// The same as values of an option.
std::string items(const Names& names) {
  std::vector<std::string> words;
  for (const std::string& name : names) {
    if (words.size() == most_names_told) break;
    words.push_back(core::shell_item(name));
  }
  return core::joined(words, ",");
}

/// "the queue 'a'", "the queues 'a', 'b'".
std::string called(const std::string& what, const Names& names) {
  return "the " + what + (names.size() == 1 ? " " : "s ") + some_of(names);
}

/// False: the tables are of no use to this library.
bool look_at_schema(const MigrationStatus& status, Findings& findings) {
  const std::string has = "the tables have version " + std::to_string(status.current);
  if (!status.problem.empty()) {
    if (status.current > status.latest) {
      findings.push_back(found::error("schema_newer", status.problem, "use a library that knows these tables"));
    } else {
      findings.push_back(found::error("schema_problem", status.problem, "docs/operations.md, Migrations"));
    }
    return false;
  }
  if (status.current < status.latest) {
    findings.push_back(found::error(
        "schema_behind",
        status.current == 0 ? "the database has no sqlq tables yet"
                            : has + ", this library needs " + std::to_string(status.latest) + ": it refuses them",
        "run `sqlq schema up`, or call migrate()"));
    return false;
  }
  if (status.current > status.latest) {
    findings.push_back(found::note("schema_ahead",
                                   has + ", this library knows " + std::to_string(status.latest) +
                                       " and works with them as well",
                                   "update this program when it suits"));
  }
  return true;
}

/// Jobs that could run now, and who could run them.
class Work {
 public:
  Work(backend::Dialect& dialect, const backend::Now& now) {
    constexpr std::size_t page = 1000;
    constexpr std::size_t most = 10'000;
    for (const WaitingKind& w : dialect.waiting_kinds(page, now)) waiting_.insert({w.queue, w.kind});
    for (std::size_t n = page; n == page && queues_.size() < most;) {
      const std::vector<Queue> some = dialect.queues(queues_.empty() ? std::string() : queues_.back().name, page);
      n = some.size();
      queues_.insert(queues_.end(), some.begin(), some.end());
    }
    backend::Workers* const registry = dialect.workers();
    known_ = registry != nullptr;
    for (std::size_t n = page; known_ && n == page && workers_.size() < most;) {
      const WorkerInfo last = workers_.empty() ? WorkerInfo{} : workers_.back();
      const std::vector<WorkerInfo> some = registry->list_workers(last.name, last.id, page, now);
      n = some.size();
      workers_.insert(workers_.end(), some.begin(), some.end());
    }
  }

  void judge(Findings& findings) const {
    judge_queues(findings);
    if (!known_) return;
    if (workers_.empty()) return judge_nobody(findings);
    judge_waiting(findings);
    judge_workers(findings);
  }

 private:
  /// Queues of which jobs wait and that are as `is` says.
  template <class Is>
  Names queues(const Is& is) const {
    Names names;
    for (const Queue& q : queues_) {
      const auto first = waiting_.lower_bound({q.name, std::string()});
      if (first != waiting_.end() && first->first == q.name && is(q)) names.insert(q.name);
    }
    return names;
  }
  Names stopped() const {
    return queues([](const Queue& q) { return q.paused || q.concurrency == 0U; });
  }

  void judge_queues(Findings& findings) const {
    const Names paused = queues([](const Queue& q) { return q.paused; });
    if (!paused.empty()) {
      findings.push_back(found::note("queue_paused", called("queue", paused) + ": paused, and jobs wait",
                                     "`sqlq queue resume " + operands(paused) + "` or Admin::resume lets them run"));
    }
    const Names none = queues([](const Queue& q) { return !q.paused && q.concurrency == 0U; });
    if (!none.empty()) {
      findings.push_back(found::warning("queue_closed", called("queue", none) + ": concurrency is 0, and jobs wait",
                                        "raise it with `sqlq queue limit " + core::shell_operand(*none.begin()) +
                                            " N` or Admin::set_concurrency"));
    }
  }

  void judge_nobody(Findings& findings) const {
    const Names open = queues([](const Queue& q) { return !q.paused && q.concurrency != 0U; });
    if (open.empty()) return;
    findings.push_back(found::warning(
        "no_worker", "no worker is listed, and jobs wait in " + called("queue", open),
        "start a worker, such as `sqlq work --queue " + items(open) +
            " -- COMMAND`; own loops, and workers that may not write to the table of workers, are never listed"));
  }

  void judge_waiting(Findings& findings) const {
    const Names left_out = stopped();
    Names unworked;
    Names unknown;
    std::pair<std::string, std::string> first;  // queue and kind, for a command
    for (const auto& [queue, kind] : waiting_) {
      if (left_out.contains(queue)) continue;
      bool worked = false;
      bool known = false;
      for (const WorkerInfo& w : workers_) {
        const bool works = w.queues.empty() || std::ranges::find(w.queues, queue) != w.queues.end();
        worked = worked || works;
        const bool handles = w.kinds.empty() || std::ranges::find(w.kinds, kind) != w.kinds.end();  // empty: all
        known = known || (works && handles);
      }
      if (!worked) unworked.insert(queue);
      if (!worked || known) continue;
      unknown.insert(kind);
      if (unknown.size() == 1) first = {core::shell_item(queue), core::shell_item(kind)};
    }
    if (!unworked.empty()) {
      findings.push_back(found::warning("queue_without_worker",
                                        "jobs wait in " + called("queue", unworked) + ", which no listed worker works",
                                        "start a worker whose WorkerOptions::queues have them, such as `sqlq work "
                                        "--queue " + items(unworked) + " -- COMMAND`"));
    }
    if (!unknown.empty()) {
      findings.push_back(found::warning(
          "kind_without_handler",
          "jobs wait of " + called("kind", unknown) + ", for which no listed worker of their queues has a handler",
          "register a handler, let a program run them, such as `sqlq work --queue " + first.first + " --kind " +
              first.second + " -- COMMAND`, or end them, such as `sqlq job cancel --queue " + first.first +
              " --kind " + first.second + "`; a kind must never be renamed while jobs of it wait"));
    }
  }

  void judge_workers(Findings& findings) const {
    Names versions;
    Names draining;
    for (const WorkerInfo& w : workers_) {
      versions.insert(w.version);
      if (w.draining) draining.insert(w.name);
    }
    if (versions.size() > 1) {
      findings.push_back(found::warning("mixed_versions",
                                        "the listed workers have different versions of the library: " +
                                            some_of(versions),
                                        "bring all of them to the newest one; during an update this is as it must be"));
    }
    if (!draining.empty()) {
      findings.push_back(found::note("worker_draining",
                                     called("worker", draining) + ": being drained, which claims nothing more",
                                     "`sqlq worker drain --undo " + operands(draining) +
                                         "` or Admin::drain(name, false) lets it claim again"));
    }
  }

  std::set<std::pair<std::string, std::string>> waiting_{};  // queue and kind
  std::vector<Queue> queues_{};
  std::vector<WorkerInfo> workers_{};
  bool known_ = false;  // whether there is a list of workers
};

/// Schedules that do not fire as they should.
class Ticking {
 public:
  Ticking(const Database& db, const backend::Now& request)
      : schedules_(db), dialect_(db.dialect()), now_(db.clock().now()) {
    if (backend::Insight* const insight = dialect_.insight(); insight != nullptr && !request) {
      now_ = insight->clock_now();
    }
    backend::Workers* const registry = dialect_.workers();
    known_ = registry != nullptr;
    worked_ = known_ && !registry->list_workers({}, 0, 1, request).empty();
  }

  void judge(Findings& findings) {
    constexpr std::size_t page = 1000;
    constexpr std::size_t most = 10'000;
    std::string after;
    std::size_t seen = 0;
    for (std::size_t n = page; n == page && seen < most; seen += n) {
      const std::vector<ScheduleState> some = schedules_.list(after, page);
      n = some.size();
      for (const ScheduleState& state : some) look_at(state);
      if (n > 0) after = some.back().schedule.name;
    }
    tell(findings);
  }

 private:
  void look_at(const ScheduleState& state) {
    constexpr Duration clocks_differ = std::chrono::seconds(1);
    constexpr Duration most_late = std::chrono::minutes(1);
    const std::string& name = state.schedule.name;
    if (!state.trouble.empty()) {
      if (troubled_.empty()) trouble_ = state.trouble;
      troubled_.insert(name);
    }
    if (state.last_tick && *state.last_tick > saturating_add(now_, clocks_differ)) {
      if (ahead_.empty()) tick_ = *state.last_tick;
      ahead_.insert(name);
    }
    const bool late = state.next && saturating_add(*state.next, most_late) < now_;
    if (late && !state.paused && !waits_for_last(state)) {
      since_ = late_.empty() ? *state.next : std::min(since_, *state.next);
      late_.insert(name);
    }
  }

  /// A tick may be kept until the last job has finished.
  [[nodiscard]] bool waits_for_last(const ScheduleState& state) const {
    const Overlap overlap = state.schedule.overlap;
    if (!state.last_job || (overlap != Overlap::queue_one && overlap != Overlap::cancel_old)) return false;
    const std::vector<std::optional<Job>> job = dialect_.get(std::span(&*state.last_job, 1), nullptr);
    return !job.empty() && job.front() && !is_finished(job.front()->state);
  }

  void tell(Findings& findings) const {
    if (!troubled_.empty()) {
      findings.push_back(found::warning(
          "schedule_trouble",
          called("schedule", troubled_) + ": the last tick could not be fired; of the first: " + trouble_,
          "mend the cause; the next tick is tried as usual. `sqlq schedule show " +
              core::shell_operand(*troubled_.begin()) + "` says how it stands"));
    }
    if (!ahead_.empty()) {
      findings.push_back(found::warning(
          "schedule_ahead",
          called("schedule", ahead_) + ": the last tick lies in the future (" + core::in_words(tick_) +
              "): the database's clock was ahead, and until its next tick a schedule fires nothing",
          "set the clock right. Ticks up to then were fired too early, and are not fired again: `sqlq schedule run " +
              core::shell_operand(*ahead_.begin()) + "` enqueues a job now; a schedule that is removed and made again "
              "begins anew"));
    }
    if (late_.empty() || !known_) return;
    const std::string due = called("schedule", late_) + ": due since " + core::in_words(since_) + " and not fired";
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

  Schedules schedules_;
  backend::Dialect& dialect_;
  TimePoint now_;
  bool known_ = false;   // whether there is a list of workers
  bool worked_ = false;  // whether one is listed
  Names troubled_{};
  Names ahead_{};
  Names late_{};
  std::string trouble_{};  // of the first of them
  TimePoint tick_{};       // of the first that is ahead
  TimePoint since_{};      // the earliest
};

/// How far the database's clock is from this host's, at least: its answer was given between two looks at this one.
void look_at_clock(backend::Insight& insight, const Clock& clock, Findings& findings) {
  const TimePoint before = clock.now();
  const TimePoint there = insight.clock_now();
  const TimePoint after = clock.now();
  const Duration behind = before - there;
  const Duration ahead = there - after;
  const Duration off = std::max(behind, ahead);
  if (off <= std::chrono::seconds(1)) return;
  const std::string what = "the database's clock is " + core::in_words(off) +
                           (ahead > behind ? " ahead of" : " behind") +
                           " this host's: times that programs compute are off by that";
  const std::string advice = "synchronise both (chronyc tracking, timedatectl)";
  findings.push_back(off > std::chrono::seconds(30) ? found::error("clock_offset", what, advice)
                                                    : found::warning("clock_offset", what, advice));
}

constexpr std::size_t longest_sentence = 4096;

}  // namespace

std::vector<Finding> Admin::doctor() const {
  backend::Dialect& dialect = db_.dialect();
  Findings findings;
  bool usable = false;
  found::look_at("the record of the schema's versions", findings,
                 [&] { usable = look_at_schema(dialect.migration_status(), findings); });
  std::ranges::move(dialect.self_check(), std::back_inserter(findings));
  const backend::Now now = core::request_time(db_.clock());
  if (usable) {
    found::look_at("the kinds of jobs, the queues or the workers", findings,
                   [&] { Work(dialect, now).judge(findings); });
    if (dialect.periodic() != nullptr) {
      found::look_at("the schedules", findings, [&] { Ticking(db_, now).judge(findings); });
    }
  }
  if (backend::Insight* const insight = dialect.insight(); insight != nullptr && !now) {
    look_at_clock(*insight, db_.clock(), findings);
  }
  for (Finding& finding : findings) {
    // Names in them are those of others: of indexes, programs, users.
    finding.sentence = core::one_line(finding.sentence, longest_sentence);
    finding.advice = core::one_line(finding.advice, longest_sentence);
  }
  std::ranges::stable_sort(findings, std::ranges::greater{}, &Finding::severity);
  return findings;
}

}  // namespace sqlq
