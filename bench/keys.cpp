// Limits by key: what they cost the jobs that have them, and the others.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "bench.hpp"
#include "operations.hpp"

namespace sqlq::bench {
namespace {

using namespace std::chrono_literals;

/// Limits while it lives.
class Limited {
 public:
  Limited(const Bench& bench, const KeyLimits& limits) : admin_(bench.db()) {
    admin_.set_key_limits(Bench::queue(), limits);
  }
  ~Limited() { admin_.set_key_limits(Bench::queue(), {}); }
  Limited(const Limited&) = delete;
  Limited& operator=(const Limited&) = delete;

 private:
  Admin admin_;
};

/// Drains jobs of so many keys, of each of which one may run at once, between two drains of plain jobs.
void drain_keys(Bench& bench, const std::string& op, std::size_t n, std::size_t many) {
  const Limited limited(bench, {.concurrency = 1});
  const auto plain = [&] {
    bench.enqueue(n);
    return bench.drain(n).seconds;
  };
  const double before = plain();
  const std::vector<EnqueueOptions> options = Bench::of_keys(std::min(many, n));
  const Timed stored = bench.timed([&] { bench.enqueue(n, options); });
  const Timed passed = bench.drain(n);
  const double per_plain = (before + plain()) / 2;
  bench.rate(op, n, passed,
             {{"plain_per_s", static_cast<double>(n) / per_plain},
              {"ratio", per_plain / passed.seconds},
              {"enqueued_per_s", static_cast<double>(n) / stored.seconds}});
}

/// The most starts in any period of that length, each beginning with a start.
std::size_t most_within(std::vector<SteadyPoint> starts, Duration length) {
  std::ranges::sort(starts);
  std::size_t most = 0;
  for (std::size_t first = 0, end = 0; first < starts.size(); ++first) {
    while (end < starts.size() && starts[end] < starts[first] + length) ++end;
    most = std::max(most, end - first);
  }
  return most;
}

}  // namespace

void drain_keys_many(Bench& bench) { drain_keys(bench, "drain-keys-100000", bench.options().jobs, 100'000); }
void drain_keys_some(Bench& bench) { drain_keys(bench, "drain-keys-1000", bench.options().jobs, 1000); }
void drain_keys_few(Bench& bench) { drain_keys(bench, "drain-keys-10", bench.few(), 10); }

void key_rate(Bench& bench) {
  // 10 s of starts at that rate; the burst costs a hundredth of it.
  const auto rate = static_cast<std::uint32_t>(bench.options().rate);
  const Rate limit{.count = rate, .per = 1s, .burst = std::max<std::uint32_t>(rate / 100, 1)};
  const Limited limited(bench, {.rate = limit});
  const std::size_t n = std::size_t{10} * rate;
  bench.enqueue(n, Bench::of_keys(1));
  Ledger ledger(n);
  const Timed passed = bench.drain(ledger, handlers_for(ledger), bench.options().threads);
  std::vector<SteadyPoint> starts;
  for (std::size_t i = 0; i < n; ++i) starts.push_back(ledger.begun_at(i));
  const auto [first, last] = std::ranges::minmax(starts);
  const double seconds = std::chrono::duration<double>(last - first).count();
  // Handlers begin a little after their claims, of which the rate speaks: up to some hundredths may differ.
  bench.rate("key-rate", n, passed,
             {{"starts_per_s", static_cast<double>(n) / seconds},
              {"of_rate", static_cast<double>(n) / seconds / rate},
              {"most_in_a_second", static_cast<double>(most_within(std::move(starts), limit.per))}});
}

}  // namespace sqlq::bench
