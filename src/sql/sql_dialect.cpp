#include "sql/sql_dialect.hpp"

#include <algorithm>
#include <iterator>
#include <type_traits>
#include <utility>

#include <sqlq/error.hpp>

#include "core/findings.hpp"
#include "core/places.hpp"
#include "sql/layout.hpp"
#include "sql/migrations.hpp"
#include "sql/purging.hpp"
#include "sql/reap_apart.hpp"

namespace sqlq::sql {
namespace {

template <class Item>
std::vector<JobId> ids_of(std::span<const Item> items) {
  std::vector<JobId> ids;
  for (const Item& item : items) ids.push_back(item.id);
  return ids;
}

}  // namespace

using backend::Now;

SqlDialect::SqlDialect(std::unique_ptr<Operations> operations, std::unique_ptr<Runner> runner,
                       std::shared_ptr<Clock> clock)
    : operations_(std::move(operations)),
      runner_(std::move(runner)),
      queries_(operations_->queries()),
      workers_(make_worker_registry(operations_->queries(), *runner_)),
      insight_(make_insight(operations_->queries(), *runner_)),
      transfer_(make_transfer(operations_->queries(), *runner_,
                              [this](auto jobs, const Now& now) { return store_whole(jobs, now); })),
      periodic_(make_periodic(*operations_, *runner_, storing())),
      steps_(make_steps(*operations_, *runner_, [this](bool committed) { woke(committed); })),
      inbox_(make_inbox(*operations_, *runner_, storing())),
      gates_(capabilities().limits ? make_gates(*operations_, queries_, *runner_, [this] { woke(true); }) : nullptr),
      clock_(std::move(clock)),
      hints_(capabilities().cross_process_wakeup
                 ? Hints::Watch([this](std::function<void()> heard) { return runner_->watch(std::move(heard)); })
                 : nullptr) {
  if (const auto sharing = runner_->sharing()) {
    const auto store_shared = [this](EnqueueQueue::Items items, bool shared) {
      return store(items, nullptr, {}, shared ? Task::shared : Task::plain);
    };
    producing_.emplace(store_shared, sharing->most_waiting, sharing->wait);
  }
}

// ------------------------------------------------------------------------------------------------ where things run

template <class Operation>
auto SqlDialect::write(Task task, const Now& now, const Operation& operation) {
  std::invoke_result_t<const Operation&, Work&> result{};
  runner_->write(task, now, [&](Work& w) { result = operation(w); }, [] {});
  return result;
}

template <class Operation>
auto SqlDialect::write_or_within(const Tx* tx, const Now& now, const Operation& operation) {
  if (tx == nullptr) return write(now, operation);
  std::invoke_result_t<const Operation&, Work&> result{};
  runner_->within(*tx, now, [&](Work& w) { result = operation(w); });
  return result;
}

template <class Operation>
auto SqlDialect::write_named(const Now& now, const Operation& operation) {
  return write(now, [&](Work& w) { return operation(w.session(), w.wall()); });
}

template <class Operation>
auto SqlDialect::write_in_line(std::span<const JobId> ids, const Now& now, const Operation& operation) {
  return write(now, [&](Work& w) {
    auto result = operation(w);
    bring_in_line(*operations_, w, ids);
    return result;
  });
}

template <class Operation>
auto SqlDialect::read(const Operation& operation, Statements statements) {
  std::invoke_result_t<const Operation&, Session&> result{};
  runner_->read([&](Session& s) { result = operation(s); }, statements);
  return result;
}

StoringHost SqlDialect::storing() {
  return {.with_lanes = [this](auto items, const Now& at, auto change) { with_lanes(items, at, false, change); },
          .tell = [this](auto items) {
            if (Marks* const marks = operations_->marks()) marks->stored(items);
            tell();
          }};
}

// A borrowed transaction is the user's to begin again.
void SqlDialect::with_lanes(std::span<const backend::EnqueueItem> items, const Now& now, bool once,
                            core::FunctionRef<void()> store) {
  for (bool again = once;; again = true) {
    if (producing_) make_missing_lanes(items, now);
    try {
      return store();
    } catch (const Error& e) {
      if (e.code() != Errc::schema || !lanes_.forget() || again) throw;
    }
  }
}

void SqlDialect::tell() noexcept {
  hints_.notify();
  runner_->announce();
}

void SqlDialect::woke(bool committed) noexcept {
  if (Marks* const marks = operations_->marks()) marks->forget();
  if (committed) tell();
}

// ------------------------------------------------------------------------------------------------ schema

std::vector<Finding> SqlDialect::self_check() {
  std::vector<Finding> findings;
  core::found::look_at("the columns and indexes of the tables", findings, [&] {
    findings = read([&](Session& s) { return find_drift(s, *operations_); }, Statements::several);
  });
  std::ranges::move(runner_->self_check(), std::back_inserter(findings));
  return findings;
}

MigrationStatus SqlDialect::migration_status() {
  return read([&](Session& s) { return read_status(s, operations_->queries(), operations_->migrations()); });
}

int SqlDialect::migrate(backend::Direction direction, int target, Now now) {
  lanes_.forget();
  int steps = 0;
  runner_->change_schema(
      [&](Connection& c) { steps = operations_->migrate(c, direction, target, runner_->at(now)); });
  return steps;
}

void SqlDialect::teardown() {
  lanes_.forget();
  runner_->change_schema([&](Connection& c) { operations_->teardown(c); });
}

// ------------------------------------------------------------------------------------------------ producing

std::vector<Enqueued> SqlDialect::enqueue(std::span<const backend::EnqueueItem> items, const Tx* tx, Now now) {
  return !producing_ || tx != nullptr || now ? store(items, tx, now) : producing_->call(items);
}

std::vector<Enqueued> SqlDialect::store(std::span<const backend::EnqueueItem> items, const Tx* tx, const Now& now,
                                        Task task) {
  std::vector<Enqueued> last;  // of the last try
  std::vector<bool> kept;      // what tries of unknown outcome have stored, if they have done anything
  const auto operation = [&](Work& w) {
    last.clear();
    last = enqueue_in_line(*operations_, w, items);
    for (std::size_t i = 0; i < items.size(); ++i) {
      const bool mine = items[i].fresh_id || (!kept.empty() && kept[i]);
      if (mine && last[i].id == items[i].id) last[i].status = EnqueueStatus::inserted;
    }
  };
  const auto unknown = [&] {
    kept.resize(items.size());
    for (std::size_t i = 0; i < last.size(); ++i) kept[i] = kept[i] || last[i].inserted();
  };
  with_lanes(items, now, tx != nullptr, [&] {
    if (tx != nullptr) {
      runner_->within(*tx, now, operation);
    } else {
      runner_->write(task, now, operation, unknown);
    }
  });
  if (Marks* const marks = operations_->marks()) marks->stored(items);
  if (tx == nullptr) tell();
  return last;
}

std::vector<backend::StoreStatus> SqlDialect::store_whole(std::span<const backend::StoredJob> jobs, const Now& now) {
  using backend::StoreStatus;
  std::vector<backend::EnqueueItem> items;  // for their lanes
  for (const backend::StoredJob& stored : jobs) items.push_back({.queue = stored.job.queue, .kind = stored.job.kind});
  std::vector<StoreStatus> last;  // of the last try
  std::vector<bool> kept(jobs.size());  // what tries of unknown outcome may have stored
  const auto operation = [&](Work& w) {
    last.clear();
    last = store_in_rounds(w, jobs, [&](DistinctJobs some) { return store_in_line(*operations_, w, some); });
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      if (kept[i] && last[i] == StoreStatus::existing_id) last[i] = StoreStatus::stored;
    }
  };
  const auto unknown = [&] {
    for (std::size_t i = 0; i < last.size(); ++i) kept[i] = kept[i] || last[i] == StoreStatus::stored;
  };
  with_lanes(items, now, false, [&] { runner_->write(Task::plain, now, operation, unknown); });
  return ready_again(std::move(last));
}

// By a transaction of its own: nobody waits for the user's to make the same.
void SqlDialect::make_missing_lanes(std::span<const backend::EnqueueItem> items, const Now& now) {
  const auto missing = lanes_.missing(items);
  if (missing.empty()) return;
  runner_->write(Task::plain, now, [&](Work& w) { operations_->make_lanes(w, missing); }, [] {});
  lanes_.add(missing);
}

std::vector<CancelStatus> SqlDialect::cancel(std::span<const JobId> ids, const Tx* tx, Now now) {
  auto answers = write_or_within(tx, now, [&](Work& w) { return operations_->cancel(w, ids); });
  if (tx == nullptr) tell();
  return answers;
}

// ------------------------------------------------------------------------------------------------ working

backend::ClaimResult SqlDialect::claim(const backend::ClaimRequest& request) {
  return claim_apart(
      request, aside_, request.now ? request.now->steady : clock_->steady(),
      [&] { return finish_and_claim({.claim = request}).claim; },
      [&](const backend::ClaimRequest& part, const Selection& some) {
        return take({.claim = part}, [&](Work& w, const Claim&) {
                 return operations_->claim_some(w, part, some);
               }).claim;
      },
      [&](JobId id, std::string_view why) { return give_up(id, why, request.now); });
}

backend::HandOverResult SqlDialect::finish_and_claim(const backend::HandOverRequest& request) {
  return take(request, [&](Work& w, const Claim& claim) { return operations_->claim(w, claim); });
}

/// A claim by this operation, after the leases that the request ends.
backend::HandOverResult SqlDialect::take(const backend::HandOverRequest& request, Claiming claiming) {
  const LeaseToken token = request.claim.token;
  strays_.forget(token);
  give_back_strays(request.claim.now);
  const std::vector<backend::Finish> ends = core::as_finishes(request.ends);
  bool unknown = false;  // whether an earlier try has taken jobs
  backend::HandOverResult result;
  const auto operation = [&](Work& w) {
    result = {};
    if (!ends.empty()) {
      w.begin();
      result.ended = operations_->finish(w, ends);
    }
    if (unknown) result.claim.jobs = operations_->claimed(w, request.claim);
    if (result.claim.jobs.empty()) {
      result.claim = claiming(w, {.request = request.claim, .limited = request.limited, .ends = request.ends,
                                  .ended = result.ended});
    } else {
      result.claim.next_due = TimePoint{};  // what else it saw is lost; a time that has passed: ask again
    }
  };
  try {
    runner_->write(Task::claim, request.claim.now, operation, [&] { unknown = true; });
  } catch (...) {
    if (unknown) strays_.follow(token, {});
    throw;
  }
  if (unknown) strays_.follow(token, result.claim.jobs);
  hints_.claimed(result.claim);
  if (hints_.are_news(request, result.claim)) tell();
  return result;
}

/// Jobs that nobody holds, because their claim was committed after its caller had given it up, are released: else they
/// would wait for the end of their leases, and be charged a crash.
void SqlDialect::give_back_strays(const Now& now) {
  for (const Strays::Claim& claim : strays_.to_look_at()) {
    const backend::ClaimRequest request{.token = claim.token, .now = now};
    const auto operation = [&](Work& w) {
      std::vector<backend::Finish> ends;
      for (const Job& job : operations_->claimed(w, request)) {
        if (claim.known.contains(job.id)) continue;
        ends.push_back({.id = job.id, .token = claim.token, .kind = backend::FinishKind::release,
                        .message = "its claim was committed after it had been given up"});
      }
      if (!ends.empty()) operations_->finish(w, ends);
      return !ends.empty();
    };
    try {
      if (write(now, operation)) ready_again(true);
    } catch (const Error&) {  // looked at again; what the call itself wants says what is wrong
    }
  }
}

std::vector<FinishStatus> SqlDialect::finish(std::span<const backend::Finish> items, const Tx* tx, Now now) {
  auto answers = write_or_within(tx, now, [&](Work& w) {
    auto said = operations_->finish(w, items);
    if (w.keyed()) bring_in_line(*operations_, w, ids_of(items));
    return said;
  });
  if (Marks* const marks = operations_->marks()) marks->given_back(items);
  if (tx == nullptr && hints_.are_news(items)) tell();
  return answers;
}

std::vector<LeaseStatus> SqlDialect::heartbeat(std::span<const backend::LeaseRef> leases, Now now) {
  return write(Task::renew, now, [&](Work& w) {
    auto answers = operations_->heartbeat(w, leases);
    if (std::ranges::count(answers, LeaseStatus::lost) == std::ssize(answers)) w.wrote_nothing();
    return answers;
  });
}

std::vector<bool> SqlDialect::publish(std::span<const backend::Interim> items, Now now) {
  return write(now, [&](Work& w) { return operations_->publish(w, items); });
}

ReapReport SqlDialect::reap(std::span<const std::string> names, std::size_t limit, Now now) {
  give_back_strays(now);
  auto report = reap_apart(
      [&](std::span<const JobId> only) {
        return write(Task::sweep, now, [&](Work& w) {
          ReapReport part = operations_->reap(w, names, limit, only);
          bring_in_line(*operations_, w, part.returned);
          return part;
        });
      },
      [&] { return write(Task::sweep, now, [&](Work& w) { return operations_->ended(w, names, limit); }); },
      [&](JobId id, std::string_view why) { return give_up(id, why, now); });
  return report.returned.empty() ? std::move(report) : ready_again(std::move(report));
}

bool SqlDialect::give_up(JobId id, std::string_view why, const Now& now) {
  return write(Task::sweep, now, [&](Work& w) {
    const bool done = operations_->give_up(w, id, why);
    if (!done) w.wrote_nothing();
    return done;
  });
}

std::vector<bool> SqlDialect::take_back_crashes(std::span<const backend::OutlivedClaim> claims, Now now) {
  // One that was errored may be pending again.
  return ready_again(
      write_in_line(ids_of(claims), now, [&](Work& w) { return operations_->take_back_crashes(w, claims); }));
}

// ------------------------------------------------------------------------------------------------ housekeeping

// Somebody may have locked lines of the jobs: no connection that other calls want waits for that.
PurgeReport SqlDialect::purge(std::size_t limit, Now now) {
  try {
    return {.deleted = write(Task::aside, now, [&](Work& w) { return operations_->purge(w, limit); })};
  } catch (const Error& e) {
    if (e.code() != Errc::refused) throw;
  }
  const auto ids = write(Task::aside, now, [&](Work& w) { return operations_->expired(w, limit); });
  return purge_apart<JobId>(
      ids,
      [&](std::span<const JobId> some) {
        const auto said = write(Task::aside, now, [&](Work& w) {
          return operations_->act(w, some, backend::Action::erase);
        });
        return static_cast<std::size_t>(std::ranges::count(said, ActionStatus::done));
      },
      [&](JobId id) { return write(Task::aside, now, [&](Work& w) { return operations_->postpone(w, id), id; }); });
}

std::vector<ActionStatus> SqlDialect::act(std::span<const JobId> ids, backend::Action what, Now now) {
  auto answers = write_in_line(ids, now, [&](Work& w) { return operations_->act(w, ids, what); });
  return what == backend::Action::erase ? std::move(answers) : ready_again(std::move(answers));
}

std::vector<RequeueStatus> SqlDialect::requeue(std::span<const JobId> ids, Now now) {
  return ready_again(write_in_line(ids, now, [&](Work& w) { return operations_->requeue(w, ids); }));
}

std::vector<ActionStatus> SqlDialect::edit(std::span<const JobId> ids, const backend::JobChange& change, Now now) {
  return ready_again(write_in_line(ids, now, [&](Work& w) { return operations_->edit(w, ids, change); }));
}

std::vector<bool> SqlDialect::append_logs(std::span<const LogLine> lines) {
  return write({}, [&](Work& w) { return operations_->append_logs(w, lines); });
}

// ------------------------------------------------------------------------------------------------ reading

std::vector<std::optional<Job>> SqlDialect::get(std::span<const JobId> ids, const Tx* within) {
  if (within == nullptr) return read([&](Session& s) { return sql::get(s, queries_, ids); });
  return write_or_within(within, {}, [&](Work& w) {
    w.wrote_nothing();
    return sql::get(w.session(), queries_, ids);
  });
}

JobPage SqlDialect::list(const JobFilter& filter, const Page& page) {
  return read([&](Session& s) { return sql::list(s, queries_, filter, page); },
              restricts(filter) ? Statements::several : Statements::one);
}

JobCounts SqlDialect::counts(std::string_view queue, std::uint64_t cap) {
  return read([&](Session& s) { return sql::counts(s, queries_, queue, cap); }, Statements::several);
}

std::vector<WaitingKind> SqlDialect::waiting_kinds(std::size_t limit, Now now) {
  const auto wall = runner_->wall(now);
  return read([&](Session& s) { return sql::waiting_kinds(s, queries_, limit, wall); });
}

std::vector<AttemptRecord> SqlDialect::history(JobId id, std::size_t limit) {
  return read([&](Session& s) { return sql::history(s, queries_, id, limit); });
}

std::vector<std::optional<AttemptRecord>> SqlDialect::last_records(std::span<const JobId> ids) {
  return read([&](Session& s) { return sql::last_records(s, queries_, ids); });
}

std::vector<LogLine> SqlDialect::read_logs(JobId id, std::int64_t after_claim, std::int64_t after_number,
                                           std::size_t limit) {
  return read([&](Session& s) { return sql::read_logs(s, queries_, id, after_claim, after_number, limit); });
}

std::vector<Queue> SqlDialect::queues(std::string_view after, std::size_t limit) {
  return read([&](Session& s) { return sql::queues(s, queries_, after, limit); }, Statements::several);
}

std::optional<Queue> SqlDialect::queue(std::string_view name) {
  return read([&](Session& s) { return sql::queue(s, queries_, name); });
}

std::optional<QueueStats> SqlDialect::queue_stats(std::string_view name, std::uint64_t cap, Now now) {
  const auto wall = runner_->wall(now);
  return read([&](Session& s) { return sql::queue_stats(s, queries_, name, cap, wall); }, Statements::several);
}

// ------------------------------------------------------------------------------------------------ queues

void SqlDialect::queue_upsert(std::string_view name, const QueueOptions& options, Now now) {
  write_named(now, [&](Session& s, std::optional<std::int64_t> wall) {
    return sql::queue_upsert(s, queries_, name, options, wall), true;
  });
  tell();  // a raised limit may let jobs run
}

bool SqlDialect::queue_update(std::string_view name, const backend::QueueChange& change) {
  // A raised limit or a resumed queue may let jobs run.
  return ready_again(write_named({}, [&](Session& s, std::optional<std::int64_t>) {
    return sql::queue_update(s, queries_, name, change);
  }));
}

DeleteQueueStatus SqlDialect::queue_delete(std::string_view name) {
  return write_named({}, [&](Session& s, std::optional<std::int64_t>) {
    return sql::queue_delete(s, queries_, name);
  });
}

}  // namespace sqlq::sql
