// A worker of orders (kind "order"), which ends when none is left. An order is charged (a row in `charges`), booked in
// a transaction of the handler's own (a row in `bookings`), rests, waits for an approval and is shipped by two jobs.
// With die="before commit 7" it kills itself then, or "after commit 7".

#include <memory>
#include <string>
#include <vector>

#include <sqlq/sqlq.hpp>

#include "audit.hpp"
#include "opening.hpp"

namespace {

using namespace sqlq;
using namespace sqlq::process;
using namespace std::chrono_literals;

void insert(Audit& own, const std::string& table, JobId id) {
  own.ask("INSERT INTO " + own.named(table) + " VALUES ('" + id.to_string() + "')");
}

void book(Audit& own, JobContext& job) {
  own.ask("BEGIN");
  try {
    job.step(own.tx(), "book", [&] { insert(own, "bookings", job.id()); });
    commit_around([&] { own.ask("COMMIT"); });
  } catch (...) {
    own.ask("ROLLBACK");
    throw;
  }
}

int run(const Arguments& arguments) {
  const std::string url = arguments.text("url");
  const std::string when = arguments.text("die", "");
  if (!when.empty()) own_doom() = std::make_unique<doom::Doom>(when, [](const std::string&) {});
  const Database db = own_doom() ? doom::open(url, *own_doom()) : open(url);
  const std::unique_ptr<Audit> own = open_audit(url);

  Handlers handlers;
  handlers.on("order", [&](JobContext& job) {
    job.step("charge", [&] { commit_around([&] { insert(*own, "charges", job.id()); }); });
    book(*own, job);
    job.sleep("rest", 10ms);
    const auto approved = job.wait<bool>("approved", 1h);
    const std::vector<NewJob> parts(2, NewJob{"ship", "7", {.max_crashes = 1000, .keepalive = 1s}});
    int shipped = 0;
    for (const Job& part : job.all("parts", parts)) shipped += result_of<int>(part);
    job.set_result(std::to_string(approved.value_or(false) ? shipped : -1));
  }, {.retry = RetryPolicy::constant(0s)});
  handlers.on("ship", [](JobContext& job) { job.set_result(job.job().params); });
  Worker worker(db, std::move(handlers),
                {.concurrency = 1, .poll = 20ms, .sweep = 100ms, .on_event = [](const WorkerEvent&) {}});
  worker.start();
  const Admin admin(db);
  const JobFilter live{.states = {JobState::pending, JobState::running, JobState::scheduled}};
  while (!admin.list(live, {.limit = 1}).empty()) work_for(5ms);
  worker.stop();
  return 0;
}

}  // namespace

int main(int argc, char** argv) { return run_helper(argc, argv, {"url", "die"}, run); }
