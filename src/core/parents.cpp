#include "core/parents.hpp"

#include <algorithm>
#include <charconv>
#include <vector>

#include "core/lists.hpp"
#include "core/step_values.hpp"

namespace sqlq::core {

namespace {

constexpr std::size_t id_length = 36;

// Of two who end the last two children at once, the one that looks later sees both.
bool all_have_ended(backend::Dialect& dialect, const Parent& parent) {
  const std::vector<StepRecord> rows = dialect.steps()->read_steps(parent.id, nullptr);
  const auto row = std::ranges::find_if(rows, [&](const StepRecord& step) {
    return step.kind == StepKind::children && step.name == parent.name && step.number == parent.number;
  });
  return row != rows.end() && !any_live(dialect, read_ids(row->value));
}

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

std::optional<Parent> parent_of(const Headers& headers) {
  if (headers.empty()) return std::nullopt;
  const auto header = headers.find(std::string(parent_header));
  return header == headers.end() ? std::nullopt : read_parent(header->second);
}

bool ended_for_good(backend::FinishKind kind, FinishStatus status) noexcept {
  using backend::FinishKind;
  if (status == FinishStatus::cancelled) return true;
  const bool written = status == FinishStatus::applied || status == FinishStatus::already_applied;
  return written && (kind == FinishKind::success || kind == FinishKind::fail || kind == FinishKind::cancel);
}

bool any_live(backend::Dialect& dialect, std::span<const JobId> ids) {
  if (ids.empty()) return false;
  const JobFilter live{.ids = {ids.begin(), ids.end()},
                       .states = {JobState::pending, JobState::running, JobState::cancelling, JobState::scheduled,
                                  JobState::waiting}};
  return !whole_page(dialect, live, {.limit = 1, .payloads = false}).empty();
}

void wake_parents(backend::Dialect& dialect, const Parents& parents, backend::Now now) {
  backend::Steps* const steps = dialect.steps();
  if (parents.empty() || steps == nullptr) return;
  std::vector<JobId> ready;
  for (const Parent& parent : parents) {
    if (all_have_ended(dialect, parent)) ready.push_back(parent.id);
  }
  if (!ready.empty()) steps->wake(ready, now);
}

}  // namespace sqlq::core
