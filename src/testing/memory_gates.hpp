#pragma once
// Limits by key, without any storage: the optional part backend::Gates on plain values.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sqlq/backend/dialect.hpp>

#include "testing/memory_queue.hpp"

namespace sqlq::testing {

/// Thread-safe, as what it is given is.
class MemoryGates final : public backend::Gates {
 public:
  /// Calls with the jobs, whole and alone.
  using Run = std::function<void(const std::function<void(MemoryQueue&)>&)>;

  MemoryGates(Run run, std::shared_ptr<Clock> clock) : run_(std::move(run)), clock_(std::move(clock)) {}

  backend::GatesLooked gates_look(std::span<const backend::GateName> named, std::size_t limit,
                                  backend::Now now) override {
    return answer<backend::GatesLooked>([&](MemoryQueue& jobs) { return jobs.look_at_gates(named, limit, time(now)); });
  }
  void gate_set(const backend::GateName& gate, std::string_view settings, backend::Now now) override {
    run_([&](MemoryQueue& jobs) { jobs.set_gate(gate, settings, time(now)); });
  }
  void gate_shut(const backend::GateName& gate, Duration pause, backend::Now now) override {
    run_([&](MemoryQueue& jobs) { jobs.shut_gate(gate, pause, time(now)); });
  }
  std::string gate_settings(std::string_view queue) override {
    return answer<std::string>([&](const MemoryQueue& jobs) { return jobs.gate_settings(queue); });
  }
  std::vector<backend::GateRow> gate_list(std::string_view queue, std::string_view after, std::size_t limit,
                                          std::uint64_t cap) override {
    return answer<std::vector<backend::GateRow>>(
        [&](const MemoryQueue& jobs) { return jobs.list_gates(queue, after, limit, cap, time({})); });
  }
  std::optional<backend::GateRow> gate_get(const backend::GateName& gate, std::uint64_t cap) override {
    return answer<std::optional<backend::GateRow>>(
        [&](const MemoryQueue& jobs) { return jobs.gate(gate, cap, time({})); });
  }
  CappedCount gate_before(JobId id, std::uint64_t cap) override {
    return answer<CappedCount>([&](const MemoryQueue& jobs) { return jobs.before_in_line(id, cap, time({})); });
  }

 private:
  template <class Answer, class Ask>
  Answer answer(const Ask& ask) {
    Answer given;
    run_([&](MemoryQueue& jobs) { given = ask(jobs); });
    return given;
  }
  [[nodiscard]] Instant time(backend::Now now) const { return now ? *now : clock_->instant(); }

  const Run run_;
  const std::shared_ptr<Clock> clock_;
};

}  // namespace sqlq::testing
