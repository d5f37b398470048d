#include "watcher.hpp"

#include <algorithm>
#include <utility>

#include <sqlq/error.hpp>
#include <sqlq/stop_token.hpp>

#include "connection.hpp"
#include "errors.hpp"
#include "platform/random.hpp"
#include "schema.hpp"

namespace sqlq::postgres {
namespace {

constexpr Duration first_pause = std::chrono::milliseconds(100);
constexpr Duration longest_pause = std::chrono::seconds(5);

}  // namespace

Watcher::Watcher(const Options& options, std::string channel, std::function<void()> heard)
    : options_(options),
      channel_(std::move(channel)),
      heard_(std::move(heard)),
      thread_([this](const sqlq::stop_token& stop) { watch(stop); }) {}

Watcher::~Watcher() {
  thread_.request_stop();
  stop_.set();
  thread_.join();
}

Handle Watcher::listen() {
  Handle connection = connect(options_, Role::hints, &stop_);
  if (PQsendQuery(connection.get(), ("LISTEN " + quoted_name(channel_)).c_str()) == 0) return nullptr;
  const Result result =
      receive(connection.get(), saturating_add(system_clock()->steady(), options_.connect_timeout));
  return PQresultStatus(result.get()) == PGRES_COMMAND_OK ? std::move(connection) : nullptr;
}

/// Waits for notifications and passes them on. False when the connection is lost or it is time to stop.
bool Watcher::hear(PGconn* connection) {
  if (wait_for(connection, Until::readable, SteadyPoint::max(), &stop_) != Waited::ready) return false;
  if (PQconsumeInput(connection) == 0) return false;
  bool any = false;
  struct Free {
    void operator()(PGnotify* n) const noexcept { PQfreemem(n); }
  };
  while (const std::unique_ptr<PGnotify, Free> notification{PQnotifies(connection)}) any = true;
  if (any) heard_();
  return true;
}

void Watcher::watch(const sqlq::stop_token& stop) {
  Duration pause = first_pause;
  while (!stop.stop_requested()) {
    try {
      if (const Handle connection = listen()) {
        pause = first_pause;
        heard_();
        while (hear(connection.get())) {
        }
      }
    } catch (...) {  // the server is away: other calls say so; hints may be lost
    }
    const auto left = pause / 2 + Duration(platform::random_below(static_cast<std::uint32_t>(pause.count())));
    static_cast<void>(wait_for(nullptr, Until::readable, saturating_add(system_clock()->steady(), left), &stop_));
    pause = std::min(pause * 2, longest_pause);
  }
}

}  // namespace sqlq::postgres
