// The commands for the shell in docs/operations.md, run as they stand there.

#include <sys/stat.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>

#include <sqlq/admin.hpp>
#include <sqlq/backend/register.hpp>
#include <sqlq/client.hpp>
#include <sqlq/sqlite.hpp>

#include "backends/sqlite_scratch.hpp"

namespace sqlq::sqlite {
namespace {

/// What a block of commands said.
struct Said {
  int status = -1;
  std::string text;
};

class SqliteRecipes : public Scratch {
 protected:
  SqliteRecipes() {
    backend::register_backend("sqlite", factory());
    db_ = backend::open(url());
    db_->migrate();
  }

  /// The `sh` block of the document that has `word` in it.
  static std::string recipe(const std::string& word) {
    std::ifstream file(SQLQ_DOCS "/operations.md");
    const std::string all{std::istreambuf_iterator<char>(file), {}};
    const std::string fence = "```sh\n";
    for (auto at = all.find(fence); at != std::string::npos; at = all.find(fence, at + 1)) {
      const auto begin = at + fence.size();
      const std::string block = all.substr(begin, all.find("```", begin) - begin);
      if (block.find(word) != std::string::npos) return block;
    }
    throw std::runtime_error("no recipe with " + word);
  }

  /// Runs it in the folder of jobs.db, under the umask 022.
  [[nodiscard]] Said run(const std::string& block) const {
    const std::string script = path("recipe.sh");
    // The shell goes with the library it was built with, also where we are tested with another (ci/newest-sqlite).
    std::ofstream(script) << "set -e; unset LD_LIBRARY_PATH; umask 022; cd '" + path("") + "'\n" << block;
    Said said;
    FILE* const pipe = ::popen(("sh '" + script + "' 2>&1").c_str(), "r");
    if (pipe == nullptr) return said;
    std::array<char, 4096> part{};
    while (const std::size_t n = std::fread(part.data(), 1, part.size(), pipe)) said.text.append(part.data(), n);
    said.status = ::pclose(pipe);
    return said;
  }

  std::optional<Database> db_;
};

TEST_F(SqliteRecipes, LookingShowsNamesAndNoNumbers) {
  Client client{*db_};
  const JobId id = client.enqueue(NewJob{"k"}).id;
  ASSERT_TRUE(client.claim_one("default"));
  const Native native(path());
  std::string expected;
  for (int cause = 1; to_string(static_cast<Cause>(cause)) != "unknown"; ++cause) {
    const std::string n = std::to_string(cause);
    const std::string row = n + ", 1, 1, " + n + ", 0, 'w', 'why'";  // n, claim, attempt, cause, at, worker, message
    ASSERT_EQ(native.exec("INSERT INTO sqlq_history SELECT seq, " + row + " FROM sqlq_jobs"), SQLITE_OK);
    expected += "|1|" + std::string(to_string(static_cast<Cause>(cause))) + "|why\n";
  }
  std::string block = recipe("sqlq_history");
  block.replace(block.find("<id>"), 4, id.to_string());
  const Said said = run(block);
  ASSERT_EQ(said.status, 0) << said.text;
  EXPECT_NE(said.text.find("default|running|1\n"), std::string::npos) << said.text;
  std::string lines;  // of the history, without their times
  for (std::size_t at = 0; at < said.text.size();) {
    const std::size_t end = said.text.find('\n', at);
    const std::string line = said.text.substr(at, end - at);
    if (line.ends_with("|why")) lines += line.substr(line.find('|')) + '\n';
    at = end + 1;
  }
  EXPECT_EQ(lines, expected);
}

TEST_F(SqliteRecipes, ABackupIsWholeAndForItsOwnerAlone) {
  Client client{*db_};
  const JobId id = client.enqueue(NewJob{"k"}).id;
  const Said said = run(recipe("VACUUM INTO"));
  ASSERT_EQ(said.status, 0) << said.text;
  const std::string backup = path("jobs-backup.db");
  struct stat file {};
  ASSERT_EQ(::stat(backup.c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777u, 0600u);
  EXPECT_TRUE(Admin{backend::open("sqlite://" + backup)}.find(id));
}

}  // namespace
}  // namespace sqlq::sqlite
