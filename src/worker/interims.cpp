#include "worker/interims.hpp"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include <sqlq/error.hpp>

#include "core/checks.hpp"
#include "core/isolate.hpp"

namespace sqlq::worker {

void Interims::set_result(const HeldPtr& lease, std::string json) {
  const core::MutexLock lock(mutex_);
  Shown& shown = waiting_[lease.get()];
  shown.lease = lease;
  shown.result = std::move(json);
}

void Interims::set_progress(const HeldPtr& lease, Progress progress) {
  const core::MutexLock lock(mutex_);
  Shown& shown = waiting_[lease.get()];
  shown.lease = lease;
  shown.progress = std::move(progress);
}

void Interims::forget(const HeldPtr& lease) {
  const core::MutexLock lock(mutex_);
  waiting_.erase(lease.get());
}

void Interims::publish() {
  std::vector<Shown> shown;
  {
    const core::MutexLock lock(mutex_);
    for (auto& [lease, its] : std::exchange(waiting_, {})) shown.push_back(std::move(its));
  }
  if (shown.empty()) return;
  std::vector<backend::Interim> items;
  for (const Shown& s : shown) {
    backend::Interim item{.id = s.lease->job().id, .token = s.lease->job().lease_token, .progress = s.progress};
    if (s.result) item.result = *s.result;
    items.push_back(std::move(item));
  }
  std::vector<bool> stored(items.size(), false);
  try {
    const auto refused = core::isolate(std::span(items), [&](std::span<backend::Interim> some) {
      const std::vector<bool> answers = shared_.dialect().publish(some, shared_.now());
      core::expect_answers(answers.size(), some.size());
      std::copy(answers.begin(), answers.end(), stored.begin() + (some.data() - items.data()));
    });
    for (const core::Offender& o : refused) {
      stored[o.index] = true;  // not to be tried again
      shared_.events.report(Events::Level::warning, "log shipper",
                            std::string("the database refused a result or progress: ") + o.error.what(),
                            items[o.index].id, Events::Code::outcome_refused);
    }
  } catch (...) {
    for (std::size_t i = 0; i < shown.size(); ++i) {
      if (!stored[i]) keep(std::move(shown[i]));
    }
    throw;
  }
  for (std::size_t i = 0; i < shown.size(); ++i) {
    if (!stored[i]) keep(std::move(shown[i]));
  }
}

void Interims::keep(Shown shown) {
  if (shown.lease->phase() == Phase::finishing || shown.lease->lost()) return;
  const core::MutexLock lock(mutex_);
  Shown& newer = waiting_[shown.lease.get()];
  newer.lease = shown.lease;
  if (!newer.result) newer.result = std::move(shown.result);
  if (!newer.progress) newer.progress = std::move(shown.progress);
}

}  // namespace sqlq::worker
