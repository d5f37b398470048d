#include "worker/batches.hpp"

#include <algorithm>

namespace sqlq::worker {
namespace {

/// Whether it may harm others by its failure or crash, and they it: once, and when that ends nobody.
bool may_share(const Job& job) {
  return job.attempt <= 1 && job.attempt < job.max_attempts && job.crashes == 0 && job.max_crashes > 1;
}

/// In the order of `jobs`, which are not none.
HeldPtr as_one(std::vector<HeldPtr> jobs) {
  HeldPtr last = std::move(jobs.back());
  jobs.pop_back();
  last->lead(std::move(jobs));
  return last;
}

}  // namespace

SteadyPoint Batches::deadline() const {
  const bool none_can_come = draining_ || slots_.with_jobs() >= slots_.capacity() || slots_.used_up();
  return none_can_come ? SteadyPoint::max() : clock_.steady();
}

std::vector<HeldPtr> Batches::push(std::vector<HeldPtr> leases, bool may_linger) {
  const core::MutexLock lock(mutex_);
  if (closed_) return leases;
  std::vector<HeldPtr> out;
  out.reserve(leases.size());
  for (HeldPtr& lease : leases) add(std::move(lease), may_linger, out);
  move_if_due(deadline(), out);
  pass_on(std::move(out));
  return {};
}

void Batches::add(HeldPtr lease, bool may_linger, std::vector<HeldPtr>& out) {
  const Job& job = lease->job();
  const Handlers::Entry* const entry = handlers_.find(job.kind);
  if (entry == nullptr || entry->batch == nullptr) return out.push_back(std::move(lease));
  const BatchOptions& how = entry->batch->options;
  if (!may_share(job) || lease->stop_reason() != StopReason::none) return out.push_back(as_one({std::move(lease)}));
  const Duration timeout = job.timeout > Duration(0) ? job.timeout : entry->options.timeout;
  const auto at = gathering_.try_emplace({entry, timeout}).first;
  Gathering& batch = at->second;
  if (batch.jobs.empty()) {
    batch.until = for_ever_ ? SteadyPoint::max() : saturating_add(clock_.steady(), how.linger);
  }
  if (!may_linger && !for_ever_) batch.until = SteadyPoint::min();
  batch.jobs.push_back(std::move(lease));
  if (batch.jobs.size() < how.size) return;
  out.push_back(as_one(std::move(batch.jobs)));
  gathering_.erase(at);
}

void Batches::move_if_due(SteadyPoint now, std::vector<HeldPtr>& out) {
  SteadyPoint due = SteadyPoint::max();
  std::size_t lingering = 0;
  for (auto at = gathering_.begin(); at != gathering_.end();) {
    Gathering& batch = at->second;
    if (now < batch.until) {
      due = std::min(due, batch.until);
      lingering += batch.jobs.size();
      ++at;
    } else {
      out.push_back(as_one(std::move(batch.jobs)));
      at = gathering_.erase(at);
    }
  }
  due_ = due;
  lingering_ = lingering;
}

// The channel is open: it is closed after this.
void Batches::pass_on(std::vector<HeldPtr> out) { static_cast<void>(ready_.push(std::move(out))); }

SteadyPoint Batches::run_due() {
  const core::MutexLock lock(mutex_);
  std::vector<HeldPtr> out;
  move_if_due(deadline(), out);
  pass_on(std::move(out));
  return due_;
}

void Batches::take_out(const HeldPtr& lease) {
  const core::MutexLock lock(mutex_);
  for (auto at = gathering_.begin(); at != gathering_.end(); ++at) {
    std::vector<HeldPtr>& jobs = at->second.jobs;
    const auto its = std::ranges::find(jobs, lease);
    if (its == jobs.end()) continue;
    std::vector<HeldPtr> out{as_one({lease})};
    jobs.erase(its);
    if (jobs.empty()) gathering_.erase(at);
    move_if_due(deadline(), out);
    return pass_on(std::move(out));
  }
}

bool Batches::run_all() {
  const core::MutexLock lock(mutex_);
  if (gathering_.empty()) return false;
  std::vector<HeldPtr> out;
  move_if_due(SteadyPoint::max(), out);
  pass_on(std::move(out));
  return true;
}

std::vector<HeldPtr> Batches::close() {
  std::vector<HeldPtr> all;
  const core::MutexLock lock(mutex_);
  closed_ = true;
  for (const HeldPtr& lease : ready_.close()) {
    if (const auto others = lease->take_led()) all.insert(all.end(), others->begin(), others->end());
    all.push_back(lease);
  }
  for (auto& [key, batch] : gathering_) all.insert(all.end(), batch.jobs.begin(), batch.jobs.end());
  gathering_.clear();
  due_ = SteadyPoint::max();
  lingering_ = 0;
  return all;
}

}  // namespace sqlq::worker
