#pragma once
// The services of one worker, wired together, without threads: Worker puts each on a loop, the test harness steps them.

#include <memory>
#include <vector>

#include "worker/completer.hpp"
#include "worker/executor.hpp"
#include "worker/executor_pool.hpp"
#include "worker/fetcher.hpp"
#include "worker/follow_ups.hpp"
#include "worker/gatekeeper.hpp"
#include "worker/heartbeat.hpp"
#include "worker/intake.hpp"
#include "worker/interims.hpp"
#include "worker/log_shipper.hpp"
#include "worker/maintenance.hpp"
#include "worker/presence.hpp"
#include "worker/reaper.hpp"
#include "worker/retention.hpp"
#include "worker/shared.hpp"
#include "worker/ticker.hpp"
#include "worker/watchdog.hpp"

namespace sqlq::worker {

/// Order of members is order of dependence. A thread of an abandoned handler keeps the whole alive.
struct Runtime {
  Runtime(Database db, Handlers handlers, WorkerOptions options);
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  /// Hands leases whose jobs shall not go on to the completer, attempt given back.
  void release(const std::vector<HeldPtr>& leases);

  Shared shared;
  std::shared_ptr<GuardedSink> logs = std::make_shared<GuardedSink>(shared.options.log_sink, shared.owned_events);
  Heartbeat heartbeat{shared};
  Watchdog watchdog{shared};
  Gatekeeper gatekeeper{shared};
  FollowUps follow_ups{shared, gatekeeper};
  Fetcher fetcher{shared, heartbeat, watchdog, follow_ups};
  Completer completer{shared, *logs, fetcher, follow_ups, gatekeeper};
  Reaper reaper{shared, fetcher, follow_ups};
  Retention retention{shared};
  Maintenance maintenance{shared, fetcher};
  Presence presence{shared, fetcher};
  Ticker ticker{shared};
  Intake intake{shared};
  Interims interims{shared};
  LogShipper log_shipper{shared, *logs, interims};
  Executor executor{shared, logs, interims, completer, fetcher, watchdog};
  ExecutorPool pool{shared, executor, fetcher, watchdog};
};

}  // namespace sqlq::worker
