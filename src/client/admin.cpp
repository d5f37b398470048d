#include <sqlq/admin.hpp>

#include <algorithm>
#include <iterator>

#include <sqlq/backend/dialect.hpp>
#include <sqlq/error.hpp>

#include "client/queues.hpp"
#include "core/checks.hpp"
#include "core/isolate.hpp"
#include "core/lists.hpp"
#include "core/request_time.hpp"
#include "core/text.hpp"
#include "core/waiters.hpp"

namespace sqlq {

namespace client {

void check_queue_name(const std::string& name) { core::check_name(name, "the queue name"); }

void refuse_unknown_queue(const Database& db, const std::string& name) {
  constexpr std::size_t most_names = 10'000;  // among which it is looked for
  const std::vector<Queue> there = db.ready().queues({}, most_names);
  const auto same = [&](const Queue& q) { return core::same_but_for_case(q.name, name); };
  const auto alike = std::ranges::find_if(there, same);
  const std::string what = "there is no queue '" + name + "'";
  if (alike != there.end()) {
    throw Error(Errc::invalid_argument,
                what + ", but one named '" + alike->name + "': small and capital letters differ");
  }
  throw Error(Errc::invalid_argument, what + ": create it, or enqueue a job into it");
}

}  // namespace client

namespace {

using client::check_queue_name, client::refuse_unknown_queue;

constexpr std::size_t max_description_bytes = std::size_t{64} << 10;

void check_description(const std::string& text) {
  core::check_text(text, max_description_bytes, "the queue's description");
}

void change_queue(const Database& db, const std::string& name, const backend::QueueChange& change) {
  check_queue_name(name);
  if (!db.ready().queue_update(name, change)) refuse_unknown_queue(db, name);
}

ActionStatus act(const Database& db, JobId id, backend::Action what) {
  const auto answers = db.ready().act(std::span(&id, 1), what, core::request_time(db.clock()));
  core::expect_answers(answers.size(), 1);
  // Also take_away ends a job: one that is being cancelled.
  const bool may_end = what == backend::Action::end || what == backend::Action::take_away;
  if (may_end && answers.front() == ActionStatus::done) {
    core::go_on_after(db.dialect(), std::span(&id, 1), core::request_time(db.clock()));
  }
  return answers.front();
}

}  // namespace

void Admin::create_queue(const std::string& name, const QueueOptions& options) {
  check_queue_name(name);
  check_description(options.description);
  db_.ready().queue_upsert(name, options, core::request_time(db_.clock()));
}

void Admin::set_description(const std::string& name, const std::string& description) {
  check_description(description);
  change_queue(db_, name, {.description = description});
}

void Admin::set_concurrency(const std::string& name, std::optional<std::uint32_t> limit) {
  change_queue(db_, name, {.concurrency = limit});
}

void Admin::set_priority(const std::string& name, int priority) {
  change_queue(db_, name, {.priority = priority});
}

void Admin::pause(const std::string& name) { change_queue(db_, name, {.paused = true}); }

void Admin::resume(const std::string& name) { change_queue(db_, name, {.paused = false}); }

std::optional<Queue> Admin::queue(const std::string& name) const {
  check_queue_name(name);
  return db_.ready().queue(name);
}

std::vector<Queue> Admin::queues(const std::string& after, std::size_t limit) const {
  if (!after.empty()) check_queue_name(after);
  core::check_range(limit, 1, 10'000, "the limit of the list");
  return db_.ready().queues(after, limit);
}

std::optional<Job> Admin::find(JobId id) const { return Client{db_}.find(id); }

namespace {

void check_list(const JobFilter& filter, const Page& page) {
  core::check_filter(filter);
  core::check_range(page.limit, 1, 1000, "the limit of the page");
}

}  // namespace

std::vector<Job> Admin::list(const JobFilter& filter, const Page& page) const {
  check_list(filter, page);
  return core::whole_page(db_.ready(), filter, page);
}

JobPage Admin::list_step(const JobFilter& filter, const Page& page) const {
  check_list(filter, page);
  return db_.ready().list(filter, page);
}

JobCounts Admin::counts(const std::string& queue, std::uint64_t cap) const {
  if (!queue.empty()) check_queue_name(queue);
  core::check_range(cap, 1, 1'000'000, "the cap of the counts");
  return db_.ready().counts(queue, cap);
}

std::vector<AttemptRecord> Admin::history(JobId id, std::size_t limit) const {
  core::check_range(limit, 1, 1000, "the limit of the history");
  return db_.ready().history(id, limit);
}

std::vector<std::optional<AttemptRecord>> Admin::last_records(std::span<const JobId> ids) const {
  core::check_range(ids.size(), 0, 1000, "the number of ids");
  if (ids.empty()) return {};
  std::vector<std::optional<AttemptRecord>> records = db_.ready().last_records(ids);
  core::expect_answers(records.size(), ids.size());
  return records;
}

std::vector<LogLine> Admin::logs(JobId id, std::pair<std::int64_t, std::int64_t> after, std::size_t limit) const {
  core::check_range(limit, 1, 10'000, "the limit of the log");
  return db_.ready().read_logs(id, after.first, after.second, limit);
}

CancelStatus Admin::cancel(JobId id) { return Client{db_}.cancel(id); }

RequeueStatus Admin::requeue(JobId id) {
  const std::vector<RequeueStatus> answers = db_.ready().requeue(std::span(&id, 1), core::request_time(db_.clock()));
  core::expect_answers(answers.size(), 1);
  return answers.front();
}

ActionStatus Admin::run_now(JobId id) { return act(db_, id, backend::Action::run_now); }

ActionStatus Admin::take_away(JobId id, AfterTaking then) {
  return act(db_, id, then == AfterTaking::pending ? backend::Action::take_away : backend::Action::end);
}

ActionStatus Admin::erase(JobId id) { return act(db_, id, backend::Action::erase); }

std::vector<QueueStats> Admin::stats(std::uint64_t cap) const {
  core::check_range(cap, 1, 1'000'000, "the cap of the counts");
  constexpr std::size_t page = 1000;
  std::vector<QueueStats> all;
  std::string after;
  for (std::size_t read = page; read == page;) {
    const std::vector<Queue> some = queues(after, page);
    for (const Queue& queue : some) {
      if (auto one = stats(queue.name, cap)) all.push_back(*std::move(one));  // it may be gone meanwhile
    }
    read = some.size();
    if (read > 0) after = some.back().name;
  }
  return all;
}

std::optional<QueueStats> Admin::stats(const std::string& queue, std::uint64_t cap) const {
  check_queue_name(queue);
  core::check_range(cap, 1, 1'000'000, "the cap of the counts");
  return db_.ready().queue_stats(queue, cap, core::request_time(db_.clock()));
}

DeleteQueueStatus Admin::delete_queue(const std::string& name, const DeleteQueueOptions& options) {
  check_queue_name(name);
  backend::Dialect& dialect = db_.ready();
  if (!dialect.queue(name)) return DeleteQueueStatus::not_found;
  // Each page's jobs leave the states it lists, so the first page is the next one.
  const auto each_page = [&](std::vector<JobState> states, auto&& use) {
    for (;;) {
      const std::vector<Job> jobs = core::whole_page(dialect, {.queues = {name}, .states = states}, {.limit = 1000});
      std::vector<JobId> ids;
      for (const Job& job : jobs) ids.push_back(job.id);
      const bool go_on = !ids.empty() && use(ids);
      // No job of a key is let in for one that is cancelled: it would be cancelled next.
      core::go_on_after(dialect, {.parents = core::waiters_of(jobs).parents}, core::request_time(db_.clock()));
      if (!go_on) return;
    }
  };
  if (options.waiting) {
    each_page({JobState::pending, JobState::scheduled, JobState::waiting}, [&](const std::vector<JobId>& ids) {
      const auto refused = core::isolate(std::span(ids), [&](std::span<const JobId> some) {
        dialect.cancel(some, nullptr, core::request_time(db_.clock()));
      });
      return refused.size() < ids.size();
    });
  }
  if (options.finished || options.waiting) {
    std::vector<JobState> states{JobState::cancelled};
    if (options.finished) states = {JobState::success, JobState::errored, JobState::cancelled};
    each_page(states, [&](const std::vector<JobId>& ids) {
      bool any = false;
      static_cast<void>(core::isolate(std::span(ids), [&](std::span<const JobId> some) {
        const auto said = dialect.act(some, backend::Action::erase, core::request_time(db_.clock()));
        any = any || std::ranges::find(said, ActionStatus::done) != said.end();
      }));
      return any;
    });
  }
  return dialect.queue_delete(name);
}

std::vector<WaitingKind> Admin::waiting_kinds() const {
  return db_.ready().waiting_kinds(1000, core::request_time(db_.clock()));
}

PurgeReport Admin::purge() {
  constexpr std::size_t batch = 1000;
  backend::Dialect& dialect = db_.ready();
  PurgeReport total;
  for (;;) {
    const PurgeReport some = dialect.purge(batch, core::request_time(db_.clock()));
    total.deleted += some.deleted;
    total.kept.insert(total.kept.end(), some.kept.begin(), some.kept.end());
    if (some.deleted < batch && some.kept.empty()) return total;
  }
}

namespace {

backend::Workers& registry(const Database& db) {
  if (backend::Workers* const part = db.ready().workers()) return *part;
  throw Error(Errc::configuration,
              "this database keeps no list of workers (capability `workers`): use a backend that has one, or look at "
              "the jobs that are running, which name theirs");
}

}  // namespace

std::vector<WorkerInfo> Admin::workers(const WorkerInfo& after, std::size_t limit) const {
  if (!after.name.empty()) core::check_name(after.name, "the worker's name");
  core::check_range(limit, 1, 10'000, "the limit of the list");
  return registry(db_).list_workers(after.name, after.id, limit, core::request_time(db_.clock()));
}

bool Admin::drain(const std::string& worker, bool on) {
  core::check_name(worker, "the worker's name");
  return registry(db_).drain_workers(worker, on, core::request_time(db_.clock()));
}

}  // namespace sqlq
