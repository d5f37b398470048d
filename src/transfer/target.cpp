#include "transfer/target.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "core/checks.hpp"
#include "core/isolate.hpp"
#include "core/request_time.hpp"
#include "transfer/source.hpp"

namespace sqlq::transfer {

using backend::StoredJob;
using backend::StoreStatus;

namespace {

/// A job loses nothing on its way: what the target has no place for keeps the job from it. Null: nothing does.
const char* what_it_lacks(const StoredJob& stored, const backend::Capabilities& can) {
  if (!stored.job.headers.empty() && !can.headers) {
    return "the target's backend stores no headers of jobs (capability `headers`)";
  }
  if (!key_of(stored.job).empty() && !can.limits) {
    return "the target's backend has no limits by key (capability `limits`)";
  }
  if (!stored.steps.empty() && !can.steps) return "the target's backend stores no durable steps (capability `steps`)";
  return nullptr;
}

}  // namespace

void add_problem(TransferReport& report, JobId id, std::string why) {
  constexpr std::size_t most = 100;
  if (report.problems.size() < most) report.problems.push_back({.id = id, .why = std::move(why)});
}

Target::Target(const Database& db, TransferReport& report) : db_(db), part_(part_of(db)), report_(report) {}

void Target::store(std::span<StoredJob> all) {
  const backend::Capabilities& can = db_.ready().capabilities();
  const auto fits = [&](const StoredJob& stored) { return what_it_lacks(stored, can) == nullptr; };
  const std::span<StoredJob> rest(std::stable_partition(all.begin(), all.end(), fits), all.end());
  for (const StoredJob& stored : rest) {
    ++report_.refused;
    add_problem(report_, stored.job.id, what_it_lacks(stored, can));
  }
  const std::span<StoredJob> jobs = all.first(all.size() - rest.size());
  const auto write = [this](std::span<StoredJob> some) {
    const std::vector<StoreStatus> said = part_.store_jobs(some, core::request_time(db_.clock()));
    core::expect_answers(said.size(), some.size());
    count(some, said);
  };
  for (const core::Offender& o : core::isolate(jobs, write, works_)) {
    ++report_.refused;
    add_problem(report_, jobs[o.index].job.id, o.error.what());
  }
}

void Target::count(std::span<const StoredJob> jobs, std::span<const StoreStatus> said) {
  for (std::size_t i = 0; i < said.size(); ++i) {
    switch (said[i]) {
      case StoreStatus::stored:
        ++report_.stored;
        works_ = true;
        break;
      case StoreStatus::existing_id: ++report_.existing; break;
      case StoreStatus::existing_key:
        ++report_.conflicts;
        add_problem(report_, jobs[i].job.id, "a live job of the target has its unique key");
        break;
    }
  }
}

void Target::store(const Queue& queue) {
  backend::Dialect& dialect = db_.ready();
  const QueueOptions options{.description = queue.description, .concurrency = queue.concurrency,
                             .priority = queue.priority};
  dialect.queue_upsert(queue.name, options, core::request_time(db_.clock()));
  dialect.queue_update(queue.name, {.paused = queue.paused});
  ++report_.queues;
}

}  // namespace sqlq::transfer
