// What an operator does, and time.

#include <set>
#include <utility>

#include "twin_values.hpp"

namespace sqlq::conformance {

using namespace std::chrono_literals;

void Twin::cancel() {
  Entry* entry = any_job();
  if (entry == nullptr) return;
  auto& [id, job] = *entry;
  const CancelStatus expected = job.is_over()   ? CancelStatus::finished
                                : job.is_held() ? CancelStatus::cancelling
                                                : CancelStatus::cancelled;
  const CancelStatus said = client().cancel(id);
  done("cancel " + name(id) + ": " + twin::text(said));
  same(said, expected, "the answer");
  if (said == CancelStatus::cancelling) job.state = JobState::cancelling;
  if (said == CancelStatus::cancelled) cancel_waiting(job);
}

void Twin::cancel_waiting(Known& job) const {
  job.record(Cause::cancelled);
  end(job, JobState::cancelled);
}

void Twin::purge() {
  std::set<std::string> names;
  std::vector<JobId> ids;
  for (const auto& [id, job] : jobs_) {
    if (!job.is_over() || job.expires > clock_.now()) continue;
    names.insert(name(id));
    ids.push_back(id);
  }
  for (const JobId id : ids) jobs_.erase(id);
  const std::size_t gone = admin_.purge().deleted;
  done("purge: " + twin::text(gone) + ", should be " + twin::text(names));
  same(gone, names.size(), "how many are gone");
  for (const JobId id : ids) require(!capabilities_.steps || admin_.steps(id).empty(), "steps are left of one");
}

void Twin::requeue() {
  Entry* entry = any_job();
  if (entry == nullptr) return;
  auto& [id, job] = *entry;
  const RequeueStatus expected = !job.is_over()       ? RequeueStatus::not_finished
                                 : live_with(job.key) ? RequeueStatus::duplicate
                                                      : RequeueStatus::requeued;
  const RequeueStatus said = admin_.requeue(id);
  done("requeue " + name(id) + ": " + twin::text(said));
  same(said, expected, "the answer");
  if (said == RequeueStatus::requeued) run_again(id, job);
}

/// What a requeue changes; steps stay.
void Twin::run_again(JobId id, Known& job) {
  job.attempt = 0;
  job.crashes = 0;
  job.token = {};
  job.result.clear();
  job.record(Cause::requeued);
  if (job.told == Told::yes) job.told = Told::perhaps;
  put_back(id, job);
}

void Twin::run_now() {
  Entry* entry = any_job();
  if (entry == nullptr) return;
  auto& [id, job] = *entry;
  const bool waits = job.state == JobState::scheduled;
  const bool overdue = waits && job.run_at <= clock_.now();
  const ActionStatus said = admin_.run_now(id);
  done("run now " + name(id) + ": " + twin::text(said));
  if (job.state == JobState::waiting) {  // whether it can be hurried is the library's choice
    if (const std::optional<Job> now = admin_.find(id); now && now->run_at != job.run_at) adopt_due(id, job);
    return;
  }
  require(overdue || (said == ActionStatus::done) == waits, "the answer is wrong");
  if (waits) adopt_due(id, job);
}

void Twin::change_queue(Command::Kind how) {
  const std::string& queue = twin::queues[index(twin::queues.size())];
  Lane& lane = lanes_.at(queue);
  if (how == Command::Kind::limit) {
    const int limit = number(0, 5);
    lane.limit = limit == 5 ? std::nullopt : std::optional<std::uint32_t>(limit);
    admin_.set_concurrency(queue, lane.limit);
    done("limit of queue " + queue + ": " + (limit == 5 ? "none" : twin::text(limit)));
  } else if (how == Command::Kind::priority) {
    lane.priority = number(0, 2);
    admin_.set_priority(queue, lane.priority);
    done("priority of queue " + queue + ": " + twin::text(lane.priority));
  } else {
    lane.paused = how == Command::Kind::pause;
    lane.paused ? admin_.pause(queue) : admin_.resume(queue);
    done((lane.paused ? "pause queue " : "resume queue ") + queue);
  }
}

void Twin::advance() {
  const Duration by = std::chrono::seconds(number(0, 20)) + Duration(1 + number(0, 255) * 3900);
  clock_.advance(by);
  done("advance " + twin::text(by));
}

}  // namespace sqlq::conformance
