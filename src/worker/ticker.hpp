#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <sqlq/backend/dialect.hpp>

#include "core/firing.hpp"
#include "worker/pace.hpp"
#include "worker/service.hpp"
#include "worker/shared.hpp"

namespace sqlq::worker {

/// Fires the schedules that are due. Every worker does it; the version of a schedule's row keeps them apart, so that
/// each tick is fired by one of them. A service of its own: neither leases nor claims wait for it.
///
/// A schedule that cannot be fired is told by an event and keeps no other from firing: one whose job the database
/// refuses goes on with its next tick, and says so in its state; one that this worker cannot read is left as it is.
class Ticker final : public Service {
 public:
  explicit Ticker(Shared& shared);

  SteadyPoint step() override;
  [[nodiscard]] std::string_view name() const noexcept override { return "schedules"; }
  /// A schedule may have changed. Any thread; cheap, however often.
  void hint() noexcept {
    if (pace_.hint()) wake();
  }
  /// Fires all that is due, whenever it has looked last.
  void fire_due();

 private:
  /// A schedule that is due, and what becomes of it.
  struct Firing {
    backend::PeriodicRow row;
    Schedule schedule;
    core::Standing before;
    core::Rule rule;
    core::Decision decision{};
    std::optional<TimePoint> look{};
    std::string state{};
    std::deque<std::string> headers{};
    std::vector<backend::EnqueueItem> jobs{};
    std::size_t bytes = 0;  // of the jobs
    backend::PeriodicOutcome outcome{};
  };
  using Firings = std::deque<Firing>;  // items refer to what is in it
  /// A row that this worker leaves alone.
  struct Left {
    std::int64_t version = 0;
    SteadyPoint until{};
  };

  void look(backend::Periodic& part);
  [[nodiscard]] Firings read(std::vector<backend::PeriodicRow> rows);
  void decide(Firings& firings, TimePoint now);
  [[nodiscard]] std::map<JobId, bool> living(const Firings& firings);
  void cancel_last_jobs(Firings& firings, TimePoint now);
  void add_jobs(Firing& firing);
  void write(backend::Periodic& part, std::vector<Firing*> group);
  void write_all(backend::Periodic& part, Firings& firings);
  void take_back_counts(backend::Periodic& part, Firings& firings);
  void give_up(Firing& firing, const Error& why);
  void tell_fired(const Firings& firings) const;
  void tell(const Firing& firing, const char* refused, const Error& why);
  void leave(const backend::PeriodicRow& row, const std::string& why);
  void plan(const backend::PeriodicDue& due, const Firings& firings);

  Shared& shared_;
  Pace pace_;
  std::map<std::string, Left> left_;
  std::map<std::string, SteadyPoint> told_;  // of schedules that are left alone
  std::size_t left_of_last_look_ = 0;
};

}  // namespace sqlq::worker
