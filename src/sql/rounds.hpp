#pragma once
/// \file
/// Several endings of one lease in one call: each finds what those before it have done.

#include <algorithm>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include <sqlq/backend/dialect.hpp>

#include "sql/work.hpp"

namespace sqlq::sql {

/// `finish(items)` ends leases, none twice. Items of one lease are in rounds of their own, in one transaction.
template <class Finish>
[[nodiscard]] std::vector<FinishStatus> in_rounds(Work& work, std::span<const backend::Finish> items,
                                                  const Finish& finish) {
  std::vector<std::pair<JobId, LeaseToken>> leases;
  leases.reserve(items.size());
  for (const backend::Finish& item : items) leases.emplace_back(item.id, item.token);
  std::ranges::sort(leases);
  if (std::ranges::adjacent_find(leases) == leases.end()) return finish(items);
  std::map<std::pair<JobId, LeaseToken>, std::size_t> seen;
  std::vector<std::vector<std::size_t>> rounds;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::size_t round = seen[{items[i].id, items[i].token}]++;
    if (round == rounds.size()) rounds.emplace_back();
    rounds[round].push_back(i);
  }
  work.begin();
  std::vector<FinishStatus> answers(items.size());
  for (const std::vector<std::size_t>& round : rounds) {
    std::vector<backend::Finish> once;
    for (const std::size_t i : round) once.push_back(items[i]);
    const std::vector<FinishStatus> said = finish(std::span<const backend::Finish>(once));
    for (std::size_t n = 0; n < round.size(); ++n) answers[round[n]] = said[n];
  }
  return answers;
}

}  // namespace sqlq::sql
