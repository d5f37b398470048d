#include "sql/steps.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sqlq/error.hpp>

#include "core/function_ref.hpp"
#include "core/mutant.hpp"
#include "core/steps.hpp"
#include "sql/gates.hpp"
#include "sql/job_row.hpp"
#include "sql/shared_calls.hpp"

namespace sqlq::sql {
namespace {

using backend::NewStep;
using backend::Now;
using backend::RecordAnswer;
using backend::RecordStatus;

/// A job as its row and those of its steps say.
struct StepJob {
  std::int64_t now = 0;
  std::int64_t seq = 0;
  JobState state = JobState::invalid;
  std::int64_t token = 0;
  std::int64_t claims = 0;
  bool told = false;
  std::int64_t rows = 0;  // of steps
  std::int64_t last = 0;  // the largest ord

  [[nodiscard]] bool held_with(LeaseToken lease) const {
    SQLQ_MUTANT(step_without_fence, return true)
    const bool held = state == JobState::running || state == JobState::cancelling;
    return held && lease.value != 0 && token == lease.value;
  }
};

/// A step with its place in the order of recording.
struct Found {
  StepRecord step{};
  std::int64_t ord = 0;
};
/// The rows of one name and number, one for each kind.
using FoundRows = std::vector<Found>;

const Found* of_kind(const FoundRows& rows, StepKind kind) {
  const auto at = std::ranges::find(rows, kind, [](const Found& row) { return row.step.kind; });
  return at == rows.end() ? nullptr : &*at;
}

/// Whether it is recorded under the lock of the job's row, against signals that come meanwhile.
bool needs_lock(StepKind kind) {
  return kind == StepKind::wait || kind == StepKind::expired || kind == StepKind::children;
}

/// Whether its write may be shared with other calls. Where an execution came before, that one may be recording the same
/// step in a transaction that is still open, and whoever records it now waits for that.
bool waits_for_nobody(const NewStep& step) {
  return step.first_claim && (step.kind == StepKind::result || step.kind == StepKind::decision);
}

/// In a shared write: long values leave room for few others.
std::size_t weight_of(const NewStep& step) {
  constexpr std::size_t bytes_of_weight = 1024;
  return 1 + step.value.size() / bytes_of_weight;
}

class SqlSteps final : public backend::Steps {
 public:
  SqlSteps(Operations& operations, Runner& runner, StepsWoke woke)
      : operations_(operations),
        steps_(operations.queries()["steps"]),
        has_(operations.queries()["step_has"]),
        job_(operations.queries()["step_job"]),
        add_(operations.queries()["step_add"]),
        insert_(operations.queries()["step_insert"]),
        find_(operations.queries()["step_find"]),
        signal_last_(operations.queries()["step_signal_last"]),
        replace_(operations.queries()["step_replace"]),
        forget_(operations.queries()["steps_forget"]),
        forget_signals_(operations.queries()["steps_forget_signals"]),
        runner_(runner),
        woke_(std::move(woke)) {
    if (runner_.sharing()) adding_.emplace([this](Adding::Items steps, bool shared) { return add(steps, shared); });
  }

  std::vector<StepRecord> read_steps(JobId id, const Tx* within) override {
    std::vector<StepRecord> steps;
    look_in(within, [&](Session& s) {
      steps.clear();
      s.execute(steps_, {{"id", std::string_view(id.to_string())}, {"n", core::most_steps}}, [&](const Row& row) {
        steps.push_back(read_step_record(Fields(row)));
      });
    });
    return steps;
  }

  bool has_step(JobId id, const From& key, const Tx* within) override {
    bool there = false;
    look_in(within, [&](Session& s) {
      there = s.integer(has_, {{"id", std::string_view(id.to_string())},
                               {"kind", static_cast<int>(key.kind)},
                               {"name", key.name},
                               {"number", key.number}}) != 0;
    });
    return there;
  }

  RecordAnswer record_step(const NewStep& step, const Tx* within, Now now) override {
    RecordAnswer answer;
    if (adding_ && within == nullptr && !now && waits_for_nobody(step)) {
      if (auto added = std::move(adding_->call({&step, 1}, weight_of(step)).front())) {
        return {.status = RecordStatus::recorded, .step = *std::move(added)};
      }
    }
    if (within != nullptr) {
      runner_.within(*within, now, [&](Work& w) {
        answer = record_within(w, step);
        w.wrote_nothing();  // of interest to nobody who waits for jobs
      });
    } else {
      const bool locks = needs_lock(step.kind);
      runner_.write(Task::plain, now,
                    [&](Work& w) { answer = locks ? record_locked(w, step) : record_plain(w, step); }, [] {});
    }
    return answer;
  }

  SignalStatus signal(JobId id, std::string_view name, std::string_view value, SignalMode mode, const Tx* within,
                      Now now) override {
    SignalStatus status{};
    const auto send = [&](Work& w) {
      status = store_signal(w, {id, name, value, mode, within != nullptr});
      if (status != SignalStatus::stored) w.wrote_nothing();
    };
    if (within != nullptr) {
      runner_.within(*within, now, send);
    } else {
      runner_.write(Task::plain, now, send, [] {});
    }
    if (status == SignalStatus::stored) woke_(within == nullptr);
    return status;
  }

  void wake(std::span<const JobId> ids, Now now) override {
    if (ids.empty()) return;
    runner_.write(Task::plain, now, [&](Work& w) { wake_in_line(w, ids); }, [] {});
    woke_(true);
  }

  bool forget_steps(JobId id, const std::optional<From>& from, bool signals) override {
    bool done = false;
    const auto forget = [&](Work& w) {
      done = false;
      const auto locked = operations_.lock_job(w, id);
      if (!locked || !is_finished(locked->state)) return;
      std::int64_t ord = 0;
      if (from) {
        const FoundRows rows = find(w, locked->seq, from->name, from->number);
        const Found* row = of_kind(rows, from->kind);
        if (row == nullptr) return;
        ord = row->ord;
      }
      // Signals first: their waits say where they were received.
      if (signals) w.session().execute(forget_signals_, {{"seq", locked->seq}, {"ord", ord}});
      w.session().execute(forget_, {{"seq", locked->seq}, {"ord", ord}});
      done = true;
    };
    runner_.write(Task::plain, {}, forget, [] {});
    return done;
  }

 private:
  using Adding = SharedCalls<NewStep, std::optional<StepRecord>>;

  /// By one statement: on a snapshot of its own, or in the user's transaction.
  void look_in(const Tx* within, core::FunctionRef<void(Session&)> look) {
    if (within == nullptr) {
      runner_.read(look, Statements::one);
    } else {
      runner_.within(*within, {}, [&](Work& w) {
        w.wrote_nothing();
        look(w.session());
      });
    }
  }

  void wake_in_line(Work& w, std::span<const JobId> ids) {
    operations_.wake(w, ids);
    bring_in_line(operations_, w, ids);
  }

  Adding::Answers add(Adding::Items steps, bool shared) {
    Adding::Answers added;
    const Task task = shared ? Task::shared : Task::plain;
    runner_.write(task, {}, [&](Work& w) { added = operations_.add_steps(w, steps); }, [] {});
    return added;
  }

  /// By a plain read. Empty: there is no such job, or the snapshot of a borrowed transaction is older.
  std::optional<StepJob> look(Work& w, JobId id) const {
    std::optional<StepJob> job;
    w.session().execute(job_, {{"now", w.wall()}, {"id", std::string_view(id.to_string())}}, [&](const Row& row) {
      Fields f(row);
      StepJob found;
      found.now = f.integer();
      found.seq = f.integer();
      found.state = static_cast<JobState>(f.integer());
      found.token = f.integer();
      found.claims = f.integer();
      found.told = (f.integer() & told_flag) != 0;
      found.rows = f.integer();
      found.last = f.integer();
      job = found;
    });
    return job;
  }

  FoundRows find(Work& w, std::int64_t seq, std::string_view name, std::int64_t number) const {
    FoundRows rows;
    w.session().execute(find_, {{"seq", seq}, {"name", name}, {"number", number}}, [&](const Row& row) {
      rows.push_back({read_step_record(Fields(row)), row.integer(7)});
    });
    return rows;
  }

  /// False: the key is there, which it waits to know while another transaction has it.
  bool insert(Work& w, const StepJob& job, const StepRecord& row) const {
    return operations_.insert_step(w, insert_, {{"seq", job.seq},
                                                {"kind", static_cast<int>(row.kind)},
                                                {"name", std::string_view(row.name)},
                                                {"number", row.number},
                                                {"ord", job.last + 1},
                                                {"claim", row.claim},
                                                {"at", us(row.at)},
                                                {"until", us(row.until)},
                                                {"value", std::string_view(row.value)}}) != 0;
  }
  /// The same if the lease holds still.
  bool insert_if_held(Work& w, const NewStep& step, const StepJob& job, const StepRecord& row) const {
    return operations_.insert_step(w, add_, {{"id", std::string_view(step.id.to_string())},
                                             {"token", job.token},
                                             {"kind", static_cast<int>(row.kind)},
                                             {"name", std::string_view(row.name)},
                                             {"number", row.number},
                                             {"ord", job.last + 1},
                                             {"claim", row.claim},
                                             {"at", us(row.at)},
                                             {"until", us(row.until)},
                                             {"value", std::string_view(row.value)}}) != 0;
  }

  /// What is there already: the row of this key or, where a signal is waited for, the signal.
  static std::optional<RecordAnswer> existing(const FoundRows& rows, StepKind kind) {
    const bool waits = kind == StepKind::wait || kind == StepKind::expired;
    const Found* row = waits ? of_kind(rows, StepKind::signal) : nullptr;
    if (row == nullptr) row = of_kind(rows, kind);
    if (row == nullptr) return std::nullopt;
    return RecordAnswer{.status = RecordStatus::existing, .step = row->step};
  }
  /// After an insert that has found the key: the row is there, unless the snapshot is older than it.
  RecordAnswer found_after(Work& w, const StepJob& job, const NewStep& step) const {
    if (auto answer = existing(find(w, job.seq, step.name, step.number), step.kind)) return *std::move(answer);
    throw Error(Errc::retry_transaction,
                "another transaction has recorded the step, and the snapshot of this one is older: roll it back and "
                "run it again");
  }

  /// One write that commits by itself: nothing of the job's row is locked or changed.
  RecordAnswer record_plain(Work& w, const NewStep& step) const {
    const auto job = look(w, step.id);
    if (!job || !job->held_with(step.token)) return {};
    if (auto answer = existing_when_full(w, *job, step)) return *std::move(answer);
    StepRecord row = recorded_step(step, job->claims, job->now);
    if (insert_if_held(w, step, *job, row)) return {.status = RecordStatus::recorded, .step = std::move(row)};
    return follow_up(w, [&]() -> RecordAnswer {
      const auto now = look(w, step.id);
      if (!now || !now->held_with(step.token)) return {};
      return found_after(w, *now, step);
    });
  }

  RecordAnswer record_locked(Work& w, const NewStep& step) const {
    if (!operations_.lock_job(w, step.id)) return {};
    const auto job = look(w, step.id);
    if (!job || !job->held_with(step.token)) return {};
    const FoundRows rows = find(w, job->seq, step.name, step.number);
    auto answer = existing(rows, step.kind);
    if (!answer) core::require_room_for_step(job->rows);
    if (job->told && step.kind != StepKind::expired) operations_.tell_job(w, step.id, job->seq, false);
    if (answer) {
      add_received(w, *job, step, rows);
      return *std::move(answer);
    }
    StepRecord row = recorded_step(step, job->claims, job->now);
    if (!insert(w, *job, row)) return found_after(w, *job, step);
    return {.status = RecordStatus::recorded, .step = std::move(row)};
  }

  RecordAnswer record_within(Work& w, const NewStep& step) const {
    const auto job = look(w, step.id);
    if (!job || !job->held_with(step.token)) return {};
    if (needs_lock(step.kind)) {
      const FoundRows rows = find(w, job->seq, step.name, step.number);
      if (auto answer = existing(rows, step.kind)) {
        add_received(w, *job, step, rows);
        return *std::move(answer);
      }
    }
    if (auto answer = existing_when_full(w, *job, step)) return *std::move(answer);
    StepRecord row = recorded_step(step, job->claims, job->now);
    if (!insert(w, *job, row)) return found_after(w, *job, step);
    return {.status = RecordStatus::recorded, .step = std::move(row)};
  }

  /// The wait whose signal came before it.
  void add_received(Work& w, const StepJob& job, const NewStep& step, const FoundRows& rows) const {
    if (step.kind != StepKind::wait || of_kind(rows, StepKind::wait) != nullptr) return;
    if (job.rows < core::most_steps) insert(w, job, recorded_step(step, job.claims, job.now));
  }

  /// Only where no other row fits; throws when it is not there either.
  std::optional<RecordAnswer> existing_when_full(Work& w, const StepJob& job, const NewStep& step) const {
    if (job.rows < core::most_steps) return std::nullopt;
    auto answer = existing(find(w, job.seq, step.name, step.number), step.kind);
    if (!answer) core::require_room_for_step(job.rows);
    return answer;
  }

  [[noreturn]] static void throw_old_snapshot() {
    throw Error(Errc::retry_transaction, "another transaction has changed the signals of this name, and the snapshot "
                                         "of this one is older: roll it back and run it again");
  }

  /// False: it is there no longer.
  bool replace(Work& w, const StepJob& job, std::string_view name, std::string_view value) const {
    return w.session().execute(replace_, {{"seq", job.seq},
                                          {"name", name},
                                          {"ord", job.last + 1},
                                          {"at", job.now},
                                          {"value", value}}) != 0;
  }

  struct Sent {
    JobId id;
    std::string_view name, value;
    SignalMode mode;
    bool borrowed;
  };

  SignalStatus store_signal(Work& w, const Sent& sent) const {
    const auto& [id, name, value, mode, borrowed] = sent;
    const auto locked = operations_.lock_job(w, id);
    if (!locked) return SignalStatus::not_found;
    if (is_finished(locked->state)) return SignalStatus::finished;
    const auto seen = look(w, id);
    const bool current = seen && seen->state == locked->state && seen->claims == locked->claims;
    const bool sleeps = locked->state == JobState::scheduled || locked->state == JobState::waiting;
    if (!current && sleeps && locked->claims > 0) {
      throw Error(Errc::retry_transaction, "the snapshot of the transaction is older than what the job waits for: roll "
                                           "it back and run it again");
    }
    // One that is newer than the snapshot has never run: it waits for nothing.
    const StepJob job = seen.value_or(StepJob{.now = locked->now, .seq = locked->seq});
    std::int64_t number = 0;
    if (mode == SignalMode::append) {
      const auto last = w.session().integer(signal_last_, {{"seq", job.seq}, {"name", name}});
      number = last ? *last + 1 : 0;
    }
    const FoundRows rows = find(w, job.seq, name, number);
    if (of_kind(rows, StepKind::signal) != nullptr) {
      if (mode != SignalMode::replace) return SignalStatus::existing;
      if (replace(w, job, name, value)) return SignalStatus::replaced;
      throw_old_snapshot();
    }
    core::require_room_for_step(job.rows);
    const StepRecord row{.kind = StepKind::signal, .name = std::string(name), .number = number, .at = wall(job.now),
                         .value = std::string(value)};
    if (!insert(w, job, row)) {
      if (mode == SignalMode::first) return SignalStatus::existing;
      throw_old_snapshot();
    }
    // One that does not wait for it yet finds it when it does: its wait is recorded under the lock of its row.
    const bool waits = of_kind(rows, StepKind::wait) != nullptr && of_kind(rows, StepKind::expired) == nullptr;
    const bool held = locked->state == JobState::running || locked->state == JobState::cancelling;
    if (sleeps && waits) {
      operations_.act(w, std::array{id}, backend::Action::run_now);
      bring_in_line(operations_, w, std::array{id});
    } else if (held && (waits || borrowed)) {  // a snapshot may be older than the wait
      operations_.tell_job(w, id, job.seq, true);
    }
    return SignalStatus::stored;
  }

  Operations& operations_;
  const Statement& steps_;
  const Statement& has_;
  const Statement& job_;
  const Statement& add_;
  const Statement& insert_;
  const Statement& find_;
  const Statement& signal_last_;
  const Statement& replace_;
  const Statement& forget_;
  const Statement& forget_signals_;
  Runner& runner_;
  const StepsWoke woke_;
  std::optional<Adding> adding_{};
};

}  // namespace

std::unique_ptr<backend::Steps> make_steps(Operations& operations, Runner& runner, StepsWoke woke) {
  return std::make_unique<SqlSteps>(operations, runner, std::move(woke));
}

}  // namespace sqlq::sql
