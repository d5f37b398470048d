// How soon a job is run.

#include <atomic>
#include <chrono>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sqlq/stop_token.hpp>

#include "bench.hpp"
#include "operations.hpp"
#include "worker_process.hpp"

namespace sqlq::bench {
namespace {

using namespace std::chrono_literals;

double ms(Duration d) { return static_cast<double>(d.count()) / 1000; }

void wait_until_run(const Clock& clock, const std::function<bool()>& was_run) {
  const SteadyPoint deadline = saturating_add(clock.steady(), 1min);
  while (!was_run()) {
    if (clock.steady() > deadline) throw std::runtime_error("a job was not run for a minute");
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
    wait_until_run(clock, [&] { return ledger.ended_at(i) != SteadyPoint{}; });
    waits.push_back(ms(ledger.begun_at(i) - begin));
  }
  auto figures = percentiles(std::move(waits));
  figures.emplace_back("enqueue_p50_ms", percentiles(std::move(calls)).front().second);
  bench.report({.op = op, .n = ledger.jobs(), .figures = std::move(figures)});
}

/// Plain jobs of one queue, one after the other, while others of a second queue run.
class Beside {
 public:
  explicit Beside(const Bench& bench)
      : clock_(bench.db().clock()),
        client_(bench.client()),
        worker_(bench.db(), handlers(), {.queues = {Bench::queue(), Bench::queue(1)}, .concurrency = 8}) {
    worker_.start();
    std::this_thread::sleep_for(500ms);
  }
  ~Beside() { worker_.stop(); }
  Beside(const Beside&) = delete;
  Beside& operator=(const Beside&) = delete;

  /// How long each of them waited, in milliseconds. `others` are stored at once; at least 100 plain ones are measured,
  /// and all until the others have run.
  [[nodiscard]] std::vector<double> waits(const std::vector<NewJob>& others) {
    const std::size_t until = others_ + others.size();
    std::vector<double> waits;
    const sqlq::jthread storing([&] {
      if (!others.empty()) Client(client_).enqueue_many(std::span<const NewJob>(others));
    });
    while (waits.size() < 100 || others_ < until) {
      std::this_thread::sleep_for(10ms);
      waits.push_back(wait_of_one());
    }
    return waits;
  }

 private:
  Handlers handlers() {
    Handlers all;
    all.on("bench.plain", [this](JobContext&) { begun_ = clock_.steady().time_since_epoch().count(); });
    all.on("bench.other", [this](JobContext&) { ++others_; });
    return all;
  }

  double wait_of_one() {
    begun_ = 0;
    const SteadyPoint begin = clock_.steady();
    client_.enqueue(NewJob{"bench.plain", "null", {.queue = Bench::queue()}});
    wait_until_run(clock_, [&] { return begun_ != 0; });
    return ms(SteadyPoint(Duration(begun_)) - begin);
  }

  const Clock& clock_;
  Client client_;
  std::atomic<std::size_t> others_{0};
  std::atomic<Duration::rep> begun_{0};
  Worker worker_;
};

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

void latency_beside_keys(Bench& bench) {
  std::vector<NewJob> others(bench.few(), NewJob{"bench.other", "null", {.queue = Bench::queue(1)}});
  Beside beside(bench);
  std::vector<std::pair<std::string, double>> figures;
  const auto measure = [&](const std::string& name, const std::vector<NewJob>& jobs) {
    for (auto& [figure, value] : percentiles(beside.waits(jobs))) figures.emplace_back(name + "_" + figure, value);
  };
  measure("alone", {});
  measure("others", others);
  const std::string run = JobId::make(bench.db().clock().now()).to_string();
  for (std::size_t i = 0; i < others.size(); ++i) others[i].options.key = run + "-" + std::to_string(i);
  measure("keys", others);
  bench.report({.op = "latency-keys", .n = others.size(), .figures = std::move(figures)});
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
