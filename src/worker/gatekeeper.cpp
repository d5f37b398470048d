#include "worker/gatekeeper.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <string>
#include <utility>

#include <sqlq/error.hpp>

#include "core/isolate.hpp"
#include "core/words.hpp"
#include "platform/user_code.hpp"

namespace sqlq::worker {
namespace {

using std::chrono::milliseconds, std::chrono::seconds;

/// More are not kept: a look finds them in time.
constexpr std::size_t most_noted = 10'000;
constexpr Pace::Gaps gate_gaps{.least = milliseconds(5), .most = milliseconds(100), .longest = seconds(15)};
/// Where a look has let nobody in and says that there is more: somebody else looks at it.
constexpr Duration shortest_retry = milliseconds(2);
constexpr Duration longest_retry = milliseconds(100);

}  // namespace

Gatekeeper::Gatekeeper(Shared& shared)
    : Service(shared.clock()), shared_(shared), pace_(shared.clock(), gate_gaps) {}

void Gatekeeper::note(backend::GateName gate) {
  const core::MutexLock lock(mutex_);
  if (noted_.size() < most_noted) noted_.insert(std::move(gate));
}

void Gatekeeper::look_soon() {
  {
    const core::MutexLock lock(mutex_);
    if (noted_.empty()) return;
  }
  wake();
}

void Gatekeeper::shut_first(Ending ending) {
  {
    const core::MutexLock lock(mutex_);
    throttled_.push_back(std::move(ending));
    ++shutting_;
  }
  wake();
}

std::size_t Gatekeeper::shutting() const {
  const core::MutexLock lock(mutex_);
  return shutting_;
}

bool Gatekeeper::may_end() const {
  const core::MutexLock lock(mutex_);
  return shutting_ == 0 && noted_.empty() && again_.empty();
}

core::GateNames Gatekeeper::take_noted() {
  const core::MutexLock lock(mutex_);
  return std::exchange(noted_, {});
}

SteadyPoint Gatekeeper::step() {
  backend::Gates* const part = shared_.dialect().gates();
  shut_gates(part);
  if (part == nullptr) return SteadyPoint::max();
  core::GateNames names = take_noted();
  const bool retries = shared_.clock().steady() >= again_at_;
  const bool wanted = !failing_ && (!names.empty() || retries);
  if (wanted) pace_.begin();
  if (!wanted && !pace_.is_time()) return std::min(pace_.next(), again_at_);
  if (retries) names.merge(std::exchange(again_, {}));
  try {
    look(*part, std::move(names));
  } catch (const Error& e) {
    if (e.code() != Errc::permission && e.code() != Errc::schema) throw;
    failed(e.what());
    return pace_.next();
  }
  if (std::exchange(failing_, false)) shared_.events.report(Events::Level::info, name(), "jobs are let in again");
  return std::min(pace_.next(), again_at_);
}

std::size_t Gatekeeper::let_in_all() {
  backend::Gates* const part = shared_.dialect().gates();
  if (part == nullptr) return 0;
  std::size_t all = 0;
  for (;;) {
    pace_.begin();
    core::GateNames names = take_noted();
    names.merge(std::exchange(again_, {}));
    const backend::GatesLooked looked = look(*part, std::move(names));
    all += looked.let_in;
    if (!looked.more || looked.let_in == 0) return all;
  }
}

backend::GatesLooked Gatekeeper::look(backend::Gates& part, core::GateNames names) {
  backend::GatesLooked sum;
  try {
    sum = core::look_at_gates(part, names, shared_.now(), [this] { hooks_.let_in(); });
  } catch (...) {
    if (platform::in_forced_unwind()) throw;
    again_.merge(names);
    again_at_ = SteadyPoint::min();
    throw;
  }
  plan(sum, std::move(names));
  return sum;
}

// Times of the database are told by its own clock, which need not be ours.
void Gatekeeper::plan(const backend::GatesLooked& looked, core::GateNames names) {
  const SteadyPoint began = pace_.last();
  if (looked.let_in > 0) pace_.found();
  pace_.plan(shared_.dialect().capabilities());
  next_look_ = looked.next;
  if (looked.next) {
    pace_.by(saturating_add(began, std::max<Duration>(*looked.next - looked.now, pace_.gap())));
  }
  if (looked.more) {
    again_.merge(names);
    pause_ = looked.let_in > 0 ? Duration(0) : std::clamp(pause_ * 2, shortest_retry, longest_retry);
    again_at_ = saturating_add(began, pause_);
  } else {
    pause_ = Duration(0);
    if (again_.empty()) again_at_ = SteadyPoint::max();
  }
}

// Without the part there are no gates, and nothing to wait for.
void Gatekeeper::shut_gates(backend::Gates* part) {
  std::vector<Ending> endings;
  {
    const core::MutexLock lock(mutex_);
    std::swap(endings, throttled_);
  }
  std::map<backend::GateName, Duration> longest;
  for (const Ending& ending : endings) {
    Duration& pause = longest[core::gate_of(ending.lease->job()).value_or(backend::GateName{})];
    pause = std::max(pause, ending.delay);
  }
  try {
    for (const auto& [gate, pause] : longest) {
      if (part != nullptr) shut_gate(*part, gate, pause);
    }
  } catch (...) {
    if (platform::in_forced_unwind()) throw;
    const core::MutexLock lock(mutex_);
    std::move(endings.begin(), endings.end(), std::back_inserter(throttled_));
    throw;
  }
  for (Ending& ending : endings) {
    ending.throttled = false;
    hooks_.shut(std::move(ending));
    const core::MutexLock lock(mutex_);
    --shutting_;
  }
}

void Gatekeeper::shut_gate(backend::Gates& part, const backend::GateName& gate, Duration pause) {
  try {
    part.gate_shut(gate, pause, shared_.now());
  } catch (const Error& e) {
    const bool for_a_person = e.code() == Errc::permission || e.code() == Errc::schema;
    if (!core::may_be_of_one(e) && !for_a_person) throw;
    shared_.events.report(Events::Level::warning, name(),
                          "a job was throttled, but the key " + core::quoted(gate.key) + " of the queue " +
                              core::quoted(gate.queue) + " cannot be shut, so that others of its jobs may start: " +
                              e.what(),
                          {}, Events::Code::service_failed);
  }
}

void Gatekeeper::failed(const std::string& why) {
  pace_.rest();
  again_.clear();
  again_at_ = SteadyPoint::max();
  if (std::exchange(failing_, true)) return;
  shared_.events.report(Events::Level::warning, name(),
                        "the worker works, but cannot let in jobs that have a key: " + why +
                            "; it tries again each minute",
                        {}, Events::Code::service_failed);
}

}  // namespace sqlq::worker
