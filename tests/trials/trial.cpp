#include "trials/trial.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <iostream>
#include <optional>

#include <gtest/gtest.h>

#include "support/seed.hpp"

namespace sqlq::trials {
namespace {

std::optional<std::chrono::seconds> soak_seconds() {
  const char* given = std::getenv("SQLQ_SOAK_SECONDS");  // NOLINT(concurrency-mt-unsafe): nobody sets it here
  return given != nullptr ? std::optional(std::chrono::seconds(std::stoi(given))) : std::nullopt;
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Tally& t) {
  return out << t.cases << " cases, " << t.faults << " faults: " << t.absorbed << " absorbed, " << t.told
             << " told and nothing done, " << t.unknown << " told as unknown (" << t.done << " of them done)";
}

void Trial::prepare(const Operation& operation) {
  faults_.none();
  if (scene_ == &operation) return;
  clear(faulty_);
  operation.prepare(faulty_);
}

Trial::Known Trial::learn(const Operation& operation) {
  Known known{.operation = &operation};
  // Twice, for now and then a backend does something more: makes what it makes once, or cleans up.
  for (std::vector<std::string> trips{"none yet"}; trips != known.trips;) {
    trips = known.trips;
    prepare(operation);
    known.before = picture(plain_);
    faults_.none();
    known.answer = operation.run(faulty_);
    known.trips = faults_.trips();
  }
  known.after = picture(plain_);
  if (operation.replay) {
    known.repeated = operation.run(faulty_);
    EXPECT_EQ(picture(plain_), known.after) << "repeated, it did something else";
  }
  known.left = drain(faulty_);
  scene_ = nullptr;
  return known;
}

void Trial::judge(const Known& known, const Fault* only) {
  std::string answer;
  std::optional<Error> error;
  try {
    answer = known.operation->run(faulty_);
  } catch (const Error& e) {
    error = e;
  }
  const auto happened = faults_.happened();
  const bool after_something = faults_.after_something();
  const auto trips = faults_.trips();
  faults_.none();
  scene_ = nullptr;
  if (happened.empty()) {
    if (only != nullptr) {
      EXPECT_EQ(trips, known.trips) << known.operation->name << ": it made other round trips than before";
    }
    return;
  }
  std::string story;
  for (const std::string& what : happened) story += what + ", ";
  SCOPED_TRACE(known.operation->name + ": " + story + (error ? std::string("told: ") + error->what() : "answered"));
  ++tally_.cases;
  tally_.faults += happened.size();

  const std::string now = picture(plain_);
  if (!error) {
    ++tally_.absorbed;
    EXPECT_EQ(now, known.after) << "it answered, but is not done";
    if (after_something && known.operation->replay) {
      EXPECT_TRUE(answer == known.answer || answer == known.repeated) << answer;
    } else {
      EXPECT_EQ(answer, known.answer);
    }
    if (only != nullptr && !after_something) {
      EXPECT_TRUE(!only->told || only->tried_again) << "it should have been told";
    }
  } else {
    const std::string what = error->what();
    EXPECT_EQ(what.find(canary), std::string::npos) << "shows a payload";
    if (only != nullptr) {
      EXPECT_EQ(to_string(error->code()), only->told ? to_string(*only->told) : "nothing");
    }
    const bool done = now == known.after && known.before != known.after;
    if (error->outcome_unknown()) {
      ++tally_.unknown;
      tally_.done += done ? 1 : 0;
      EXPECT_TRUE(done || now == known.before) << "half done: " << now;
    } else {
      ++tally_.told;
      EXPECT_EQ(now, known.before) << "it says that nothing was done";
    }
    repeat(known, done);
  }
  if (!known.operation->replay && error && now == known.after) return;  // whose jobs these are nobody knows any more
  if (known.before == known.after) {
    EXPECT_EQ(known.operation->run(faulty_), known.answer) << "afterwards";
    scene_ = known.operation;
    return;
  }
  EXPECT_EQ(drain(faulty_), known.left) << "what is left is not the same";
}

void Trial::repeat(const Known& known, bool was_done) {
  if (was_done && !known.operation->replay) return;
  EXPECT_EQ(known.operation->run(faulty_), was_done ? known.repeated : known.answer) << "repeated";
  EXPECT_EQ(picture(plain_), known.after) << "repeated, it is not done";
}

Tally Trial::every_single(std::span<const Fault> kinds, const std::string& name) {
  tally_ = {};
  std::size_t turn = 0;
  const std::vector<Operation> operations = all_operations();
  for (const Operation& operation : operations) {
    const Known known = learn(operation);
    EXPECT_FALSE(known.trips.empty()) << operation.name;
    for (std::size_t trip = 0; trip < known.trips.size(); ++trip) {
      std::vector<Fault> all(kinds.begin(), kinds.end());
      std::erase_if(all, [&](const Fault& fault) { return !fault.fits(known.trips[trip]); });
      const auto others = std::stable_partition(all.begin(), all.end(), [](const Fault& f) { return f.runs(); });
      if (!soak_seconds() && others != all.end()) {
        std::rotate(others, others + static_cast<std::ptrdiff_t>(turn++) % (all.end() - others), all.end());
        all.erase(others + 1, all.end());
      }
      for (const Fault& fault : all) {
        prepare(operation);
        faults_.once(fault, trip);
        judge(known, &fault);
      }
    }
  }
  std::cout << name << ": " << tally_ << "\n";
  return tally_;
}

Tally Trial::by_chance(std::span<const Fault> kinds, const std::string& name) {
  tally_ = {};
  const std::vector<Operation> operations = all_operations();
  std::vector<Known> known;
  known.reserve(operations.size());
  for (const Operation& operation : operations) known.push_back(learn(operation));
  const auto clock = system_clock();
  const SteadyPoint until = saturating_add(clock->steady(), soak_seconds().value_or(std::chrono::seconds(0)));
  const std::uint64_t first = testing::seed();
  std::uint64_t seed = first;
  do {
    some_by_chance(kinds, known, seed);
    ++seed;
  } while (clock->steady() < until && !::testing::Test::HasFailure());
  std::cout << name << ", SQLQ_SEED=" << first << ", seeds: " << seed - first << ": " << tally_ << "\n";
  return tally_;
}

void Trial::some_by_chance(std::span<const Fault> kinds, const std::vector<Known>& known, std::uint64_t seed) {
  SCOPED_TRACE("SQLQ_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 40; ++round) {
    std::vector<Fault> some(kinds.begin(), kinds.end());
    std::shuffle(some.begin(), some.end(), random);
    some.resize((some.size() + 1) / 2);  // each round without a half of them, so that rare combinations come up
    const Known& one = known[static_cast<std::size_t>(random() % known.size())];
    const int percent = std::array{10, 30, 60}[static_cast<std::size_t>(random() % 3)];
    prepare(*one.operation);
    faults_.by_chance(some, percent, random());
    judge(one, nullptr);
  }
}

}  // namespace sqlq::trials
