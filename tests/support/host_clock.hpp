#pragma once
/// \file
/// A host's clock for tests of what compares it with the database's: it stands still, and requests carry no time.

#include <memory>
#include <string>

#include <sqlq/testing/manual_clock.hpp>

namespace sqlq::testing {

class HostClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override { return manual_.now(); }
  [[nodiscard]] SteadyPoint steady() const override { return manual_.steady(); }
  [[nodiscard]] std::string steady_epoch() const override { return manual_.steady_epoch(); }
  [[nodiscard]] std::unique_ptr<Signal> make_signal() override { return manual_.make_signal(); }

 private:
  ManualClock manual_{};
};

}  // namespace sqlq::testing
