#include "core/waiters.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "core/gate.hpp"
#include "core/lists.hpp"
#include "platform/user_code.hpp"

namespace sqlq::core {

namespace {

constexpr std::size_t most_per_read = 1000;
constexpr std::size_t most_per_look = 1000;

template <class Call>
void best_effort(const Call& call) {
  try {
    call();
  } catch (...) {
    if (platform::in_forced_unwind()) throw;
  }
}

}  // namespace

std::optional<backend::GateName> gate_of(const Job& job) {
  if (job.headers.empty()) return std::nullopt;
  const auto header = job.headers.find(std::string(key_header));
  if (header == job.headers.end()) return std::nullopt;
  return backend::GateName{.queue = job.queue, .key = header->second};
}

void Waiters::merge(Waiters more) {
  parents.merge(more.parents);
  gates.merge(more.gates);
}

Waiters waiters_of(std::span<const Job> ended) {
  Waiters waiters;
  for (const Job& job : ended) {
    if (auto parent = parent_of(job.headers)) waiters.parents.insert(*std::move(parent));
    if (auto gate = gate_of(job)) waiters.gates.insert(*std::move(gate));
  }
  return waiters;
}

Waiters waiters_of(backend::Dialect& dialect, std::span<const JobId> ids) {
  Waiters waiters;
  if ((dialect.steps() == nullptr && dialect.gates() == nullptr) || !dialect.capabilities().headers) return waiters;
  while (!ids.empty()) {
    const auto some = ids.first(std::min(ids.size(), most_per_read));
    ids = ids.subspan(some.size());
    std::vector<Job> jobs =
        whole_page(dialect, {.ids = {some.begin(), some.end()}}, {.limit = some.size(), .payloads = false});
    const auto live = std::partition(jobs.begin(), jobs.end(), [](const Job& job) { return is_finished(job.state); });
    waiters.merge(waiters_of(std::span(jobs.begin(), live)));
    for (const Job& job : std::span(live, jobs.end())) {
      if (auto gate = gate_of(job)) waiters.gates.insert(*std::move(gate));
    }
  }
  return waiters;
}

void go_on_after(backend::Dialect& dialect, std::span<const JobId> ended, backend::Now now) {
  best_effort([&] { go_on_after(dialect, waiters_of(dialect, ended), now); });
}

void go_on_after(backend::Dialect& dialect, const Waiters& waiters, backend::Now now) {
  best_effort([&] { wake_parents(dialect, waiters.parents, now); });
  if (!waiters.gates.empty()) look_at_gates(dialect, waiters.gates, now);
}

std::string throttled_text(std::string_view why) {
  return why.empty() ? std::string("throttled") : "throttled: " + std::string(why);
}

backend::GatesLooked look_at_gates(backend::Dialect& dialect, const GateNames& named, backend::Now now) {
  backend::GatesLooked looked;
  best_effort([&] {
    backend::Gates* const gates = dialect.gates();
    if (gates == nullptr) return;
    const std::vector<backend::GateName> all(named.begin(), named.end());
    std::span<const backend::GateName> left(all);
    do {
      const auto some = left.first(std::min(left.size(), most_per_look));
      left = left.subspan(some.size());
      looked = gates->gates_look(some, most_per_look, now);
    } while (!left.empty());
  });
  return looked;
}

}  // namespace sqlq::core
