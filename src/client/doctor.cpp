#include <sqlq/admin.hpp>

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <sqlq/backend/dialect.hpp>

#include "client/doctor_schedules.hpp"
#include "client/limits.hpp"
#include "core/finding_names.hpp"
#include "core/findings.hpp"
#include "core/request_time.hpp"
#include "core/words.hpp"

namespace sqlq {
namespace {

namespace found = core::found;

using Findings = std::vector<Finding>;
using found::Names, found::called, found::items, found::operands, found::some_of;

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
    if (backend::Gates* const gates = dialect.gates()) look_at_keys(dialect, *gates);
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
    judge_keys(findings);
    if (!known_) return;
    if (workers_.empty()) return judge_nobody(findings);
    judge_waiting(findings);
    judge_workers(findings);
  }

 private:
  /// Keys that jobs wait for, of which workers of their queue let them in. Lists do not find those jobs quickly.
  void look_at_keys(backend::Dialect& dialect, backend::Gates& gates) {
    constexpr std::size_t most_queues = 1000;
    std::size_t left = 100;  // keys
    if (dialect.counts({}, 1)[JobState::waiting].value == 0) return;
    for (std::size_t i = 0; i < std::min(queues_.size(), most_queues) && left > 0; ++i) {
      const std::string& queue = queues_[i].name;
      const std::vector<backend::GateRow> rows = gates.gate_list(queue, {}, left, 1);
      left -= std::min(left, rows.size());
      for (const backend::GateRow& row : rows) {
        if (row.waiting.value == 0) continue;
        keyed_.insert(queue);
        if (row.held) held_.emplace_back(queue, row.key);
      }
    }
  }

  void judge_keys(Findings& findings) const {
    if (held_.empty()) return;
    Names names;
    for (const auto& [queue, key] : held_) names.insert(key);
    const auto& [queue, key] = held_.front();
    findings.push_back(found::warning(
        "key_held", called("key", names) + ": shut until somebody opens it, and jobs wait, such as in queue " +
                        core::quoted(queue),
        "see why, then let its jobs in with `sqlq queue open-key " + core::shell_operand(queue) + " " +
            client::shell_key(queue, key) + "` or Admin::open_key"));
  }

  /// Queues of which jobs wait and that are as `is` says.
  template <class Is>
  Names queues(const Is& is) const {
    Names names;
    for (const Queue& q : queues_) {
      const auto first = waiting_.lower_bound({q.name, std::string()});
      const bool waits = (first != waiting_.end() && first->first == q.name) || keyed_.contains(q.name);
      if (waits && is(q)) names.insert(q.name);
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
    const auto works = [](const WorkerInfo& w, const std::string& queue) {
      return w.queues.empty() || std::ranges::find(w.queues, queue) != w.queues.end();
    };
    for (const std::string& queue : keyed_) {
      const auto works_it = [&](const WorkerInfo& w) { return works(w, queue); };
      if (!left_out.contains(queue) && std::ranges::none_of(workers_, works_it)) unworked.insert(queue);
    }
    for (const auto& [queue, kind] : waiting_) {
      if (left_out.contains(queue)) continue;
      bool worked = false;
      bool known = false;
      for (const WorkerInfo& w : workers_) {
        const bool here = works(w, queue);
        worked = worked || here;
        const bool handles = w.kinds.empty() || std::ranges::find(w.kinds, kind) != w.kinds.end();  // empty: all
        known = known || (here && handles);
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
  Names keyed_{};                                            // queues of which jobs wait for their keys
  std::vector<std::pair<std::string, std::string>> held_{};  // queue and key
  std::vector<Queue> queues_{};
  std::vector<WorkerInfo> workers_{};
  bool known_ = false;  // whether there is a list of workers
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

void look_at_inbox(backend::Inbox& inbox, Findings& findings) {
  constexpr std::uint64_t cap = 1000;
  const CappedCount kept = inbox.inbox_counts(cap).kept;
  if (kept.value == 0) return;
  const std::string number = (kept.capped ? "more than " : "") + std::to_string(kept.value);
  findings.push_back(found::warning(
      "inbox_kept",
      number + " rows of sqlq_inbox could not become jobs, not even errored ones: the column problem says why",
      "mend or delete them, and give them back by UPDATE sqlq_inbox SET n = -n, problem = NULL WHERE n < 0"));
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
    if (backend::Inbox* const inbox = dialect.inbox()) {
      found::look_at("the inbox", findings, [&] { look_at_inbox(*inbox, findings); });
    }
    if (dialect.periodic() != nullptr) {
      found::look_at("the schedules", findings, [&] { client::judge_schedules(db_, now, findings); });
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
