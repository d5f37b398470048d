// A worker in a process of its own, for tests that kill it.
//
// Kinds: work (waits params.us microseconds; fails until claim params.fail, snoozes until claim params.snooze), poison
// (ends the process), gate (waits for a line on standard input and does not look at its stop token), patient (waits for
// its stop token), steps (params.n durable steps, each of which waits params.us microseconds), waits (for params.n
// signals, "go 0" and so on, params.us microseconds for each), durable (a gate in a step, then one call of each kind),
// flow (a step, a booking in a transaction of its own, a rest, a signal, a step: flows.hpp).

#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <iostream>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <sqlq/sqlq.hpp>
#include <sqlq/stop_token.hpp>

#include "faults/pulse.hpp"
#include "flows.hpp"
#include "helper.hpp"
#include "opening.hpp"

namespace {

using namespace sqlq;
using namespace sqlq::process;
using faults::about;
using faults::begin_of;
using faults::Code;
using faults::Recorder;
using faults::What;

void say(const std::string& line) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  std::cout << line << std::endl;
}

std::string name_of(const Job& job) { return job.id.to_string() + " " + std::to_string(job.claims); }

/// The result says which execution made it.
std::string signature(const Job& job) {
  return nlohmann::json{{"claim", job.claims}, {"token", job.lease_token.value}}.dump();
}

/// The end of a handler that succeeds.
Outcome succeed(const Recorder& recorder, JobContext& context) {
  recorder.write(about(What::end, context.job(), Code::ok));
  return Outcome::done();
}

Outcome succeed_with_result(const Recorder& recorder, JobContext& context) {
  const std::string result = signature(context.job());
  context.set_result(result);
  recorder.write(about(What::end, context.job(), Code::ok, faults::hash_of(result)));
  return Outcome::done();
}

Outcome work(const Recorder& recorder, JobContext& context) {
  constexpr Duration later = std::chrono::milliseconds(50);
  const Job& job = context.job();
  const std::string claim = std::to_string(job.claims);
  const auto params = nlohmann::json::parse(job.params);
  recorder.write(begin_of(What::start, job));
  context.log().info("begin " + claim);
  work_for(Duration(params.at("us").get<std::int64_t>()));
  context.log().info("end " + claim);
  if (job.claims <= params.value("fail", 0)) {
    recorder.write(about(What::end, job, Code::failed));
    return Outcome::error("as it was asked to");
  }
  if (job.claims <= params.value("snooze", 0)) {
    const auto earliest = faults::steady_us() + later.count();
    recorder.write(about(What::not_before, job.id.bytes(), Code::none, static_cast<std::uint64_t>(earliest)));
    recorder.write(about(What::end, job, Code::snoozed));
    return Outcome::snooze(later);
  }
  // Half of the processes have no results: backends end such jobs in another way.
  return ::getpid() % 2 == 0 ? succeed_with_result(recorder, context) : succeed(recorder, context);
}

Outcome poison(const Recorder& recorder, JobContext& context) {
  recorder.write(begin_of(What::start, context.job(), Code::poison));
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
  recorder.write(begin_of(What::start, job));
  context.log().info("before the gate, claim " + std::to_string(job.claims));
  say("started " + name_of(job));
  wait_for_line();
  context.log().info("behind the gate, claim " + std::to_string(job.claims));
  context.log().info("far behind");
  return succeed_with_result(recorder, context);
}

Outcome patient(const Recorder& recorder, JobContext& context) {
  recorder.write(begin_of(What::start, context.job()));
  const auto signal = context.client().database().clock().make_signal();
  const sqlq::stop_callback wake(context.stop_token(), [&] { signal->notify(); });
  say("started " + name_of(context.job()));
  while (!context.stop_token().stop_requested()) signal->wait_until(SteadyPoint::max());
  say("stopped " + name_of(context.job()) + " " + std::string(to_string(context.stop_reason())));
  recorder.write(about(What::end, context.job(), Code::failed));
  return Outcome::error("stopped");
}

/// What it answers says which lease has recorded it.
void step(const Recorder& recorder, JobContext& context, std::int64_t n, Duration time) {
  const Job& job = context.job();
  const auto note = [&](What what, Code code, std::uint64_t value) {
    faults::Record record = about(what, job, code, value);
    record.queue = faults::step_number("step", n);
    recorder.write(record);
  };
  bool ran = false;
  const std::int64_t token = context.step("step", n, [&] {
    work_for(time);
    note(What::stepping, Code::none, 0);
    ran = true;
    return job.lease_token.value;
  });
  note(What::stepped, ran ? Code::ok : Code::duplicate, faults::hash_of(std::to_string(token)));
}

/// Whose executions end in other ways, too.
template <class Body>
Outcome workflow(const Recorder& recorder, JobContext& context, Body body) {
  recorder.write(begin_of(What::start, context.job()));
  try {
    body(nlohmann::json::parse(context.job().params));
  } catch (const Suspension&) {
    recorder.write(about(What::end, context.job(), Code::snoozed));
    throw;
  } catch (...) {
    recorder.write(about(What::end, context.job(), Code::failed));
    throw;
  }
  return succeed(recorder, context);
}

/// Signals are numbers. Returns whether one came.
bool wait_for_signal(const Recorder& recorder, JobContext& context, const std::string& name, Duration time) {
  const auto note = [&](What what, Code code, std::uint64_t value) {
    faults::Record record = about(what, context.job(), code, value);
    record.queue = faults::step_number(name, 0);
    recorder.write(record);
  };
  note(What::waiting, Code::none, 0);
  const auto received = context.wait<std::int64_t>(name, time);
  if (received) {
    note(What::waited, Code::ok, faults::hash_of(std::to_string(*received)));
  } else {
    note(What::waited, Code::failed, 0);
  }
  return received.has_value();
}

Outcome waits(const Recorder& recorder, JobContext& context) {
  return workflow(recorder, context, [&](const nlohmann::json& params) {
    const Duration time(params.at("us").get<std::int64_t>());
    for (std::int64_t n = 0; n < params.at("n").get<std::int64_t>(); ++n) {
      static_cast<void>(wait_for_signal(recorder, context, "go " + std::to_string(n), time));
    }
  });
}

/// Says which call finds that the lease is lost, and goes on to the next, as no handler should.
Outcome durable(const Recorder& recorder, JobContext& context) {
  const Job& job = context.job();
  recorder.write(begin_of(What::start, job));
  const auto call = [](const std::string& name, const std::function<void()>& make) {
    try {
      make();
    } catch (const Error& e) {
      if (e.code() != Errc::lease_lost) throw;
      say("refused " + name);
    }
  };
  call("step", [&] {
    context.step("gate", [&] {
      say("started " + name_of(job));
      wait_for_line();
    });
  });
  call("sleep", [&] { context.sleep("rest", std::chrono::milliseconds(10)); });
  call("wait", [&] { static_cast<void>(context.wait<bool>("go", std::chrono::hours(1))); });
  call("children", [&] { static_cast<void>(context.all("parts", std::vector{NewJob{"work", R"({"us":0})"}})); });
  call("decision", [&] { static_cast<void>(context.since("change")); });
  return succeed(recorder, context);
}

Outcome steps(const Recorder& recorder, JobContext& context) {
  return workflow(recorder, context, [&](const nlohmann::json& params) {
    for (std::int64_t n = 0; n < params.at("n").get<std::int64_t>(); ++n) {
      step(recorder, context, n, Duration(params.at("us").get<std::int64_t>()));
    }
  });
}

Outcome flow(const Recorder& recorder, const std::string& url, JobContext& context) {
  return workflow(recorder, context, [&](const nlohmann::json& params) {
    const Duration time(params.at("us").get<std::int64_t>());
    step(recorder, context, 0, time);
    book(url, context);
    context.sleep("rest", std::chrono::milliseconds(100));
    if (!wait_for_signal(recorder, context, signal_name, std::chrono::hours(1))) {
      throw std::runtime_error("no signal came");
    }
    step(recorder, context, 1, time);
  });
}

Handlers handlers(const Recorder& recorder, const std::string& url) {
  Handlers table;
  const HandlerOptions soon{.retry = RetryPolicy::constant(std::chrono::milliseconds(50))};
  table.on("work", [&recorder](JobContext& context) { return work(recorder, context); }, soon);
  table.on("poison", [&recorder](JobContext& context) { return poison(recorder, context); });
  table.on("gate", [&recorder](JobContext& context) { return gate(recorder, context); });
  table.on("steps", [&recorder](JobContext& context) { return steps(recorder, context); }, soon);
  table.on("waits", [&recorder](JobContext& context) { return waits(recorder, context); }, soon);
  table.on("durable", [&recorder](JobContext& context) { return durable(recorder, context); }, soon);
  table.on("flow", [&recorder, url](JobContext& context) { return flow(recorder, url, context); }, soon);
  table.on("patient", [&recorder](JobContext& context) { return patient(recorder, context); });
  return table;
}

int run(const Arguments& arguments) {
  using namespace std::chrono_literals;
  const SignalStop stop{SIGINT, SIGTERM};
  const Recorder recorder(arguments.text("records"));
  const faults::Pulse pulse(recorder);
  const Database db = open_as_asked(arguments, recorder);
  WorkerOptions options;
  options.concurrency = static_cast<unsigned>(arguments.number("concurrency"));
  options.poll = arguments.milliseconds("poll", 50ms);
  options.sweep = arguments.milliseconds("sweep", 200ms);
  options.drain_timeout = arguments.milliseconds("drain", 30s);
  options.grace = arguments.milliseconds("grace", 5s);
  options.name = "process " + std::to_string(::getpid());
  const auto once = [&] {
    Worker worker{db, handlers(recorder, arguments.text("url")), options};
    say("ready");
    return worker.run(stop.token());
  };
  // The database may go away between the opening and the start, which needs its tables.
  const WorkerStats stats = arguments.number("patient", 0) != 0 ? stubbornly(once) : once();
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

int main(int argc, char** argv) {
  return sqlq::process::run_helper(
      argc, argv, {"url", "records", "die", "patient", "concurrency", "poll", "sweep", "drain", "grace"}, run);
}
