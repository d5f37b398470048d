// How soon a job is run.

#include <chrono>
#include <functional>
#include <thread>

#include "bench.hpp"
#include "operations.hpp"
#include "worker_process.hpp"

namespace sqlq::bench {
namespace {

using namespace std::chrono_literals;

double ms(Duration d) { return static_cast<double>(d.count()) / 1000; }

void wait_until_run(const Bench& bench, const Ledger& ledger, std::size_t job) {
  const SteadyPoint deadline = saturating_add(bench.db().clock().steady(), 1min);
  while (ledger.ended_at(job) == SteadyPoint{}) {
    if (bench.db().clock().steady() > deadline) throw std::runtime_error("a job was not run for a minute");
    std::this_thread::sleep_for(200us);
  }
}

/// One job at a time, while the worker is idle.
void measure(const Bench& bench, const char* op, const Ledger& ledger) {
  const Clock& clock = bench.db().clock();
  Client client = bench.client();
  std::vector<double> waits;
  std::vector<double> calls;
  for (std::size_t i = 0; i < ledger.jobs(); ++i) {
    std::this_thread::sleep_for(10ms);
    const SteadyPoint begin = clock.steady();
    client.enqueue(Noop{i}, {.queue = Bench::queue()});
    calls.push_back(ms(clock.steady() - begin));
    wait_until_run(bench, ledger, i);
    waits.push_back(ms(ledger.begun_at(i) - begin));
  }
  auto figures = percentiles(std::move(waits));
  figures.emplace_back("enqueue_p50_ms", percentiles(std::move(calls)).front().second);
  bench.report({.op = op, .n = ledger.jobs(), .figures = std::move(figures)});
}

std::size_t tries(const Bench& bench) { return std::min<std::size_t>(bench.options().jobs / 100, 500); }

}  // namespace

void latency(Bench& bench) {
  Ledger ledger(tries(bench));
  Worker worker{bench.db(), handlers_for(ledger), worker_options(Bench::queue(), 8)};
  worker.start();
  std::this_thread::sleep_for(500ms);
  measure(bench, "latency", ledger);
  worker.stop();
  Bench::check(ledger);
}

void latency_between_processes(Bench& bench) {
  Ledger ledger(tries(bench));
  WorkerProcess worker(bench, ledger, 0, 8);
  worker.go();
  std::this_thread::sleep_for(500ms);
  measure(bench, "latency-xproc", ledger);
  worker.stop();
  Bench::check(ledger);
}

void end_to_end(Bench& bench) {
  constexpr unsigned producers = 4;
  const std::size_t n = bench.options().rate * 10;
  const Clock& clock = bench.db().clock();
  Ledger ledger(n);
  std::vector<SteadyPoint> begun(n);
  Worker worker{bench.db(), handlers_for(ledger), worker_options(Bench::queue(), bench.options().threads)};
  worker.start();
  const Timed passed = bench.timed([&] {
    const SteadyPoint start = clock.steady();
    const auto produce = [&](unsigned which) {
      Client client = bench.client();
      for (std::size_t i = which; i < n; i += producers) {
        // A job that is late is still measured from when it was to be enqueued.
        begun[i] = start + Duration(static_cast<std::int64_t>(i * 1'000'000 / bench.options().rate));
        std::this_thread::sleep_for(begun[i] - clock.steady());
        client.enqueue(Noop{i}, {.queue = Bench::queue()});
      }
    };
    Bench::on_threads(producers, produce);
    bench.wait_for(ledger, n, [&] { ledger.set_succeeded(0, worker.stats().succeeded); });
  });
  worker.stop();
  Bench::check(ledger);
  std::vector<double> waits;
  for (std::size_t i = 0; i < n; ++i) waits.push_back(ms(ledger.ended_at(i) - begun[i]));
  bench.rate("end-to-end", n, passed, percentiles(std::move(waits)));
}

}  // namespace sqlq::bench
