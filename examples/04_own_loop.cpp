/// 04: your own loop. Claim, ping and finish jobs by hand, for programs that have an event loop or a thread pool of
/// their own and want no worker.
///
///     04_own_loop [URL]
///
/// The clock is a manual one, so that the last part can let half a minute pass at once; leave `.clock` out otherwise.

#include <cstdlib>
#include <iostream>

#include <sqlq/sqlq.hpp>
#include <sqlq/testing/manual_clock.hpp>

using namespace std::chrono_literals;

/// Claims what is ready, one job after the other, until nothing is.
void run_ready(sqlq::Client& client) {
  const std::vector<std::string> queues{"resize"};
  while (true) {
    const std::vector<sqlq::Job> jobs = client.claim(queues, {.kinds = {"thumbnail"}}, 1);
    if (jobs.empty()) return;
    const sqlq::Job& job = jobs.front();
    std::cout << "claimed " << job.params << ", attempt " << job.attempt << '\n';

    // Ping at least every third of the keepalive while you work; the answer says whether to go on.
    switch (client.ping(job)) {
      case sqlq::LeaseStatus::renewed: break;
      case sqlq::LeaseStatus::cancel_requested: (void)client.cancelled(job); continue;
      case sqlq::LeaseStatus::lost: continue;  // somebody else has it: every write would be refused
    }

    if (job.params == R"("broken.png")") {
      const auto status = client.error(job, "not an image", {.discard = true});
      std::cout << "  error: " << sqlq::to_string(status) << '\n';
    } else if (job.params == R"("slow.png")" && job.attempt == 1) {
      const auto status = client.error(job, "disk busy", {.retry = sqlq::RetryPolicy::constant(10s)});
      std::cout << "  error, again in 10 s: " << sqlq::to_string(status) << '\n';
    } else {
      const auto status = client.success(job, R"({"width":128})");
      std::cout << "  success: " << sqlq::to_string(status) << '\n';
    }
  }
}

int main(int argc, char** argv) try {
  const auto clock = std::make_shared<sqlq::testing::ManualClock>();
  auto db = sqlq::open(argc > 1 ? argv[1] : "sqlite::memory:", {.clock = clock});
  db.migrate();
  sqlq::Client client{db};

  // Without a C++ type: kind and JSON text.
  for (const char* file : {R"("cat.png")", R"("broken.png")", R"("slow.png")"}) {
    client.enqueue({"thumbnail", file, {.queue = "resize"}});
  }
  run_ready(client);
  std::cout << "10 s later\n";
  clock->advance(10s);
  run_ready(client);

  // A worker that dies: its lease ends, a sweep takes the job back, and its late success is refused.
  client.enqueue({"thumbnail", R"("dog.png")", {.queue = "resize", .keepalive = 30s}});
  const sqlq::Job lost = client.claim_one("resize").value();
  std::cout << "claimed " << lost.params << " and fell silent for 31 s\n";
  clock->advance(31s);
  std::cout << "reaped: " << client.reap().total() << '\n';
  std::cout << "late success: " << sqlq::to_string(client.success(lost)) << '\n';
  run_ready(client);
  return EXIT_SUCCESS;
} catch (const std::exception& e) {
  std::cerr << "error: " << e.what() << '\n';
  return EXIT_FAILURE;
}
