// Three MariaDB servers as a Galera cluster, and three processes that all write on one node, or each on its own.
// Concurrency limits, and calls that never fail, are promised with one writing node only; what becomes of them with
// three is printed.

#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "child.hpp"
#include "place.hpp"
#include "services.hpp"

namespace sqlq::process {
namespace {

using namespace std::chrono_literals;

constexpr int limit = 3;

class SoakGalera : public Anywhere {
 protected:
  void SetUp() override { own_.emplace("galera1 galera2 galera3"); }
  void TearDown() override { own_.reset(); }

  [[nodiscard]] bool one_writer() const { return place().name == "MariaDbOneWriter"; }
  /// All nodes, in the order in which they are tried.
  [[nodiscard]] std::string server() const override { return nodes_from(0); }
  [[nodiscard]] std::string nodes_from(std::size_t first) const {
    const std::string scheme = "mariadb://root@";
    std::string hosts;
    for (std::size_t i = 0; i < 3; ++i) {
      const std::string node = own_->variable("SQLQ_TEST_GALERA" + std::to_string((first + i) % 3 + 1));
      hosts += (i > 0 ? "," : "") + node.substr(scheme.size());
    }
    return scheme + hosts;
  }
  [[nodiscard]] std::string url_from(std::size_t first) const {
    return nodes_from(first) + url().substr(server().size()) + "&statement_timeout=3s&lock_timeout=2s&read_timeout=5s";
  }
  std::optional<OwnServices> own_;
};

TEST_P(SoakGalera, ThreeProcessesMix) {
  const Database db = open(url_from(0));
  db.migrate();
  Admin{db}.create_queue("limited", {.concurrency = limit});
  std::vector<Child> mixers;
  for (std::size_t i = 0; i < 3; ++i) {
    mixers.emplace_back("process_mixer",
                        std::vector<std::string>{"url=" + url_from(one_writer() ? 0 : i), "records=" + records(),
                                                 "threads=4", "seconds=8", "hold=20000", "keys=20", "drain=0"});
    ASSERT_EQ(mixers.back().line(long_enough), "ready");
  }
  for (Child& mixer : mixers) mixer.tell("go");
  int refused = 0;
  for (Child& mixer : mixers) {
    const auto exit = mixer.wait(long_enough);
    ASSERT_TRUE(exit.has_value());
    if (!exit->with_code(0)) ++refused;
  }
  const auto limited = faults::queue_number("limited");
  faults::Run run = evidence({.drained = false, .lease_us = 30'000'000,
                              .limits = {{limited, one_writer() ? limit : 1'000'000}}});
  const faults::Verdict verdict = faults::check(run);
  std::cout << faults::to_string(verdict, run.settings);
  std::cout << "galera, " << place().name << ": at most " << verdict.figures.most_held.at(limited) << " jobs of "
            << limit << " held at once in the limited queue; callers in " << refused << " of 3 processes got an error"
            << std::endl;
  EXPECT_GT(verdict.figures.executions, 100u);
  EXPECT_FALSE(verdict.broke(faults::Rule::lost));
  EXPECT_FALSE(verdict.broke(faults::Rule::unique));
  EXPECT_FALSE(verdict.broke(faults::Rule::fencing));
  if (!one_writer()) return;
  EXPECT_EQ(refused, 0);
  EXPECT_TRUE(verdict.clean());
}

inline const Place one_writer_place{
    .name = "MariaDbOneWriter", .service = "galera1", .tables = "/sqlq?tls=off&prefix="};
inline const Place three_writers_place{
    .name = "MariaDbThreeWriters", .service = "galera1", .tables = "/sqlq?tls=off&prefix="};
SQLQ_PLACES(SoakGalera, one_writer_place, three_writers_place);

}  // namespace
}  // namespace sqlq::process
