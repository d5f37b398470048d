#include <algorithm>

#include "chaos_nemesis.hpp"

namespace sqlq::faults {

Doomer::Doomer(std::vector<std::string> statements, std::size_t elsewhere, std::size_t at_commits,
               process::Random& random)
    : statements_(std::move(statements)), elsewhere_(elsewhere), at_commits_(at_commits), random_(random) {}

std::string Doomer::next(Role::Kind kind) {
  const auto some = static_cast<std::int64_t>(left());
  if (stopped_ || some == 0 || random_.between(0, 9) == 0) return {};
  const std::string side = random_.between(0, 1) == 0 ? "before " : "after ";
  if (random_.between(1, some) <= static_cast<std::int64_t>(left_at_commits())) {
    return side + "commit " + std::to_string(random_.between(1, 25));
  }
  // A producer does but one thing.
  const auto last = kind == Role::Kind::producer ? 0 : static_cast<std::int64_t>(statements_.size()) - 1;
  return side + statements_[static_cast<std::size_t>(random_.between(0, last))] + " " +
         std::to_string(random_.between(1, 8));
}

bool Doomer::strike() {
  Place* victim = scene_->pick([](const Place& place) { return !place.doomed(); });
  if (victim == nullptr) return false;
  scene_->crowd.kill(*victim);
  return true;
}

std::size_t Doomer::left_at_commits() const {
  std::size_t n = 0;
  if (scene_ == nullptr) return at_commits_;
  for (const auto& [when, times] : scene_->crowd.dooms()) n += when.ends_with(" commit") ? times : 0;
  return at_commits_ - std::min(at_commits_, n);
}

std::size_t Doomer::left_elsewhere() const {
  std::size_t n = 0;
  if (scene_ == nullptr) return elsewhere_;
  for (const auto& [when, times] : scene_->crowd.dooms()) n += when.ends_with(" commit") ? 0 : times;
  return elsewhere_ - std::min(elsewhere_, n);
}

std::size_t Doomer::left() const { return left_at_commits() + left_elsewhere(); }

std::string Doomer::report() const {
  std::size_t all = 0;
  std::string text;
  for (const auto& [when, n] : scene_->crowd.dooms()) {
    all += n;
    text += (text.empty() ? ": " : ", ") + when + " " + std::to_string(n);
  }
  return "killed by themselves " + std::to_string(all) + text;
}

}  // namespace sqlq::faults
