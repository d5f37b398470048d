/// \file
/// `sqlq copy` to each database and back, and through all of them; killed on its way, and the same at the end.

#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "copying.hpp"
#include "prepared.hpp"
#include "process/place.hpp"
#include "program.hpp"

namespace sqlq::program {
namespace {

/// Jobs of a run, a multiple of 6; ci/soak takes more.
int jobs_of_run() {
  const char* const wanted = std::getenv("SQLQ_COPY_JOBS");  // NOLINT(concurrency-mt-unsafe): nobody sets it here
  return wanted == nullptr ? 1200 : (std::atoi(wanted) + 5) / 6 * 6;
}

/// To `urls` one after the other; how often it was killed.
int copy_through(const std::vector<std::string>& urls, const std::vector<int>& kills) {
  const auto jobs = static_cast<std::uint64_t>(jobs_of_run());
  int killed = 0;
  for (std::size_t i = 0; i + 1 < urls.size(); ++i) {
    const std::string& to = urls[i + 1];
    open(to).migrate();
    const auto share = jobs / static_cast<std::uint64_t>(kills[i] + 1);
    Result last;
    killed += killed_on_the_way({"copy", "--from", urls[i], "--to", to, "--yes"}, kills[i], [&](int n) {
      return jobs_in(to) > static_cast<std::uint64_t>(n - 1) * share;
    }, last);
    EXPECT_EQ(last.code, 0) << last.err;
    EXPECT_NE(last.out.find("\"verified\": true"), std::string::npos) << last.out << last.err;
    EXPECT_EQ(jobs_in(to), jobs);
  }
  return killed;
}

class CopyEverywhere : public process::Anywhere {
 protected:
  [[nodiscard]] std::string first() const { return "sqlite://" + path("first.db"); }
  [[nodiscard]] std::string last() const { return "sqlite://" + path("last.db"); }
};

TEST_P(CopyEverywhere, ThereAndBackIsTheSame) {
  Database source = open(first());
  source.migrate();
  fill(source, jobs_of_run() / 6);
  const int killed = copy_through({first(), url(), last()}, {2, 2});
  EXPECT_GT(killed, 0);
  const std::string before = exported(first());
  EXPECT_EQ(exported(url()), before);
  EXPECT_EQ(exported(last()), before);
}
SQLQ_PLACES(CopyEverywhere, SQLQ_EVERYWHERE);

/// All databases at once: selected by name in tests/CMakeLists.txt where the build has them.
class CopyChain : public process::Scratch {};

TEST_F(CopyChain, ThroughEveryDatabaseIsTheSame) {
  const std::string first = "sqlite://" + path("first.db");
  const std::string last = "sqlite://" + path("last.db");
  const std::string whose = "chain" + std::to_string(::getpid()) + "_";
  std::vector<std::string> urls{first};
  for (const auto& place : {process::postgres_place, process::mariadb_place, process::mysql_place}) {
    urls.push_back(place.server_url(whose));
  }
  urls.push_back(last);
  Database source = open(first);
  source.migrate();
  fill(source, jobs_of_run() / 6);
  const int killed = copy_through(urls, {3, 3, 2, 2});
  std::cout << "killed " << killed << " times with " << jobs_of_run() << " jobs\n";
  EXPECT_GT(killed, jobs_of_run() >= 100'000 ? 9 : 0);
  EXPECT_EQ(exported(last), exported(first));
  for (std::size_t i = 1; i + 1 < urls.size(); ++i) Migrator{open(urls[i])}.teardown();
}

}  // namespace
}  // namespace sqlq::program
