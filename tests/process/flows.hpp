#pragma once
/// \file
/// Workflows of a crowd, kind `flow`: each answer of a step and each signal is recorded, and each has a row in a table
/// of the application, written in the transaction of a step.

#include <stdexcept>
#include <string>

#include <sqlq/sqlq.hpp>
#include <sqlq/stop_token.hpp>

#include "audit.hpp"
#include "faults/record.hpp"
#include "opening.hpp"

namespace sqlq::process {

inline const std::string signal_name = "word";

// -------------------------------------------------------------------------------------------------- by the test
inline void make_bookings(const std::string& url) {
  const auto own = open_audit(url);
  own->ask("CREATE TABLE " + own->named("booked") + " (id VARCHAR(36), claim BIGINT, PRIMARY KEY (id, claim))");
}
/// Those that are done, each of which must be booked once; and nobody else.
inline std::int64_t flows_booked_once(const std::string& url) {
  const auto own = open_audit(url);
  const std::string booked = own->named("booked");
  const std::string twice = own->ask("SELECT count(*) - count(DISTINCT id) FROM " + booked);
  if (twice != "0") throw std::runtime_error(twice + " bookings too many");
  const std::string done = own->ask("SELECT count(*) FROM " + own->table("jobs") + " j JOIN " + own->table("lanes") +
                                    " l ON l.id = abs(j.lane_id) WHERE j.state = 3 AND l.kind = 'flow'");
  const std::string bookings = own->ask("SELECT count(*) FROM " + booked);
  if (done != bookings) throw std::runtime_error(done + " workflows are done, " + bookings + " are booked");
  return std::stoll(done);
}

// ------------------------------------------------------------------------------------------------ by a producer
/// Two senders are there at once, of whom the first wins.
inline void start_flow(const faults::Recorder& recorder, Client& client, Client& other, Duration keepalive) {
  using faults::Code;
  using faults::What;
  const JobId id = JobId::make(client.database().clock().now());
  const NewJob job{.kind = "flow",
                   .params = R"({"us":20000})",
                   .options = {.max_attempts = 1000,
                               .max_crashes = 1000,
                               .keepalive = keepalive,
                               .retention = std::chrono::hours(24 * 365),
                               .id = id}};
  recorder.write(faults::about(What::enqueue_asked, id.bytes()));
  stubbornly([&] { return client.enqueue(job); });
  recorder.write(faults::about(What::enqueued, id.bytes()));
  const auto send = [&](Client& sender, std::int64_t value) {
    const auto note = [&](What what, Code code) {
      faults::Record record = faults::about(what, id.bytes(), code, faults::hash_of(std::to_string(value)));
      record.queue = faults::step_number(signal_name, 0);
      recorder.write(record);
    };
    note(What::signalling, Code::none);
    const SignalStatus status = stubbornly([&] { return sender.signal(id, signal_name, value); });
    if (status == SignalStatus::not_found) throw std::runtime_error("there is no job for a signal, and it was stored");
    note(What::signalled, status == SignalStatus::stored     ? Code::ok
                          : status == SignalStatus::existing ? Code::duplicate
                                                             : Code::refused);
  };
  const sqlq::jthread second([&] { send(other, 2); });
  send(client, 1);
}

// -------------------------------------------------------------------------------------------------- by a worker
/// A row for each execution that comes so far: one, if the step is recorded with it.
inline void book(const std::string& url, JobContext& context) {
  const auto own = open_audit(url);
  own->ask("BEGIN");
  context.step(own->tx(), "book", [&] {
    own->ask("INSERT INTO " + own->named("booked") + " VALUES ('" + context.id().to_string() + "', " +
             std::to_string(context.job().claims) + ")");
  });
  own->ask("COMMIT");
}
}  // namespace sqlq::process
