#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>

#include <sqlq/error.hpp>

#include "core/gate.hpp"
#include "core/headers.hpp"
#include "core/retention.hpp"
#include "errors.hpp"
#include "rows.hpp"
#include "server.hpp"
#include "sql/job_row.hpp"

namespace sqlq::mysql {
namespace {

using backend::StoredJob;
using backend::StoreStatus;

struct StoredLane {
  std::int64_t id = 0;
  std::int64_t queue_id = 0;
};

bool is_gated(const Job& job) { return job.headers.contains(std::string(core::key_header)); }
/// One with a key waits until it is let in.
JobState stored_state(const Job& job) {
  const bool waits = job.state == JobState::pending || job.state == JobState::scheduled;
  return waits && is_gated(job) ? JobState::waiting : job.state;
}
bool is_keyed(const Job& job) { return !job.unique_key.empty() && !is_finished(job.state); }
/// 0 for none.
std::int64_t us_or_zero(const std::optional<TimePoint>& at) { return at ? sql::us(*at) : 0; }

/// The numbers that jobs refer to instead of names: made where they are missing, and kept until the commit.
class WorkerNumbers {
 public:
  WorkerNumbers(const Context& c, sql::DistinctJobs jobs) {
    std::set<std::string_view> names;
    for (const StoredJob* stored : jobs) {
      if (!stored->job.worker.empty()) names.insert(stored->job.worker);
    }
    const std::vector<std::string_view> sorted(names.begin(), names.end());  // all wait for them in one order
    if (look(c, sorted)) return;
    for (const std::string_view name : sorted) {
      if (numbers_.contains(name) && !asleep_.contains(name)) continue;
      if (!insert_unless_there(c.session, c.q.worker_make, {{"name", name}})) {
        c.session.execute(c.q.worker_wake, {{"name", name}});
      }
    }
    if (!look(c, sorted)) {
      throw Error(Errc::retry_transaction, "the name of a worker was put to sleep since it was looked up", "mysql");
    }
  }

  /// 0 for none.
  [[nodiscard]] std::int64_t of(const std::string& name) const {
    return name.empty() ? 0 : numbers_.find(name)->second;
  }

 private:
  /// Whether all of them are there and awake.
  bool look(const Context& c, std::span<const std::string_view> names) {
    numbers_.clear();
    asleep_.clear();
    in_lists(names, [&](std::span<const std::string_view> piece) {
      const sql::List list{.width = 1, .values = {piece.begin(), piece.end()}};
      c.session.execute(c.q.workers_named, {{"names", list}}, [&](const sql::Row& row) {
        numbers_.emplace(row.text(1), row.integer(0));
        if (row.integer(2) != 0) asleep_.emplace(row.text(1));
      });
    });
    return asleep_.empty() && numbers_.size() == names.size();
  }

  std::map<std::string, std::int64_t, std::less<>> numbers_{};
  std::set<std::string, std::less<>> asleep_{};
};

/// One batch on its way into the tables. All is inserted in the hope that nothing is in the way any more since it was
/// looked for; else all of it begins again.
class Storing {
 public:
  Storing(const Context& c, sql::DistinctJobs jobs) : c_(c), jobs_(jobs), answers_(jobs.size(), StoreStatus::stored) {}

  std::vector<StoreStatus> run() {
    answer_duplicates();
    if (!fresh_.empty()) {
      add_keys();
      add_jobs();
      place();
      add_lines();
      add_steps();
    }
    return std::move(answers_);
  }

 private:
  void answer_duplicates() {
    std::vector<JobId> ids;
    std::vector<std::string_view> keys;
    for (const StoredJob* stored : jobs_) {
      ids.push_back(stored->job.id);
      if (is_keyed(stored->job)) keys.push_back(stored->job.unique_key);
    }
    const std::set<JobId> taken = held_ids(c_, ids, false);
    const auto holders = key_holders(c_, keys);
    for (std::size_t i = 0; i < jobs_.size(); ++i) {
      const Job& job = jobs_[i]->job;
      if (taken.contains(job.id)) {
        answers_[i] = StoreStatus::existing_id;
      } else if (is_keyed(job) && holders.contains(job.unique_key)) {
        answers_[i] = StoreStatus::existing_key;
      } else {
        fresh_.push_back(jobs_[i]);
      }
    }
  }

  [[noreturn]] static void try_again(const sql::Statement& statement) {
    throw Error(Errc::retry_transaction, "others store jobs with the same ids or unique keys: try again", "mysql",
                duplicate_entry, statement.name);
  }

  /// A row of a job was refused as a duplicate, though its key is ours and its id was free: somebody has stored it
  /// since, or else the index is not ours.
  [[noreturn]] void explain_duplicate() const {
    std::vector<JobId> ids;
    for (const StoredJob* stored : fresh_) ids.push_back(stored->job.id);
    for (const JobId id : held_ids(c_, ids, true)) {
      // Those of the pieces before are there, for this transaction has inserted them.
      if (!inserted_.contains(id)) try_again(c_.q.transfer_jobs);
    }
    throw refused_by_foreign_index(c_.q.transfer_jobs);
  }

  void add_keys() const {
    std::map<std::string_view, JobId> keys;  // sorted: all who insert the same ones wait in one order
    for (const StoredJob* stored : fresh_) {
      if (is_keyed(stored->job)) keys.emplace(stored->job.unique_key, stored->job.id);
    }
    const std::vector<std::pair<std::string_view, JobId>> list(keys.begin(), keys.end());
    const auto size_of = [&](std::size_t n) { return literal_size(list[n].first) + 50; };
    in_pieces(c_, list.size(), size_of, [&](std::size_t first, std::size_t last) {
      sql::List rows{.width = 2};
      for (std::size_t n = first; n < last; ++n) {
        rows.values.insert(rows.values.end(), {sql::Scalar(list[n].first), sql::Scalar(bytes_of(list[n].second))});
      }
      if (!insert_unless_there(c_.session, c_.q.keys_add, {{"rows", rows}})) try_again(c_.q.keys_add);
    });
  }

  const StoredLane& lane_of(const Job& job) {
    const auto [at, isnew] = lanes_.try_emplace({job.queue, job.kind});
    if (!isnew) return at->second;
    bool found = false;
    c_.session.execute(c_.q.lane,
                       {{"now", c_.work.wall()},
                        {"queue", std::string_view(job.queue)},
                        {"kind", std::string_view(job.kind)}},
                       [&, lane = &at->second](const sql::Row& row) {
                         *lane = {row.integer(1), row.integer(2)};
                         found = true;
                       });
    if (!found) throw Error(Errc::schema, "the tables of sqlq were made anew meanwhile: call again", "mysql");
    return at->second;
  }

  void add_jobs() {
    const WorkerNumbers workers(c_, fresh_);
    std::vector<std::string> headers;
    for (const StoredJob* stored : fresh_) headers.push_back(core::headers_text(stored->job.headers));
    const auto size_of = [&](std::size_t n) {
      return literal_size(fresh_[n]->job.params) + literal_size(fresh_[n]->job.result) + literal_size(headers[n]) +
             1000;
    };
    in_pieces(c_, fresh_.size(), size_of, [&](std::size_t first, std::size_t last) {
      sql::List rows{.width = 26};
      for (std::size_t n = first; n < last; ++n) add_row(rows, fresh_[n]->job, headers[n], workers);
      if (!insert_unless_there(c_.session, c_.q.transfer_jobs, {{"rows", rows}})) explain_duplicate();
      for (std::size_t n = first; n < last; ++n) inserted_.insert(fresh_[n]->job.id);
    });
  }

  void add_row(sql::List& rows, const Job& job, const std::string& headers, const WorkerNumbers& workers) {
    const StoredLane& lane = lane_of(job);
    const auto text_or_null = [](const std::string& text) {
      return text.empty() ? sql::Scalar(nullptr) : sql::Scalar(std::string_view(text));
    };
    const auto number = [](std::int64_t n) { return sql::Scalar(n); };
    rows.values.insert(
        rows.values.end(),
        {sql::Scalar(bytes_of(job.id)), number(lane.id), number(lane.queue_id),
         number(static_cast<int>(stored_state(job))),
         number(job.priority), number(sql::us(job.run_at)), number(job.attempt), number(job.max_attempts),
         number(job.crashes), number(job.max_crashes), number(job.claims), number(job.keepalive.count()),
         number(job.timeout.count()), job.retention ? number(job.retention->count()) : sql::Scalar(nullptr),
         number(sql::us(job.created_at)), number(sql::us(job.queued_at)), number(us_or_zero(job.started_at)),
         number(us_or_zero(job.heartbeat_at)), number(us_or_zero(job.finished_at)),
         number(us_or_zero(core::expires_at(job))), number(workers.of(job.worker)), text_or_null(job.unique_key),
         sql::Scalar(std::string_view(job.params)), text_or_null(job.result), text_or_null(headers),
         number(is_gated(job) ? gated_flag : 0)});
  }

  /// Into the tables that say where the jobs of a state are. A waiting one is in none.
  void place() {
    std::vector<JobId> ids;
    for (const StoredJob* stored : fresh_) ids.push_back(stored->job.id);
    in_lists(std::span<const JobId>(ids), [&](std::span<const JobId> piece) {
      c_.session.execute(c_.q.find, {{"ids", list_of(piece)}},
                         [&](const sql::Row& row) { seqs_[id_of(row.text(1))] = row.integer(0); });
    });
    sql::List ready{.width = 4};
    sql::List scheduled{.width = 4};
    std::map<std::tuple<std::int64_t, JobState, TimePoint>, std::vector<std::int64_t>> finished;
    for (const StoredJob* stored : fresh_) {
      const Job& job = stored->job;
      const std::int64_t seq = seq_of(job.id);
      const std::int64_t lane = lane_of(job).id;
      const std::int64_t due = sql::us(job.run_at);
      const std::int64_t priority = job.priority;
      const JobState state = stored_state(job);
      if (state == JobState::pending) {
        ready.values.insert(ready.values.end(), {is_suspect(job) ? -lane : lane, priority, due, seq});
      } else if (state == JobState::scheduled) {
        scheduled.values.insert(scheduled.values.end(), {lane, due, seq, priority});
      } else if (const auto expires = core::expires_at(job)) {
        finished[{lane, job.state, *expires}].push_back(seq);
      }
    }
    add_places(c_.q.ready_add, ready);
    add_places(c_.q.scheduled_add, scheduled);
    add_finished(c_, finished);
  }

  [[nodiscard]] std::int64_t seq_of(JobId id) const {
    const auto at = seqs_.find(id);
    if (at == seqs_.end()) throw Error(Errc::internal, "a job that was just inserted was not found", "mysql");
    return at->second;
  }

  void add_places(const sql::Statement& statement, const sql::List& places) const {
    in_lists(std::span<const sql::Scalar>(places.values), [&](std::span<const sql::Scalar> piece) {
      c_.session.execute(statement, {{"rows", sql::List{.width = 4, .values = {piece.begin(), piece.end()}}}});
    });
  }

  void add_lines() const {
    struct Attempt {
      std::int64_t seq = 0;
      std::int64_t n = 0;
      const AttemptRecord* line = nullptr;
    };
    std::vector<Attempt> attempts;
    std::vector<std::pair<std::int64_t, const LogLine*>> log;
    for (const StoredJob* stored : fresh_) {
      const std::int64_t seq = seq_of(stored->job.id);
      std::int64_t n = 0;
      for (const AttemptRecord& line : stored->history) attempts.push_back({seq, ++n, &line});
      for (const LogLine& line : stored->log) log.emplace_back(seq, &line);
    }
    const auto attempt_size = [&](std::size_t i) { return literal_size(attempts[i].line->message) + 700; };
    in_pieces(c_, attempts.size(), attempt_size, [&](std::size_t first, std::size_t last) {
      sql::List rows{.width = 8};
      for (std::size_t i = first; i < last; ++i) {
        const AttemptRecord& line = *attempts[i].line;
        rows.values.insert(rows.values.end(), {attempts[i].seq, attempts[i].n, line.claim, std::int64_t{line.attempt},
                                               std::int64_t{static_cast<int>(line.cause)}, sql::us(line.at),
                                               std::string_view(line.worker), std::string_view(line.message)});
      }
      c_.session.execute(c_.q.history_add, {{"rows", rows}});
    });
    const auto line_size = [&](std::size_t i) { return literal_size(log[i].second->text) + 150; };
    in_pieces(c_, log.size(), line_size, [&](std::size_t first, std::size_t last) {
      sql::List rows{.width = 7};
      for (std::size_t i = first; i < last; ++i) {
        const LogLine& line = *log[i].second;
        rows.values.insert(rows.values.end(), {log[i].first, line.claim, line.number, std::int64_t{line.attempt},
                                               sql::us(line.at), std::int64_t{static_cast<int>(line.level)},
                                               std::string_view(line.text)});
      }
      c_.session.execute(c_.q.log_add, {{"rows", rows}});
    });
  }

  void add_steps() const {
    struct Step {
      std::int64_t seq = 0;
      std::int64_t ord = 0;
      const StepRecord* row = nullptr;
    };
    std::vector<Step> steps;
    for (const StoredJob* stored : fresh_) {
      std::int64_t ord = 0;
      for (const StepRecord& row : stored->steps) steps.push_back({seq_of(stored->job.id), ++ord, &row});
    }
    const auto size_of = [&](std::size_t i) { return literal_size(steps[i].row->value) + 700; };
    in_pieces(c_, steps.size(), size_of, [&](std::size_t first, std::size_t last) {
      sql::List rows{.width = 9};
      for (std::size_t i = first; i < last; ++i) {
        const StepRecord& row = *steps[i].row;
        const auto until = sql::us(row.until);
        rows.values.insert(rows.values.end(),
                           {steps[i].seq, std::int64_t{static_cast<int>(row.kind)}, std::string_view(row.name),
                            row.number, steps[i].ord, row.claim, sql::us(row.at),
                            until ? sql::Scalar(*until) : sql::Scalar(nullptr), std::string_view(row.value)});
      }
      c_.session.execute(c_.q.transfer_steps_add, {{"rows", rows}});
    });
  }

  const Context& c_;
  sql::DistinctJobs jobs_;
  std::vector<StoreStatus> answers_;
  std::vector<const StoredJob*> fresh_{};
  std::set<JobId> inserted_{};
  std::map<std::pair<std::string_view, std::string_view>, StoredLane> lanes_{};
  std::unordered_map<JobId, std::int64_t> seqs_{};
};

}  // namespace

std::vector<StoreStatus> MysqlServer::store_jobs(sql::Work& work, sql::DistinctJobs jobs) {
  const Context c = context(work);
  c.work.begin();
  return Storing(c, jobs).run();
}

}  // namespace sqlq::mysql
