#include <algorithm>
#include <set>

#include "findings.hpp"

namespace sqlq::faults {
namespace {

/// A history is cut at its beginning when it gets longer than this.
constexpr std::size_t history_kept = 1000;

std::string number(std::int64_t n) { return std::to_string(n); }

/// One job, rule by rule.
class Judge {
 public:
  Judge(const Run& run, const History& history, const Id& id, const Story& job, Findings& findings)
      : run_(run), history_(history), id_(id), job_(job), row_(job.row), out_(findings) {}

  /// Returns how many of its leases ended without a proof.
  std::size_t judge() {
    count();
    lost();
    phantom();
    executions();
    early();
    if (row_ != nullptr) {
      fencing();
      attempts();
      poison();
      result();
      const auto since = last_forgiven();
      const auto ended = std::count_if(since, row_->history.end(), [](const Line& line) {
        return line.reason == Reason::lease_ended;
      });
      expect(whole() ? row_->crashes == ended : true, Rule::counters,
             "crashes says " + number(row_->crashes) + ", its history " + number(ended));
    }
    return unproved_;
  }

 private:
  void expect(bool good, Rule rule, const std::string& text) { out_.expect(good, rule, id_, text); }
  [[nodiscard]] bool whole() const { return row_->history.size() < history_kept; }
  /// Behind the last line after which crashes are counted anew.
  [[nodiscard]] std::vector<Line>::const_iterator last_forgiven() const {
    const auto last = std::find_if(row_->history.rbegin(), row_->history.rend(), [](const Line& line) {
      return line.reason == Reason::requeued || line.reason == Reason::snoozed;
    });
    return last.base();
  }

  void count() {
    Figures& f = out_.figures();
    if (job_.asked) ++f.asked;
    if (job_.acknowledged) ++f.acknowledged;
    if (job_.refused) ++f.refused;
    if (job_.asked && !job_.acknowledged && !job_.refused) {
      ++f.unknown;
      if (row_ != nullptr) ++f.unknown_present;
    }
    f.executions += job_.executions.size() + job_.again.size();
    if (!job_.executions.empty()) ++f.executed_jobs;
    if (job_.executions.size() + job_.again.size() == 1) ++f.executed_once;
    if (row_ != nullptr) f.log_lines += row_->log.size();
  }

  void lost() {
    if (job_.acknowledged) expect(row_ != nullptr, Rule::lost, "acknowledged, and not there");
    if (row_ == nullptr || !run_.settings.drained) return;
    expect(is_finished(row_->state), Rule::lost,
           "not brought to an end: state " + number(static_cast<int>(row_->state)));
  }

  void phantom() {
    const bool seen = row_ != nullptr || !job_.executions.empty();
    expect(!seen || job_.asked || (row_ != nullptr && row_->tick), Rule::phantom, "nobody asked for it");
    expect(!seen || !job_.refused, Rule::phantom, "it was refused, and yet it is there");
    if (row_ == nullptr || job_.executions.empty()) return;
    const auto last = job_.executions.rbegin()->first;
    expect(last <= row_->claims, Rule::phantom, "claim " + number(last) + " was executed and never given");
  }

  void executions() {
    for (const Execution& e : job_.again) {
      out_.add(Rule::duplicate, id_, "one claim was executed twice, again by process " + number(e.pid));
    }
    std::set<std::int64_t> tokens;
    const Execution* before = nullptr;
    for (const auto& [claim, e] : job_.executions) {
      expect(tokens.insert(e.token).second, Rule::fencing, "a lease token was given twice");
      if (e.given) given(e, *e.given);
      if (before != nullptr) pair(*before, e);
      before = &e;
    }
    if (row_ == nullptr) return;
    // Each line about a lease that ended needs its proof, also when the job was never executed again.
    for (const Line& line : row_->history) {
      if (says_lease_ended(line)) lease_ended(line);
    }
  }

  /// Does what the database says of a claim agree with the rest?
  void given(const Execution& e, Moment at) {
    const Moment tolerance = run_.settings.lease_us / 4;  // a statement has one time, and may last
    const std::string name = "claim " + number(e.claim);
    expect(at <= e.begin() + tolerance, Rule::phantom, name + " was executed before it was given");
    const Line* line = job_.line(e.claim - 1);
    const auto ended = line == nullptr ? std::nullopt : history_.by_database(line->at_us);
    expect(!ended || at + tolerance >= *ended, Rule::overlap, name + " was given before the one before it had ended");
  }

  void pair(const Execution& before, const Execution& next) {
    const bool kept = why_lease_ended(before.pid, job_.acknowledged.value_or(0), before.begin()) != Why::unproved;
    expect(next.begin() > before.begin() || kept, Rule::attempts, "claim numbers do not increase with time");
    const Line* line = job_.line(before.claim);
    const bool ended = line != nullptr && says_lease_ended(*line);
    if (row_ == nullptr) {
      const Why why = why_lease_ended(before.pid, before.begin(), next.begin());
      expect(why != Why::unproved, Rule::duplicate, "executed again without a cause; its row is gone");
    } else if (line == nullptr) {
      expect(!whole(), Rule::duplicate, "executed again after claim " + number(before.claim) + " without a cause");
    } else if (!ended) {
      cause(before, *line);
    }
    if (history_.over(before) <= next.begin()) return;
    ++out_.figures().overlaps;
    expect(ended, Rule::overlap, "claims " + number(before.claim) + " and " + number(next.claim) + " ran at once");
  }

  /// Does what the handler wrote agree with what its history says?
  void cause(const Execution& before, const Line& line) {
    const auto because = [&](Why why, bool good) {
      ++out_.figures().ended[why];
      expect(good, Rule::duplicate, "claim " + number(before.claim) + " is said to have been " +
                                        std::string(to_string(why)) + "; its handler says otherwise");
    };
    switch (line.reason) {
      case Reason::failed: return because(Why::failed, before.end_code != Code::ok);
      case Reason::timed_out: return because(Why::failed, true);  // what its handler does later does not count
      case Reason::snoozed: return because(Why::snoozed, before.end_code == Code::snoozed);
      case Reason::released: return because(Why::released, true);
      case Reason::requeued:
      case Reason::taken_away: return because(Why::requeued, true);
      case Reason::discarded:
      case Reason::cancelled:
        return out_.add(Rule::duplicate, id_, "executed again after claim " + number(line.claim) + " had ended it");
      case Reason::lease_ended:
      case Reason::outage: return;
    }
  }

  void lease_ended(const Line& line) {
    Figures& f = out_.figures();
    ++f.leases_ended;
    const Execution* e = job_.execution(line.claim);
    if (e == nullptr) ++f.not_started;
    if (e != nullptr && e->end) ++f.not_written;
    if (e != nullptr && e->finish_code == Code::refused) ++f.late_refused;
    if (e != nullptr) zombie(*e);
    const auto pid = e != nullptr ? e->pid : line.pid;
    const auto later = job_.executions.upper_bound(line.claim);
    const auto taken_back = history_.by_database(line.at_us);
    const Moment until =
        taken_back.value_or(later == job_.executions.end() ? history_.last : later->second.begin());
    // Who was stopped between the claim and its first record writes it when the lease has ended.
    const bool in_time = e != nullptr && e->begin() < until;
    const bool exact = e != nullptr && e->given && taken_back;
    const Moment from = exact ? *e->given : in_time ? e->begin() : job_.asked.value_or(0);
    const Why why = why_lease_ended(pid, from, until);
    ++f.ended[why];
    if (why == Why::unproved) ++unproved_;

    const bool next_begun = later != job_.executions.end() && later->first == line.claim + 1 && (exact || in_time);
    const bool known_dead = run_.settings.dead_are_known && why == Why::owner_killed;
    if (!known_dead && (exact || (in_time && next_begun))) {
      // Otherwise it is known from its start on: the claim was before that, by little, or the machine is broken.
      const auto least = exact ? run_.settings.lease_us * 3 / 4 : run_.settings.lease_us / 4;
      expect(until - from >= least, Rule::duplicate, "claim " + number(line.claim) + " was taken back after " +
             number(until - from) + " us, before its lease can have ended");
    }
    if (!next_begun || why != Why::owner_killed) return;
    // In a queue with a limit, or with a key, it also waits for a slot, which others that died or were stopped may
    // hold.
    if (!taken_back && (run_.settings.limits.contains(row_->queue) || row_->key != 0)) return;
    const auto took = std::max(until - able_since(history_.death(pid), until), Moment{0});
    f.rescues_us.push_back(took);
    expect(took <= run_.settings.rescue_us, Rule::rescue, "given back " + number(took) + " us after its owner's "
           "death, allowed are " + number(run_.settings.rescue_us));
  }

  /// From when on a job could be rescued whose owner had died: not while nobody reached the database.
  [[nodiscard]] Moment able_since(Moment death, Moment until) const {
    Moment since = death;
    for (const Fault& fault : run_.faults) {
      if (fault.kind != Fault::Kind::outage || fault.from_us > until || fault.to_us < death) continue;
      since = std::max(since, std::min(fault.to_us, until));
    }
    return since;
  }

  /// An execution whose lease ended while its process was paused, and that came to its end afterwards.
  void zombie(const Execution& e) {
    const Moment end = e.finished.value_or(e.end.value_or(0));
    for (const Fault& fault : run_.faults) {
      const bool paused = fault.kind == Fault::Kind::paused && fault.pid == e.pid;
      if (!paused || e.begin() > fault.from_us || end < fault.to_us) continue;
      Figures& f = out_.figures();
      ++f.zombies;
      f.zombies_refused += e.finish_code != Code::ok && row_->token != e.token ? 1 : 0;
      f.zombie_pauses.insert(fault.from_us);
      return;
    }
  }

  [[nodiscard]] Why why_lease_ended(std::int32_t pid, Moment from, Moment until) const {
    if (history_.death(pid) < until) return Why::owner_killed;
    bool cut = false;
    const auto meets = [&](Moment begin, Moment end) { return begin < until && end > from; };
    for (const Fault& fault : run_.faults) {
      if (fault.kind == Fault::Kind::killed || !meets(fault.from_us, fault.to_us)) continue;
      if (fault.kind == Fault::Kind::outage) return Why::outage;
      if (fault.kind == Fault::Kind::cut) {
        cut = cut || fault.pid == pid;
        continue;
      }
      // Heartbeats come each third of a lease: a shorter pause cannot end one.
      if (fault.pid == pid && fault.to_us - fault.from_us >= run_.settings.lease_us / 2) return Why::paused;
    }
    if (cut) return Why::cut;
    const auto starved = [&](std::int32_t whose) {
      const auto gaps = history_.gaps.find(whose);
      return gaps != history_.gaps.end() &&
             std::ranges::any_of(gaps->second, [&](const Interval& i) { return meets(i.from, i.to); });
    };
    return starved(pid) || starved(0) ? Why::starved : Why::unproved;
  }

  void early() {
    constexpr Moment tolerance = 50'000;
    for (const auto& [said, earliest] : job_.not_before) {
      for (const auto& [claim, e] : job_.executions) {
        if (e.begin() < said) continue;
        expect(e.begin() + tolerance >= earliest, Rule::early,
               "claim " + number(claim) + " began " + number(earliest - e.begin()) + " us before it was due");
        break;
      }
    }
  }

  void fencing() {
    const auto requeues = std::ranges::count(row_->history, Reason::requeued, &Line::reason);
    const Execution* applied = nullptr;
    std::ptrdiff_t count = 0;
    for (const auto& [claim, e] : job_.executions) {
      if (e.finish_code != Code::ok) continue;
      applied = &e;
      ++count;
    }
    expect(count <= 1 + requeues, Rule::fencing, number(count) + " outcomes were accepted");
    if (row_->state != State::success) return;
    expect(applied == nullptr || applied->token == row_->token, Rule::fencing,
           "the outcome of claim " + number(applied == nullptr ? 0 : applied->claim) + " was accepted, another stored");
    const Execution* winner = job_.execution(row_->claims);
    expect(winner != nullptr, Rule::fencing, "its last claim, " + number(row_->claims) + ", was never executed");
    if (winner == nullptr) return;
    expect(winner->token == row_->token, Rule::fencing, "the stored lease token is not that of its last claim");
    const bool ended = winner->end ? winner->end_code == Code::ok : winner->finishing.has_value();
    expect(ended, Rule::fencing, "a success, though the handler of its last claim did not come to its end");
  }

  void attempts() {
    if (!whole()) return;
    std::int32_t charged = 0;
    for (std::int32_t claim = 1; claim <= row_->claims; ++claim) {
      ++charged;
      const Execution* e = job_.execution(claim);
      const Line* line = job_.line(claim);
      const std::string name = "claim " + number(claim);
      const auto agrees = [&](std::int32_t attempt) {
        expect(attempt == charged, Rule::attempts,
               name + " is attempt " + number(attempt) + ", it should be " + number(charged));
      };
      if (e != nullptr) agrees(e->attempt);
      // An operator's line is about the finished job, whose attempts it sets back.
      if (line != nullptr && line->reason != Reason::requeued) agrees(line->attempt);
      expect(e != nullptr || line != nullptr, Rule::attempts, name + " left no trace");
      expect(charged <= row_->max_attempts, Rule::attempts, name + " is beyond max_attempts");
      if (line == nullptr) continue;
      if (line->reason == Reason::released || line->reason == Reason::snoozed) --charged;
      if (line->reason == Reason::requeued) charged = 0;
    }
    expect(row_->attempt == charged, Rule::attempts,
           "the row says " + number(row_->attempt) + " attempts, its claims " + number(charged));
  }

  void poison() {
    const auto kills = std::ranges::count_if(job_.executions, [](const auto& e) { return e.second.poison; });
    if (kills == 0) {
      expect(row_->state != State::errored || row_->crashes < row_->max_crashes, Rule::poison,
             "ended for its crashes, which were not its own");
      return;
    }
    // One more when it died beside other suspects: that ends none of them, and then it is alone.
    expect(kills <= row_->max_crashes + 1, Rule::poison,
           "killed its worker " + number(kills) + " times; max_crashes is " + number(row_->max_crashes));
    if (!run_.settings.drained) return;
    // It may have died of something else too before it began; each of its crashes has its line.
    expect(row_->state == State::errored && row_->crashes >= row_->max_crashes, Rule::poison,
           "killed its worker " + number(kills) + " times and was not stopped after " + number(row_->max_crashes));
  }

  void result() {
    const Execution* winner = job_.execution(row_->claims);
    if (row_->state == State::success && winner != nullptr && winner->result != 0) {
      expect(winner->result == row_->result, Rule::result, "the stored result is not that of its last claim");
    }
    for (const SignedText& text : row_->log) {
      expect(text.claim == text.writer, Rule::result,
             "a line of claim " + number(text.writer) + " stands in the log of claim " + number(text.claim));
    }
  }

  const Run& run_;
  const History& history_;
  const Id& id_;
  const Story& job_;
  const Row* row_;
  Findings& out_;
  std::size_t unproved_ = 0;
};

}  // namespace

void check_jobs(const Run& run, const History& history, Findings& findings) {
  std::vector<Id> unproved;
  for (const auto& [id, job] : history.jobs) {
    for (auto n = Judge(run, history, id, job, findings).judge(); n > 0; --n) unproved.push_back(id);
  }
  const auto allowed = findings.figures().leases_ended * static_cast<std::size_t>(run.settings.unproved_percent) / 100;
  if (unproved.size() <= allowed) return;
  for (const Id& id : unproved) {
    findings.add(Rule::duplicate, id, "its lease ended, though its owner lived and nothing kept it from renewing");
  }
}

}  // namespace sqlq::faults
