#pragma once
/// \file
/// Jobs with keys, for the tests of limits.hpp.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <sqlq/conformance/suite.hpp>
#include <sqlq/limits.hpp>

namespace sqlq::conformance {

using Ids = std::vector<JobId>;
using States = std::vector<JobState>;

/// A queue whose jobs have keys. A look names every key that it has given a job. A client may look by itself when it
/// claims or ends jobs; so a look here counts all that were let in since the look before.
///
/// Thread-safety: one thread at a time.
class KeyedQueue {
 public:
  KeyedQueue(const Database& db, const testing::ManualClock& clock, std::string name = "q")
      : db_(db), clock_(clock), name_(std::move(name)) {}

  /// Stores a job; its key is "k" unless the options have another.
  JobId add(EnqueueOptions options = {}) {
    if (!options.queue) options.queue = name_;
    if (!options.key) options.key = "k";
    keys_.insert({*options.queue, *options.key});
    return Client{db_}.enqueue(NewJob{.kind = "work", .options = std::move(options)}).id;
  }
  /// Several, one after the other.
  Ids add_many(std::size_t n, const EnqueueOptions& options = {}) {
    Ids ids;
    while (ids.size() < n) ids.push_back(add(options));
    return ids;
  }
  /// One of that key.
  JobId add_of(std::string key) { return add({.key = std::move(key)}); }

  /// Looks at all keys until there is no more to do now. Returns how many jobs were let in since the last look, by
  /// whomever, and were not claimed since.
  std::size_t look() { return look_at({keys_.begin(), keys_.end()}); }
  /// The same at these, and at what is to be looked at anyway.
  std::size_t look_at(const std::vector<backend::GateName>& named) {
    for (int round = 0; round < 100; ++round) {
      last_ = db_.ready().gates()->gates_look(named, 1000, clock_.instant());
      EXPECT_EQ(last_.now, clock_.now());
      if (!last_.more) return let_in();
    }
    ADD_FAILURE() << "there is always more to look at";
    return let_in();
  }
  /// The same at nothing but what is to be looked at anyway.
  std::size_t look_around() { return look_at({}); }
  /// What the last look has answered.
  [[nodiscard]] const backend::GatesLooked& last() const noexcept { return last_; }

  /// Of these jobs, in order.
  [[nodiscard]] States states(const Ids& ids) const {
    States all;
    for (const JobId id : ids) {
      const std::optional<Job> job = Client{db_}.find(id);
      all.push_back(job ? job->state : JobState::invalid);
    }
    return all;
  }
  /// Of one of its keys.
  [[nodiscard]] KeyStatus status(const std::string& key = "k") const { return Admin{db_}.key(name_, key); }

 private:
  std::size_t let_in() {
    std::set<std::pair<JobId, std::int64_t>> now;  // with the number of claims: it may be let in again
    for (const Job& job : Admin{db_}.list({.states = {JobState::pending}}, {.limit = 1000, .payloads = false})) {
      if (!key_of(job).empty()) now.emplace(job.id, job.claims);
    }
    std::size_t fresh = 0;
    for (const auto& one : now) fresh += ready_.contains(one) ? 0u : 1u;
    ready_ = std::move(now);
    return fresh;
  }

  Database db_;
  const testing::ManualClock& clock_;
  std::string name_;
  std::set<backend::GateName> keys_{};
  std::set<std::pair<JobId, std::int64_t>> ready_{};
  backend::GatesLooked last_{};
};

}  // namespace sqlq::conformance
