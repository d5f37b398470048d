#include <sqlq/bulk.hpp>

#include <algorithm>
#include <array>
#include <functional>
#include <iterator>
#include <memory>
#include <span>
#include <utility>

#include <sqlq/backend/dialect.hpp>
#include <sqlq/error.hpp>
#include <sqlq/stop_token.hpp>

#include "client/bulk_pace.hpp"
#include "core/checks.hpp"
#include "core/isolate.hpp"
#include "core/request_time.hpp"
#include "core/waiters.hpp"

namespace sqlq {

std::string_view to_string(BulkAction::Kind kind) noexcept {
  switch (kind) {
    case BulkAction::Kind::retry: return "retry";
    case BulkAction::Kind::cancel: return "cancel";
    case BulkAction::Kind::erase: return "erase";
    case BulkAction::Kind::run_now: return "run_now";
    case BulkAction::Kind::move: return "move";
    case BulkAction::Kind::set_priority: return "set_priority";
  }
  return "unknown";
}

namespace {

using Kind = BulkAction::Kind;

/// No job has a greater one: it is no version 7 UUID.
JobId above_all() {
  std::array<std::uint8_t, 16> bytes{};
  bytes.fill(0xff);
  return JobId(bytes);
}

bool edits(const BulkAction& action) { return action.kind() == Kind::move || action.kind() == Kind::set_priority; }

/// Jobs in other states are not asked for: nobody need wait for their rows.
bool may_change(const BulkAction& action, JobState state) {
  const bool waits = state == JobState::pending || state == JobState::scheduled || state == JobState::waiting;
  switch (action.kind()) {
    case Kind::retry:
    case Kind::erase: return is_finished(state);
    case Kind::cancel: return waits || state == JobState::running;
    case Kind::run_now: return state == JobState::scheduled || state == JobState::waiting;
    default: return waits;
  }
}

void check(const BulkAction& action, const JobFilter& filter, const BulkOptions& options) {
  if (action.kind() == Kind::move) core::check_name(action.queue(), "the queue name");
  core::check_filter(filter);
  core::check_range(options.step, 1, 1000, "the step");
  if (options.share > 0 && options.share <= 1) return;
  throw Error(Errc::invalid_argument, "the share of the time must be above 0 and at most 1");
}

/// One call of `apply`.
class Application {
 public:
  Application(const Database& db, const BulkAction& action, const BulkOptions& options)
      : dialect_(db.ready()),
        clock_(db.clock()),
        action_(action),
        options_(options),
        signal_(clock_.make_signal()),
        on_stop_(options.stop, [this] { signal_->notify(); }) {
    if (!edits(action) || dialect_.editing() != nullptr) return;
    throw Error(Errc::configuration,
                "this database's backend cannot change jobs that wait (capability `editing`): cancel them and enqueue "
                "them anew");
  }

  BulkReport run(const JobFilter& filter) {
    report_.next = options_.before.value_or(above_all());
    Page page{.before = options_.before, .payloads = false};
    while (report_.next && report_.seen < options_.limit && !options_.stop.stop_requested()) {
      const SteadyPoint began = clock_.steady();
      page.limit = static_cast<std::size_t>(std::min<std::uint64_t>(options_.step, options_.limit - report_.seen));
      const JobPage found = dialect_.list(filter, page);
      change(found.jobs);
      report_.next = page.before = found.next;
      const Duration took = clock_.steady() - began;
      report_.slowest = std::max(report_.slowest, took);
      if (options_.on_progress && !options_.on_progress(report_)) break;
      if (report_.next && report_.seen < options_.limit) rest_after(took);
    }
    // No job of a key is let in for one that was cancelled before all are.
    core::go_on_after(dialect_, {.gates = std::move(gates_)}, core::request_time(clock_));
    return std::move(report_);
  }

 private:
  static constexpr std::size_t most_ids = 100;
  static constexpr std::size_t most_gates = 10'000;

  void change(const std::vector<Job>& jobs) {
    std::vector<JobId> ids;
    for (const Job& job : jobs) {
      if (may_change(action_, job.state)) ids.push_back(job.id);
    }
    report_.seen += jobs.size();
    report_.unchanged += jobs.size() - ids.size();
    const auto refused =
        core::isolate(std::span<const JobId>(ids), [this](std::span<const JobId> some) { change(some); });
    if (action_.kind() == Kind::cancel) {
      core::Waiters waiters = core::waiters_of(jobs);
      if (gates_.size() < most_gates) gates_.merge(waiters.gates);
      core::go_on_after(dialect_, {.parents = std::move(waiters.parents)}, core::request_time(clock_));
    }
    report_.refused += refused.size();
    for (const core::Offender& offender : refused) {
      if (report_.refused_ids.size() < most_ids) report_.refused_ids.push_back(ids[offender.index]);
    }
  }

  /// All of them, or none when it throws.
  void change(std::span<const JobId> ids) {
    const backend::Now now = core::request_time(clock_);
    const auto acted = [this](ActionStatus s) -> auto& { return s == ActionStatus::done ? report_.done : unchanged(); };
    switch (action_.kind()) {
      case Kind::retry:
        return count(ids, dialect_.requeue(ids, now), [this](RequeueStatus s) -> auto& {
          return s == RequeueStatus::requeued    ? report_.done
                 : s == RequeueStatus::duplicate ? report_.conflicts
                                                 : unchanged();
        });
      case Kind::cancel:
        return count(ids, dialect_.cancel(ids, nullptr, now), [this](CancelStatus s) -> auto& {
          return s == CancelStatus::cancelled || s == CancelStatus::cancelling ? report_.done : unchanged();
        });
      case Kind::erase: return count(ids, dialect_.act(ids, backend::Action::erase, now), acted);
      case Kind::run_now: return count(ids, dialect_.act(ids, backend::Action::run_now, now), acted);
      case Kind::move: return count(ids, dialect_.editing()->edit(ids, {.queue = action_.queue()}, now), acted);
      case Kind::set_priority:
        return count(ids, dialect_.editing()->edit(ids, {.priority = action_.priority()}, now), acted);
    }
  }

  std::uint64_t& unchanged() { return report_.unchanged; }

  /// `number_of`: the number of the report that an answer counts in.
  template <class Status, class NumberOf>
  static void count(std::span<const JobId> ids, const std::vector<Status>& answers, const NumberOf& number_of) {
    core::expect_answers(answers.size(), ids.size());
    for (const Status answer : answers) ++number_of(answer);
  }

  void rest_after(Duration took) {
    const SteadyPoint until = clock_.steady() + pace_.rest_after(took);
    while (clock_.steady() < until && !options_.stop.stop_requested()) signal_->wait_until(until);
  }

  backend::Dialect& dialect_;
  Clock& clock_;
  const BulkAction& action_;
  const BulkOptions& options_;
  BulkReport report_{};
  core::GateNames gates_{};  // of cancelled jobs
  BulkPace pace_{options_.share};
  const std::unique_ptr<Signal> signal_;
  sqlq::stop_callback<std::function<void()>> on_stop_;
};

}  // namespace

BulkPreview Bulk::preview(const JobFilter& filter, std::uint64_t cap, std::size_t sample) const {
  core::check_filter(filter);
  core::check_range(cap, 1, 1'000'000, "the cap of the count");
  core::check_range(sample, 0, 1000, "the size of the sample");
  constexpr std::size_t most = 1000;
  backend::Dialect& dialect = db_.ready();
  BulkPreview preview;
  std::uint64_t counted = 0;
  const std::uint64_t wanted = std::max<std::uint64_t>(cap + 1, sample);
  Page page{.payloads = false};
  do {
    page.limit = static_cast<std::size_t>(std::min<std::uint64_t>(most, wanted - counted));
    JobPage found = dialect.list(filter, page);
    counted += found.jobs.size();
    const std::size_t more = std::min(sample - preview.sample.size(), found.jobs.size());
    std::move(found.jobs.begin(), found.jobs.begin() + static_cast<std::ptrdiff_t>(more),
              std::back_inserter(preview.sample));
    page.before = found.next;
  } while (page.before && counted < wanted);
  preview.count = {.value = std::min(counted, cap), .capped = counted > cap};
  return preview;
}

BulkReport Bulk::apply(const BulkAction& action, const JobFilter& filter, const BulkOptions& options) {
  check(action, filter, options);
  return Application(db_, action, options).run(filter);
}

}  // namespace sqlq
