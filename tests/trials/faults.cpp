#include "trials/faults.hpp"

namespace sqlq::trials {

bool Fault::fits(std::string_view trip) const {
  if (trip == "rollback" || trip == "connect") return cuts();
  return trip != "commit" || at_commit;
}

void Faults::none() {
  trips_.clear();
  happened_.clear();
  within_ = something_ = after_something_ = false;
  fault_.reset();
  percent_ = 0;
}

void Faults::once(const Fault& fault, std::size_t trip) {
  none();
  fault_ = fault;
  at_ = trip;
}

void Faults::by_chance(std::span<const Fault> some, int percent, std::uint64_t seed) {
  none();
  some_ = some;
  percent_ = percent;
  random_.seed(seed);
}

const Fault* Faults::next(std::string_view trip) {
  const std::size_t number = trips_.size();
  trips_.emplace_back(trip);
  const Fault* fault = nullptr;
  if (fault_ && number == at_) fault = &*fault_;
  if (percent_ > 0 && static_cast<int>(random_() % 100) < percent_) {
    fault = &some_[static_cast<std::size_t>(random_() % some_.size())];
  }
  if (fault != nullptr && !fault->fits(trip)) fault = nullptr;
  if (fault != nullptr) {
    happened_.push_back(fault->name + " at " + std::string(trip));
    after_something_ = after_something_ || something_ || fault->runs();
  }
  const bool boundary = trip == "begin" || trip == "commit" || trip == "rollback" || trip == "connect";
  if (boundary) within_ = trip == "begin" && fault == nullptr;
  something_ = something_ || (!within_ && !boundary);
  return fault;
}

}  // namespace sqlq::trials
