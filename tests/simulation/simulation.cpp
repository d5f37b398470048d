#include "simulation/simulation.hpp"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "platform/random.hpp"
#include "simulation/producer.hpp"
#include "simulation/worker_process.hpp"

namespace sqlq::simulation {
namespace {

using namespace std::chrono_literals;

/// A worker must claim again so soon after the database is back (promise I8), and a lease that ended must be noticed so
/// soon after the time of a sweep.
constexpr Duration recovery = 10s;
constexpr Duration noticing = 500ms;

class System {
 public:
  System(std::uint64_t seed, const std::function<void(const std::string&)>& trace, std::set<std::size_t> left_out);

  Report run();

 private:
  [[nodiscard]] bool sound() const { return world_.ledger.breach().empty(); }
  [[nodiscard]] Weather some_weather();
  void start_worker();
  void settle(std::size_t worker);
  /// Something that could happen next, wherever; false if nothing could without time passing.
  bool step();
  void pass_time();
  void trouble();
  void operate();
  void make_schedules();
  void send_signal();
  void safety();
  void calm_down();
  void liveness();
  void expect_rescue() { world_.ledger.expect_rescue_within(options_.sweep + noticing); }
  void check_recovery(SteadyPoint since);

  World world_;
  Dice& dice_ = world_.dice;
  WorkerOptions options_{};
  Weather weather_{};
  std::vector<std::string> queues_{};
  int troubles_ = 0;  // of a thousand steps
  std::vector<std::unique_ptr<WorkerProcess>> workers_{};
  std::vector<std::unique_ptr<Producer>> producers_{};
  std::unique_ptr<Line> desk_;  // of the operator
  std::unique_ptr<Connection> operator_;
  int named_ = 0;
  Report report_{};
};

System::System(std::uint64_t seed, const std::function<void(const std::string&)>& trace,
               std::set<std::size_t> left_out)
    : world_(seed, std::move(left_out)) {
  if (trace) {
    world_.ledger.trace = [this, trace](const std::string& line) {
      trace(std::to_string(world_.now().time_since_epoch().count() / 1000) + " ms  " + line);
    };
  }
  world_.storage.open({.clock = world_.clock}).migrate();
  weather_ = some_weather();
  troubles_ = dice_.number(0, 30);
  options_.concurrency = static_cast<unsigned>(dice_.number(1, 4));
  options_.poll = dice_.between(50ms, 2s);
  options_.sweep = dice_.between(200ms, 5s);
  for (int i = dice_.number(1, 3); i > 0; --i) queues_.push_back("queue" + std::to_string(i));
  desk_ = std::make_unique<Line>(Line{.process = "operator"});
  operator_ = std::make_unique<Connection>(world_, *desk_);
  for (int i = dice_.number(1, 4); i > 0; --i) start_worker();
  for (int i = dice_.number(1, 2); i > 0; --i) {
    producers_.push_back(std::make_unique<Producer>(world_, "producer" + std::to_string(i), weather_, queues_));
  }
  if (world_.timed) make_schedules();
}

void System::make_schedules() {
  std::vector<Schedule> all;
  for (int i = dice_.number(1, 3); i > 0; --i) {
    Schedule schedule{.name = "schedule" + std::to_string(i),
                      .rule = "@every " + std::to_string(dice_.number(20, 120)) + "s",
                      .job = {"x", "null", {.queue = dice_.one_of(queues_), .max_attempts = dice_.number(1, 3)}},
                      .missed = dice_.one_in(2) ? Missed::one : Missed::all,
                      .overlap = dice_.one_in(2) ? Overlap::allow : Overlap::skip,
                      .start = world_.clock->now() + 1s};
    if (schedule.missed == Missed::all) schedule.overlap = Overlap::allow;
    all.push_back(schedule);
  }
  Schedules(operator_->db).sync(all);
}

void System::send_signal() {
  std::vector<JobId> jobs = world_.ledger.jobs();
  if (!jobs.empty()) dice_.one_of(producers_)->signal(dice_.one_of(jobs));
}

// Half of the kinds of trouble, so that each also happens without the others.
Weather System::some_weather() {
  Weather w;
  for (int* kind : {&w.refused, &w.busy, &w.conflict, &w.unknown, &w.killed, &w.slow, &w.deaf}) {
    if (dice_.one_in(2)) *kind = dice_.number(1, dice_.one_in(3) ? 200 : 40);
  }
  w.killed /= 4;
  return w;
}

void System::start_worker() {
  auto made = std::make_unique<WorkerProcess>(world_, "worker" + std::to_string(++named_),
                                              world_.calm ? Weather{} : weather_, options_);
  made->by_right = [this](JobId id, const worker::HeldPtr& lease) {
    return std::ranges::none_of(workers_, [&](const auto& w) { return w->runs_unwarned(id, lease); });
  };
  workers_.push_back(std::move(made));
  if (world_.calm) expect_rescue();  // it may be the only one that sweeps
}

// A process that died or has stopped is replaced.
void System::settle(std::size_t worker) {
  WorkerProcess& process = *workers_[worker];
  if (!process.line.killed && !process.drained()) return;
  world_.ledger.note(process.line.process + (process.line.killed ? " is killed" : " has stopped"));
  report_.kills += process.line.killed ? 1 : 0;
  workers_.erase(workers_.begin() + static_cast<std::ptrdiff_t>(worker));
  start_worker();
}

bool System::step() {
  std::size_t sum = 0;
  std::vector<std::size_t> choices;
  for (const auto& worker : workers_) sum += choices.emplace_back(worker->choices());
  if (sum == 0) return false;
  std::size_t which = dice_.index(sum);
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    if (which < choices[i]) {
      workers_[i]->step(which);
      settle(i);
      return true;
    }
    which -= choices[i];
  }
  return true;
}

// To the next moment at which somebody has something to do.
void System::pass_time() {
  SteadyPoint soonest = world_.in(10s);
  for (const auto& worker : workers_) soonest = std::min(soonest, worker->next());
  world_.clock->advance(std::max<Duration>(soonest - world_.now(), 1ms));
}

void System::trouble() {
  WorkerProcess& worker = *dice_.one_of(workers_);
  switch (dice_.number(0, 6)) {
    case 0:
      worker.line.killed = true;
      break;
    case 1:
    case 2:
      ++report_.pauses;
      worker.paused_until = world_.in(dice_.between(1s, 60s));
      world_.ledger.note(worker.line.process + " stands still");
      break;
    case 3:
      worker.line.cut_until = world_.in(dice_.between(1s, 60s));
      world_.ledger.note(worker.line.process + " is cut off");
      break;
    case 4:
      worker.drain();
      world_.ledger.note(worker.line.process + " is to stop");
      break;
    case 5:
      world_.clock->step_wall(dice_.between(0s, 20min) - 10min);
      break;
    default:
      if (dice_.one_in(2)) dice_.one_of(producers_)->forget();
      break;
  }
  for (std::size_t i = 0; i < workers_.size(); ++i) settle(i);
}

void System::operate() {
  backend::Dialect& desk = *operator_->dialect;
  std::vector<JobId> jobs = world_.ledger.jobs();
  const std::string& queue = dice_.one_of(queues_);
  const backend::Now now = world_.clock->instant();
  switch (dice_.number(0, 5)) {
    case 0:
    case 1:
      if (!jobs.empty()) desk.cancel(std::vector{dice_.one_of(jobs)}, nullptr, now);
      return;
    case 2:
      if (!jobs.empty()) desk.requeue(std::vector{dice_.one_of(jobs)}, now);
      return;
    case 3:
      desk.queue_update(queue, {.concurrency = dice_.one_in(3) ? std::nullopt
                                                               : std::optional<std::uint32_t>(dice_.number(0, 3))});
      return;
    case 4: desk.queue_update(queue, {.paused = true}); return;
    default: desk.queue_update(queue, {.paused = false}); return;
  }
}

void System::safety() {
  const int steps = dice_.number(100, 600);
  const int produce = dice_.number(10, 100);
  const int operations = dice_.number(0, 20);
  for (int i = 0; i < steps && sound(); ++i) {
    if (dice_.per_mille(produce)) dice_.one_of(producers_)->step(true);
    if (world_.timed && dice_.one_in(6)) send_signal();
    if (dice_.mishap(operations)) operate();
    if (dice_.mishap(troubles_)) trouble();
    if (dice_.one_in(40)) world_.clock->advance(dice_.between(0s, 3s));
    if (!step()) pass_time();
  }
}

void System::calm_down() {
  world_.ledger.note("calm");
  world_.calm = true;
  const Duration behind = world_.ledger.latest() - world_.clock->now();
  if (behind > 0s) world_.clock->step_wall(behind);  // somebody sets the clock right
  for (const auto& worker : workers_) worker->calm_down();
  for (const auto& producer : producers_) {
    producer->line.weather = {};
    producer->step(false);
  }
  Schedules schedules(operator_->db);
  for (const ScheduleState& s : schedules.list()) schedules.pause(s.schedule.name);
  for (const std::string& queue : queues_) {
    operator_->dialect->queue_update(queue, {.concurrency = dice_.one_in(2) ? std::nullopt
                                                                            : std::optional<std::uint32_t>(1)});
    operator_->dialect->queue_update(queue, {.paused = false});
  }
}

// Promise I8. A worker that is full need not claim.
void System::check_recovery(SteadyPoint since) {
  if (world_.now() - since < recovery) return;
  for (const auto& worker : workers_) {
    const std::optional<SteadyPoint>& last = worker->dialect().last_claim();
    if (worker->has_room() && (!last || *last < since)) {
      world_.ledger.fail("recovery", {}, "of " + worker->line.process + ": it has not claimed for 10 s");
    }
  }
}

void System::liveness() {
  const SteadyPoint begin = world_.now();
  expect_rescue();
  const SteadyPoint end = saturating_add(begin, 30min);
  bool recovered = false;
  while (sound() && world_.now() < end && world_.ledger.live() > 0) {
    if (!step()) pass_time();
    if (!recovered && world_.now() - begin >= recovery) {
      check_recovery(begin);
      recovered = true;
    }
  }
  if (sound() && world_.ledger.live() > 0) {
    world_.ledger.fail("liveness", world_.ledger.a_live_one(),
                       "one of " + std::to_string(world_.ledger.live()) + " that have not ended");
  }
}

Report System::run() {
  safety();
  calm_down();
  liveness();
  if (sound()) world_.ledger.compare(*world_.storage.connect(world_.clock));
  for (const ScheduleState& s : Schedules(operator_->db).list()) world_.ledger.compare(s);
  report_.breach = world_.ledger.breach();
  report_.digest = world_.ledger.digest();
  report_.jobs = world_.ledger.jobs().size();
  report_.occasions = dice_.occasions();
  report_.mishaps = dice_.mishaps();
  report_.figures = world_.ledger.figures();
  return report_;
}

}  // namespace

Report run(std::uint64_t seed, const std::function<void(const std::string&)>& trace,
           const std::set<std::size_t>& left_out) {
  const platform::SeededRandom random(seed);
  return System(seed, trace, left_out).run();
}

}  // namespace sqlq::simulation
