// Working through a queue that is full.

#include <memory>
#include <stdexcept>
#include <thread>

#include "bench.hpp"
#include "operations.hpp"
#include "worker_process.hpp"

namespace sqlq::bench {
namespace {

/// From the start of the workers to the last success being durable.
Timed drain_with_processes(Bench& bench, Ledger& ledger, std::size_t count) {
  bench.enqueue(ledger.jobs());
  std::vector<std::unique_ptr<WorkerProcess>> workers;
  for (std::size_t i = 0; i < count; ++i) {
    workers.push_back(std::make_unique<WorkerProcess>(bench, ledger, i, bench.options().threads));
  }
  const Timed passed = bench.timed([&] {
    for (auto& worker : workers) worker->go();
    bench.wait_for(ledger, ledger.jobs(), [] {});
  });
  for (auto& worker : workers) worker->stop();
  Bench::check(ledger);
  return passed;
}

void drain_processes(Bench& bench, const char* op, std::size_t count) {
  Ledger ledger(bench.options().jobs);
  bench.rate(op, ledger.jobs(), drain_with_processes(bench, ledger, count));
}

}  // namespace

void drain(Bench& bench) {
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
  const Timed passed = drain_with_processes(bench, ledger, 8);
  admin.set_concurrency(Bench::queue(), std::nullopt);
  if (ledger.most_at_once() > limit) {
    throw std::logic_error(std::to_string(ledger.most_at_once()) + " jobs ran at once; the limit is 50");
  }
  bench.rate("drain-limited", ledger.jobs(), passed, {{"most_at_once", ledger.most_at_once()}});
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
