// Sequences of commands, made by RapidCheck and made as short as they go when they fail, on the model of the
// conformance suite. A part of each conformance program in this tree: the suite that others get has no RapidCheck.
//
//   SQLQ_SEED=n              repeats a run
//   SQLQ_MODEL_SEQUENCES=n   so many sequences on each database instead of the usual few

#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>
#include <unordered_map>
#include <vector>

#include <rapidcheck.h>
#include <rapidcheck/detail/TestListenerAdapter.h>

#include "conformance/twin.hpp"
#include "sequences.hpp"
#include "support/seed.hpp"

namespace sqlq::conformance {

// For RapidCheck; what the commands meant is in the message of the failure.
void showValue(const Command& command, std::ostream& out) {
  out << static_cast<int>(command.kind);
  for (const std::uint8_t choice : command.choices) out << " " << static_cast<int>(choice);
}

namespace {

constexpr int longest = 200;  // commands; a quarter of it on the average

int sequences(const backend::Capabilities& capabilities) {
  const char* asked = std::getenv("SQLQ_MODEL_SEQUENCES");  // NOLINT(concurrency-mt-unsafe): nobody sets it here
  if (asked != nullptr) return std::stoi(asked);
  return capabilities.database_clock ? 15 : 300;  // with a server each command is a round trip, or several
}

rc::Gen<Command> any_command() {
  std::vector<Command::Kind> kinds;
  for (const auto& [weight, kind] : usual_commands()) kinds.insert(kinds.end(), weight, kind);
  return rc::gen::build<Command>(rc::gen::set(&Command::kind, rc::gen::elementOf(kinds)),
                                 rc::gen::set(&Command::choices));
}

}  // namespace

TEST_P(Sequences, MeanTheSameHereAndThere) {
  rc::detail::TestParams params;
  params.seed = sqlq::testing::seed();
  params.maxSuccess = sequences(capabilities());
  params.maxSize = longest;
  rc::detail::TestMetadata metadata;
  metadata.id = "Sequences/" + GetParam().name;
  const std::vector<Database> handles{db(), another(), another()};
  const auto manual = std::static_pointer_cast<sqlq::testing::ManualClock>(shared_clock());
  using NothingToReproduce = std::unordered_map<std::string, rc::detail::Reproduce>;
  rc::detail::TestListenerAdapter quiet;
  std::size_t done = 0;
  const auto result = rc::detail::checkTestable(
      [&] {
        const auto commands = *rc::gen::container<std::vector<Command>>(any_command());
        clear(client(), admin(), clock());
        Twin twin(handles, manual, capabilities());
        for (const Command& command : commands) twin.apply(command);
        twin.compare();
        done += commands.size();
      },
      metadata, params, quiet, NothingToReproduce{});
  RecordProperty("seed", std::to_string(params.seed));
  std::cout << "sequences, " << GetParam().name << ": " << params.maxSuccess << " with " << done
            << " commands, seed " << params.seed << " (SQLQ_SEED=" << params.seed << " repeats it)" << std::endl;
  if (result.is<rc::detail::SuccessResult>()) return;
  std::ostringstream text;
  rc::detail::printResultMessage(result, text);
  FAIL() << text.str();
}

}  // namespace sqlq::conformance
