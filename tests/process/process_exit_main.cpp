// Ends by exit() or by returning from main while the library is still in use (case=):
//   global   a worker in a static object has a job running
//   stack    a worker on main's stack is busy
//   last     a static object's destructor enqueues
//   threads  detached threads enqueue
// Prints the id of each job whose enqueue returned, once "ready" was printed.

#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include <sqlq/sqlq.hpp>

#include "helper.hpp"

namespace {

using namespace sqlq;
using namespace sqlq::process;
using namespace std::chrono_literals;

/// Streams may be gone by now.
void say(std::string line) {
  line += '\n';
  if (::write(STDOUT_FILENO, line.data(), line.size()) < 0) std::abort();
}

/// As applications have them: made before everything of the library, so destroyed after all of it.
struct Globals {
  std::optional<Client> client{};
  std::unique_ptr<Worker> worker{};
  bool enqueues_last = false;

  Globals() = default;
  Globals(const Globals&) = delete;
  Globals& operator=(const Globals&) = delete;
  ~Globals() {
    if (!enqueues_last) return;
    try {
      say(client->enqueue(NewJob{"last"}).id.to_string());
    } catch (const std::exception& e) {
      say(e.what());
    }
  }
};
Globals globals;

std::atomic<int> enqueued{0};

[[noreturn]] void enqueue_for_ever(Client& client) {
  for (;;) {
    try {
      say(client.enqueue(NewJob{"late"}).id.to_string());
      ++enqueued;
    } catch (const Error&) {
      work_for(1ms);
    }
  }
}

int run(const Arguments& arguments) {
  const std::string how = arguments.text("case");
  const Database db = open(arguments.text("url"));
  static std::atomic<int> begun{0};  // handlers go on when main has returned
  static std::atomic<int> worked{0};
  Handlers handlers;
  handlers.on("waits", [](JobContext& job) {
    ++begun;
    while (!job.stop_token().stop_requested()) work_for(1ms);
  });
  handlers.on("work", [](JobContext& job) {
    ++worked;
    job.log().info("works");
  });
  WorkerOptions options{.concurrency = 8, .drain_timeout = 0ms};
  say("ready");
  if (how == "global") {
    globals.worker = std::make_unique<Worker>(db, std::move(handlers), options);
    globals.worker->start();
    while (begun == 0) work_for(1ms);
    return 0;
  }
  if (how == "stack") {
    Worker worker(db, std::move(handlers), options);
    worker.start();
    while (worked < 20) work_for(1ms);
    std::exit(0);  // NOLINT(concurrency-mt-unsafe): what is under test
  }
  globals.client.emplace(db);
  if (how == "last") {
    globals.enqueues_last = true;
    (void)globals.client->enqueue(NewJob{"first"});
    return 0;
  }
  static Client& client = *new Client(db);
  for (int i = 0; i < 4; ++i) std::thread([] { enqueue_for_ever(client); }).detach();
  while (enqueued < 20) work_for(1ms);
  return 0;
}

}  // namespace

int main(int argc, char** argv) { return run_helper(argc, argv, {"url", "case"}, run); }
