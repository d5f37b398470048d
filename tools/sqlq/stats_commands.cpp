/// \file
/// stats: jobs by queue and state; by kind; the errors that are most frequent.

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <sqlq/stop_token.hpp>

#include "context.hpp"
#include "job_records.hpp"
#include "text.hpp"

namespace sqlq::tool {
namespace {

constexpr std::array in_order{JobState::pending,    JobState::scheduled, JobState::running,  JobState::waiting,
                            JobState::cancelling, JobState::success,   JobState::errored, JobState::cancelled};

/// States that hardly any job has are columns of a table where one has them.
Column::Shown shown(JobState state, const std::set<JobState>& there) {
  const bool rare = state == JobState::waiting || state == JobState::cancelling;
  return rare && !there.contains(state) ? Column::in_data : Column::always;
}

std::vector<Column> with_states(std::vector<Column> columns, const std::set<JobState>& there) {
  for (const JobState state : in_order) {
    columns.push_back({std::string(to_string(state)), Column::right, shown(state, there)});
  }
  return columns;
}

ExitCode by_queue(Context& context, std::uint64_t cap) {
  const std::vector<QueueStats> all = context.admin().stats(cap);
  const TimePoint now = context.now();
  std::set<JobState> there;
  for (const QueueStats& stats : all) {
    for (const auto& [state, count] : stats.counts) {
      if (count.value > 0) there.insert(state);
    }
  }
  std::vector<Column> columns = with_states({{"queue"}}, there);
  columns.insert(columns.end(), {{"oldest", Column::right}, {"limit", Column::right}, {"paused"}});
  Records out = context.records(std::move(columns));
  for (const QueueStats& stats : all) {
    std::vector<Value> row{stats.queue.name};
    for (const JobState state : in_order) {
      const auto found = stats.counts.find(state);
      const bool counted = found != stats.counts.end();
      row.push_back(counted ? Value(Value::Count{found->second.value, found->second.capped}) : Value());
    }
    row.push_back(stats.oldest_due ? Value(stats.age(now)) : Value());
    row.push_back(stats.queue.concurrency ? Value(static_cast<std::int64_t>(*stats.queue.concurrency)) : Value());
    row.emplace_back(stats.queue.paused);
    out.add(std::move(row));
  }
  out.finish();
  return ExitCode::ok;
}

/// The newest `most` jobs that fit, page by page; whether there are more.
template <class Use>
bool each_page(Context& context, const JobFilter& filter, std::uint64_t most, Use use) {
  const Admin admin = context.admin();
  Page page{.limit = 1000, .payloads = false};
  std::uint64_t read = 0;
  const sqlq::stop_token stop = context.stop();
  for (;;) {
    if (stop.stop_requested()) throw Exit(ExitCode::interrupted, "interrupted");
    const JobPage step = admin.list_step(filter, page);
    const std::uint64_t some = std::min<std::uint64_t>(step.jobs.size(), most - read);
    use(std::span(step.jobs).first(static_cast<std::size_t>(some)));
    read += some;
    if (some < step.jobs.size()) return true;
    if (!step.next) return false;
    page.before = step.next;
  }
}

void say_how_many(Context& context, bool more, std::uint64_t most, const std::string& what) {
  if (more) context.say("of the newest " + counted(most, what) + "; --limit looks at more");
}

ExitCode by_kind(Context& context, std::uint64_t most) {
  std::map<std::pair<std::string, std::string>, std::map<JobState, std::uint64_t>> kinds;
  std::set<JobState> there;
  const bool more = each_page(context, {}, most, [&](std::span<const Job> jobs) {
    for (const Job& job : jobs) {
      ++kinds[{job.kind, job.queue}][job.state];
      there.insert(job.state);
    }
  });
  Records out = context.records(with_states({{"kind"}, {"queue"}}, there));
  for (auto& [name, counts] : kinds) {
    std::vector<Value> row{name.first, name.second};
    for (const JobState state : in_order) row.emplace_back(Value::Count{counts[state]});
    out.add(std::move(row));
  }
  out.finish();
  say_how_many(context, more, most, "job");
  return ExitCode::ok;
}

/// Without what differs between errors of a sort: numbers and ids.
std::string sort_of_error(const std::string& message) {
  std::string out;
  for (const char c : message.substr(0, message.find('\n'))) {
    const bool digit = c >= '0' && c <= '9';
    if (digit && !out.empty() && out.back() == '#') continue;
    out += digit ? '#' : c;
  }
  return out;
}

struct Failures {
  std::uint64_t count = 0;
  Job newest{};
};

ExitCode by_error(Context& context, std::uint64_t most) {
  const Admin admin = context.admin();
  std::map<std::pair<std::string, std::string>, Failures> sorts;
  const bool more = each_page(context, {.states = {JobState::errored}}, most, [&](std::span<const Job> jobs) {
    const std::vector<std::optional<AttemptRecord>> last = last_records(admin, jobs);
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      Failures& failures = sorts[{sort_of_error(last[i] ? last[i]->message : std::string()), jobs[i].kind}];
      if (failures.count++ == 0) failures.newest = jobs[i];
    }
  });
  std::vector<std::pair<std::pair<std::string, std::string>, Failures>> sorted(sorts.begin(), sorts.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.second.count > b.second.count; });
  Records out = context.records(
      {{"jobs", Column::right}, {"kind"}, {"error"}, {"newest_at"}, {"newest_id", Column::left, Column::whole}});
  for (const auto& [sort, failures] : sorted) {
    out.add({Value::Count{failures.count}, sort.second, sort.first, failures.newest.finished_at,
             failures.newest.id.to_string()});
  }
  out.finish();
  say_how_many(context, more, most, "errored job");
  return ExitCode::ok;
}

}  // namespace

void add_stats_commands(CLI::App& root, Context& context) {
  CLI::App* const command = root.add_subcommand("stats", "Count jobs, by queue and state");
  const auto by = std::make_shared<std::string>("queue");
  const auto cap = std::make_shared<std::uint64_t>(10'000);
  const auto most = std::make_shared<std::uint64_t>(0);
  command->add_option("--by", *by, "By what [queue]; kind and error look at the newest jobs")
      ->type_name("WHAT")
      ->check(CLI::IsMember(std::vector<std::string>{"queue", "kind", "error"}));
  command->add_option("--cap", *cap, "By queue: count each up to this [10000], as 10,000+")->type_name("N");
  command->add_option("--limit", *most, "By kind and error: look at so many jobs [10000; errors: 1000]")
      ->type_name("N");
  command->footer("Example:\n  sqlq stats --by error");
  context.on(*command, [&context, by, cap, most] {
    if (*by == "kind") return by_kind(context, *most == 0 ? 10'000 : *most);
    if (*by == "error") return by_error(context, *most == 0 ? 1000 : *most);
    return by_queue(context, *cap);
  });
}

}  // namespace sqlq::tool
