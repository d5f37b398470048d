// What is done to very many jobs at once, and what a worker beside it notices of that.

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "bench.hpp"
#include "operations.hpp"
#include "worker_process.hpp"

namespace sqlq::bench {
namespace {

using namespace std::chrono_literals;

const std::string failed_queue = "bench-failed";

/// Fills another queue with jobs that have failed.
void fail_jobs(Bench& bench, std::size_t n) {
  const NewJob job{.kind = std::string(Noop::kind),
                   .params = codec<Noop>::encode(Noop{0}),
                   .options = {.queue = failed_queue, .max_attempts = 1}};
  for (std::size_t done = 0; done < n; done += bench.options().batch) {
    const std::vector<NewJob> jobs(std::min(bench.options().batch, n - done), job);
    bench.client().enqueue_many(std::span<const NewJob>(jobs));
  }
  Handlers handlers;
  handlers.on<Noop>([](const Noop&) { throw std::runtime_error("it fails"); });
  Worker worker{bench.db(), std::move(handlers), worker_options(failed_queue, bench.options().threads)};
  worker.start();
  while (worker.stats().failed < n) std::this_thread::sleep_for(50ms);
  worker.stop();
}

/// Retries of all that have failed, and how slow the slowest step was.
struct Retry {
  BulkReport report{};
  double step_max_ms = 0;
};

Retry retry(const Bench& bench, const std::optional<JobId>& before, const std::stop_token& stop) {
  Retry retry;
  const Clock& clock = bench.db().clock();
  SteadyPoint last = clock.steady();
  BulkOptions options{.before = before, .stop = stop};
  options.on_progress = [&](const BulkReport&) {
    // Since the last step it has rested, but for its share.
    const SteadyPoint now = clock.steady();
    const double ms = std::chrono::duration<double, std::milli>(now - last).count();
    retry.step_max_ms = std::max(retry.step_max_ms, ms * options.share);
    last = now;
    return true;
  };
  retry.report = Bulk(bench.db()).apply(
      BulkAction::retry(), {.queues = {failed_queue}, .states = {JobState::errored}}, options);
  return retry;
}

}  // namespace

void bulk_retry(Bench& bench) {
  const std::size_t drained = bench.options().jobs;
  const std::size_t n = 10 * drained;
  fail_jobs(bench, n);
  const auto drain = [&] {
    bench.enqueue(drained);
    return static_cast<double>(drained) / bench.drain(drained).seconds;
  };
  // In turns, for a machine is not the same from minute to minute.
  std::vector<double> alone, beside;
  Retry all;
  const Usage before = usage_of_this();
  for (int round = 0; round < 5; ++round) {
    alone.push_back(drain());
    bench.enqueue(drained);
    std::stop_source source;
    Retry some;
    std::jthread person([&] { some = retry(bench, all.report.next, source.get_token()); });
    beside.push_back(static_cast<double>(drained) / bench.drain(drained).seconds);
    source.request_stop();
    person.join();
    if (!some.report.next) throw std::runtime_error("the retry was over before the drain beside it");
    some.report.done += all.report.done;
    all = {.report = some.report, .step_max_ms = std::max(all.step_max_ms, some.step_max_ms)};
  }
  Retry rest;
  const Timed passed = bench.timed([&] { rest = retry(bench, all.report.next, {}); });
  if (all.report.done + rest.report.done != n) throw std::logic_error("jobs were passed over");
  std::ranges::sort(alone);
  std::ranges::sort(beside);
  bench.rate("bulk-retry", rest.report.done, passed,
             {{"worker_alone_per_s", alone[2]},
              {"worker_beside_per_s", beside[2]},
              {"worker_share", beside[2] / alone[2]},
              {"step_max_ms", std::max(all.step_max_ms, rest.step_max_ms)},
              {"grown_mib", usage_of_this().own_mib - before.own_mib}});
}

}  // namespace sqlq::bench
