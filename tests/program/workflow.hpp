#pragma once
/// \file
/// Jobs that durable steps keep, for tests of what the program shows of them and tells them.

#include <gtest/gtest.h>

#include <string>

#include <sqlq/sqlq.hpp>

#include "jobs.hpp"
#include "process/scratch.hpp"

namespace sqlq::program {

/// On a file, or on any database. Jobs of kind "order" record the steps "charge" (which returns `receipt`) and "pack"
/// 0 and 1, wait for the signal "approved" for a day, and record "ship". How often each ran is counted.
template <class Base>
class WithWorkflows : public WithJobs<Base> {
 protected:
  static constexpr const char* receipt = "receipt 17";

  /// Runs jobs until this one is in that state, and the state is of a later claim than `claims`.
  void work_until(JobId id, JobState state, std::int64_t claims = 0) {
    Handlers handlers;
    handlers.on("order", [this](JobContext& job) { work(job); });
    handlers.on("nap", [](JobContext& job) { job.sleep("cool-off", std::chrono::hours(24)); });
    handlers.on("parent", [](JobContext& job) {
      const NewJob child{"child", "{}", {.queue = "children"}};
      const std::vector<NewJob> children{child, child};
      static_cast<void>(job.all("parts", std::span<const NewJob>(children)));
    });
    Worker worker{this->db(), handlers, {.queues = {"default"}, .concurrency = 1}};
    worker.start();
    EXPECT_TRUE(process::eventually([&] {
      const std::optional<Job> job = this->client().find(id);
      return job && job->state == state && job->claims > claims;
    })) << to_string(this->state(id));
    worker.stop();
  }
  JobId waiting_order() {
    const JobId id = this->enqueue("order");
    work_until(id, JobState::scheduled);
    return id;
  }

  int charged = 0;
  int packed = 0;
  int shipped = 0;

 private:
  void work(JobContext& job) {
    static_cast<void>(job.step("charge", [&] {
      ++charged;
      return std::string(receipt);
    }));
    for (std::int64_t i = 0; i < 2; ++i) job.step("pack", i, [&] { ++packed; });
    const auto approval = job.wait<std::string>("approved", std::chrono::hours(24));
    if (!approval) throw Discard("nobody has approved");
    job.step("ship", [&] { ++shipped; });
    job.set_result(nlohmann::json(*approval));
  }
};

}  // namespace sqlq::program
