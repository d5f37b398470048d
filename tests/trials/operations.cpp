#include "trials/operations.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "core/lists.hpp"

namespace sqlq::trials {
namespace {

using namespace std::chrono_literals;
using backend::Dialect;
using backend::EnqueueItem;
using backend::Finish;
using backend::FinishKind;
using backend::Now;

const std::string queue = "mail";
const std::string new_queue = "new";  // and a number
const std::string params = std::string("\"") + canary + "\"";
constexpr LeaseToken held_by{.value = 101};  // of the claim in the scene
constexpr LeaseToken second{.value = 202};  // of the claim that is tried
constexpr LeaseToken last{.value = 303};    // of the drain

/// The scene is at 0; what is tried happens a minute later.
Now at(Duration after) {
  return Instant{.wall = TimePoint(std::chrono::hours(500'000)) + after, .steady = SteadyPoint(1000h) + after};
}
const Now begin = at(0s);
const Now soon = at(1min);
const Now later = at(2h);       // leases have ended, what was scheduled is due
const Now at_last = at(9000h);  // retention has passed

JobId job(std::uint8_t n) { return JobId({0x01, 0x90, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, n}); }

// ------------------------------------------------------------------------------------------------ the scene

EnqueueItem item(std::uint8_t n) {
  return {.id = job(n), .queue = queue, .kind = "send", .params = params, .keepalive = 30s};
}

/// 1 to 3 wait, 4 is scheduled, 5 has a key, 6 comes first and has one attempt.
void six_jobs(Dialect& d) {
  std::vector<EnqueueItem> items;
  for (std::uint8_t n = 1; n <= 6; ++n) items.push_back(item(n));
  items[3].delay = 1h;
  items[4].unique_key = "key";
  items[5].priority = 0;
  items[5].max_attempts = 1;
  d.enqueue(items, nullptr, begin);
}

/// Of these, the first `n` in claim order (6, 1, 2, 3, 5) are held.
void claim(Dialect& d, std::size_t n) {
  const backend::ClaimRequest request{.limit = n, .token = held_by, .worker = "w1", .now = begin};
  if (d.claim(request).jobs.size() != n) throw std::runtime_error("the scene is not as it should be");
}

std::function<void(Dialect&)> held(std::size_t n) {
  return [n](Dialect& d) {
    six_jobs(d);
    claim(d, n);
  };
}

Finish end(std::uint8_t n, FinishKind kind) {
  Finish f{.id = job(n), .token = held_by, .kind = kind};
  if (kind == FinishKind::success) f.result = params;
  if (kind == FinishKind::retry || kind == FinishKind::fail) f.message = canary;
  if (kind == FinishKind::retry || kind == FinishKind::snooze) f.delay = 5min;
  return f;
}

Finish success_without_result(std::uint8_t n) {
  return {.id = job(n), .token = held_by, .kind = FinishKind::success};
}

/// 6 succeeded, 1 failed, 5 failed and another has its key; 2 and 3 are held.
void finished(Dialect& d) {
  held(5)(d);
  const std::array ends{end(6, FinishKind::success), end(1, FinishKind::fail), end(5, FinishKind::fail)};
  d.finish(ends, nullptr, begin);
  EnqueueItem same_key = item(7);
  same_key.unique_key = "key";
  d.enqueue({&same_key, 1}, nullptr, begin);
}

void with_logs(Dialect& d) {
  finished(d);
  const LogLine line{.job = job(2), .token = held_by, .claim = 1, .attempt = 1, .number = 1, .at = begin->wall,
                     .text = canary};
  d.append_logs({&line, 1});
}

void limited(Dialect& d) {
  six_jobs(d);
  d.queue_update(queue, {.concurrency = std::optional<std::uint32_t>(3)});
  claim(d, 1);
}

// ------------------------------------------------------------------------------------------------ answers as text

std::string text(TimePoint t) { return std::to_string((t - begin->wall).count()); }
std::string text(const std::optional<TimePoint>& t) { return t ? text(*t) : "-"; }
std::string text(std::size_t n) { return std::to_string(n); }
std::string text(bool yes) { return yes ? "yes" : "no"; }
std::string text(const JobId& id) { return std::to_string(id.bytes().back()); }
std::string text(const Enqueued& e) { return text(e.id) + (e.inserted() ? " inserted" : " there"); }
std::string text(FinishStatus s) { return std::string(to_string(s)); }
std::string text(LeaseStatus s) { return std::string(to_string(s)); }
std::string text(CancelStatus s) { return std::string(to_string(s)); }
std::string text(RequeueStatus s) { return std::string(to_string(s)); }
std::string text(ActionStatus s) { return std::string(to_string(s)); }
std::string text(const WaitingKind& w) { return w.queue + "/" + w.kind; }

bool waits(JobState s) { return s == JobState::pending || s == JobState::scheduled; }

std::string text(const Job& j) {
  std::ostringstream out;
  out << "job " << text(j.id) << ' ' << j.queue << '/' << j.kind << ' '
      << (waits(j.state) ? "waiting" : to_string(j.state)) << " priority " << j.priority << " params " << j.params
      << " result " << j.result << " key " << j.unique_key << " attempt " << j.attempt << '/' << j.max_attempts
      << " crashes " << j.crashes << '/' << j.max_crashes << " claims " << j.claims << " token " << j.lease_token.value
      << " worker " << j.worker << " created " << text(j.created_at) << " queued " << text(j.queued_at) << " run "
      << text(j.run_at) << " started " << text(j.started_at) << " heartbeat " << text(j.heartbeat_at) << " finished "
      << text(j.finished_at);
  for (const auto& [name, value] : j.headers) out << " header " << name << '=' << value;
  if (j.progress) out << " progress " << j.progress->done << '/' << j.progress->total << ' ' << j.progress->note;
  return out.str();
}
std::string text(const AttemptRecord& r) {
  return "history " + std::to_string(r.claim) + ' ' + std::to_string(r.attempt) + ' ' +
         std::string(to_string(r.cause)) + ' ' + text(r.at) + ' ' + r.worker + ' ' + r.message;
}
std::string text(const LogLine& l) {
  return "log " + std::to_string(l.claim) + ' ' + std::to_string(l.number) + ' ' + text(l.at) + ' ' +
         std::string(to_string(l.level)) + ' ' + l.text;
}
std::string text(const Queue& q) {
  return "queue " + q.name + ' ' + q.description + ' ' + (q.concurrency ? std::to_string(*q.concurrency) : "-") + ' ' +
         std::to_string(q.priority) + (q.paused ? " paused" : "");
}
std::string text(const StepRecord& s) {
  return "step " + std::string(to_string(s.kind)) + ' ' + s.name + ' ' + std::to_string(s.number) + ' ' +
         std::to_string(s.claim) + ' ' + text(s.at) + ' ' + text(s.until) + ' ' + s.value;
}
std::string text(const backend::StoredJob& whole) {
  std::string all = text(whole.job);
  for (const AttemptRecord& line : whole.history) all += ' ' + text(line);
  for (const LogLine& line : whole.log) all += ' ' + text(line);
  for (const StepRecord& s : whole.steps) all += ' ' + text(s);
  return all;
}
std::string text(const JobCounts& counts) {
  std::string all = "counts waiting=" + std::to_string(counts.at(JobState::pending).value +
                                                       counts.at(JobState::scheduled).value);
  for (const auto& [state, count] : counts) {
    if (!waits(state)) all += ' ' + std::string(to_string(state)) + '=' + std::to_string(count.value);
  }
  return all;
}
std::string text(const WorkerInfo& w) {
  return "worker " + w.name + ' ' + std::to_string(w.id) + " busy " + std::to_string(w.busy) + " started " +
         text(w.started_at) + " seen " + text(w.seen_at) + (w.draining ? " draining" : "");
}
template <class T>
std::string text(const std::optional<T>& maybe) {
  return maybe ? text(*maybe) : "none";
}
template <class T>
std::string text(const std::vector<T>& all) {
  std::string lines;
  for (std::size_t i = 0; i < all.size(); ++i) lines += text(static_cast<T>(all[i])) + "\n";
  return lines;
}
std::string text(const ReapReport& r) {
  return "returned\n" + text(r.returned) + "errored\n" + text(r.errored) + "cancelled\n" + text(r.cancelled);
}

// ------------------------------------------------------------------------------------------------ operations

Operation finish(const std::string& name, std::vector<Finish> ends) {
  return {.name = name, .prepare = held(3), .run = [ends = std::move(ends)](Dialect& d) {
            return text(d.finish(ends, nullptr, soon));
          }};
}

Operation claim(const std::string& name, std::function<void(Dialect&)> prepare, std::size_t limit, Now when) {
  return {.name = name,
          .prepare = std::move(prepare),
          .run = [limit, when](Dialect& d) {
            return text(d.claim({.limit = limit, .token = second, .worker = "w2", .now = when}).jobs);
          },
          .replay = false};
}

/// Ends leases of the scene and takes as many jobs.
Operation hand_over(const std::string& name, std::function<void(Dialect&)> prepare, const std::vector<Finish>& items) {
  std::vector<backend::Success> ends;
  for (const Finish& i : items) ends.push_back({.id = i.id, .token = i.token, .result = i.result, .queue = queue});
  return {.name = name,
          .prepare = std::move(prepare),
          .run = [ends = std::move(ends)](Dialect& d) {
            const auto result = d.hand_over()->finish_and_claim(
                {.claim = {.limit = ends.size(), .token = second, .worker = "w2", .now = soon}, .ends = ends});
            return text(result.claim.jobs) + text(std::ranges::all_of(result.ended, accepted));
          },
          .replay = false};
}

/// One that changes a setting of the queue.
Operation change(const std::string& name, const backend::QueueChange& change) {
  return {.name = name, .prepare = held(1), .run = [change](Dialect& d) {
            return text(d.queue_update(queue, change));
          }};
}

/// One that only reads.
template <class Read>
Operation read(const std::string& name, Read read) {
  return {.name = name, .prepare = with_logs, .run = [read](Dialect& d) { return text(read(d)); }};
}

std::string enqueue_some(Dialect& d) {
  std::vector<EnqueueItem> items{item(11), item(2), item(12), item(13), item(14)};  // 2 is there
  items[2].unique_key = "key";                                                      // 5 has it
  items[3].unique_key = "new key";
  items[4].delay = 10min;
  return text(d.enqueue(items, nullptr, soon));
}

std::string enqueue_with_headers(Dialect& d) {
  const std::string headers = std::string(R"({"trace":")") + std::string(canary) + "\"}";
  std::vector<EnqueueItem> items{item(11), item(2), item(12), item(13)};  // 2 is there
  items[0].headers = items[1].headers = items[3].headers = headers;
  items[3].unique_key = "new key";
  return text(d.enqueue(items, nullptr, soon));
}

/// Into a queue that is new each time, so that it is made.
Operation enqueue_into_new_queue() {
  const auto number = std::make_shared<int>(0);
  return {.name = "enqueue into a new queue",
          .prepare =
              [number](Dialect& d) {
                six_jobs(d);
                ++*number;
              },
          .run =
              [number](Dialect& d) {
                const std::string name = new_queue + std::to_string(*number);
                EnqueueItem fresh = item(15);
                fresh.queue = name;
                return text(d.enqueue({&fresh, 1}, nullptr, soon));
              }};
}

backend::StoredJob stored(std::uint8_t n, JobState state) {
  backend::StoredJob whole;
  whole.job = {.id = job(n), .queue = queue, .kind = "send", .state = state, .params = params,
               .keepalive = 30s, .created_at = begin->wall, .queued_at = begin->wall, .run_at = begin->wall};
  if (is_finished(state)) whole.job.finished_at = begin->wall;
  return whole;
}

/// Of all sorts; one is there, and the key of one.
std::string store_jobs(Dialect& d) {
  std::vector<backend::StoredJob> jobs{stored(21, JobState::pending), stored(22, JobState::scheduled),
                                       stored(23, JobState::errored), stored(24, JobState::success),
                                       stored(25, JobState::pending), stored(2, JobState::pending)};
  jobs[1].job.run_at = begin->wall + 10min;
  jobs[1].job.unique_key = "new key";
  jobs[3].job.unique_key = "key";  // 5 has it, but this one is not live
  jobs[4].job.unique_key = "key";
  Job& suspect = jobs[0].job;
  suspect.attempt = suspect.crashes = 2;
  suspect.claims = 2;
  suspect.worker = "w9";
  suspect.started_at = suspect.heartbeat_at = begin->wall;
  for (std::int64_t claim = 1; claim <= 2; ++claim) {
    jobs[0].history.push_back({.claim = claim, .attempt = static_cast<int>(claim), .cause = Cause::lease_ended,
                               .at = begin->wall, .worker = "w9", .message = canary});
    jobs[0].log.push_back({.job = job(21), .claim = claim, .attempt = static_cast<int>(claim), .number = 1,
                           .at = begin->wall, .text = canary});
  }
  jobs[0].job.headers = {{"trace", std::string(canary)}};
  jobs[0].steps = {{.kind = StepKind::wait, .name = "w", .claim = 2, .at = begin->wall, .until = soon->wall},
                   {.kind = StepKind::result, .name = "s", .number = 1, .claim = 2, .at = begin->wall,
                    .value = std::string(params)}};
  std::string answers;
  for (const backend::StoreStatus s : d.transfer()->store_jobs(jobs, soon)) {
    answers += std::to_string(static_cast<int>(s)) + ' ';
  }
  return answers;
}

Operation edit_into_new_queue() {
  const auto number = std::make_shared<int>(0);
  return {.name = "edit",
          .prepare =
              [number](Dialect& d) {
                held(2)(d);
                ++*number;
              },
          .run =
              [number](Dialect& d) {
                const std::string name = new_queue + " edited " + std::to_string(*number);
                const std::array ids{job(2), job(4), job(1), job(5), job(99)};
                return text(d.editing()->edit(ids, {.queue = name, .priority = 3}, soon));
              }};
}

std::string append_logs(Dialect& d) {
  std::vector<LogLine> lines;
  for (const std::uint8_t n : {std::uint8_t{6}, std::uint8_t{6}, std::uint8_t{3}}) {  // nobody holds 3
    lines.push_back({.job = job(n), .token = held_by, .claim = 1, .attempt = 1,
                     .number = static_cast<std::int64_t>(lines.size()) + 1, .at = soon->wall, .text = canary});
  }
  return text(d.append_logs(lines));
}

void add_writers(std::vector<Operation>& all) {
  all.push_back({.name = "enqueue", .prepare = six_jobs, .run = [](Dialect& d) {
                   const EnqueueItem one = item(11);
                   return text(d.enqueue({&one, 1}, nullptr, soon));
                 }});
  all.push_back({.name = "enqueue of many", .prepare = six_jobs, .run = enqueue_some});
  all.push_back({.name = "enqueue with headers", .prepare = six_jobs, .run = enqueue_with_headers});
  all.push_back(enqueue_into_new_queue());
  all.push_back({.name = "store_jobs", .prepare = six_jobs, .run = store_jobs});
  all.push_back(claim("claim", six_jobs, 2, soon));
  all.push_back(claim("claim of a limited queue", limited, 5, soon));
  all.push_back(claim("claim of what became due", held(1), 10, later));
  all.push_back(hand_over("claim that ends leases", held(3), {success_without_result(6), success_without_result(1)}));
  all.push_back(hand_over("claim that ends a lease of a limited queue", limited, {end(6, FinishKind::success)}));
  all.push_back(finish("success", {end(1, FinishKind::success)}));
  all.push_back(finish("success without a result", {success_without_result(1)}));
  all.push_back(finish("success of a whole claim", {success_without_result(1), success_without_result(2),
                                                    success_without_result(6)}));
  all.push_back(finish("retry", {end(1, FinishKind::retry)}));
  all.push_back(finish("fail", {end(1, FinishKind::fail)}));
  all.push_back(finish("end as cancelled", {end(1, FinishKind::cancel)}));
  all.push_back(finish("snooze", {end(1, FinishKind::snooze)}));
  all.push_back(finish("release", {end(1, FinishKind::release)}));
  all.push_back(finish("finish of many", {end(1, FinishKind::success), end(2, FinishKind::retry),
                                          end(3, FinishKind::success), end(6, FinishKind::fail)}));
  all.push_back({.name = "success of a cancelling job",
                 .prepare =
                     [](Dialect& d) {
                       held(3)(d);
                       const JobId one = job(1);
                       d.cancel({&one, 1}, nullptr, begin);
                     },
                 .run =
                     [](Dialect& d) {
                       const Finish one = end(1, FinishKind::success);
                       return text(d.finish({&one, 1}, nullptr, soon));
                     }});
  all.push_back({.name = "heartbeat", .prepare = held(3), .run = [](Dialect& d) {
                   const std::array leases{backend::LeaseRef{job(1), held_by}, backend::LeaseRef{job(2), held_by},
                                           backend::LeaseRef{job(3), held_by}};
                   return text(d.heartbeat(leases, soon));
                 }});
  all.push_back({.name = "publish", .prepare = held(3), .run = [](Dialect& d) {
                   const std::array items{backend::Interim{.id = job(1), .token = held_by, .result = params},
                                          backend::Interim{.id = job(2), .token = held_by,
                                                           .progress = Progress{.done = 1, .total = 2, .note = canary}},
                                          backend::Interim{.id = job(3), .token = held_by, .result = params}};
                   return text(d.publish(items, soon));
                 }});
  all.push_back({.name = "reap",
                 .prepare =
                     [](Dialect& d) {
                       held(4)(d);
                       const JobId one = job(1);
                       d.cancel({&one, 1}, nullptr, begin);
                     },
                 .run = [](Dialect& d) { return text(d.reap({}, 100, later)); }});
  all.push_back({.name = "take_back_crashes",
                 .prepare =
                     [](Dialect& d) {
                       held(4)(d);
                       d.reap({}, 100, later);
                     },
                 .run =
                     [](Dialect& d) {
                       const std::array claims{backend::OutlivedClaim{job(1), 1, "w1"},
                                               backend::OutlivedClaim{job(2), 1, "w1"},
                                               backend::OutlivedClaim{job(3), 1, "w2"},
                                               backend::OutlivedClaim{job(6), 1, "w1"},
                                               backend::OutlivedClaim{job(99), 1, "w1"}};
                       return text(d.outages()->take_back_crashes(claims, later));
                     }});
  all.push_back({.name = "purge", .prepare = with_logs,
                 .run = [](Dialect& d) { return text(d.purge(100, at_last).deleted); }});
  all.push_back({.name = "cancel", .prepare = held(2), .run = [](Dialect& d) {
                   const std::array ids{job(1), job(2), job(4), job(5), job(99)};
                   return text(d.cancel(ids, nullptr, soon));
                 }});
  all.push_back({.name = "requeue", .prepare = finished, .run = [](Dialect& d) {
                   const std::array ids{job(1), job(2), job(5), job(99)};
                   return text(d.requeue(ids, soon));
                 }});
  all.push_back(edit_into_new_queue());
  all.push_back({.name = "append_logs", .prepare = held(2), .run = append_logs});
  all.push_back({.name = "queue_upsert", .prepare = held(1), .run = [](Dialect& d) {
                   d.queue_upsert(queue, {.description = "new", .concurrency = 2, .priority = 3}, soon);
                   return std::string("done");
                 }});
  all.push_back(change("pause", {.paused = true}));
  all.push_back(change("limit", {.concurrency = std::optional<std::uint32_t>(2)}));
}

WorkerInfo worker(std::int64_t id) {
  return {.name = "w1", .id = id, .host = "h", .version = "1", .queues = {queue}, .kinds = {"send"}, .concurrency = 4};
}

/// Of three, the last is not listed any more when it is tried.
void three_workers(Dialect& d) {
  for (std::int64_t id = 1; id <= 3; ++id) d.workers()->announce_worker(worker(id), 1s, id < 3 ? begin : at(-1min));
}

/// All that have a row.
std::vector<WorkerInfo> workers(Dialect& d) { return d.workers()->list_workers({}, 0, 100, at(-1h)); }

void add_workers(std::vector<Operation>& all) {
  const auto one = [](const std::string& name, std::function<std::string(backend::Workers&)> run) {
    return Operation{.name = name, .prepare = three_workers, .run = [run = std::move(run)](Dialect& d) {
                       return run(*d.workers());
                     }};
  };
  all.push_back(one("announce_worker, the first time", [](backend::Workers& w) {
    return text(w.announce_worker(worker(7), 1s, soon));
  }));
  all.push_back(one("announce_worker", [](backend::Workers& w) {
    WorkerInfo busy = worker(1);
    busy.busy = 3;
    return text(w.announce_worker(busy, 1s, soon));
  }));
  all.push_back(one("announce_worker that was let go", [](backend::Workers& w) {
    WorkerInfo drained = worker(2);
    drained.draining = true;
    return text(w.announce_worker(drained, 1s, soon));
  }));
  all.push_back(one("drain_workers", [](backend::Workers& w) { return text(w.drain_workers("w1", true, soon)); }));
  all.push_back(one("withdraw_worker", [](backend::Workers& w) {
    w.withdraw_worker("w1", 1);
    return std::string("done");
  }));
}

backend::NewStep step_of(std::uint8_t n, StepKind kind) {
  return {.id = job(n), .token = held_by, .kind = kind, .name = "a", .value = params, .delay = 5min};
}

/// 6 and 1 are held, 2 has snoozed, each of them after a wait and with children; 3 has failed and has a result.
void six_with_steps(Dialect& d) {
  held(4)(d);
  for (const std::uint8_t n : {std::uint8_t{6}, std::uint8_t{1}, std::uint8_t{2}}) {
    for (const StepKind kind : {StepKind::wait, StepKind::children}) {
      d.steps()->record_step(step_of(n, kind), nullptr, begin);
    }
  }
  d.steps()->record_step(step_of(3, StepKind::result), nullptr, begin);
  const std::array ends{end(2, FinishKind::snooze), end(3, FinishKind::fail)};
  d.finish(ends, nullptr, begin);
}

void add_steps(std::vector<Operation>& all) {
  const auto one = [&](const std::string& name, std::function<std::string(backend::Steps&)> run) {
    all.push_back({.name = name, .prepare = six_with_steps, .run = [run = std::move(run)](Dialect& d) {
                     return run(*d.steps());
                   }});
  };
  const auto record = [&](const std::string& name, StepKind kind) {
    one(name, [kind](backend::Steps& s) { return text(s.record_step(step_of(1, kind), nullptr, soon).step); });
  };
  record("record_step", StepKind::result);
  record("record_step of a wait that is there", StepKind::wait);
  record("record_step of the end of a wait", StepKind::expired);
  const auto signal = [&](const std::string& name, std::uint8_t n) {
    one(name, [n](backend::Steps& s) {
      const SignalStatus status = s.signal(job(n), "a", params, SignalMode::first, nullptr, soon);
      return text(status == SignalStatus::stored || status == SignalStatus::existing);
    });
  };
  signal("signal to a job that runs", 1);
  signal("signal to a job that waits for it", 2);
  all.push_back({.name = "signal that replaces another",
                 .prepare = [](Dialect& d) {
                   six_with_steps(d);
                   d.steps()->signal(job(6), "b", "1", SignalMode::first, nullptr, begin);
                 },
                 .run = [](Dialect& d) {
                   return text(d.steps()->signal(job(6), "b", params, SignalMode::replace, nullptr, soon) ==
                               SignalStatus::replaced);
                 }});
  one("wake", [](backend::Steps& s) {
    const std::array ids{job(2), job(6), job(5)};
    s.wake(ids, soon);
    return std::string("done");
  });
  one("forget_steps", [](backend::Steps& s) {
    s.forget_steps(job(3), std::nullopt);
    return std::string("done");
  });
  one("forget_steps, signals too", [](backend::Steps& s) {
    s.forget_steps(job(3), std::nullopt, true);
    return std::string("done");
  });
}

void add_readers(std::vector<Operation>& all) {
  all.push_back(read("get", [](Dialect& d) {
    const std::array ids{job(1), job(4), job(99)};
    return d.get(ids, nullptr);
  }));
  all.push_back(read("list", [](Dialect& d) { return core::whole_page(d, {.queues = {queue}}, {}); }));
  all.push_back(read("counts", [](Dialect& d) { return d.counts(queue, 100); }));
  all.push_back(read("counts of all", [](Dialect& d) { return d.counts({}, 100); }));
  all.push_back(read("waiting_kinds", [](Dialect& d) { return d.waiting_kinds(10, soon); }));
  all.push_back(read("history", [](Dialect& d) { return d.history(job(1), 10); }));
  all.push_back(read("last_records", [](Dialect& d) {
    const std::array ids{job(1), job(99), job(2)};
    return d.last_records(ids);
  }));
  all.push_back(read("read_logs", [](Dialect& d) { return d.read_logs(job(2), 0, 0, 10); }));
  all.push_back(read("queue", [](Dialect& d) { return d.queue(queue); }));
  all.push_back(read("list_workers", [](Dialect& d) { return d.workers()->list_workers({}, 0, 10, soon); }));
  all.push_back(read("jobs_before", [](Dialect& d) { return d.insight()->jobs_before(job(3), 100, soon).value; }));
  all.push_back(read("ids_after", [](Dialect& d) { return d.transfer()->ids_after(job(3), 2); }));
  all.push_back(read("read_jobs", [](Dialect& d) {
    const std::array ids{job(1), job(2), job(99), job(6)};
    return d.transfer()->read_jobs(ids, 1'000'000).jobs;
  }));
  all.push_back(read("queues", [](Dialect& d) { return d.queues("a", 1); }));
  all.push_back(read("migration_status", [](Dialect& d) {
    return static_cast<std::size_t>(d.migration_status().current);
  }));
}

}  // namespace

std::vector<Operation> all_operations() {
  std::vector<Operation> all;
  add_writers(all);
  add_workers(all);
  add_steps(all);
  add_readers(all);
  for (Operation& operation : periodic_operations()) all.push_back(std::move(operation));
  return all;
}

std::string picture(Dialect& d) {
  std::string all;
  for (const Job& j : core::whole_page(d, {}, {.limit = 1000})) {
    Job same = j;
    if (same.queue.starts_with(new_queue)) same.queue = new_queue;
    all += text(same) + "\n";
    for (const StepRecord& step : d.steps()->read_steps(j.id, nullptr)) all += text(step) + "\n";
    if (j.claims == 0 && j.state != JobState::cancelled) continue;
    all += text(d.history(j.id, 100)) + text(d.read_logs(j.id, 0, 0, 100));
  }
  return all + text(d.queue(queue)) + "\n" + text(d.counts({}, 1000)) + "\n" + text(workers(d)) +
         periodic_picture(d);
}

std::string drain(Dialect& d) {
  std::string order;
  for (const Job& j : d.claim({.limit = 100, .token = last, .worker = "w3", .now = at_last}).jobs) {
    order += text(j.id) + ' ';
  }
  return order;
}

void clear(Dialect& d) {
  std::vector<Finish> ends;
  std::vector<JobId> waiting;
  for (const Job& j : core::whole_page(d, {}, {.limit = 1000})) {
    if (j.state == JobState::running || j.state == JobState::cancelling) {
      ends.push_back({.id = j.id, .token = j.lease_token});
    } else if (!is_finished(j.state)) {
      waiting.push_back(j.id);
    }
  }
  if (!ends.empty()) d.finish(ends, nullptr, begin);
  if (!waiting.empty()) d.cancel(waiting, nullptr, begin);
  d.purge(1000, at(90000h));
  for (const WorkerInfo& w : workers(d)) d.workers()->withdraw_worker(w.name, w.id);
  clear_periodic(d);
  d.queue_upsert(queue, {}, begin);
  d.queue_update(queue, {.paused = false});
}

}  // namespace sqlq::trials
