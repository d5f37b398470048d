// What a worker costs that has nothing to do.

#include <chrono>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <thread>

#include "bench.hpp"
#include "operations.hpp"
#include "worker_process.hpp"

namespace sqlq::bench {
namespace {

/// What the command of --count-queries prints.
double queries_so_far(const std::string& command) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(::popen(command.c_str(), "r"), ::pclose);
  double count = 0;
  if (!pipe || std::fscanf(pipe.get(), "%lf", &count) != 1) {
    throw std::runtime_error("the command of --count-queries printed no number");
  }
  return count;
}

}  // namespace

void idle(Bench& bench) {
  constexpr std::chrono::seconds time{20};
  const std::string& command = bench.options().count_queries;
  Ledger ledger(1);
  WorkerProcess worker(bench, ledger, 0, 8);
  worker.go();
  // Once its job is done the process counts successes no more, which is a thousand wake-ups a second of our own.
  bench.enqueue(ledger.jobs());
  bench.wait_for(ledger, ledger.jobs(), [] {});
  // A server may count late: PostgreSQL's sessions tell up to 10 s later what they did before they were idle.
  std::this_thread::sleep_for(std::chrono::seconds(12));
  const double queries = command.empty() ? 0 : queries_so_far(command);
  const Usage before = worker.usage();
  std::this_thread::sleep_for(time);
  const Usage after = worker.usage();
  const auto per_s = [&](double all) { return all / static_cast<double>(time.count()); };
  Result result{.op = "idle",
                .n = 1,
                .figures = {{"cpu_percent", 100 * per_s(after.cpu_s - before.cpu_s)},
                            {"wakes_per_s", per_s(after.wakes - before.wakes)}}};
  if (!command.empty()) result.figures.emplace_back("queries_per_s", per_s(queries_so_far(command) - queries));
  worker.stop();
  bench.report(result);
}

}  // namespace sqlq::bench
