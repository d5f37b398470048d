// Why a job does not run: Admin::explain. It asks the database for facts, one after the other, and makes sentences of
// them. docs/explain.md says what each reason means.

#include <sqlq/admin.hpp>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <sqlq/backend/dialect.hpp>
#include <sqlq/error.hpp>

#include "client/explain_keys.hpp"
#include "client/explain_steps.hpp"
#include "core/function_ref.hpp"
#include "core/lists.hpp"
#include "core/request_time.hpp"
#include "core/step_values.hpp"
#include "core/text.hpp"
#include "core/words.hpp"

namespace sqlq {
namespace {

using core::in_words;
using core::one_line;
using Code = Reason::Code;

constexpr std::size_t most_named = 10;
constexpr std::size_t most_workers = 10'000;
constexpr std::size_t most_held = 10'000;  // held jobs of a queue that are looked at one by one
constexpr std::size_t most_of_an_error = 300;  // bytes
constexpr std::uint64_t most_before = 10'000;
constexpr Duration most_difference = std::chrono::seconds(1);

/// "1 job", "2 jobs".
std::string counted(std::uint64_t n, const std::string& what) {
  return std::to_string(n) + " " + what + (n == 1 ? "" : "s");
}

std::vector<std::string> names_of(const std::vector<WorkerInfo>& workers) {
  std::vector<std::string> names;
  for (const WorkerInfo& w : workers) {
    if (names.size() == most_named) break;
    if (std::ranges::find(names, w.name) == names.end()) names.push_back(w.name);
  }
  return names;
}

/// "'a', 'b' and others".
std::string list_of(const std::vector<std::string>& names, std::size_t all) {
  std::vector<std::string> parts;
  for (const std::string& name : names) parts.push_back(core::quoted(name));
  return core::joined(parts, ", ") + (names.size() == most_named && all > most_named ? " and others" : "");
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

bool is_held(const Job& job) { return job.state == JobState::running || job.state == JobState::cancelling; }

class Explanation {
 public:
  Explanation(const Database& db, JobId id)
      : dialect_(db.dialect()), clock_(db.clock()), request_(core::request_time(db.clock())), id_(id) {}

  std::vector<Reason> reasons(const Database& db) && {
    if (schema_fits(db)) {
      const std::vector<std::optional<Job>> jobs = dialect_.get(std::span(&id_, 1), nullptr);
      if (jobs.empty() || !jobs.front()) {
        add({.code = Code::not_found},
            "no job has the id " + id_.to_string() + ": it was never in this database, or was deleted after its "
            "retention");
      } else {
        job_ = *jobs.front();
        look_at_clocks();
        if (is_finished(job_.state)) {
          add_finished();
        } else if (is_held(job_)) {
          add_held();
        } else {
          add_waiting();
        }
      }
    }
    for (const std::string& part : unknown_) reasons_.back().sentence += "; not known: " + part;
    return std::move(reasons_);
  }

 private:
  void add(Reason reason, std::string sentence) {
    reason.sentence = std::move(sentence);
    reasons_.push_back(std::move(reason));
  }

  /// What cannot be read says nothing about the rest.
  void look_at(const char* what, core::FunctionRef<void()> look) {
    try {
      look();
    } catch (const Error& e) {
      if (e.retryable() || e.connection_lost() || e.code() == Errc::misuse || e.code() == Errc::corrupt) throw;
      unknown_.push_back(std::string(what) + " (" + one_line(e.what(), most_of_an_error) + ")");
    }
  }

  bool schema_fits(const Database& db) {
    bool fits = true;
    look_at("the version of the tables", [&] {
      try {
        db.recheck();
        static_cast<void>(db.ready());
      } catch (const Error& e) {
        if (e.code() != Errc::schema) throw;
        fits = false;
        add({.code = Code::schema_behind}, one_line(e.what()));
      }
    });
    return fits;
  }

  /// The database's time, and how far this host's is from it at least: the answer was given between two looks.
  void look_at_clocks() {
    now_ = clock_.now();
    backend::Insight* const insight = dialect_.insight();
    if (insight == nullptr || request_) return;
    look_at("the database's clock", [&] {
      const TimePoint before = clock_.now();
      now_ = insight->clock_now();
      const TimePoint after = clock_.now();
      difference_ = now_ > after ? now_ - after : now_ < before ? now_ - before : Duration::zero();
    });
  }

  [[nodiscard]] std::string when(TimePoint at) const {
    return in_words(at) + (at <= now_ ? " (" + in_words(now_ - at) + " ago)" : std::string());
  }
  [[nodiscard]] TimePoint sign_of_life(const Job& job) const {
    return std::max(job.heartbeat_at.value_or(TimePoint::min()), job.started_at.value_or(TimePoint::min()));
  }
  [[nodiscard]] TimePoint lease_end(const Job& job) const { return saturating_add(sign_of_life(job), job.keepalive); }

  /// "3 of 25 attempts".
  [[nodiscard]] std::string attempts() const {
    return std::to_string(job_.attempt) + " of " +
           counted(static_cast<std::uint64_t>(std::max(job_.max_attempts, 0)), "attempt");
  }

  // ------------------------------------------------------------------------------------------ ended and running jobs

  void add_finished() {
    Reason reason{.code = Code::finished, .state = job_.state, .at = job_.finished_at};
    const std::string since = job_.finished_at ? " since " + when(*job_.finished_at) : std::string();
    std::string sentence = "the job has ended: " + std::string(to_string(job_.state)) + since;
    if (job_.state != JobState::success) {
      look_at("its history", [&] {
        std::optional<AttemptRecord> last = dialect_.last_records(std::span(&id_, 1)).at(0);
        if (last) reason.message = std::move(last->message);
      });
    }
    if (job_.state == JobState::errored) {
      backend::Steps* const steps = dialect_.steps();
      if (steps != nullptr) look_at("its steps", [&] { steps_ = steps->read_steps(id_, nullptr); });
      sentence += ", after " + attempts() + ": run it again with Admin::requeue or `sqlq job retry --id " +
                  id_.to_string() + "`" + after_last_wait(job_, steps_);
    }
    if (!reason.message.empty()) {
      sentence += (job_.state == JobState::errored ? "; last error: " : "; its history ends with: ") +
                  one_line(reason.message, most_of_an_error);
    }
    add(std::move(reason), std::move(sentence));
  }

  void add_held() {
    const bool cancelling = job_.state == JobState::cancelling;
    Reason reason{.code = cancelling ? Code::cancelling : Code::running,
                  .state = job_.state,
                  .worker = job_.worker,
                  .at = job_.started_at};
    std::string sentence = "the job runs on worker " + core::quoted(job_.worker) +
                           (job_.started_at ? " since " + when(*job_.started_at) : std::string());
    const TimePoint alive = sign_of_life(job_);
    if (lease_end(job_) <= now_) {
      reason.code = Code::stuck;
      reason.at = alive;
      sentence += ", whose last sign of life is of " + when(alive) + ", longer ago than the lease of " +
                  in_words(job_.keepalive) + ": the next sweep of any worker " +
                  (cancelling ? "ends it as cancelled" : "puts it back");
    } else if (cancelling) {
      sentence += ", which was asked to stop it and has not done so yet";
    } else {
      sentence += ", attempt " + std::to_string(job_.attempt) + " of " + std::to_string(job_.max_attempts) +
                  "; last sign of life " + in_words(now_ - alive) + " ago";
    }
    add(std::move(reason), std::move(sentence));
  }

  // ------------------------------------------------------------------------------------------ jobs that wait

  void add_waiting() {
    if (job_.state == JobState::waiting) look_at("its key", [&] { add_key(); });
    const bool let_in = reasons_.empty();
    // What may have passed when the job may be claimed, such as a used limit, is no reason before.
    const bool later = job_.state != JobState::pending && job_.run_at > now_;
    const bool due = !later && let_in;
    // A job that no handler has held has no step that keeps it. One that waits is due now and then, to look again.
    backend::Steps* const steps = dialect_.steps();
    bool suspended = false;
    if (steps != nullptr && job_.claims > 0) {
      look_at("its steps", [&] { suspended = add_suspended(*steps); });
    }
    if (backend::Workers* const part = dialect_.workers()) {
      look_at("the workers", [&] { workers_ = list(*part); });
    }
    look_at("its queue", [&] { add_queue(due); });
    if (workers_) add_workers(due);
    if (later && !suspended) add_due_later();
    if (is_suspect(job_)) {
      add({.code = Code::suspect, .count = static_cast<std::uint64_t>(job_.crashes)},
          "the job has crashed " + counted(static_cast<std::uint64_t>(job_.crashes), "time") +
              ", and its next crash would end it: it runs only beside no other such job");
    }
    backend::Insight* const insight = dialect_.insight();
    if (insight != nullptr && due) {
      look_at("how many jobs come first", [&] { add_behind(*insight); });
    }
    const bool free = reasons_.empty();
    if (difference_ > most_difference || difference_ < -most_difference) {
      add({.code = Code::clocks_differ, .difference = difference_},
          "the database's clock is " + in_words(difference_) +
              (difference_ > Duration::zero() ? " ahead of" : " behind") +
              " this host's, so that times are doubtful: synchronise both");
    }
    if (free) {
      add({.code = Code::may_run},
          (job_.state == JobState::waiting ? "its key " + core::quoted(std::string(key_of(job_))) + " has room: "
                                             "the next look of any worker lets it in, and a worker"
                                           : std::string("nothing known is in its way: a worker")) +
              " that has a handler for it takes it at its next claim" + seen_);
    }
  }

  void add_key() {
    backend::Gates* const gates = dialect_.gates();
    if (gates == nullptr || key_of(job_).empty()) {
      return add({.code = Code::waiting},
                 "the job is in state waiting: it waits for another job or for room, whatever the time");
    }
    std::ranges::move(key_reasons(dialect_, *gates, job_, now_), std::back_inserter(reasons_));
  }

  [[nodiscard]] std::vector<WorkerInfo> list(backend::Workers& part) const {
    constexpr std::size_t page = 1000;
    std::vector<WorkerInfo> all;
    for (std::size_t n = page; n == page && all.size() < most_workers;) {
      const WorkerInfo last = all.empty() ? WorkerInfo{} : all.back();
      std::vector<WorkerInfo> some = part.list_workers(last.name, last.id, page, request_);
      n = some.size();
      std::ranges::move(some, std::back_inserter(all));
    }
    return all;
  }

  // ------------------------------------------------------------------------------------------ durable steps

  [[nodiscard]] std::string until(const StepRecord& step) const {
    return step.until ? in_words(*step.until, now_) : "it is woken";
  }

  /// Looks at the step that the job has recorded last of those that keep jobs. Returns whether it keeps this one.
  bool add_suspended(backend::Steps& part) {
    steps_ = part.read_steps(id_, nullptr);
    const auto keeps = [](const StepRecord& s) {
      return s.kind == StepKind::sleep || s.kind == StepKind::wait || s.kind == StepKind::children;
    };
    const auto last = std::find_if(steps_.rbegin(), steps_.rend(), keeps);
    if (last == steps_.rend()) return false;
    if (last->kind == StepKind::children) return add_children(*last);
    if (last->until && *last->until <= now_) return false;
    if (last->kind == StepKind::sleep) {
      add({.code = Code::sleeping, .step = last->name, .number = last->number, .at = last->until},
          "the job sleeps until " + until(*last) + " (step " + named(*last) + ")");
      return true;
    }
    // The signal, and the end of a wait, have the name and number of the wait.
    const bool answered = std::ranges::any_of(steps_, [&](const StepRecord& s) {
      return (s.kind == StepKind::signal || s.kind == StepKind::expired) && s.name == last->name &&
             s.number == last->number;
    });
    if (answered) return false;
    const std::string append = last->number == 0 ? "" : "--append ";
    add({.code = Code::waits_for_signal, .step = last->name, .number = last->number, .at = last->until},
        "the job waits for the signal " + named(*last) + " until " + until(*last) +
            "; Client::signal or `sqlq job signal " + append + id_.to_string() + " " +
            core::shell_operand(last->name) + " JSON` sends it");
    return true;
  }

  bool add_children(const StepRecord& step) {
    const std::vector<JobId> ids = core::read_ids(step.value);
    if (ids.empty()) return false;
    Reason reason{.code = Code::waits_for_children, .step = step.name, .number = step.number};
    for (const std::optional<Job>& child : dialect_.get(ids, nullptr)) {
      if (!child || is_finished(child->state)) continue;
      if (++reason.count <= most_named) reason.jobs.push_back(child->id);
    }
    if (reason.count == 0) return false;
    const std::string first = reason.jobs.front().to_string();
    const std::string sentence = "the job waits for " + std::to_string(reason.count) + " of " +
                                 std::to_string(ids.size()) + (ids.size() == 1 ? " child" : " children") + " (step " +
                                 named(step) + "), such as " + first + "; `sqlq explain " + first +
                                 "` says why that one has not finished";
    add(std::move(reason), sentence);
    return true;
  }

  void add_queue(bool due) {
    const std::optional<Queue> queue = dialect_.queue(job_.queue);
    if (!queue) return;
    const std::string name = "queue " + core::quoted(job_.queue);
    if (queue->paused) {
      add({.code = Code::queue_paused, .queue = job_.queue},
          name + " is paused: resume it with Admin::resume or `sqlq queue resume " + core::shell_operand(job_.queue) +
              "`");
    }
    if (!queue->concurrency) return;
    if (*queue->concurrency == 0) {
      add({.code = Code::limit_used, .queue = job_.queue},
          name + " has the limit 0, which lets none of its jobs run: raise it with Admin::set_concurrency or `sqlq "
                 "queue limit " + core::shell_operand(job_.queue) + " N`");
    } else if (due) {
      add_limit(*queue->concurrency);
    }
  }

  /// The jobs of the queue that are held: few, at most the slots of all workers.
  [[nodiscard]] std::vector<Job> held() const {
    const JobFilter filter{.queues = {job_.queue}, .states = {JobState::running, JobState::cancelling}};
    Page page{.limit = 1000, .payloads = false};
    std::vector<Job> all;
    for (std::size_t n = page.limit; n == page.limit && all.size() < most_held;) {
      std::vector<Job> some = core::whole_page(dialect_, filter, page);
      n = some.size();
      if (n > 0) page.before = some.back().id;
      std::ranges::move(some, std::back_inserter(all));
    }
    return all;
  }

  void add_limit(std::uint32_t limit) {
    std::vector<Job> jobs = held();
    Reason reason{.code = Code::limit_used, .queue = job_.queue, .count = jobs.size(), .limit = limit};
    if (jobs.size() >= most_held && limit > jobs.size()) {
      JobCounts counts = dialect_.counts(job_.queue, std::uint64_t{limit} + 1);
      reason.count = counts[JobState::running].value + counts[JobState::cancelling].value;
    }
    if (jobs.empty() || reason.count < limit) return;
    // First what a dead worker holds: leases that have ended, workers that are not listed, leases that end soon.
    const auto rank = [&](const Job& job) { return std::tuple(lease_end(job) > now_, is_listed(job), lease_end(job)); };
    std::ranges::stable_sort(jobs, {}, rank);
    const Job& first = jobs.front();
    reason.worker = first.worker;
    std::uint64_t on_it = 0;
    for (const Job& job : jobs) {
      if (job.worker != first.worker) continue;
      if (++on_it <= most_named) reason.jobs.push_back(job.id);
    }
    const std::string sentence = "the limit of queue " + core::quoted(job_.queue) + ", " + std::to_string(limit) +
                                 ", is used up: " + counted(reason.count, "job") +
                                 (reason.count == 1 ? " is held, " : " are held, ") + std::to_string(on_it) +
                                 " of them by worker " + core::quoted(first.worker) + ", such as " +
                                 first.id.to_string() + ", " + about_holder(first);
    add(std::move(reason), sentence);
  }

  /// Or may be, where there is no list.
  [[nodiscard]] bool is_listed(const Job& job) const {
    return !workers_ || std::ranges::find(*workers_, job.worker, &WorkerInfo::name) != workers_->end();
  }

  /// What is known of the worker that holds a job.
  [[nodiscard]] std::string about_holder(const Job& job) const {
    const TimePoint end = lease_end(job);
    if (end <= now_) return "whose lease has ended: the next sweep of any worker puts it back";
    const Duration silent = now_ - sign_of_life(job);
    std::string known = "last sign of life " + in_words(silent) + " ago";
    if (!is_listed(job)) known += "; no worker of that name is listed";
    // One that was killed a moment ago looks as one that lives.
    return known + "; if it is dead, the job comes back when its lease ends, at " + in_words(end, now_) +
           ", or at once with Admin::take_away or `sqlq job take-away --id " +
           job.id.to_string() + "`";
  }

  void add_workers(bool due) {
    const std::string start = "start a worker that works queue " + core::quoted(job_.queue) +
                              " and has a handler for kind " + core::quoted(job_.kind) +
                              ", such as `sqlq work --queue " + core::shell_item(job_.queue) + " --kind " +
                              core::shell_item(job_.kind) + " -- COMMAND`";
    if (workers_->empty()) {
      return add({.code = Code::no_worker}, "no worker is listed (own loops never are): " + start);
    }
    std::vector<WorkerInfo> able = *workers_;
    std::erase_if(able, [&](const WorkerInfo& w) { return !w.queues.empty() && !contains(w.queues, job_.queue); });
    if (able.empty()) {
      std::vector<std::string> names = names_of(*workers_);
      const std::string sentence = "none of the listed workers, " + list_of(names, workers_->size()) +
                                   ", works queue " + core::quoted(job_.queue) + ": " + start;
      return add({.code = Code::none_of_queue, .queue = job_.queue, .workers = std::move(names)}, sentence);
    }
    std::vector<std::string> names = names_of(able);
    std::string named = list_of(names, able.size());
    std::erase_if(able, [&](const WorkerInfo& w) { return !w.kinds.empty() && !contains(w.kinds, job_.kind); });
    if (able.empty()) {
      return add({.code = Code::none_of_kind, .queue = job_.queue, .kind = job_.kind, .workers = std::move(names)},
                 "none of the listed workers of queue " + core::quoted(job_.queue) + ", " + named +
                     ", has a handler for kind " + core::quoted(job_.kind) + ": " + start);
    }
    names = names_of(able);
    named = list_of(names, able.size());
    const std::size_t all = able.size();
    std::erase_if(able, [](const WorkerInfo& w) { return w.draining; });
    if (able.empty()) {
      const std::string sentence =
          "all listed workers that could run it are being drained and claim nothing more: " + named +
          "; Admin::drain(name, false) or `sqlq worker drain --undo " + core::shell_operand(names.front()) +
          "` lets one claim again";
      return add({.code = Code::draining, .workers = std::move(names)}, sentence);
    }
    const auto last = std::ranges::max_element(able, {}, &WorkerInfo::seen_at);
    seen_ = "; of those " + core::quoted(last->name) + " was seen last, " + in_words(now_ - last->seen_at) + " ago";
    const bool none_free = std::ranges::all_of(able, [](const WorkerInfo& w) { return w.busy >= w.concurrency; });
    if (none_free && due) {
      names = names_of(able);
      named = list_of(names, able.size());
      add({.code = Code::all_busy, .workers = std::move(names)},
          std::string("all listed workers that could run it") +
              (able.size() < all ? " and are not being drained" : "") +
              " had as many jobs as they can run when they were last seen: " + named);
    }
  }

  void add_due_later() {
    add({.code = Code::due_later, .at = job_.run_at},
        "the job is due in " + in_words(job_.run_at - now_) + ", at " + in_words(job_.run_at) +
            (job_.attempt > 0 ? ", after " + attempts() : std::string()) +
            ": run it at once with Admin::run_now or `sqlq job run-now --id " + id_.to_string() + "`" +
            (job_.attempt > 0 ? after_last_wait(job_, steps_) : std::string()));
  }

  void add_behind(backend::Insight& insight) {
    const CappedCount before = insight.jobs_before(id_, most_before, request_);
    if (before.value == 0) return;
    add({.code = Code::behind, .queue = job_.queue, .count = before.value, .capped = before.capped},
        (before.capped ? std::to_string(before.value) + " or more jobs" : counted(before.value, "job")) +
            " of queue " + core::quoted(job_.queue) +
            (before.value == 1 && !before.capped ? " comes first" : " come first"));
  }

  backend::Dialect& dialect_;
  const Clock& clock_;
  const backend::Now request_;
  const JobId id_;
  Job job_{};
  TimePoint now_{};
  Duration difference_{};
  std::optional<std::vector<WorkerInfo>> workers_{};  // none: not known
  std::string seen_{};                                // when the one that could run it was seen
  std::vector<StepRecord> steps_{};                   // of the job, where they matter
  std::vector<std::string> unknown_{};                // what could not be read
  std::vector<Reason> reasons_{};
};

}  // namespace

std::vector<Reason> Admin::explain(JobId id) const { return Explanation(db_, id).reasons(db_); }

}  // namespace sqlq
