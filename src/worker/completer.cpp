#include "worker/completer.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include <sqlq/error.hpp>

#include "core/checks.hpp"
#include "core/isolate.hpp"
#include "core/text.hpp"
#include "platform/user_code.hpp"

namespace sqlq::worker {

using backend::FinishKind;

namespace {

constexpr Duration soon = std::chrono::seconds(5);

bool returns_soon(const Ending& e) {
  const bool returns = e.kind == FinishKind::retry || e.kind == FinishKind::snooze || e.kind == FinishKind::release;
  return returns && e.delay < soon;
}

bool has_lines(const Ending& e) { return e.lease->logged(); }

constexpr std::string_view refused_text = "the database refused the outcome: ";
constexpr std::size_t longest_refusal = 2000;

/// For the database; valid as long as the endings are.
std::vector<backend::Finish> described(std::span<const Ending> endings) {
  std::vector<backend::Finish> items;
  items.reserve(endings.size());
  for (const Ending& e : endings) {
    items.push_back({.id = e.lease->job().id,
                     .token = e.lease->job().lease_token,
                     .kind = e.kind,
                     .result = e.result,
                     .message = e.message,
                     .cause = e.cause,
                     .delay = e.delay});
  }
  return items;
}

/// Whether its place may go to another job in one transaction. The end of a suspect lets another one in, but later.
bool may_hand_over(const Ending& e) { return e.kind == FinishKind::success && !is_suspect(e.lease->job()); }

JobEnd end_of(const Ending& e, FinishStatus status) {
  if (status == FinishStatus::cancelled) return JobEnd::cancelled;
  switch (e.kind) {
    case FinishKind::success: return JobEnd::success;
    case FinishKind::cancel: return JobEnd::cancelled;
    case FinishKind::snooze: return e.suspended ? JobEnd::suspended : JobEnd::snoozed;
    case FinishKind::release: return JobEnd::released;
    case FinishKind::retry: return JobEnd::retried;
    case FinishKind::fail: break;
  }
  return e.cause == Cause::discarded ? JobEnd::discarded : JobEnd::errored;
}

}  // namespace

// A thread that finds something submitted already need not wake us: a step ends only when it has found nothing, or to
// gather.
void Completer::submit(Ending ending) {
  if (ending.throttled) return gatekeeper_.shut_first(std::move(ending));
  bool worth_it = false;
  {
    const core::MutexLock lock(mutex_);
    worth_it = submitted_.empty();
    submitted_.push_back(std::move(ending));
    worth_it = worth_it || (gathering_ && all_have_ended());
  }
  if (worth_it) wake();
}

void Completer::submit(std::vector<Ending> endings) {
  std::erase_if(endings, [this](Ending& ending) {
    if (ending.throttled) gatekeeper_.shut_first(std::move(ending));
    return ending.lease == nullptr;
  });
  {
    const core::MutexLock lock(mutex_);
    std::move(endings.begin(), endings.end(), std::back_inserter(submitted_));
  }
  wake();
}

std::size_t Completer::waiting() const {
  const std::size_t shutting = gatekeeper_.shutting();  // first: from there they come here
  const core::MutexLock lock(mutex_);
  return shutting + batch_.size() + submitted_.size();
}

SteadyPoint Completer::step() {
  if (gather()) return fetcher_.gathering_until();
  fill();
  if (batch_.empty()) return SteadyPoint::max();
  const bool returning = std::ranges::any_of(batch_, returns_soon);
  if (returning || std::ranges::any_of(batch_, has_lines)) flush_logs();
  verify();
  const bool handed_over = write();
  fetcher_.outcomes_written(handed_over);
  if (returning) fetcher_.wake();
  gatekeeper_.look_soon();
  if (shared_.outlived.any_new()) follow_ups_.wake();
  return SteadyPoint::min();
}

bool Completer::all_have_ended() const { return batch_.size() + submitted_.size() >= shared_.in_flight.size(); }

bool Completer::gather() {
  const bool in_time = shared_.clock().steady() < fetcher_.gathering_until();
  const core::MutexLock lock(mutex_);
  gathering_ = in_time && !all_have_ended();
  return gathering_;
}

void Completer::fill() {
  const core::MutexLock lock(mutex_);
  while (batch_.size() < most_per_batch && !submitted_.empty()) {
    batch_.push_back(std::move(submitted_.front()));
    submitted_.pop_front();
  }
}

// Jobs completed in the users' transactions: those that were committed have nothing left to write.
void Completer::verify() {
  std::vector<JobId> ids;
  for (const Ending& ending : batch_) {
    if (ending.verify) ids.push_back(ending.lease->job().id);
  }
  if (ids.empty()) return;

  const std::vector<std::optional<Job>> jobs = shared_.dialect().get(ids, nullptr);
  core::expect_answers(jobs.size(), ids.size());
  std::size_t next = 0;
  std::erase_if(batch_, [&](Ending& ending) {
    if (!ending.verify) return false;
    const std::optional<Job>& now = jobs[next++];
    ending.verify = false;
    if (!now || !is_finished(now->state) || now->lease_token != ending.lease->job().lease_token) return false;
    const bool cancelled = now->state == JobState::cancelled;
    ending.kind = FinishKind::success;
    settle(ending, cancelled ? FinishStatus::cancelled : FinishStatus::applied);
    shared_.in_flight.remove({&ending.lease, 1});
    return true;
  });
}

// A reader that sees a finished job finds its lines. And the database takes lines of a lease until the next claim:
// a job that comes back soon may be claimed before the log shipper's next turn. Jobs without lines cost no statement.
void Completer::flush_logs() {
  try {
    logs_.flush();
  } catch (...) {  // the log shipper tries again and reports
    if (platform::in_forced_unwind()) throw;
  }
}

bool Completer::write() {
  if (batch_.empty()) return false;
  bool handed_over = false;
  try {
    if (std::ranges::all_of(batch_, may_hand_over)) handed_over = hand_over(batch_);
    if (!handed_over) write_apart(batch_);
  } catch (...) {
    std::erase_if(batch_, [](const Ending& e) { return e.lease == nullptr; });
    throw;
  }
  batch_.clear();
  return handed_over;
}

// A claim that was refused may have been so for a job that it was to take: the outcomes are tried without it.
bool Completer::hand_over(std::span<Ending> endings) {
  std::vector<backend::Success> ends;
  for (const Ending& e : endings) {
    const Job& job = e.lease->job();
    ends.push_back({.id = job.id, .token = job.lease_token, .result = e.result, .queue = job.queue});
  }
  try {
    const auto statuses = fetcher_.hand_over(ends);
    if (statuses) take_note(endings, *statuses);
    return statuses.has_value();
  } catch (const Error& e) {
    if (!core::may_be_of_one(e)) throw;
    return false;
  }
}

// Whose outcome is refused ends as errored. When that is refused too, nothing can be written for that lease any more:
// it is given up, so that it blocks nobody, and ends by itself.
void Completer::write_apart(std::span<Ending> endings) {
  const auto as_errored = [](const Ending& ending, const Error& why) {
    return Ending{.lease = ending.lease,
                  .kind = FinishKind::fail,
                  .message = core::ascii_text(std::string(refused_text) + why.what(), longest_refusal),
                  .ran = ending.ran};
  };
  const auto tell = [&](const core::Offender& offender, const Ending& instead, bool lost) {
    const HeldPtr lease = std::exchange(endings[offender.index].lease, nullptr);
    if (lost) shared_.drop_lost(lease);
    const auto end = lost ? "; to end the job as errored was refused too: its lease is given up"
                          : "; the job was ended as errored";
    shared_.events.report(Events::Level::error, name(), instead.message + end, lease->job().id,
                          Events::Code::outcome_refused);
  };
  core::write_or_replace(endings, [this](std::span<Ending> some) { write_all(some); }, as_errored, tell);
}

void Completer::write_all(std::span<Ending> endings) {
  take_note(endings, shared_.dialect().finish(described(endings), nullptr, shared_.now()));
}

// Those that were written have no lease any more.
void Completer::take_note(std::span<Ending> endings, std::span<const FinishStatus> statuses) {
  core::expect_answers(statuses.size(), endings.size());
  for (std::size_t i = 0; i < endings.size(); ++i) settle(endings[i], statuses[i]);
  std::vector<HeldPtr> written;
  written.reserve(endings.size());
  for (Ending& e : endings) written.push_back(std::move(e.lease));
  shared_.in_flight.remove(written);
}

void Completer::settle(const Ending& ending, FinishStatus status) {
  if (!accepted(status)) {
    const bool told = ending.lease->lost() && ending.kind == FinishKind::release;
    if (!told) {
      shared_.events.report(Events::Level::warning, name(),
                            status == FinishStatus::stale
                                ? "the outcome came too late: the lease was lost"
                                : "the outcome came too late: the handler had ended the lease in another way",
                            ending.lease->job().id, Events::Code::outcome_late);
    }
    shared_.ended(ending.lease, JobEnd::lost, {}, ending.ran);
    if (status == FinishStatus::stale) shared_.outlived.add(ending.lease, shared_.clock().steady());
    return;
  }
  follow_ups_.note(ending, status);
  const JobEnd end = end_of(ending, status);
  const std::optional<Cause> cause = end == JobEnd::success     ? std::nullopt
                                     : end == JobEnd::cancelled ? std::optional(Cause::cancelled)
                                                                : std::optional(ending.cause);
  shared_.ended(ending.lease, end, cause, ending.ran, ending.message);
}

}  // namespace sqlq::worker
