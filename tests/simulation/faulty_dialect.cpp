#include "simulation/faulty_dialect.hpp"

#include <utility>

#include "core/places.hpp"

namespace sqlq::simulation {

using namespace std::chrono_literals;

template <class Operation, class Tell>
auto FaultyDialect::call(const char* name, Sort sort, Operation operation, Tell tell) {
  before(name);
  auto answer = operation();
  tell(answer);
  after(name, sort);
  return answer;
}

void FaultyDialect::before(const char* name) {
  const auto refuse = [&](Errc code, const char* why) {
    ledger_.note(line_.process + ": " + name + " not done, " + why);
    throw Error(code, std::string(name) + ": " + why);
  };
  if (line_.killed) refuse(Errc::connection, "the process is dead");
  if (clock_.steady() < line_.cut_until) refuse(Errc::connection, "cut off");
  maybe_slow();
  const Weather& w = line_.weather;
  if (dice_.mishap(w.refused)) refuse(Errc::connection, "refused");
  if (dice_.mishap(w.busy)) refuse(Errc::busy, "busy");
  if (dice_.mishap(w.conflict)) refuse(Errc::retry_transaction, "a conflict");
  if (dice_.mishap(w.killed)) {
    line_.killed = true;
    refuse(Errc::connection, "killed before");
  }
}

void FaultyDialect::after(const char* name, Sort sort) {
  const auto lose = [&](const char* why) {
    ledger_.note(line_.process + ": " + name + " done, " + why);
    throw Error(sort == Sort::write ? Errc::outcome_unknown : Errc::connection, std::string(name) + ": " + why);
  };
  maybe_slow();
  if (dice_.mishap(line_.weather.killed)) {
    line_.killed = true;
    lose("killed after");
  }
  if (dice_.mishap(line_.weather.unknown)) lose("the answer was lost");
}

void FaultyDialect::maybe_slow() {
  if (dice_.mishap(line_.weather.slow)) clock_.advance(dice_.between(1ms, dice_.one_in(5) ? 20s : 1s));
}

// An operation is done at the moment it arrives: a call that was slow on its way is not dated back.
backend::Now FaultyDialect::at(const backend::Now& asked) const {
  return asked ? backend::Now(clock_.instant()) : asked;
}

std::vector<Enqueued> FaultyDialect::enqueue(std::span<const backend::EnqueueItem> items, const Tx* within,
                                             backend::Now now) {
  return call("enqueue", Sort::write, [&] { return inner().enqueue(items, within, at(now)); },
              [&](const auto& answers) { if (within == nullptr) ledger_.enqueued(items, answers); });
}

std::vector<CancelStatus> FaultyDialect::cancel(std::span<const JobId> ids, const Tx* within, backend::Now now) {
  return call("cancel", Sort::write, [&] { return inner().cancel(ids, within, at(now)); },
              [&](const auto& answers) { if (within == nullptr) ledger_.cancelled(ids, answers); });
}

backend::ClaimResult FaultyDialect::claim(const backend::ClaimRequest& request) {
  return finish_and_claim({.claim = request}).claim;
}

backend::HandOverResult FaultyDialect::finish_and_claim(const backend::HandOverRequest& request) {
  backend::HandOverResult result = call(
      "claim", Sort::write,
      [&] {
        backend::HandOverRequest dated = request;
        dated.claim.now = at(request.claim.now);
        return inner().hand_over()->finish_and_claim(dated);
      },
      [&](const auto& found) {
        ledger_.finished(core::as_finishes(request.ends), found.ended);
        ledger_.claimed(request, found.claim);
      });
  last_claim_ = clock_.steady();
  return result;
}

std::vector<FinishStatus> FaultyDialect::finish(std::span<const backend::Finish> items, const Tx* within,
                                                backend::Now now) {
  return call("finish", Sort::write, [&] { return inner().finish(items, within, at(now)); },
              [&](const auto& answers) { if (within == nullptr) ledger_.finished(items, answers); });
}

std::vector<LeaseStatus> FaultyDialect::heartbeat(std::span<const backend::LeaseRef> leases, backend::Now now) {
  return call("heartbeat", Sort::write, [&] { return inner().heartbeat(leases, at(now)); },
              [&](const auto& answers) { ledger_.renewed(leases, answers); });
}

std::vector<bool> FaultyDialect::publish(std::span<const backend::Interim> items, backend::Now now) {
  return call("publish", Sort::write, [&] { return inner().publish(items, at(now)); },
              [&](const auto& answers) { ledger_.published(items, answers); });
}

ReapReport FaultyDialect::reap(std::span<const std::string> queues, std::size_t limit, backend::Now now) {
  return call("reap", Sort::write, [&] { return inner().reap(queues, limit, at(now)); },
              [&](const auto& report) { ledger_.reaped(report); });
}

std::vector<bool> FaultyDialect::take_back_crashes(std::span<const backend::OutlivedClaim> claims, backend::Now now) {
  return call("take_back_crashes", Sort::write, [&] { return inner().outages()->take_back_crashes(claims, at(now)); },
              [&](const auto& answers) { ledger_.outlived(claims, answers); });
}

PurgeReport FaultyDialect::purge(std::size_t limit, backend::Now now) {
  return call("purge", Sort::write, [&] { return inner().purge(limit, at(now)); },
              [&](const PurgeReport& report) { ledger_.purged(report.deleted); });
}

std::vector<RequeueStatus> FaultyDialect::requeue(std::span<const JobId> ids, backend::Now now) {
  return call("requeue", Sort::write, [&] { return inner().requeue(ids, at(now)); },
              [&](const auto& answers) { ledger_.requeued(ids, answers); });
}

std::vector<std::optional<Job>> FaultyDialect::get(std::span<const JobId> ids, const Tx* within) {
  return call("get", Sort::read, [&] { return inner().get(ids, within); }, [](const auto&) {});
}

std::vector<WaitingKind> FaultyDialect::waiting_kinds(std::size_t limit, backend::Now now) {
  return call("waiting_kinds", Sort::read, [&] { return inner().waiting_kinds(limit, at(now)); }, [](const auto&) {});
}

bool FaultyDialect::queue_update(std::string_view name, const backend::QueueChange& change) {
  return call("queue_update", Sort::write, [&] { return inner().queue_update(name, change); },
              [&](bool there) { if (there) ledger_.queue_changed(std::string(name), change); });
}

std::vector<bool> FaultyDialect::append_logs(std::span<const LogLine> lines) {
  return call("append_logs", Sort::write, [&] { return inner().append_logs(lines); }, [](const auto&) {});
}

std::vector<backend::PeriodicOutcome> FaultyDialect::periodic_change(std::span<const backend::PeriodicChange> changes,
                                                                     backend::Now now) {
  return call("periodic_change", Sort::write, [&] { return inner().periodic()->periodic_change(changes, at(now)); },
              [&](const auto& outcomes) { ledger_.ticked(changes, outcomes); });
}

std::vector<StepRecord> FaultyDialect::read_steps(JobId id, const Tx* within) {
  return call("read_steps", Sort::read, [&] { return inner().steps()->read_steps(id, within); }, [](const auto&) {});
}

backend::RecordAnswer FaultyDialect::record_step(const backend::NewStep& step, const Tx* within, backend::Now now) {
  return call("record_step", Sort::write, [&] { return inner().steps()->record_step(step, within, at(now)); },
              [&](const auto& answer) { if (within == nullptr) ledger_.recorded(step, answer); });
}

SignalStatus FaultyDialect::signal(JobId id, std::string_view name, std::string_view value, SignalMode mode,
                                   const Tx* within, backend::Now now) {
  return call("signal", Sort::write,
              [&] { return inner().steps()->signal(id, name, value, mode, within, at(now)); },
              [&](SignalStatus answer) { if (within == nullptr) ledger_.signalled(id, name, value, answer); });
}

std::unique_ptr<backend::Subscription> FaultyDialect::subscribe(std::function<void()> hint) {
  return inner().subscribe([this, hint = std::move(hint)] {
    if (!line_.killed && !dice_.mishap(line_.weather.deaf)) hint();
  });
}

}  // namespace sqlq::simulation
