// Enqueues jobs of kind work, one by one and in batches, and records what it asked for and what was acknowledged: so
// many jobs, or until SIGTERM. pace: how long it waits after each batch; backlog: while so many jobs are pending it
// enqueues none; delayed: how many percent of the jobs are delayed, by up to 300 ms; keepalive: of the jobs; limited:
// how many percent go into the queue "limited"; keys: how many unique keys a tenth of the jobs have; transactions: how
// many percent of the batches are enqueued one by one, each job in a transaction with a row of its own table
// (orders.hpp), of which a fifth are rolled back; flows: how many percent of the batches are a workflow that waits for
// a signal, which is sent twice at once (flows.hpp), over url and over other, another way to the same database;
// customers: how many keys the jobs of the queue "default" have, for limits by key.

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include <sqlq/sqlq.hpp>

#include "faults/record.hpp"
#include "flows.hpp"
#include "helper.hpp"
#include "opening.hpp"
#include "orders.hpp"

namespace {

using namespace sqlq;
using namespace sqlq::process;
using faults::Code;
using faults::What;

int run(const Arguments& arguments) {
  using namespace std::chrono_literals;
  const SignalStop stop{SIGTERM};
  const faults::Recorder recorder(arguments.text("records"));
  Client client{open_as_asked(arguments, recorder)};
  const Duration pace = arguments.milliseconds("pace", 0ms);
  const auto limited = arguments.number("limited", 0);
  const auto keys = static_cast<std::uint64_t>(arguments.number("keys", 0));
  const auto customers = static_cast<std::uint64_t>(arguments.number("customers", 0));
  const Duration keepalive = arguments.milliseconds("keepalive", 1s);
  const auto delayed = arguments.number("delayed", 0);
  const auto transactions = arguments.number("transactions", 0);
  const auto back = arguments.number("back", 2);
  Orders orders(arguments.text("url"));
  const auto flows = arguments.number("flows", 0);
  Client other{open(arguments.text("other", arguments.text("url")))};
  std::mt19937_64 random(static_cast<std::uint64_t>(arguments.number("seed")));
  const auto below = [&](std::uint64_t n) { return static_cast<std::int64_t>(random() % n); };

  const auto backlog = static_cast<std::size_t>(arguments.number("backlog", 0));
  const auto too_many = [&] {
    const auto capped = [&] { return Admin{client.database()}.counts({}, backlog); };
    return backlog > 0 && stubbornly(capped)[JobState::pending].value >= backlog;
  };
  std::cout << "ready" << std::endl;

  const auto describe = [&](bool ordered) {
    const JobId id = JobId::make(client.database().clock().now());
    // Most finish between two kills. A few run longer than their lease, so that heartbeats are needed.
    const std::int64_t us = below(1000) == 0 ? keepalive.count() * 6 / 5 : 10'000 + below(150'000);
    nlohmann::json params{{"us", us}};
    if (below(100) < back) params[below(2) == 0 ? "fail" : "snooze"] = 1;
    const Duration delay = below(100) < delayed ? 1ms * (1 + below(300)) : 0ms;
    NewJob job{.kind = "work",
               .params = params.dump(),
               .options = {.priority = static_cast<int>(below(3)),
                           .max_attempts = 1000,
                           .max_crashes = 1000,
                           .delay = delay,
                           .keepalive = keepalive,
                           .retention = 24h * 365,
                           .id = id}};
    if (below(100) < limited) job.options.queue = "limited";
    if (customers > 0 && !job.options.queue) job.options.key = "customer " + std::to_string(below(customers));
    auto& key = job.options.unique_key;
    if (!ordered && keys > 0 && below(10) == 0) key = "key " + std::to_string(below(keys));
    recorder.write(faults::about(What::enqueue_asked, id.bytes(), ordered ? Code::in_transaction : Code::none,
                                 key ? faults::hash_of(*key) : 0));
    if (delay != 0ms) {
      const auto earliest = static_cast<std::uint64_t>(faults::steady_us() + delay.count());
      recorder.write(faults::about(What::not_before, id.bytes(), Code::none, earliest));
    }
    return job;
  };
  const auto order = [&] {
    const NewJob job = describe(true);
    const auto outcome = orders.order(client, job, below(5) != 0, [](auto commit) { commit_around(commit); });
    const auto& id = job.options.id->bytes();
    if (outcome == Orders::Outcome::committed) recorder.write(faults::about(What::enqueued, id));
    if (outcome == Orders::Outcome::rolled_back) recorder.write(faults::about(What::not_enqueued, id));
  };

  for (auto left = arguments.number("jobs"); left > 0 && !stop.token().stop_requested(); work_for(pace)) {
    if (too_many()) continue;
    if (flows > 0 && below(100) < flows) {
      --left;
      start_flow(recorder, client, other, keepalive);
      continue;
    }
    const auto size = std::min<std::int64_t>(left, below(3) == 0 ? 1 : 1 + below(40));
    left -= size;
    if (below(100) < transactions) {
      for (std::int64_t i = 0; i < size; ++i) order();
      continue;
    }
    std::vector<NewJob> batch;
    for (std::int64_t i = 0; i < size; ++i) batch.push_back(describe(false));
    const auto answers = stubbornly([&] {
      return batch.size() == 1 ? std::vector{client.enqueue(batch.front())} : client.enqueue_many(batch);
    });
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const JobId& asked = *batch[i].options.id;
      const JobId& got = answers[i].id;  // another one, where the key was taken
      recorder.write(faults::about(What::enqueued, got.bytes(), got == asked ? Code::ok : Code::duplicate));
      if (got != asked) recorder.write(faults::about(What::not_enqueued, asked.bytes()));
    }
  }
  return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
  return sqlq::process::run_helper(argc, argv,
                                   {"url", "records", "die", "patient", "jobs", "seed", "pace", "backlog", "keepalive",
                                    "delayed", "limited", "keys", "transactions", "flows", "other", "customers",
                                    "back"},
                                   run);
}
