#include "comparison.hpp"

#include <span>
#include <unordered_set>
#include <utility>

#include <sqlq/admin.hpp>
#include <sqlq/clock.hpp>
#include <sqlq/stop_token.hpp>
#include <sqlq/transfer.hpp>

namespace sqlq::tool {
namespace {

constexpr std::size_t step_size = 500;
constexpr std::size_t most_examples = 10;

bool held(JobState state) { return state == JobState::running || state == JobState::cancelling; }

/// One step: the ids are divided until those that differ are found.
class Step {
 public:
  Step(const Database& source, const Database& target, Comparison& found)
      : source_(source), target_(target), found_(found) {}

  std::vector<JobId> run(std::span<const JobId> ids) {
    divide(ids);
    return std::move(same_);
  }

 private:
  void divide(std::span<const JobId> ids) {
    if (ids.empty()) return;
    const JobFilter these{.ids = {ids.begin(), ids.end()}};
    const TransferSum there = sum_of_jobs(target_, these);
    const TransferSum here = sum_of_jobs(source_, these);
    if (here == there && here.jobs == ids.size()) {
      found_.same += ids.size();
      same_.insert(same_.end(), ids.begin(), ids.end());
    } else if (ids.size() == 1) {
      one(ids.front(), here);
    } else {
      divide(ids.first(ids.size() / 2));
      divide(ids.subspan(ids.size() / 2));
    }
  }

  void one(const JobId& id, const TransferSum& here) {
    if (here.held > 0) {
      ++found_.held;
    } else if (here.jobs > 0) {  // else it was deleted meanwhile
      ++found_.different;
      if (found_.examples.size() < most_examples) found_.examples.push_back(id);
    }
  }

  const Database& source_;
  const Database& target_;
  Comparison& found_;
  std::vector<JobId> same_{};
};

std::vector<JobId> those_in(const Database& db, const std::vector<JobId>& ids) {
  std::unordered_set<JobId> there;
  const Admin admin{db};
  Page page{.before = {}, .limit = step_size, .payloads = false};
  while (!ids.empty()) {
    const JobPage found = admin.list_step({.ids = ids}, page);
    for (const Job& job : found.jobs) there.insert(job.id);
    if (!found.next) break;
    page.before = found.next;
  }
  std::vector<JobId> result;
  for (const JobId& id : ids) {
    if (there.contains(id)) result.push_back(id);
  }
  return result;
}

}  // namespace

Comparison compare_jobs(const Database& source, const Database& target, const JobFilter& filter, sqlq::stop_token stop,
                        const ComparisonStep& on_step) {
  Comparison found;
  const Admin admin{source};
  Page page{.before = {}, .limit = step_size, .payloads = false};
  while (true) {
    if (stop.stop_requested()) {
      found.whole = false;
      return found;
    }
    const JobPage step = admin.list_step(filter, page);
    std::vector<JobId> ids;
    for (const Job& job : step.jobs) {
      if (held(job.state)) {
        ++found.held;
      } else {
        ids.push_back(job.id);
      }
    }
    const std::vector<JobId> common = those_in(target, ids);
    found.missing += ids.size() - common.size();
    const std::vector<JobId> same = Step(source, target, found).run(common);
    if (on_step) on_step(found, same);
    if (!step.next) return found;
    page.before = step.next;
  }
}

void for_those_in_both(const Database& source, const Database& target, const JobFilter& filter,
                       const std::function<void(const std::vector<JobId>&)>& with) {
  const Admin admin{source};
  Page page{.before = {}, .limit = step_size, .payloads = false};
  while (true) {
    const JobPage step = admin.list_step(filter, page);
    std::vector<JobId> ids;
    for (const Job& job : step.jobs) ids.push_back(job.id);
    if (const std::vector<JobId> both = those_in(target, ids); !both.empty()) with(both);
    if (!step.next) return;
    page.before = step.next;
  }
}

bool same_database(const Database& source, const Database& target) {
  const std::string name = "sqlq-copy-check";
  const std::string mark = JobId::make(target.clock().now()).to_string();
  Admin admin{target};
  admin.create_queue(name, {.description = mark});
  const auto seen = Admin{source}.queue(name);
  static_cast<void>(admin.delete_queue(name));
  return seen && seen->description == mark;
}

}  // namespace sqlq::tool
