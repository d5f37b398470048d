#include "core/filter.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace sqlq::core {
namespace {

template <class Value>
bool meant(const std::vector<Value>& wanted, const Value& value) {
  return wanted.empty() || std::ranges::find(wanted, value) != wanted.end();
}

bool failed_with(const std::string& text, std::span<const AttemptRecord> history) {
  return text.empty() || (!history.empty() && history.back().message.find(text) != std::string::npos);
}

}  // namespace

bool matches(const JobFilter& filter, const Job& job, std::span<const AttemptRecord> history) {
  return meant(filter.ids, job.id) && meant(filter.queues, job.queue) && meant(filter.kinds, job.kind) &&
         meant(filter.states, job.state) && (filter.unique_key.empty() || job.unique_key == filter.unique_key) &&
         (!filter.created_from || job.created_at >= *filter.created_from) &&
         (!filter.created_before || job.created_at < *filter.created_before) &&
         (!filter.lowest_priority || job.priority >= *filter.lowest_priority) &&
         (!filter.highest_priority || job.priority <= *filter.highest_priority) && failed_with(filter.error, history);
}

}  // namespace sqlq::core
