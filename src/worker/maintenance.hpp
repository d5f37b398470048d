#pragma once

#include "worker/fetcher.hpp"
#include "worker/idleness.hpp"
#include "worker/jitter.hpp"
#include "worker/service.hpp"
#include "worker/shared.hpp"

namespace sqlq::worker {

/// At each sweep: says of the leases that this process has lost that it lives, and why the worker takes nothing.
class Maintenance final : public Service {
 public:
  Maintenance(Shared& shared, const Fetcher& fetcher);

  SteadyPoint step() override;
  [[nodiscard]] std::string_view name() const noexcept override { return "maintenance"; }

 private:
  template <class Run>
  void attempt(const char* task, const Run& run);

  Shared& shared_;
  Jitter jitter_;
  Idleness idleness_;
};

}  // namespace sqlq::worker
