#pragma once
/// \file
/// Jobs in every state, for tests of what the program shows and moves.

#include <gtest/gtest.h>

#include <algorithm>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <sqlq/sqlq.hpp>

namespace sqlq::program {

/// What names and errors may contain, and no terminal should get.
inline const std::string hostile_text = "evil\x1b[2J\x1b]0;title\x07 \xe2\x80\xae name";

/// Enqueues a job and claims it: of that queue, which has no other that is due.
inline Job claimed(Client client, const std::string& queue, const std::string& kind = "send_mail") {
  const JobId id = client.enqueue(NewJob{kind, "{\"to\":\"ada\"}", {.queue = queue}}).id;
  const auto job = client.claim_one(queue);
  if (!job || job->id != id) throw std::runtime_error("claimed another job");
  return *job;
}
inline JobId failed(Client client, const std::string& queue, const std::string& message,
                    const std::string& kind = "send_mail") {
  const Job job = claimed(client, queue, kind);
  EXPECT_EQ(client.error(job, message, {.discard = true}), FinishStatus::applied);
  return job.id;
}

/// Six jobs in each of `n` steps: one success with result and log, two errored, one waiting for its retry, one
/// cancelled, one pending with a unique key; with histories and unicode, in queues with settings. Few round trips.
inline void fill(Database db, int n, const std::string& name = "mixed") {
  const std::string done = name + ".done";
  const std::string unicode = "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e \xf0\x9f\x90\x87";
  Client client{db};
  Admin admin{db};
  admin.create_queue(name, {.description = unicode + "\nsecond line", .concurrency = 1'000'000, .priority = 3});
  admin.create_queue(done, {});
  const std::string params = "{\"text\":\"" + unicode + " \\u0001 \\\" \\\\\",\"n\":[1,2.5,null]}";
  std::vector<NewJob> jobs;
  for (int i = 0; i < n; ++i) {
    for (const char* kind : {"good", "bad", "worse", "again", "stopped"}) {
      jobs.push_back({kind, params, {.queue = done, .priority = i % 7, .retention = std::chrono::hours(24 * 365)}});
    }
    jobs.push_back({"later", "null", {.queue = name, .delay = std::chrono::hours(i % 2),
                                      .unique_key = name + std::to_string(i)}});
  }
  for (std::size_t i = 0; i < jobs.size(); i += 5000) {
    static_cast<void>(client.enqueue_many(std::span(jobs).subspan(i, std::min<std::size_t>(5000, jobs.size() - i))));
  }
  const auto log = database_log_sink(db);
  const std::vector<std::string> queues{done};
  for (auto held = client.claim(queues, {}, 2000); !held.empty(); held = client.claim(queues, {}, 2000)) {
    std::vector<Ending> endings;
    for (const Job& job : held) {
      if (job.kind == "good") {
        log->write({.job = job.id, .token = job.lease_token, .claim = job.claims, .attempt = 1, .number = 1,
                    .at = db.clock().now(), .text = "a line of " + unicode});
        endings.push_back(Ending::success(job, "{\"ok\":\"" + unicode + "\"}"));
      } else if (job.kind == "again") {
        const auto in_a_day = RetryPolicy::constant(std::chrono::hours(24));
        endings.push_back(Ending::error(job, unicode + " is away", {.retry = in_a_day}));
      } else if (job.kind == "stopped") {
        endings.push_back(Ending::cancelled(job));
      } else {
        endings.push_back(Ending::error(job, "no " + unicode + "\nat all", {.discard = true}));
      }
    }
    log->flush();
    static_cast<void>(client.finish(endings));
  }
}

}  // namespace sqlq::program
