#pragma once
/// \file
/// Jobs that are children of another one (JobContext::all): what they and their parent know of each other, and how a
/// parent learns that the last one has ended.

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include <sqlq/backend/dialect.hpp>
#include <sqlq/job.hpp>

namespace sqlq::core {

/// The header of a child that names its parent.
inline constexpr std::string_view parent_header = "sqlq-parent";

/// The call of `all` that made a child.
struct Parent {
  JobId id{};
  std::int64_t number = 0;
  std::string name{};
  friend auto operator<=>(const Parent&, const Parent&) = default;
};
using Parents = std::set<Parent>;

/// The value of the header: "ID NUMBER NAME".
[[nodiscard]] std::string parent_text(const Parent& parent);
/// Empty for what is none.
[[nodiscard]] std::optional<Parent> read_parent(std::string_view text);
/// Of a job with these headers. Empty: it is no child.
[[nodiscard]] std::optional<Parent> parent_of(const Headers& headers);

/// Whether an outcome of this kind, answered so, is the last one of its job.
[[nodiscard]] bool ended_for_good(backend::FinishKind kind, FinishStatus status) noexcept;

/// Whether one of them is there that has not finished.
[[nodiscard]] bool any_live(backend::Dialect& dialect, std::span<const JobId> ids);

/// Children of these have ended: the parents that wait for no other one go on.
void wake_parents(backend::Dialect& dialect, const Parents& parents, backend::Now now);

}  // namespace sqlq::core
