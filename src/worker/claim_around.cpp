#include "worker/claim_around.hpp"

#include <algorithm>
#include <iterator>
#include <vector>

#include <sqlq/error.hpp>

#include "core/isolate.hpp"
#include "platform/random.hpp"

namespace sqlq::worker {
namespace {

constexpr std::size_t most_queues = 1000;
constexpr Duration between_reports = std::chrono::minutes(1);

template <class Claim>
bool refused(Claim&& claim) {
  try {
    claim();
    return false;
  } catch (const Error& e) {
    if (!core::may_be_of_one(e)) throw;
    return true;
  }
}

}  // namespace

backend::ClaimResult ClaimAround::claim(const backend::ClaimRequest& request) {
  try {
    return shared_.dialect().claim(request);
  } catch (const Error& e) {
    if (!core::may_be_of_one(e)) throw;
  }
  backend::ClaimResult all;
  try {
    by_queue(request, all);
  } catch (const Error&) {
    if (all.jobs.empty()) throw;  // else they are held, and the next claim meets the trouble again
  }
  return all;
}

void ClaimAround::by_queue(const backend::ClaimRequest& request, backend::ClaimResult& all) {
  std::vector<std::string> names(request.queues.begin(), request.queues.end());
  if (names.empty()) {
    for (const Queue& queue : shared_.dialect().queues({}, most_queues)) names.push_back(queue.name);
  }
  backend::ClaimRequest part = request;
  for (const std::string& name : names) {
    part.queues = {&name, 1};
    if (all.jobs.size() < request.limit && refused([&] { add(part, all); })) by_kind(part, all);
  }
}

void ClaimAround::by_kind(const backend::ClaimRequest& request, backend::ClaimResult& all) {
  backend::ClaimRequest part = request;
  for (const std::string& kind : request.kinds) {
    part.kinds = {&kind, 1};
    if (all.jobs.size() < request.limit && refused([&] { add(part, all); })) head(part, all);
  }
}

void ClaimAround::head(const backend::ClaimRequest& request, backend::ClaimResult& all) {
  backend::ClaimRequest part = request;
  std::size_t most = (request.limit - all.jobs.size()) / 2;
  while (most > 0 && all.jobs.size() < request.limit) {
    const std::size_t before = all.jobs.size();
    part.limit = before + most;
    if (refused([&] { add(part, all); })) {
      most /= 2;
    } else if (all.jobs.size() - before < most) {
      return;  // somebody else has the rest
    }
  }
  try {
    part.limit = all.jobs.size() + 1;
    if (part.limit <= request.limit) add(part, all);
  } catch (const Error& e) {
    if (!core::may_be_of_one(e)) throw;
    tell(request.queues.front(), request.kinds.front(), e.what());
  }
}

void ClaimAround::add(backend::ClaimRequest request, backend::ClaimResult& all) {
  request.limit -= all.jobs.size();
  const bool together = request.token < LeaseToken{};
  request.token = platform::random_token();  // each claim has its own
  if (together) request.token.value = -request.token.value;
  const auto taken = std::ranges::count_if(all.jobs, [](const Job& job) { return is_suspect(job); });
  request.suspects -= std::min(request.suspects, static_cast<std::size_t>(taken));
  backend::ClaimResult part = shared_.dialect().claim(request);
  std::ranges::move(part.jobs, std::back_inserter(all.jobs));
  if (part.next_due && (!all.next_due || *part.next_due < *all.next_due)) all.next_due = part.next_due;
  all.limited = all.limited || part.limited;
  all.of_limited += part.of_limited;
  all.suspects = all.suspects || part.suspects;
}

void ClaimAround::tell(const std::string& queue, const std::string& kind, const std::string& why) {
  const SteadyPoint now = shared_.clock().steady();
  const auto [at, first] = told_.try_emplace({queue, kind}, now);
  if (!first && now - at->second < between_reports) return;
  at->second = now;
  shared_.events.report(Events::Level::error, "fetcher",
                        "the database refuses to start the next job of kind '" + kind + "' in queue '" + queue +
                            "': " + why + "; it and those behind it wait: cancel it, or change the database",
                        {}, Events::Code::outcome_refused);
}

}  // namespace sqlq::worker
