#include "simulation/producer.hpp"

#include <utility>

#include <sqlq/json.hpp>

namespace sqlq::simulation {

using namespace std::chrono_literals;

NewJob Producer::describe() {
  Dice& dice = world_.dice;
  NewJob job{.kind = dice.one_in(2) ? "x" : "y"};
  if (world_.timed && dice.one_in(2)) job.kind = "steps";
  EnqueueOptions& options = job.options;
  options.id = JobId::make(world_.clock->now());
  options.queue = dice.one_of(queues_);
  options.priority = dice.number(0, 2);
  options.max_attempts = dice.number(1, 5);
  options.max_crashes = dice.number(1, 5);
  if (dice.one_in(3)) options.delay = dice.between(0s, 30s);
  if (dice.one_in(4)) options.unique_key = "key" + std::to_string(dice.number(0, 3));
  if (dice.one_in(5)) options.timeout = dice.between(1s, 20s);
  if (dice.one_in(10)) options.retention = dice.between(0s, 10min);
  options.keepalive = dice.between(1s, dice.one_in(3) ? 30s : 5s);
  return job;
}

void Producer::step(bool something_new) {
  if (wanted_.empty()) {
    if (!something_new) return;
    if (world_.dice.one_in(4)) return in_transaction();
    for (int n = world_.dice.one_in(3) ? world_.dice.number(2, 5) : 1; n > 0; --n) wanted_.push_back(describe());
  }
  enqueue();
}

void Producer::signal(JobId job) {
  try {
    const std::string name = world_.dice.one_in(2) ? "go 0" : "go 1";
    static_cast<void>(Client(connection_.db).signal(job, name, ++sent_));
  } catch (const Error& e) {
    if (!e.retryable() && !e.outcome_unknown()) world_.ledger.fail("error", job, e.what());
  }
}

void Producer::enqueue() {
  try {
    const std::vector<Enqueued> answers = Client(connection_.db).enqueue_many(wanted_);
    for (const Enqueued& answer : answers) world_.ledger.acknowledged(answer.id);
    wanted_.clear();
  } catch (const Error& e) {
    if (!e.retryable() && !e.outcome_unknown()) world_.ledger.fail("error", {}, e.what());
  }
}

// What it did counts when it is committed, so the ledger hears of it then.
void Producer::in_transaction() {
  const NewJob job = describe();
  const EnqueueOptions& o = job.options;
  const TimePoint not_before = saturating_add(world_.clock->now(), o.delay);
  testing::MemoryConnection mine(world_.storage);
  mine.begin();
  try {
    const Enqueued answer = Client(connection_.db).enqueue(mine.tx(), job);
    if (world_.dice.one_in(3)) {
      mine.rollback();
      if (answer.inserted()) world_.ledger.rolled_back(answer.id);
      return;
    }
    mine.commit();
    backend::EnqueueItem item{.id = *o.id, .queue = *o.queue, .kind = job.kind, .params = job.params,
                              .max_attempts = *o.max_attempts, .max_crashes = *o.max_crashes,
                              .keepalive = *o.keepalive,
                              .retention = o.retention, .run_at = not_before};
    if (o.unique_key) item.unique_key = *o.unique_key;
    world_.ledger.enqueued({&item, 1}, std::vector{answer});
    world_.ledger.acknowledged(answer.id);
  } catch (const Error& e) {
    world_.ledger.rolled_back(*o.id);
    if (!e.retryable() && !e.outcome_unknown()) world_.ledger.fail("error", {}, e.what());
  }
}

}  // namespace sqlq::simulation
