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

BulkReport retry(const Bench& bench, const std::optional<JobId>& before, const std::stop_token& stop,
                 std::uint64_t limit = ~std::uint64_t{0}) {
  return Bulk(bench.db()).apply(BulkAction::retry(), {.queues = {failed_queue}, .states = {JobState::errored}},
                                {.before = before, .limit = limit, .stop = stop});
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

}  // namespace

void bulk_retry(Bench& bench) {
  const std::size_t drained = bench.options().jobs;
  const std::size_t n = 5 * drained;
  fail_jobs(bench, n);
  const auto drain = [&] {
    bench.enqueue(drained);
    return static_cast<double>(drained) / bench.drain(drained).seconds;
  };
  // In turns, and each beside the mean of those just before and after it: a machine is not the same from minute to
  // minute, and what the server tidies up of all that was done here comes when it likes.
  std::vector<double> alone{drain()};
  std::vector<double> beside;
  std::vector<double> kept;
  BulkReport all;
  const Usage before = usage_of_this();
  for (int round = 0; round < 5; ++round) {
    bench.enqueue(drained);
    std::stop_source source;
    BulkReport some;
    std::jthread person([&] { some = retry(bench, all.next, source.get_token()); });
    beside.push_back(static_cast<double>(drained) / bench.drain(drained).seconds);
    source.request_stop();
    person.join();
    if (!some.next) throw std::runtime_error("the retry was over before the drain beside it");
    some.done += all.done;
    some.slowest = std::max(some.slowest, all.slowest);
    all = some;
    alone.push_back(drain());
    kept.push_back(2 * beside.back() / (alone[alone.size() - 2] + alone.back()));
  }
  BulkReport rest;
  const Timed passed = bench.timed([&] { rest = retry(bench, all.next, {}, drained); });
  constexpr std::size_t most_counted = 1'000'000;
  const auto left = Admin(bench.db()).counts(failed_queue, most_counted)[JobState::errored].value;
  if (n <= most_counted && all.done + rest.done + left != n) throw std::logic_error("jobs were passed over");
  const Duration slowest = std::max(all.slowest, rest.slowest);
  bench.rate("bulk-retry", rest.done, passed,
             {{"worker_alone_per_s", median(alone)},
              {"worker_beside_per_s", median(beside)},
              {"worker_share", median(kept)},
              {"retried_beside", static_cast<double>(all.done)},
              {"step_max_ms", std::chrono::duration<double, std::milli>(slowest).count()},
              {"grown_mib", usage_of_this().own_mib - before.own_mib}});
}

}  // namespace sqlq::bench
