#include "worker/pace.hpp"

#include "platform/random.hpp"
#include "worker/claim_policy.hpp"

namespace sqlq::worker {

Pace::Pace(Clock& clock, Gaps gaps) : clock_(clock), gaps_(gaps), jitter_(platform::random64()) {}

SteadyPoint Pace::next() const {
  return hinted_ && !deaf_ ? std::min(planned_, saturating_add(last_, gap())) : planned_;
}

Duration Pace::gap() const {
  if (!found_) return gaps_.most;
  return std::clamp((clock_.steady() - *found_) / 4, gaps_.least, gaps_.most);
}

bool Pace::is_time() {
  if (clock_.steady() < next()) return false;
  begin();
  return true;
}

void Pace::begin() {
  hinted_ = false;
  deaf_ = false;
  last_ = clock_.steady();
  if (!first_) first_ = last_;
  planned_ = SteadyPoint::min();
}

void Pace::plan(const backend::Capabilities& can) {
  const bool told = can.cross_process_wakeup || !can.shared_storage;
  // Before something was found: a while, and whenever as much time has gone by again.
  const Duration since = found_ ? last_ - *found_ : std::max(last_ - first_.value_or(last_), gaps_.most) * 4;
  const Duration wait = policy::poll(told ? gaps_.longest_when_told : gaps_.longest, told, since);
  planned_ = saturating_add(last_, jitter_.about(wait));
}

void Pace::rest() {
  planned_ = saturating_add(clock_.steady(), longest_rest);
  deaf_ = true;
}

}  // namespace sqlq::worker
