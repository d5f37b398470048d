#include "worker_process.hpp"

#include <sys/resource.h>

#include <chrono>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <thread>

namespace sqlq::bench {
namespace {

using namespace std::chrono_literals;

/// How late a success may be counted. Often enough for a drain of a second, and with many processes cheap enough: with
/// 32 of them a millisecond took a tenth of two processors.
constexpr auto look_every = 10ms;

double mib(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word != field) continue;
    double kib = 0;
    status >> kib;
    return kib / 1024;
  }
  throw std::runtime_error("/proc/self/status has no " + field);
}

}  // namespace

Usage usage_of_this() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  return {.rss_mib = mib("VmRSS:"),
          .own_mib = mib("RssAnon:"),
          .cpu_s = processors::seconds(used),
          .wakes = static_cast<double>(used.ru_nvcsw)};
}

WorkerProcess::WorkerProcess(const Bench& bench, const Ledger& ledger, std::size_t member, unsigned threads,
                             const std::string& queue)
    : child_("sqlq-bench", {"--role", "worker", "--url", bench.options().url, "--ledger", ledger.path(), "--queue",
                            queue, "--member", std::to_string(member), "--threads", std::to_string(threads)}) {
  if (child_.line(30s) != "ready") throw std::runtime_error("a worker process did not start");
}

void WorkerProcess::go() { child_.tell("go"); }

std::string WorkerProcess::ask(const std::string& what) {
  child_.tell(what);
  const auto answer = child_.line(60s);
  if (!answer) throw std::runtime_error("a worker process does not answer");
  return *answer;
}

Usage WorkerProcess::usage() {
  std::istringstream words(ask("usage"));
  Usage u;
  words >> u.rss_mib >> u.own_mib >> u.cpu_s >> u.wakes;
  return u;
}

void WorkerProcess::stop() {
  ask("stop");
  const auto exit = child_.wait(30s);
  if (!exit || !exit->with_code(0)) throw std::runtime_error("a worker process did not end well");
}

int work_as_process(const Options& options) {
  Ledger ledger(options.ledger);
  Worker worker{open(options.url), handlers_for(ledger), worker_options(options.queue, options.threads)};
  const auto say = [](const auto&... words) { ((std::cout << words << ' '), ...) << std::endl; };
  std::cout << "ready" << std::endl;
  std::jthread counting;
  for (std::string line; std::getline(std::cin, line);) {
    if (line == "go") {
      worker.start();
      counting = std::jthread([&](const std::stop_token& stop) {
        while (!stop.stop_requested() && ledger.succeeded() < ledger.jobs()) {
          ledger.set_succeeded(options.member, worker.stats().succeeded);
          std::this_thread::sleep_for(look_every);
        }
      });
    } else if (line == "usage") {
      const Usage u = usage_of_this();
      say(u.rss_mib, u.own_mib, u.cpu_s, u.wakes);
    } else {
      break;
    }
  }
  worker.stop();
  say("stopped");
  return 0;
}

}  // namespace sqlq::bench
