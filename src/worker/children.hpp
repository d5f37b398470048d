#pragma once
// Jobs that are children of another one (JobContext::all): what they and their parent know of each other.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sqlq/backend/dialect.hpp>
#include <sqlq/job.hpp>

namespace sqlq::worker {

/// The header of a child that names its parent.
inline constexpr std::string_view parent_header = "sqlq-parent";

/// The call of `all` that made a child.
struct Parent {
  JobId id{};
  std::int64_t number = 0;
  std::string name{};
  friend auto operator<=>(const Parent&, const Parent&) = default;
};

/// The value of the header: "ID NUMBER NAME".
[[nodiscard]] std::string parent_text(const Parent& parent);
/// Empty for what is none.
[[nodiscard]] std::optional<Parent> read_parent(std::string_view text);

/// Whether one of them is there that has not finished.
[[nodiscard]] bool any_live(backend::Dialect& dialect, std::span<const JobId> ids);

}  // namespace sqlq::worker
