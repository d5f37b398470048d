#pragma once
/// \file
/// What there is to claim, read without locks; and scheduled jobs that are due, made pending.

#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "context.hpp"
#include "sql/apportion.hpp"
#include "sql/due.hpp"
#include "sql/selection.hpp"

namespace sqlq::mysql {

/// What a claim may choose from, read without locks.
struct View {
  std::int64_t now = 0;
  std::optional<std::int64_t> worker{};  ///< the number of the claiming worker's name
  std::vector<sql::Lane> lanes{};    ///< those that have work
  std::vector<sql::Place> firsts{};  ///< the first job of each
  std::vector<sql::Scheduled> scheduled{};
  std::set<std::int64_t> limited{};  ///< queues with a limit and something to claim
  bool suspects = false;             ///< some wait
  Duration took{};                   ///< the server's time

  /// Lanes whose first scheduled job is due.
  [[nodiscard]] std::vector<sql::Scheduled> due() const;
  /// Where to look from the next time: scheduled jobs become ready anywhere in their lanes.
  [[nodiscard]] std::vector<sql::Ready> marks() const;
};

/// From the marks on, if there are any (sql/marks.hpp), else everywhere.
[[nodiscard]] View survey(const Context& c, const backend::ClaimRequest& request);

/// Moves the first of the due jobs of these lanes, which have room, to the ready table: as many as a claim of `limit`
/// takes, and a few more. Says whether there were any. In a transaction.
bool promote(const Context& c, std::vector<sql::Scheduled> due, std::int64_t now, std::int64_t limit);

/// Moves those of these jobs that are due. In a transaction.
void promote_these(const Context& c, std::span<const sql::Head> heads, std::int64_t now);

}  // namespace sqlq::mysql
