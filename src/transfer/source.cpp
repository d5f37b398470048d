#include "transfer/source.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include <sqlq/error.hpp>

#include "core/checks.hpp"
#include "core/filter.hpp"
#include "core/sorted.hpp"

namespace sqlq::transfer {
namespace {

constexpr std::size_t ids_at_once = 500;
constexpr std::size_t bytes_at_once = std::size_t{8} << 20;

bool is_held(JobState state) { return state == JobState::running || state == JobState::cancelling; }

}  // namespace

backend::Transfer& part_of(const Database& db) {
  if (backend::Transfer* const part = db.ready().transfer()) return *part;
  throw Error(Errc::configuration,
              "jobs of this database can be neither exported nor imported (capability `transfer`): use a backend that "
              "can");
}

void each_queue(const Database& db, const JobFilter& filter, const std::function<void(const Queue&)>& use) {
  constexpr std::size_t at_once = 1000;
  std::string after;
  for (;;) {
    const std::vector<Queue> queues = db.ready().queues(after, at_once);
    for (const Queue& queue : queues) {
      const bool meant = filter.queues.empty() || std::ranges::find(filter.queues, queue.name) != filter.queues.end();
      if (meant) use(queue);
    }
    if (queues.size() < at_once) return;
    after = queues.back().name;
  }
}

Source::Source(const Database& db, const JobFilter& filter, std::optional<JobId> after)
    : from_(part_of(db)), filter_(filter), wanted_(core::sorted_once(filter.ids)), last_(after.value_or(JobId{})) {
  core::check_filter(filter);
}

bool Source::find_ids() {
  read_ = 0;
  if (filter_.ids.empty()) {
    ids_ = from_.ids_after(last_, ids_at_once);
  } else {
    const auto first = std::ranges::upper_bound(wanted_, last_);
    const auto n = std::min<std::ptrdiff_t>(ids_at_once, wanted_.end() - first);
    ids_.assign(first, first + n);
  }
  return !ids_.empty();
}

bool Source::next() {
  jobs_.clear();
  held_ = 0;
  if (read_ == ids_.size() && !find_ids()) return false;
  const auto ids = std::span<const JobId>(ids_).subspan(read_);
  backend::Transfer::Read some = from_.read_jobs(ids, bytes_at_once);
  if (some.read == 0 || some.read > ids.size()) {
    throw Error(Errc::internal, "the backend looked at no job, or at more than it was asked for: this is a defect of "
                                "the backend");
  }
  read_ += some.read;
  last_ = ids_[read_ - 1];
  for (backend::StoredJob& stored : some.jobs) {
    if (!core::matches(filter_, stored.job, stored.history)) continue;
    if (is_held(stored.job.state)) {
      ++held_;
    } else {
      jobs_.push_back(std::move(stored));
    }
  }
  return true;
}

}  // namespace sqlq::transfer
