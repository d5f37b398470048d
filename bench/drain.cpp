// Working through a queue that is full.

#include <atomic>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>

#include "bench.hpp"
#include "operations.hpp"
#include "worker_process.hpp"

namespace sqlq::bench {
namespace {

/// The result of the workers.
struct Drained {
  Timed passed{};  ///< from their start to the last success being durable
  double workers_us = 0;  ///< processor time of theirs for each job
};

Drained drain_with_processes(Bench& bench, Ledger& ledger, std::size_t count, std::size_t queues = 1) {
  bench.enqueue(ledger.jobs(), queues);
  std::vector<std::unique_ptr<WorkerProcess>> workers;
  for (std::size_t i = 0; i < count; ++i) {
    workers.push_back(
        std::make_unique<WorkerProcess>(bench, ledger, i, bench.options().threads, Bench::queue(i % queues)));
  }
  const auto used = [&] {
    double sum = 0;
    for (auto& worker : workers) sum += worker->usage().cpu_s;
    return sum;
  };
  Drained drained{.workers_us = -used()};
  drained.passed = bench.timed([&] {
    for (auto& worker : workers) worker->go();
    bench.wait_for(ledger, ledger.jobs(), [] {});
  });
  drained.workers_us = (drained.workers_us + used()) * 1e6 / static_cast<double>(ledger.jobs());
  for (auto& worker : workers) worker->stop();
  Bench::check(ledger);
  return drained;
}

void drain_processes(Bench& bench, const std::string& op, std::size_t count, std::size_t queues = 1) {
  Ledger ledger(bench.options().jobs);
  const Drained drained = drain_with_processes(bench, ledger, count, queues);
  bench.rate(op, ledger.jobs(), drained.passed, {{"workers_us", drained.workers_us}});
}

}  // namespace

void drain(Bench& bench) {
  if (const Options& o = bench.options(); o.processes > 0) {
    const std::string queues = o.queues > 1 ? "-" + std::to_string(o.queues) + "q" : "";
    drain_processes(bench, "drain-" + std::to_string(o.processes) + "x" + std::to_string(o.threads) + queues,
                    o.processes, o.queues);
    return;
  }
  const std::size_t n = bench.options().jobs;
  bench.enqueue(n);
  bench.rate("drain", n, bench.drain(n));
}

void drain_4_processes(Bench& bench) { drain_processes(bench, "drain-4proc", 4); }
void drain_8_processes(Bench& bench) { drain_processes(bench, "drain-8proc", 8); }

void drain_limited(Bench& bench) {
  constexpr std::uint32_t limit = 50;
  Admin admin(bench.db());
  admin.create_queue(Bench::queue());
  admin.set_concurrency(Bench::queue(), limit);
  Ledger ledger(bench.options().jobs);
  const Drained drained = drain_with_processes(bench, ledger, 8);
  admin.set_concurrency(Bench::queue(), std::nullopt);
  if (ledger.most_at_once() > limit) {
    throw std::logic_error(std::to_string(ledger.most_at_once()) + " jobs ran at once; the limit is 50");
  }
  bench.rate("drain-limited", ledger.jobs(), drained.passed,
             {{"most_at_once", ledger.most_at_once()}, {"workers_us", drained.workers_us}});
}

void drain_in_batches(Bench& bench) {
  constexpr std::size_t size = 100;
  constexpr unsigned slots = 2 * size;
  const std::size_t n = bench.options().jobs;
  Ledger singly(n);
  bench.enqueue(n);
  const Timed single = bench.drain(singly, handlers_for(singly), slots);

  Ledger ledger(n);
  std::atomic<std::size_t> calls{0};
  Handlers handlers;
  const std::shared_ptr<Clock> clock = system_clock();
  handlers.batch<Noop>({.size = size}, [&](std::span<const Noop> jobs) {
    ++calls;
    for (const Noop& job : jobs) {
      ledger.begin(job.i, clock->steady());
      ledger.end(job.i, clock->steady());
    }
  });
  bench.enqueue(n);
  const Timed passed = bench.drain(ledger, std::move(handlers), slots);
  const double jobs = static_cast<double>(n);
  bench.rate("drain-in-batches", n, passed,
             {{"jobs_a_call", jobs / static_cast<double>(calls.load())},
              {"single_per_s", jobs / single.seconds},
              {"ratio", single.seconds / passed.seconds}});
}

void own_loop(Bench& bench) {
  const std::size_t n = bench.few();
  bench.enqueue(n);
  Client client = bench.client();
  const Timed passed = bench.timed([&] {
    for (std::size_t i = 0; i < n; ++i) {
      const auto job = client.claim_one(Bench::queue());
      if (!job || client.success(*job) != FinishStatus::applied) throw std::logic_error("a job is missing");
    }
  });
  if (client.claim_one(Bench::queue())) throw std::logic_error("a job is left over");
  bench.rate("own-loop-1", n, passed);
}

void memory(Bench& bench) {
  using namespace std::chrono_literals;
  Ledger ledger(bench.options().jobs);
  WorkerProcess worker(bench, ledger, 0, 64);
  worker.go();
  std::this_thread::sleep_for(2s);
  const Usage idle = worker.usage();
  bench.enqueue(ledger.jobs());
  bench.wait_for(ledger, ledger.jobs(), [] {});
  const Usage after = worker.usage();
  worker.stop();
  Bench::check(ledger);
  bench.report({.op = "memory",
                .n = ledger.jobs(),
                .figures = {{"idle_rss_mib", idle.rss_mib}, {"grown_mib", after.own_mib - idle.own_mib}}});
}

}  // namespace sqlq::bench
