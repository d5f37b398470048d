// Why a job does not run: each reason on a real backend, with its facts, and several at once in their order.

#include <algorithm>
#include <string>

#include <sqlq/conformance/suite.hpp>
#include <sqlq/explain.hpp>
#include <sqlq/migrator.hpp>

#include "transferred.hpp"

namespace sqlq {
// How GoogleTest shows it.
inline void PrintTo(Reason::Code code, std::ostream* out) { *out << to_string(code); }
}  // namespace sqlq

namespace sqlq::conformance {
namespace {

using namespace std::chrono_literals;

using Code = Reason::Code;
using Codes = std::vector<Code>;
using Ids = std::vector<JobId>;
using Listed = std::vector<std::string>;

constexpr const char* hidden_text = "s3cret";

/// Bytes that a terminal obeys: C0, DEL, and C1 in UTF-8.
bool has_controls(const std::string& text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 || c == 0x7F) return true;
    if (c == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0) return true;
  }
  return false;
}

/// What every reason keeps to.
std::vector<Reason> explained(Database db, JobId id) {
  std::vector<Reason> reasons = Admin{std::move(db)}.explain(id);
  EXPECT_FALSE(reasons.empty());
  Code last = Code::schema_behind;
  for (const Reason& reason : reasons) {
    SCOPED_TRACE(reason.sentence);
    EXPECT_FALSE(reason.sentence.empty());
    EXPECT_FALSE(has_controls(reason.sentence));
    EXPECT_EQ(reason.sentence.find(hidden_text), std::string::npos);
    EXPECT_LE(reason.workers.size(), 10u);
    EXPECT_LE(reason.jobs.size(), 10u);
    EXPECT_LE(last, reason.code) << "in the order of the codes";
    last = reason.code;
    EXPECT_TRUE(reason.code != Code::may_run || reasons.size() == 1);
  }
  return reasons;
}

/// The only one; a failed test if there are others.
Reason the_reason(Database db, JobId id) {
  std::vector<Reason> reasons = explained(std::move(db), id);
  EXPECT_EQ(reasons.size(), 1u);
  return reasons.empty() ? Reason{} : std::move(reasons.front());
}

Codes codes(Database db, JobId id) {
  Codes all;
  for (const Reason& reason : explained(std::move(db), id)) all.push_back(reason.code);
  return all;
}

NewJob hidden_job(EnqueueOptions options = {}, std::string kind = "work") {
  return {.kind = std::move(kind), .params = "\"" + std::string(hidden_text) + "\"", .options = std::move(options)};
}

/// The machine's, but its wall clock is set wrong.
class WrongClock final : public Clock {
 public:
  explicit WrongClock(Duration ahead) : ahead_(ahead) {}
  [[nodiscard]] TimePoint now() const override { return right_->now() + ahead_; }
  [[nodiscard]] SteadyPoint steady() const override { return right_->steady(); }
  [[nodiscard]] std::string steady_epoch() const override { return right_->steady_epoch(); }
  [[nodiscard]] std::unique_ptr<Signal> make_signal() override { return right_->make_signal(); }

 private:
  std::shared_ptr<Clock> right_ = system_clock();
  Duration ahead_;
};

/// Says that a worker with two slots is there.
struct Fleet {
  void announce(WorkerInfo worker) {
    if (worker.id == 0) worker.id = 1;
    if (worker.concurrency == 0) worker.concurrency = 2;
    worker.host = "host";
    worker.version = "1";
    dialect.workers()->announce_worker(worker, 0s, clock.instant());
  }

  backend::Dialect& dialect;
  testing::ManualClock& clock;
};

}  // namespace

TEST_P(Explain, NobodyHasTheId) {
  EXPECT_EQ(the_reason(db(), JobId::make(clock().now())).code, Code::not_found);
  EXPECT_EQ(the_reason(db(), JobId{}).code, Code::not_found);
  const JobId id = client().enqueue(hidden_job({.retention = 0s})).id;
  EXPECT_EQ(client().success(take()), FinishStatus::applied);
  clock().advance(1s);
  EXPECT_EQ(admin().purge().deleted, 1u);
  EXPECT_EQ(the_reason(db(), id).code, Code::not_found);
}

TEST_P(Explain, ItHasEnded) {
  const JobId good = client().enqueue(hidden_job()).id;
  EXPECT_EQ(client().success(take(), "\"" + std::string(hidden_text) + "\""), FinishStatus::applied);
  const JobId bad = client().enqueue(hidden_job()).id;
  const std::string message = "no\r\n\x1B[31m such \x7F \xC2\x9B address";
  EXPECT_EQ(client().error(take(), message, {.discard = true}), FinishStatus::applied);
  const JobId stopped = client().enqueue(hidden_job()).id;
  EXPECT_EQ(client().cancel(stopped), CancelStatus::cancelled);
  const TimePoint end = clock().now();
  clock().advance(1min);
  for (const auto& [id, state] : {std::pair{good, JobState::success}, {bad, JobState::errored},
                                  {stopped, JobState::cancelled}}) {
    const Reason reason = the_reason(db(), id);
    EXPECT_EQ(reason.code, Code::finished);
    EXPECT_EQ(reason.state, state);
    EXPECT_EQ(reason.at, end);
  }
  EXPECT_EQ(the_reason(db(), bad).message, admin().history(bad).back().message);
  EXPECT_NE(the_reason(db(), bad).sentence.find("address"), std::string::npos);
}

TEST_P(Explain, ItRunsOrIsAskedToStop) {
  const JobId id = client().enqueue(hidden_job()).id;
  const Job job = take();
  const TimePoint begin = clock().now();
  clock().advance(20s);
  EXPECT_EQ(client().ping(job), LeaseStatus::renewed);
  clock().advance(20s);
  Reason reason = the_reason(db(), id);
  EXPECT_EQ(reason.code, Code::running);
  EXPECT_EQ(reason.worker, job.worker);
  EXPECT_EQ(reason.at, begin);
  admin().pause("default");
  EXPECT_EQ(the_reason(db(), id).code, Code::running) << "a pause is nothing to a job that runs";
  EXPECT_EQ(client().cancel(id), CancelStatus::cancelling);
  reason = the_reason(db(), id);
  EXPECT_EQ(reason.code, Code::cancelling);
  EXPECT_EQ(reason.worker, job.worker);
}

TEST_P(Explain, ItsWorkerIsSilent) {
  const JobId id = client().enqueue(hidden_job()).id;
  const Job job = take();
  clock().advance(20s);
  EXPECT_EQ(client().ping(job), LeaseStatus::renewed);
  const TimePoint seen = clock().now();
  clock().advance(31s);
  const Reason reason = the_reason(db(), id);
  EXPECT_EQ(reason.code, Code::stuck);
  EXPECT_EQ(reason.worker, job.worker);
  EXPECT_EQ(reason.at, seen);
  EXPECT_EQ(client().reap().returned, Ids{id});
  EXPECT_NE(codes(db(), id).front(), Code::stuck);
}

TEST_P(Explain, ItWaitsForAnother) {
  SQLQ_NEEDS(transfer);
  backend::StoredJob stored = travelled(JobState::waiting, clock().now());
  static_cast<void>(dialect().transfer()->store_jobs({&stored, 1}, clock().instant()));
  EXPECT_EQ(explained(db(), stored.job.id).front().code, Code::waiting);
}

TEST_P(Explain, ItIsNotDueOrItsQueueIsPaused) {
  if (has(&backend::Capabilities::workers)) Fleet{dialect(), clock()}.announce({.name = "w"});
  const JobId id = client().enqueue(hidden_job({.delay = 1min})).id;
  Reason reason = the_reason(db(), id);
  EXPECT_EQ(reason.code, Code::due_later);
  EXPECT_EQ(reason.at, clock().now() + 1min);
  admin().pause("default");
  EXPECT_EQ(codes(db(), id), (Codes{Code::queue_paused, Code::due_later}));
  EXPECT_EQ(explained(db(), id)[0].queue, "default");
  clock().advance(1min);
  EXPECT_EQ(codes(db(), id), Codes{Code::queue_paused}) << "due, though nobody has claimed since";
  admin().resume("default");
  EXPECT_EQ(codes(db(), id), Codes{Code::may_run});
  EXPECT_EQ(take().id, id);
}

TEST_P(Explain, TheLimitOfItsQueueIsUsed) {
  if (has(&backend::Capabilities::workers)) Fleet{dialect(), clock()}.announce({.name = "w"});
  admin().create_queue("q", {.concurrency = 3});
  Ids held;
  for (int i = 0; i < 3; ++i) held.push_back(client().enqueue(hidden_job({.queue = "q"})).id);
  const std::vector<Job> leases = claim(2);
  EXPECT_EQ(client().cancel(held[1]), CancelStatus::cancelling);
  const JobId id = held[2];
  const JobId later = client().enqueue(hidden_job({.queue = "q", .delay = 1h})).id;
  EXPECT_EQ(codes(db(), id), Codes{Code::may_run}) << "two of three are used";
  admin().set_concurrency("q", 2);
  Reason reason = the_reason(db(), id);
  EXPECT_EQ(reason.code, Code::limit_used);
  EXPECT_EQ(reason.queue, "q");
  EXPECT_EQ(reason.limit, 2u);
  EXPECT_EQ(reason.count, 2u);
  EXPECT_EQ(reason.worker, leases[0].worker);
  std::ranges::sort(reason.jobs);
  EXPECT_EQ(reason.jobs, (Ids{held[0], held[1]}));
  EXPECT_EQ(codes(db(), later), Codes{Code::due_later}) << "who knows what is used by then";

  admin().set_concurrency("q", 1);
  reason = the_reason(db(), id);
  EXPECT_EQ(reason.code, Code::limit_used);
  EXPECT_EQ(reason.limit, 1u);
  EXPECT_EQ(reason.count, 2u);
  admin().set_concurrency("q", 0);
  EXPECT_EQ(the_reason(db(), id).limit, 0u);
  EXPECT_EQ(codes(db(), later), (Codes{Code::limit_used, Code::due_later})) << "but 0 lets nothing run ever";
  EXPECT_EQ(client().success(leases[0]), FinishStatus::applied);
  EXPECT_EQ(client().success(leases[1]), FinishStatus::cancelled);
  reason = the_reason(db(), id);
  EXPECT_EQ(reason.code, Code::limit_used);
  EXPECT_EQ(reason.count, 0u);
  EXPECT_TRUE(reason.jobs.empty());
  admin().set_concurrency("q", std::nullopt);
  EXPECT_EQ(codes(db(), id), Codes{Code::may_run});
}

TEST_P(Explain, NoWorkerIsThereForIt) {
  SQLQ_NEEDS(workers);
  Fleet fleet{dialect(), clock()};
  const JobId id = client().enqueue(hidden_job({.queue = "q"}, "k")).id;
  EXPECT_EQ(codes(db(), id), Codes{Code::no_worker});

  for (int i = 0; i < 12; ++i) fleet.announce({.name = "other " + std::to_string(i), .queues = {"Q"}});
  Reason reason = the_reason(db(), id);
  EXPECT_EQ(reason.code, Code::none_of_queue);
  EXPECT_EQ(reason.workers.size(), 10u);
  EXPECT_TRUE(reason.workers.empty() || reason.workers[0].starts_with("other "));

  fleet.announce({.name = "unfit", .queues = {"p", "q"}, .kinds = {"K", "kk"}, .draining = true});
  reason = the_reason(db(), id);
  EXPECT_EQ(reason.code, Code::none_of_kind);
  EXPECT_EQ(reason.workers, Listed{"unfit"});

  fleet.announce({.name = "fit", .queues = {"q"}, .kinds = {"k"}});
  EXPECT_EQ(codes(db(), id), Codes{Code::may_run});
  clock().advance(worker_expiry);
  EXPECT_EQ(codes(db(), id), Codes{Code::no_worker}) << "none of them was seen since";
}

TEST_P(Explain, AllWorkersForItAreDrainedOrBusy) {
  SQLQ_NEEDS(workers);
  Fleet fleet{dialect(), clock()};
  const JobId id = client().enqueue(hidden_job()).id;
  const JobId later = client().enqueue(hidden_job({.delay = 1h})).id;
  fleet.announce({.name = "unfit", .kinds = {"other"}});
  fleet.announce({.name = "a"});
  fleet.announce({.name = "b"});
  EXPECT_TRUE(admin().drain("a"));
  EXPECT_EQ(codes(db(), id), Codes{Code::may_run}) << "b can";
  EXPECT_TRUE(admin().drain("b"));
  Reason reason = the_reason(db(), id);
  EXPECT_EQ(reason.code, Code::draining);
  std::ranges::sort(reason.workers);
  EXPECT_EQ(reason.workers, (Listed{"a", "b"}));
  EXPECT_EQ(codes(db(), later), (Codes{Code::draining, Code::due_later}));

  EXPECT_TRUE(admin().drain("a", false));
  EXPECT_TRUE(admin().drain("b", false));
  fleet.announce({.name = "a", .concurrency = 2, .busy = 2});
  EXPECT_EQ(codes(db(), id), Codes{Code::may_run}) << "b has a slot";
  fleet.announce({.name = "b", .concurrency = 2, .busy = 2});
  reason = the_reason(db(), id);
  EXPECT_EQ(reason.code, Code::all_busy);
  std::ranges::sort(reason.workers);
  EXPECT_EQ(reason.workers, (Listed{"a", "b"}));
  EXPECT_EQ(codes(db(), later), Codes{Code::due_later}) << "they may have room by then";

  fleet.announce({.name = "b", .concurrency = 2, .busy = 0});
  EXPECT_TRUE(admin().drain("b"));
  EXPECT_NE(codes(db(), id), Codes{Code::may_run}) << "one is busy, and the other claims no more";
}

TEST_P(Explain, ItIsASuspectOrOthersComeFirst) {
  if (has(&backend::Capabilities::workers)) Fleet{dialect(), clock()}.announce({.name = "w"});
  const JobId suspect = client().enqueue(hidden_job({.max_crashes = 2})).id;
  static_cast<void>(take());
  clock().advance(31s);
  EXPECT_EQ(client().reap().returned, Ids{suspect});
  Reason reason = explained(db(), suspect).front();
  EXPECT_EQ(reason.code, Code::suspect);
  EXPECT_EQ(reason.count, 1u);

  const JobId first = client().enqueue(hidden_job({.queue = "q", .priority = 1})).id;
  const JobId second = client().enqueue(hidden_job({.queue = "q"})).id;
  const JobId third = client().enqueue(hidden_job({.queue = "q"})).id;
  EXPECT_EQ(codes(db(), first), Codes{Code::may_run});
  if (!has(&backend::Capabilities::insight)) return;
  EXPECT_EQ(the_reason(db(), second).count, 1u);
  reason = the_reason(db(), third);
  EXPECT_EQ(reason.code, Code::behind);
  EXPECT_EQ(reason.count, 2u);
  EXPECT_FALSE(reason.capped);
  EXPECT_EQ(take({"q"}).id, first);
  EXPECT_EQ(codes(db(), second), Codes{Code::may_run});
  admin().pause("q");
  EXPECT_EQ(codes(db(), third), (Codes{Code::queue_paused, Code::behind}));
}

TEST_P(Explain, SeveralReasonsComeInTheOrderInWhichTheyAreToBeSeenTo) {
  SQLQ_NEEDS(workers);
  const JobId id = client().enqueue(hidden_job({.queue = "q", .max_crashes = 2})).id;
  static_cast<void>(take());
  clock().advance(31s);
  EXPECT_EQ(client().reap().returned, Ids{id});
  EXPECT_EQ(client().error(take(), "later", {.retry = RetryPolicy::constant(24h)}), FinishStatus::applied);
  admin().pause("q");
  admin().set_concurrency("q", 0);
  EXPECT_EQ(codes(db(), id),
            (Codes{Code::queue_paused, Code::limit_used, Code::no_worker, Code::due_later, Code::suspect}));
  Fleet{dialect(), clock()}.announce({.name = "w", .queues = {"other"}});
  EXPECT_EQ(codes(db(), id),
            (Codes{Code::queue_paused, Code::limit_used, Code::none_of_queue, Code::due_later, Code::suspect}));
}

TEST_P(Explain, NamesCannotReachTheTerminal) {
  const std::string name = "'; -- %s {} \xE2\x80\xAE \xF0\x9F\x98\x80 \\x1b[2J";
  const JobId id = client().enqueue(hidden_job({.queue = name}, name)).id;
  admin().pause(name);
  const Reason paused = explained(db(), id).front();
  EXPECT_EQ(paused.code, Code::queue_paused);
  EXPECT_EQ(paused.queue, name) << "a fact is as it is";
  admin().set_concurrency(name, 0);
  EXPECT_EQ(explained(db(), id)[1].queue, name);
  if (!has(&backend::Capabilities::workers)) return;
  // A program that is no worker of this library may have written anything.
  const std::string hostile = "w\x1B]0;x\x07\n\xC2\x9B" "2J\x7F";
  Fleet fleet{dialect(), clock()};
  fleet.announce({.name = hostile, .queues = {"other"}});
  Reason reason = explained(db(), id).back();
  EXPECT_EQ(reason.code, Code::none_of_queue);
  EXPECT_EQ(reason.workers, Listed{hostile});
  admin().resume(name);
  admin().set_concurrency(name, 1);
  const backend::ClaimRequest request{.limit = 1, .token = LeaseToken{1}, .worker = hostile, .now = clock().instant()};
  EXPECT_EQ(dialect().claim(request).jobs.size(), 1u);
  reason = the_reason(db(), id);
  EXPECT_EQ(reason.code, Code::running);
  EXPECT_EQ(reason.worker, hostile);
  const JobId next = client().enqueue(hidden_job({.queue = name})).id;
  EXPECT_EQ(explained(db(), next).front().code, Code::limit_used);
  clock().advance(31s);
  EXPECT_EQ(the_reason(db(), id).code, Code::stuck);
}

TEST_P(Explain, TheClocksDiffer) {
  SQLQ_NEEDS(database_clock);
  SQLQ_NEEDS(insight);
  const JobId id = client().enqueue(hidden_job({.delay = 24h})).id;
  for (const Duration ahead : {Duration(-2h), Duration(0s), Duration(2h)}) {
    const Database here = open(url(), {.clock = std::make_shared<WrongClock>(ahead)});
    const std::vector<Reason> reasons = explained(here, id);
    const auto doubt = std::ranges::find(reasons, Code::clocks_differ, &Reason::code);
    ASSERT_EQ(doubt != reasons.end(), ahead != 0s);
    if (ahead == 0s) continue;
    EXPECT_GT(std::chrono::abs(doubt->difference), 2h - 1min);
    EXPECT_LT(std::chrono::abs(doubt->difference), 2h + 1min);
  }
}

TEST_P(Explain, AStepKeepsIt) {
  SQLQ_NEEDS(steps);
  const JobId id = client().enqueue(hidden_job()).id;
  const auto suspend = [&](StepKind kind, std::string_view name, std::optional<Duration> until,
                           std::string_view value) {
    const Job job = take();
    EXPECT_EQ(job.id, id);
    const backend::NewStep step{.id = id, .token = job.lease_token, .kind = kind, .name = name, .value = value,
                                .delay = until};
    EXPECT_EQ(dialect().steps()->record_step(step, nullptr, clock().instant()).status,
              backend::RecordStatus::recorded);
    EXPECT_EQ(client().snooze(job, until.value_or(5min)), FinishStatus::applied);
  };
  suspend(StepKind::result, "charge", {}, "\"" + std::string(hidden_text) + "\"");
  EXPECT_NE(explained(db(), id).front().code, Code::sleeping);
  clock().advance(5min);

  suspend(StepKind::sleep, "cool-off", 2h, {});
  Reason reason = explained(db(), id).front();
  EXPECT_EQ(reason.code, Code::sleeping);
  EXPECT_EQ(reason.step, "cool-off");
  EXPECT_EQ(reason.at, clock().now() + 2h);
  for (const Reason& r : explained(db(), id)) EXPECT_NE(r.code, Code::due_later);
  clock().advance(2h);

  suspend(StepKind::wait, "approved", 1h, {});
  reason = explained(db(), id).front();
  EXPECT_EQ(reason.code, Code::waits_for_signal);
  EXPECT_EQ(reason.step, "approved");
  EXPECT_EQ(reason.at, clock().now() + 1h);
  EXPECT_EQ(client().signal(id, "approved", std::string_view("\"" + std::string(hidden_text) + "\"")),
            SignalStatus::stored);
  for (const Reason& r : explained(db(), id)) EXPECT_NE(r.code, Code::waits_for_signal);

  const Ids children{client().enqueue(hidden_job({.queue = "children"})).id,
                     client().enqueue(hidden_job({.queue = "children"})).id};
  const Job parent = take({"default"});
  const std::string ids = "[\"" + children[0].to_string() + "\",\"" + children[1].to_string() + "\"]";
  const backend::NewStep step{.id = id, .token = parent.lease_token, .kind = StepKind::children, .name = "parts",
                              .value = ids};
  EXPECT_EQ(dialect().steps()->record_step(step, nullptr, clock().instant()).status, backend::RecordStatus::recorded);
  EXPECT_EQ(client().snooze(parent, 5min), FinishStatus::applied);
  reason = explained(db(), id).front();
  EXPECT_EQ(reason.code, Code::waits_for_children);
  EXPECT_EQ(reason.count, 2u);
  EXPECT_EQ(reason.jobs, children);
  EXPECT_EQ(client().cancel(children[0]), CancelStatus::cancelled);
  EXPECT_EQ(explained(db(), id).front().jobs, Ids{children[1]});
  EXPECT_EQ(client().cancel(children[1]), CancelStatus::cancelled);
  for (const Reason& r : explained(db(), id)) EXPECT_NE(r.code, Code::waits_for_children);
}

TEST_P(Explain, TheTablesAreMissing) {
  const std::vector<Reason> reasons = explained(blank(), JobId::make(clock().now()));
  EXPECT_EQ(reasons.front().code, Code::schema_behind);
}

TEST_P(Explain, TheTablesAreOfANewerVersion) {
  SQLQ_NEEDS(borrowed_transactions);
  const JobId id = client().enqueue(hidden_job()).id;
  const auto connection = user();
  for (const std::string& sql : backend().newer_schema_sql) connection->execute(sql);
  Database fresh = another();
  EXPECT_EQ(explained(fresh, id).front().code, Code::schema_behind);
  EXPECT_EQ(explained(db(), id).front().code, Code::schema_behind) << "by a handle that had checked before, too";
  Migrator{fresh}.teardown();
}

}  // namespace sqlq::conformance
