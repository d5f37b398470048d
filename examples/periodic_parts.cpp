/// The fragments of docs/periodic.md, in a program that runs them on a clock of its own.
///
///     periodic_parts [URL]

#include <cstdlib>
#include <iostream>

#include <sqlq/sqlq.hpp>
#include <sqlq/testing/harness.hpp>

using namespace std::chrono_literals;

struct Poll {
  static constexpr std::string_view kind = "poll";
};

struct Report {
  static constexpr std::string_view kind = "report";
};

void look_at_a_rule() {
  const sqlq::TimePoint after = std::chrono::sys_days(std::chrono::year(2026) / 3 / 28);
  for (const sqlq::Tick& tick : sqlq::ticks_after("30 2 * * *", "Europe/Berlin", after, 3)) {
    std::cout << tick << '\n';
  }
}

void wrong_rule() {
  try {
    static_cast<void>(sqlq::ticks_after("30 2 30 feb *", "UTC", {}, 1));
  } catch (const sqlq::Error& e) {
    std::cout << "refused: " << (e.code() == sqlq::Errc::invalid_argument) << '\n';
  }
}

int main(int argc, char** argv) try {
  look_at_a_rule();
  wrong_rule();

  const std::string url = argc > 1 ? argv[1] : "sqlite::memory:";
  int polls = 0;
  sqlq::Handlers handlers;
  handlers.on<Poll>([&](const Poll&) { ++polls; });
  handlers.on<Report>([](const Report&, sqlq::JobContext& job) {
    const auto tick = sqlq::tick_of(job.job());  // empty for a job that no schedule has made
    if (tick) std::cout << "report of " << *tick << '\n';  // 2024-01-01T08:00:00+01:00
  });

  sqlq::testing::Harness q{url, handlers};  // its clock begins at 2024-01-01, a Monday, and stands still
  sqlq::Schedules schedules{q.database()};
  schedules.sync({
      {.name = "poll", .rule = "@every 90s", .job = sqlq::job(Poll{})},
      {.name = "report", .rule = "0 8 * * mon-fri", .zone = "Europe/Berlin", .job = sqlq::job(Report{}),
       .missed = sqlq::Missed::all, .overlap = sqlq::Overlap::allow},
  });

  q.advance(24h);
  q.work_due();  // fires what is due, then runs the jobs: one report, and one poll for all that were missed
  std::cout << "polls: " << polls << '\n';

  if (const auto state = schedules.find("poll")) {
    std::cout << "fired " << state->fired << ", missed " << state->missed << '\n';
  }
  for (const sqlq::Tick& tick : schedules.next("report", 2)) std::cout << "next: " << tick << '\n';

  schedules.pause("report");    // fires nothing, through every redeploy
  schedules.resume("report");   // goes on with the first tick after now
  schedules.run_now("report");  // one job now; the rule goes on as before
  q.work_due();

  const sqlq::TimePoint today = q.clock().now();
  schedules.backfill("report", today - 7 * 24h, today);  // a job for each tick of a week
  schedules.backfill("report", today - 7 * 24h, today);  // the same again enqueues nothing
  const std::size_t filled = q.work_due();
  std::cout << "backfilled: " << filled << '\n';

  schedules.remove("poll");
  std::cout << "schedules: " << schedules.list().size() << '\n';
  return EXIT_SUCCESS;
} catch (const std::exception& e) {
  std::cerr << "error: " << e.what() << '\n';
  return EXIT_FAILURE;
}
