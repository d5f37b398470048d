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
  const std::string_view key = key_of(job);
  if (key.empty()) return std::nullopt;
  return backend::GateName{.queue = job.queue, .key = std::string(key)};
}

void Waiters::add(const Job& job, bool ended) {
  if (ended) {
    if (auto parent = parent_of(job.headers)) parents.insert(*std::move(parent));
  }
  if (auto gate = gate_of(job)) gates.insert(*std::move(gate));
}

Waiters waiters_of(std::span<const Job> ended) {
  Waiters waiters;
  for (const Job& job : ended) waiters.add(job, true);
  return waiters;
}

Waiters waiters_of(backend::Dialect& dialect, std::span<const JobId> ids) {
  Waiters waiters;
  if ((dialect.steps() == nullptr && dialect.gates() == nullptr) || !dialect.capabilities().headers) return waiters;
  while (!ids.empty()) {
    const auto some = ids.first(std::min(ids.size(), most_per_read));
    ids = ids.subspan(some.size());
    const std::vector<Job> jobs =
        whole_page(dialect, {.ids = {some.begin(), some.end()}}, {.limit = some.size(), .payloads = false});
    for (const Job& job : jobs) waiters.add(job, is_finished(job.state));
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

backend::GatesLooked look_at_gates(backend::Gates& gates, const GateNames& named, backend::Now now,
                                   FunctionRef<void()> let_in) {
  const std::vector<backend::GateName> all(named.begin(), named.end());
  std::span<const backend::GateName> left(all);
  backend::GatesLooked sum;
  do {
    const auto some = left.first(std::min(left.size(), most_per_look));
    left = left.subspan(some.size());
    backend::GatesLooked looked = gates.gates_look(some, most_per_look, now);
    looked.let_in += sum.let_in;
    looked.more = looked.more || sum.more;
    sum = looked;
    if (sum.let_in > 0) let_in();
  } while (!left.empty());
  return sum;
}

backend::GatesLooked look_at_gates(backend::Dialect& dialect, const GateNames& named, backend::Now now) {
  backend::GatesLooked looked;
  best_effort([&] {
    if (backend::Gates* const gates = dialect.gates()) looked = look_at_gates(*gates, named, now, [] {});
  });
  return looked;
}

}  // namespace sqlq::core
