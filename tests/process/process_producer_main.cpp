// Enqueues jobs of kind work, one by one and in batches, and records what it asked for and what was acknowledged.

#include <algorithm>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include <sqlq/sqlq.hpp>

#include "faults/record.hpp"
#include "helper.hpp"

namespace {

using namespace sqlq;
using namespace sqlq::process;

/// As a careful caller does it: the same ids again, until the database has said yes.
std::vector<Enqueued> enqueue_stubbornly(Client& client, const std::vector<NewJob>& batch) {
  for (;;) {
    try {
      return batch.size() == 1 ? std::vector{client.enqueue(batch.front())} : client.enqueue_many(batch);
    } catch (const Error& e) {
      if (!e.retryable() && !e.outcome_unknown()) throw;
      work_for(std::chrono::milliseconds(20));
    }
  }
}

int run(const Arguments& arguments) {
  using namespace std::chrono_literals;
  const faults::Recorder recorder(arguments.text("records"));
  Client client{open(arguments.text("url"))};
  std::mt19937_64 random(static_cast<std::uint64_t>(arguments.number("seed")));
  const auto below = [&](std::uint64_t n) { return static_cast<std::int64_t>(random() % n); };

  for (auto left = arguments.number("jobs"); left > 0;) {
    const auto size = std::min<std::int64_t>(left, below(3) == 0 ? 1 : 1 + below(40));
    std::vector<NewJob> batch;
    for (std::int64_t i = 0; i < size; ++i) {
      const JobId id = JobId::make(client.database().clock().now());
      // Most finish between two kills. A few run longer than their lease, so that heartbeats are needed.
      const std::int64_t us = below(1000) == 0 ? 1'200'000 : 10'000 + below(150'000);
      nlohmann::json params{{"us", us}};
      if (below(50) == 0) params[below(2) == 0 ? "fail" : "snooze"] = 1;
      batch.push_back({.kind = "work",
                       .params = params.dump(),
                       .options = {.priority = static_cast<int>(below(3)),
                                   .max_attempts = 1000,
                                   .max_crashes = 1000,
                                   .keepalive = 1s,
                                   .retention = 24h,
                                   .id = id}});
      recorder.write(faults::about(faults::What::enqueue_asked, id.bytes()));
    }
    const auto answers = enqueue_stubbornly(client, batch);
    for (const Enqueued& answer : answers) {
      recorder.write(faults::about(faults::What::enqueued, answer.id.bytes()));
    }
    left -= size;
  }
  return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) { return sqlq::process::run_helper(argc, argv, run); }
