#include "core/step_values.hpp"

namespace sqlq::core {

std::string ids_text(std::span<const JobId> ids) {
  std::string text;
  for (const JobId& id : ids) text += (text.empty() ? "[\"" : ",\"") + id.to_string() + '"';
  return text.empty() ? "[]" : text + ']';
}

// It is ours: all that is between quotes is an id.
std::vector<JobId> read_ids(std::string_view text) {
  constexpr std::size_t length = 36;
  std::vector<JobId> ids;
  for (std::size_t at = text.find('"'); at != std::string_view::npos; at = text.find('"', at + length + 2)) {
    const auto id = JobId::parse(text.substr(at + 1, length));
    if (!id || text.substr(at + 1 + length, 1) != "\"") return {};
    ids.push_back(*id);
  }
  return ids;
}

}  // namespace sqlq::core
