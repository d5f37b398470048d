#pragma once
/// \file
/// What a claim that ends leases leaves to others.

#include <algorithm>
#include <map>
#include <span>
#include <string_view>

#include <sqlq/backend/dialect.hpp>

namespace sqlq::core {

/// Whether of some queue more leases were to be ended than jobs were taken, so that others may find room there.
[[nodiscard]] inline bool leave_places(std::span<const backend::Finish> ends, std::span<const Job> taken) {
  std::map<std::string_view, std::ptrdiff_t> places;
  for (const backend::Finish& end : ends) ++places[end.queue];
  for (const Job& job : taken) --places[job.queue];
  return std::ranges::any_of(places, [](const auto& of_queue) { return of_queue.second > 0; });
}

}  // namespace sqlq::core
