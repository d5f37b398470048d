// A worker in a process of its own, for tests that kill it.
//
// Kinds: work (waits params.us microseconds), poison (ends the process), gate (waits for a line on standard input and
// does not look at its stop token), patient (waits for its stop token).

#include <unistd.h>

#include <cstdlib>
#include <iostream>
#include <mutex>
#include <string>
#include <string_view>

#include <sqlq/sqlq.hpp>

#include "helper.hpp"
#include "records.hpp"

namespace {

using namespace sqlq;
using namespace sqlq::process;

void say(const std::string& line) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  std::cout << line << std::endl;
}

std::string name_of(const Job& job) { return job.id.to_string() + " " + std::to_string(job.claims); }

/// The result says which execution made it.
nlohmann::json signature(const Job& job) { return {{"claim", job.claims}, {"token", job.lease_token.value}}; }

Outcome work(const Recorder& recorder, JobContext& context) {
  const std::string claim = std::to_string(context.job().claims);
  recorder.write(What::start, context.job());
  context.log().info("begin " + claim);
  work_for(Duration(nlohmann::json::parse(context.job().params).at("us").get<std::int64_t>()));
  context.log().info("end " + claim);
  context.set_result(signature(context.job()));
  recorder.write(What::end, context.job());
  return Outcome::done();
}

Outcome poison(const Recorder& recorder, JobContext& context) {
  recorder.write(What::start, context.job());
  if (context.job().params == "\"abort\"") std::abort();
  ::_exit(9);
}

/// Of several handlers that wait, any may get it.
void wait_for_line() {
  char c = 0;
  while (::read(STDIN_FILENO, &c, 1) == 1 && c != '\n') {
  }
}

Outcome gate(const Recorder& recorder, JobContext& context) {
  const Job& job = context.job();
  recorder.write(What::start, job);
  context.log().info("before the gate, claim " + std::to_string(job.claims));
  say("started " + name_of(job));
  wait_for_line();
  context.log().info("behind the gate, claim " + std::to_string(job.claims));
  context.log().info("far behind");
  context.set_result(signature(job));
  recorder.write(What::end, job);
  return Outcome::done();
}

Outcome patient(const Recorder& recorder, JobContext& context) {
  recorder.write(What::start, context.job());
  const auto signal = context.client().database().clock().make_signal();
  const std::stop_callback wake(context.stop_token(), [&] { signal->notify(); });
  say("started " + name_of(context.job()));
  while (!context.stop_token().stop_requested()) signal->wait_until(SteadyPoint::max());
  say("stopped " + name_of(context.job()) + " " + std::string(to_string(context.stop_reason())));
  recorder.write(What::end, context.job());
  return Outcome::error("stopped");
}

Handlers handlers(const Recorder& recorder) {
  Handlers table;
  table.on("work", [&recorder](JobContext& context) { return work(recorder, context); });
  table.on("poison", [&recorder](JobContext& context) { return poison(recorder, context); });
  table.on("gate", [&recorder](JobContext& context) { return gate(recorder, context); });
  table.on("patient", [&recorder](JobContext& context) { return patient(recorder, context); });
  return table;
}

int run(const Arguments& arguments) {
  using namespace std::chrono_literals;
  const SignalStop stop{SIGINT, SIGTERM};
  const Recorder recorder(arguments.text("records"));
  const Database db = open(arguments.text("url"));
  WorkerOptions options;
  options.concurrency = static_cast<unsigned>(arguments.number("concurrency"));
  options.poll = arguments.milliseconds("poll", 50ms);
  options.sweep = arguments.milliseconds("sweep", 200ms);
  options.drain_timeout = arguments.milliseconds("drain", 30s);
  options.grace = arguments.milliseconds("grace", 5s);
  options.name = "process " + std::to_string(::getpid());
  Worker worker{db, handlers(recorder), options};
  say("ready");
  const WorkerStats stats = worker.run(stop.token());
  say("summary " + nlohmann::json{{"claimed", stats.claimed},
                                  {"succeeded", stats.succeeded},
                                  {"failed", stats.failed},
                                  {"released", stats.released},
                                  {"lost", stats.lost},
                                  {"abandoned", stats.abandoned}}
                       .dump());
  return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) { return sqlq::process::run_helper(argc, argv, run); }
