#pragma once
/// \file
/// Helpers for the requests of a hand-over (backend::HandOver), for both of its sides.

#include <algorithm>
#include <map>
#include <span>
#include <string_view>
#include <vector>

#include <sqlq/backend/extensions.hpp>

namespace sqlq::core {

/// Whether of some queue more leases were to be ended than jobs were taken, so that others may find room there.
[[nodiscard]] inline bool leave_places(std::span<const backend::Success> ends, std::span<const Job> taken) {
  std::map<std::string_view, std::ptrdiff_t> places;
  for (const backend::Success& end : ends) ++places[end.queue];
  for (const Job& job : taken) --places[job.queue];
  return std::ranges::any_of(places, [](const auto& of_queue) { return of_queue.second > 0; });
}

/// As `finish` wants them. Valid as long as `ends` are.
[[nodiscard]] inline std::vector<backend::Finish> as_finishes(std::span<const backend::Success> ends) {
  std::vector<backend::Finish> items;
  items.reserve(ends.size());
  for (const backend::Success& end : ends) items.push_back({.id = end.id, .token = end.token, .result = end.result});
  return items;
}

}  // namespace sqlq::core
