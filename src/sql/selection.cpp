#include "sql/selection.hpp"

#include <set>
#include <unordered_map>
#include <utility>

namespace sqlq::sql {

std::vector<Head> choose(const std::vector<Lane>& lanes, std::span<const Head> heads, const Selection& selection,
                         const backend::ClaimRequest& request) {
  const std::set<JobId> except(selection.except.begin(), selection.except.end());
  const std::set<JobId> only(selection.only.begin(), selection.only.end());
  std::set<std::int64_t> known;
  for (const Lane& lane : lanes) known.insert(lane.id);
  std::unordered_map<std::int64_t, JobId> ids;
  std::vector<Place> places;
  for (const Head& head : heads) {
    if (!known.contains(head.place.lane) || except.contains(head.id)) continue;
    if (!only.empty() && !only.contains(head.id)) continue;
    if (ids.emplace(head.place.seq, head.id).second) places.push_back(head.place);
  }
  std::vector<Head> chosen;
  const Merging how{.limit = static_cast<std::int64_t>(request.limit),
                    .suspects = static_cast<std::int64_t>(request.suspects)};
  for (const Pick& pick : merge(lanes, std::move(places), how)) {
    chosen.push_back({pick.place, ids.at(pick.place.seq)});
  }
  return chosen;
}

std::vector<Job> only_ids(std::span<const Head> heads) {
  std::vector<Job> jobs;
  for (const Head& head : heads) jobs.emplace_back().id = head.id;
  return jobs;
}

std::vector<std::int64_t> seqs_of(std::span<const Head> heads) {
  std::vector<std::int64_t> seqs;
  for (const Head& head : heads) seqs.push_back(head.place.seq);
  return seqs;
}

}  // namespace sqlq::sql
