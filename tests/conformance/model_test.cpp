// A random sequence of operations by several clients, against a small model of what a queue means.

#include <random>

#include <sqlq/conformance/suite.hpp>

#include "twin.hpp"

namespace sqlq::conformance {
namespace {

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}

  Command command() {
    Command command{.kind = usual_commands()[static_cast<std::size_t>(which_(random_))].second};
    for (std::uint8_t& choice : command.choices) choice = static_cast<std::uint8_t>(random_());
    return command;
  }

 private:
  static std::discrete_distribution<> weights() {
    std::vector<double> all;
    for (const auto& [weight, kind] : usual_commands()) all.push_back(static_cast<double>(weight));
    return {all.begin(), all.end()};
  }

  std::mt19937_64 random_;
  std::discrete_distribution<> which_ = weights();
};

}  // namespace

TEST_P(Model, ARandomSequenceMeansTheSameHereAndThere) {
  const std::uint64_t seed = random_seed();
  RecordProperty("seed", std::to_string(seed));
  SCOPED_TRACE("SQLQ_CONFORMANCE_SEED=" + std::to_string(seed));
  Dice dice(seed);
  Twin twin({db(), another(), another()}, std::static_pointer_cast<testing::ManualClock>(shared_clock()),
            capabilities());
  try {
    for (int i = 1; i <= 600; ++i) {
      twin.apply(dice.command());
      if (i % 50 == 0) twin.compare();
    }
  } catch (const Mismatch& mismatch) {
    FAIL() << mismatch.what();
  }
}

}  // namespace sqlq::conformance
