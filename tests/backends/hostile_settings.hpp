#pragma once
/// \file
/// What a program does with a database, and what it must see whatever the defaults of the server are.

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include <sqlq/admin.hpp>
#include <sqlq/client.hpp>
#include <sqlq/error.hpp>

namespace sqlq::testing {

/// Uses a database that was opened and not migrated, and tears it down. More jobs than fit one statement, names that
/// differ late, jobs with and without keys, each way to end a lease, each reading call.
inline void use_all_of(const Database& db) {
  constexpr Duration later = std::chrono::hours(1);
  db.migrate();
  Client client{db};
  Admin admin{db};
  const std::string long_name(240, 'q');
  const std::vector<std::string> names{"h\xC3\xA4rte", long_name + "1", long_name + "2", long_name + "3"};
  constexpr std::size_t each = 600;
  std::vector<NewJob> jobs;
  for (std::size_t i = 0; i < each * names.size(); ++i) {
    NewJob job{.kind = "k\\'" + std::to_string(i % 3), .params = R"("\\'\"\ud83d\ude00")"};
    job.options.queue = names[i % names.size()];
    if (i % 2 == 0) job.options.unique_key = "key " + std::to_string(i);
    if (i % 100 == 1) job.options.delay = later;
    job.options.priority = static_cast<int>(i % 7);
    jobs.push_back(job);
  }
  const std::vector<Enqueued> first = client.enqueue_many(jobs);
  for (const Enqueued& one : first) EXPECT_TRUE(one.inserted());
  const Enqueued again = client.enqueue(jobs[0]);
  EXPECT_EQ(again.status, EnqueueStatus::existing_key);
  EXPECT_EQ(again.id, first[0].id);
  EXPECT_EQ(client.find(first[0].id)->params, jobs[0].params);

  std::vector<std::string> listed;
  for (const Queue& queue : admin.queues()) listed.push_back(queue.name);
  EXPECT_EQ(listed, (std::vector<std::string>{"h\xC3\xA4rte", names[1], names[2], names[3]}));
  EXPECT_EQ(admin.waiting_kinds().size(), 12u);
  EXPECT_EQ(admin.stats().size(), 4u);
  EXPECT_TRUE(admin.stats().at(0).oldest_due);
  EXPECT_EQ(admin.counts(names[2]).at(JobState::pending).value, each);
  EXPECT_EQ(admin.counts(names[1]).at(JobState::scheduled).value, 24u);
  EXPECT_EQ(admin.list({.kinds = {"k\\'1"}, .states = {JobState::pending}}, {.limit = 1000}).size(), 792u);

  const std::vector<std::string> limited{names[2]};
  admin.set_concurrency(names[2], 500);
  const std::vector<Job> held = client.claim(limited, {}, 1000);
  ASSERT_EQ(held.size(), 500u);
  for (std::size_t i = 1; i < held.size(); ++i) EXPECT_LE(held[i - 1].priority, held[i].priority);
  for (const LeaseStatus said : client.ping(held)) EXPECT_EQ(said, LeaseStatus::renewed);
  EXPECT_TRUE(client.set_progress(held[0], {.done = 1, .total = 2}));
  std::vector<Ending> endings;
  for (std::size_t i = 5; i < held.size(); ++i) endings.push_back(Ending::success(held[i], "[1]"));
  for (const FinishStatus said : client.finish(endings)) EXPECT_EQ(said, FinishStatus::applied);
  EXPECT_EQ(client.error(held[0], "\xC3\xA4\xC3\xB6 went wrong"), FinishStatus::applied);
  EXPECT_EQ(client.error(held[1], "for good", {.discard = true}), FinishStatus::applied);
  EXPECT_EQ(client.snooze(held[2], later), FinishStatus::applied);
  EXPECT_EQ(client.release(held[3]), FinishStatus::applied);
  EXPECT_EQ(client.cancel(held[4].id), CancelStatus::cancelling);
  EXPECT_EQ(client.cancelled(held[4]), FinishStatus::cancelled);
  EXPECT_EQ(admin.history(held[0].id).at(0).message, "\xC3\xA4\xC3\xB6 went wrong");
  EXPECT_EQ(client.find(held[10].id)->result, "[1]");
  EXPECT_EQ(client.cancel(first[0].id), CancelStatus::cancelled);

  const std::vector<Reason> why = admin.explain(held[3].id);
  ASSERT_FALSE(why.empty());
  EXPECT_EQ(to_string(why.front().code), "no_worker");
  EXPECT_EQ(why.back().sentence.find("not known"), std::string::npos) << why.back().sentence;

  EXPECT_EQ(client.reap().total(), 0u);
  EXPECT_EQ(admin.run_now(held[2].id), ActionStatus::done);
  EXPECT_EQ(admin.requeue(held[1].id), RequeueStatus::requeued);
  EXPECT_EQ(admin.erase(held[10].id), ActionStatus::done);
  EXPECT_EQ(admin.purge().deleted, 0u);
  EXPECT_EQ(admin.counts(names[2]).at(JobState::success).value, 494u);
  static_cast<void>(admin.doctor());
  EXPECT_EQ(admin.delete_queue(names[3], {.finished = true, .waiting = true}), DeleteQueueStatus::deleted);
  EXPECT_EQ(admin.queues().size(), 3u);
}

}  // namespace sqlq::testing
