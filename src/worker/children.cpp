#include "worker/children.hpp"

#include <charconv>

#include "core/lists.hpp"

namespace sqlq::worker {

namespace {

constexpr std::size_t id_length = 36;

}  // namespace

std::string parent_text(const Parent& parent) {
  return parent.id.to_string() + ' ' + std::to_string(parent.number) + ' ' + parent.name;
}

std::optional<Parent> read_parent(std::string_view text) {
  const auto id = JobId::parse(text.substr(0, id_length));
  if (!id || text.size() <= id_length || text[id_length] != ' ') return std::nullopt;
  text.remove_prefix(id_length + 1);
  Parent parent{.id = *id};
  const auto [end, trouble] = std::from_chars(text.data(), text.data() + text.size(), parent.number);
  const auto digits = static_cast<std::size_t>(end - text.data());
  if (trouble != std::errc() || digits + 1 >= text.size() || text[digits] != ' ') return std::nullopt;
  parent.name = text.substr(digits + 1);
  return parent;
}

bool any_live(backend::Dialect& dialect, std::span<const JobId> ids) {
  if (ids.empty()) return false;
  const JobFilter live{.ids = {ids.begin(), ids.end()},
                       .states = {JobState::pending, JobState::running, JobState::cancelling, JobState::scheduled,
                                  JobState::waiting}};
  return !core::whole_page(dialect, live, {.limit = 1, .payloads = false}).empty();
}

}  // namespace sqlq::worker
