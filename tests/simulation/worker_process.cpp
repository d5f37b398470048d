#include "simulation/worker_process.hpp"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include <sqlq/json.hpp>

namespace sqlq::simulation {

using namespace std::chrono_literals;
using worker::HeldPtr;

namespace {

/// Never called: the script says what a handler does. The table says which kinds there are and how they retry.
Handlers handlers(Dice& dice) {
  Handlers table;
  for (const char* kind : {"x", "y", "steps"}) {
    table.on(kind, [](JobContext&) { return Outcome::done(); },
             {.retry = RetryPolicy([&dice](int) { return dice.between(0s, 5s); })});
  }
  return table;
}

}  // namespace

Connection::Connection(World& world, Line& line)
    : Connection(world, std::make_unique<FaultyDialect>(world.storage.connect(world.clock), line, world.ledger,
                                                        *world.clock, world.dice)) {}

Connection::Connection(World& world, std::unique_ptr<FaultyDialect> made)
    : dialect(made.get()), db(std::move(made), {.clock = world.clock}) {}

WorkerProcess::WorkerProcess(World& world, std::string name, const Weather& weather, WorkerOptions options)
    : line{.process = std::move(name), .weather = weather},
      world_(world),
      connection_(world, line),
      runtime_(connection_.db, handlers(world.dice), [&] {
        options.name = line.process;
        options.on_event = [&world, who = line.process](const WorkerEvent& event) {
          world.ledger.note(who + ": " + event.service + ": " + event.message);
        };
        return options;
      }()) {
  runtime_.shared.freeze_handlers();
  subscription_ = connection_.dialect->subscribe([this] {
    runtime_.fetcher.wake();
    runtime_.heartbeat.hint();
    runtime_.ticker.hint();
  });
  std::vector<worker::Service*> services{&runtime_.fetcher,    &runtime_.completer,   &runtime_.heartbeat,
                                         &runtime_.reaper,     &runtime_.retention,   &runtime_.maintenance,
                                         &runtime_.follow_ups, &runtime_.log_shipper, &runtime_.watchdog};
  if (world.timed) services.insert(services.begin(), &runtime_.ticker);
  for (worker::Service* service : services) {
    loops_.push_back({service, worker::Turns(*service, *world.clock, runtime_.shared.events, world.dice.seed())});
  }
  watching_ = &loops_.back();
}

// ------------------------------------------------------------------------------------------------- steps

// As ServiceLoop: a wake-up shortens a wait, but not that after a failure.
bool WorkerProcess::due(Loop& loop) {
  if (loop.stopped) return false;
  if (loop.service->wait_until(world_.now()) && !loop.backing_off) loop.woken = true;
  return loop.woken || world_.now() >= loop.at;
}

bool WorkerProcess::may_end(const Execution& execution) const {
  return world_.now() >= execution.ends || (execution.obeys && execution.lease->stop_reason() != StopReason::none);
}

std::size_t WorkerProcess::choices() {
  choices_.clear();
  if (world_.now() < paused_until || line.killed) return 0;
  for (Loop& loop : loops_) {
    if (!due(loop)) continue;
    choices_.emplace_back([&loop] {
      loop.woken = false;
      const auto [at, backing_off] = loop.turns.take();
      loop.at = at;
      loop.backing_off = backing_off;
    });
  }
  if (!runtime_.shared.ready.empty()) choices_.emplace_back([this] { begin(); });
  for (auto at = running_.begin(); at != running_.end(); ++at) {
    if (may_end(*at)) choices_.emplace_back([this, at] { end(at); });
  }
  return choices_.size();
}

void WorkerProcess::step(std::size_t which) { choices_[which](); }

SteadyPoint WorkerProcess::next() const {
  SteadyPoint soonest = SteadyPoint::max();
  for (const Loop& loop : loops_) {
    if (!loop.stopped) soonest = std::min(soonest, loop.at);
  }
  for (const Execution& execution : running_) soonest = std::min(soonest, execution.ends);
  return std::max(soonest, paused_until);
}

// ------------------------------------------------------------------------------------------------- handlers

void WorkerProcess::begin() {
  const std::optional<HeldPtr> lease = runtime_.shared.ready.try_take();
  if (!lease) return;
  std::optional<worker::Ending> instead;
  const Handlers::Entry* entry = runtime_.executor.begin(*lease, instead);
  if (entry == nullptr) return runtime_.executor.deliver(*lease, *std::move(instead));
  world_.ledger.started((*lease)->job(), by_right((*lease)->job().id, *lease));

  Dice& dice = world_.dice;
  const bool long_one = !world_.calm && dice.one_in(4);
  const bool never = !world_.calm && dice.one_in(20);
  const int how = world_.calm ? dice.number(0, 11) : dice.number(0, 19);
  const End end = how < 10   ? End::done
                  : how < 12 ? End::error
                  : how < 14 ? End::discard
                  : how < 16 ? End::snooze
                  : how < 19 ? End::complete
                             : End::forget;
  Execution& execution = running_.emplace_back(Execution{
      .lease = *lease,
      .options = entry->options,
      .impl = std::unique_ptr<JobContext::Impl>(new JobContext::Impl(runtime_.executor.context_of(*lease))),
      .ends = never ? SteadyPoint::max() : world_.in(dice.between(0s, long_one ? Duration(60s) : Duration(2s))),
      .obeys = never || !dice.one_in(4),
      .end = end});
  JobContext(*execution.impl).log().info("begun");
}

void WorkerProcess::end(std::list<Execution>::iterator which) {
  const Outcome outcome = which->lease->job().kind == "steps" ? play_steps(*which) : play(*which);
  runtime_.executor.deliver(which->lease, runtime_.executor.conclude(*which->impl, outcome, which->options));
  running_.erase(which);
}

Outcome WorkerProcess::play(Execution& execution) {
  JobContext context(*execution.impl);
  const bool stopped = context.stop_reason() != StopReason::none;
  if (stopped && execution.obeys) return Outcome::error("stopped: " + std::string(to_string(context.stop_reason())));
  context.set_result(std::to_string(context.lease_token().value));
  switch (execution.end) {
    case End::done: return Outcome::done();
    case End::error: return Outcome::error("as the script says");
    case End::discard: return Outcome::discard("as the script says");
    case End::snooze: return Outcome::snooze(world_.dice.between(0s, 5s));
    case End::complete: return complete(context, true);
    case End::forget: return complete(context, false);
  }
  return Outcome::done();
}

// As the executor calls a handler; what is played comes after the steps.
Outcome WorkerProcess::play_steps(Execution& execution) {
  JobContext context(*execution.impl);
  try {
    go_through_steps(context);
  } catch (const Suspension&) {
    return execution.impl->steps->rest();
  } catch (const Error& e) {
    return Outcome::error(e.what());
  }
  return play(execution);
}

void WorkerProcess::go_through_steps(JobContext& context) {
  const Job job = context.job();
  const auto step = [&](const char* name) {
    const auto value = context.step(name, [&] { return job.lease_token.value; });
    world_.ledger.answered(job, StepKind::result, name, std::to_string(value));
  };
  const auto wait = [&](const char* name) {
    const auto value = context.wait<std::int64_t>(name, world_.dice.between(0s, 30s));
    world_.ledger.answered(job, StepKind::wait, name, value ? std::optional(std::to_string(*value)) : std::nullopt);
  };
  step("charge");
  wait("go 0");
  if (world_.dice.one_in(2)) context.sleep("rest", world_.dice.between(0s, 10s));
  step("ship");
  wait("go 1");
}

// The handler's own transaction. What it does counts when it is committed, so the ledger hears of it then.
Outcome WorkerProcess::complete(JobContext& context, bool commit) {
  testing::MemoryConnection mine(world_.storage);
  mine.begin();
  try {
    if (!context.complete_in(mine.tx())) return Outcome::error("the lease is lost");
    if (!commit) return Outcome::done();
    mine.commit();
  } catch (const Error& e) {
    return Outcome::error(e.what());
  }
  const std::optional<Job> after = world_.storage.connect(world_.clock)->get(std::vector{context.id()}, nullptr)[0];
  if (!after || !after->finished_at) {
    world_.ledger.fail("fencing", context.id(), "was ended in a transaction that committed, and has not ended");
    return Outcome::done();
  }
  const std::string result = std::to_string(context.lease_token().value);
  const backend::Finish written{.id = context.id(), .token = context.lease_token(), .result = result};
  const FinishStatus status =
      after->state == JobState::cancelled ? FinishStatus::cancelled : FinishStatus::applied;
  world_.ledger.finished({&written, 1}, std::vector{status}, Instant{*after->finished_at, world_.now()});
  return Outcome::done();
}

bool WorkerProcess::runs_unwarned(JobId id, const HeldPtr& except) {
  if (line.killed) return false;
  const bool overdue = due(*watching_);  // it is late itself: that is a pause of the process
  return std::ranges::any_of(running_, [&](const Execution& e) {
    return e.lease != except && e.lease->job().id == id && !e.lease->lost() && !overdue;
  });
}

// ------------------------------------------------------------------------------------------------- the end

void WorkerProcess::drain() {
  draining_ = true;
  const std::initializer_list<worker::Service*> beginning{&runtime_.fetcher, &runtime_.reaper, &runtime_.retention,
                                                          &runtime_.maintenance, &runtime_.ticker};
  for (Loop& loop : loops_) {
    loop.stopped = loop.stopped || std::ranges::find(beginning, loop.service) != beginning.end();
  }
  runtime_.fetcher.stop_handing_over();
  const std::vector<HeldPtr> unstarted = runtime_.shared.ready.close();
  runtime_.release(unstarted);
  runtime_.shared.slots.give(unstarted.size());
  runtime_.shared.trip_all(StopReason::shutdown);
}

bool WorkerProcess::drained() const {
  return draining_ && running_.empty() && runtime_.completer.waiting() == 0 && runtime_.follow_ups.may_end();
}

void WorkerProcess::calm_down() {
  line.weather = {};
  line.cut_until = {};
  paused_until = {};
  for (Execution& e : running_) e.ends = std::min(e.ends, world_.in(world_.dice.between(0s, 2s)));
}

}  // namespace sqlq::simulation
