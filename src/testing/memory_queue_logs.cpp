// The logs of jobs in memory.

#include "core/log_bounds.hpp"
#include "testing/memory_queue.hpp"

namespace sqlq::testing {
namespace {

// Only the last lines are kept.
void trim(std::map<std::pair<std::int64_t, std::int64_t>, LogLine>& logs) {
  std::int64_t lines = 0;
  std::int64_t bytes = 0;
  for (auto at = logs.end(); at != logs.begin();) {
    --at;
    bytes += static_cast<std::int64_t>(at->second.text.size());
    if (++lines <= core::log_lines_kept && bytes <= core::log_bytes_kept) continue;
    logs.erase(logs.begin(), std::next(at));
    return;
  }
}

}  // namespace

bool MemoryQueue::append_log(const LogLine& line) {
  Row* row = find(line.job);
  if (row == nullptr || line.token == LeaseToken{} || row->job.lease_token != line.token) return false;
  row->logs.try_emplace({line.claim, line.number}, line);
  if (core::worth_a_look(line)) trim(row->logs);
  return true;
}

}  // namespace sqlq::testing
