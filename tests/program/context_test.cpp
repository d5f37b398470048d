/// \file
/// What all commands share: which database, passwords, colours, signals of the terminal, the program about itself.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "jobs.hpp"
#include "program.hpp"

namespace sqlq::program {
namespace {

class Shared : public Jobs {
 protected:
  /// With no variable that names a database.
  Setting bare(std::vector<std::string> environment = {}) const {
    return {.environment = std::move(environment), .folder = std::filesystem::path(path()).parent_path().string()};
  }
};

TEST_F(Shared, TheOptionGoesBeforeTheFileAndVariables) {
  admin().create_queue("mail");
  std::ofstream(path("url")) << "  " << url() << " \nsecond line\n";
  const std::string good = url();
  const std::string bad = "sqlite://" + path("no/such/folder/jobs.db");
  const auto code = [&](std::vector<std::string> words, std::vector<std::string> environment) {
    words.insert(words.end(), {"queue", "show", "mail"});
    return run(words, bare(std::move(environment))).code;
  };
  EXPECT_EQ(code({}, {}), 2);
  EXPECT_EQ(code({}, {"DATABASE_URL=" + good}), 0);
  EXPECT_EQ(code({}, {"DATABASE_URL=" + bad}), 3);
  EXPECT_EQ(code({}, {"SQLQ_DATABASE_URL=" + good, "DATABASE_URL=" + bad}), 0);
  EXPECT_EQ(code({"--database-file", path("url")}, {"SQLQ_DATABASE_URL=" + bad}), 0);
  EXPECT_EQ(code({"--database-file", path("none")}, {"SQLQ_DATABASE_URL=" + good}), 3);
  EXPECT_EQ(code({"-d", good}, {"SQLQ_DATABASE_URL=" + bad}), 0);
  EXPECT_EQ(code({"-d", good, "--database-file", path("url")}, {}), 2);
  EXPECT_EQ(run({"queue", "show", "mail", "--database=" + good}, bare()).code, 0);
  EXPECT_EQ(code({"-d", "nonsense://x"}, {}), 2);
}

TEST_F(Shared, AWaitThatCannotBeReadIsAnError) {
  static_cast<void>(db());
  EXPECT_EQ(sqlq({"stats", "--wait", "30s"}).code, 0);
  EXPECT_EQ(sqlq({"stats", "--wait", "soon"}).code, 2);
}

/// The question keeps the program where it can be looked at.
TEST_F(Shared, PasswordsAreOverwrittenInTheProcessList) {
  static_cast<void>(db());
  Running asks({"schema", "drop", "-d", url(), "--wait", "0s", "--database-file=postgresql://ada:s3cr3t@host/db"},
               here({.terminal = Size{}}));
  const Result refused = asks.wait();
  EXPECT_EQ(refused.code, 2);
  EXPECT_EQ(refused.out.find("s3cr3t"), std::string::npos) << refused.out;

  Running running({"-d", url() + "?wait=0s&password=s3cr3t", "schema", "drop"}, here({.terminal = Size{}}));
  const Result wrong = running.wait();  // this database has no such option
  EXPECT_EQ(wrong.code, 2);
  EXPECT_EQ(wrong.out.find("s3cr3t"), std::string::npos) << wrong.out;

  Running shown({"--color", "auto", "-d", url(), "schema", "drop", "--wait=0s"},
                here({.environment = {"IGNORED=postgresql://ada:s3cr3t@host/db"}, .terminal = Size{}}));
  ASSERT_TRUE(shown.wrote("[y/N]"));
  std::ifstream words("/proc/" + std::to_string(shown.pid()) + "/cmdline", std::ios::binary);
  const std::string all((std::istreambuf_iterator<char>(words)), {});
  EXPECT_NE(all.find("schema"), std::string::npos);
  EXPECT_EQ(all.find("s3cr3t"), std::string::npos);
  shown.type("n\n");
  EXPECT_EQ(shown.wait().code, 1);
}

TEST_F(Shared, ColoursAreForTerminalsAndNoColorForbidsThem) {
  admin().create_queue("mail");
  const auto coloured = [&](std::vector<std::string> words, std::vector<std::string> environment, bool terminal) {
    words.insert(words.end(), {"queue", "list"});
    Setting setting = here({.environment = std::move(environment)});
    if (terminal) setting.terminal = Size{};
    return run(words, setting).out.find("\x1b[") != std::string::npos;
  };
  EXPECT_FALSE(coloured({}, {}, false));
  EXPECT_TRUE(coloured({}, {}, true));
  EXPECT_FALSE(coloured({}, {"NO_COLOR=0"}, true));
  EXPECT_TRUE(coloured({}, {"NO_COLOR="}, true));
  EXPECT_FALSE(coloured({}, {"TERM=dumb"}, true));
  EXPECT_TRUE(coloured({"--color", "always"}, {"NO_COLOR=1"}, false));
  EXPECT_FALSE(coloured({"--color", "never"}, {}, true));
}

TEST_F(Shared, ATableFitsTheTerminal) {
  admin().create_queue(std::string(200, 'q'), {.description = std::string(500, 'd')});
  const Size size{.columns = 60, .rows = 10};
  const Result result = run({"--color", "never", "queue", "list"}, here({.terminal = size}));
  for (const std::string& line : lines_of(result.out)) EXPECT_LE(line.size(), 60U + 7) << line;  // \r, two ellipses
  EXPECT_NE(sqlq({"queue", "list"}).out.find(std::string(500, 'd')), std::string::npos);
}

/// As a program that does not look at SIGPIPE. The fifo says when nobody reads any more.
TEST_F(Shared, AReaderThatWentAwayEndsItWithoutAMessage) {
  const std::string command = std::string("mkfifo f\n{ read -r line <f; '") + SQLQ_PROGRAM +
                              "' man; echo $? >&2; } | { exec 0<&-; echo >f; }";
  const Result result = Running("/bin/bash", {"-c", command}, here()).wait();
  EXPECT_EQ(result.err, "141\n");
}

TEST_F(Shared, AFullDiskIsAnError) {
  static_cast<void>(db());
  const Result result =
      Running("/bin/bash", {"-c", "'" SQLQ_PROGRAM "' queue list >/dev/full; echo $?"}, here()).wait();
  EXPECT_EQ(result.out, "1\n");
  EXPECT_NE(result.err.find("No space left"), std::string::npos) << result.err;
}

TEST_F(Shared, QuietLeavesOutMessagesButNoErrors) {
  static_cast<void>(db());
  EXPECT_EQ(sqlq({"queue", "create", "mail", "-q"}).err, "");
  EXPECT_NE(sqlq({"queue", "show", "nobody", "-q"}).err, "");
}

TEST_F(Shared, VersionNamesTheBackends) {
  EXPECT_EQ(json({"version"})["version"], SQLQ_VERSION_STRING);
  EXPECT_TRUE(json({"version"})["backends"].is_array());
  EXPECT_EQ(sqlq({"--version"}).out, "sqlq " SQLQ_VERSION_STRING "\n");
}

TEST_F(Shared, CompletionOfBashOffersWhatMayFollow) {
  const std::string script = std::string("source <('") + SQLQ_PROGRAM + R"(' completion bash)
try() { COMP_WORDS=("$@"); COMP_CWORD=$(( $# - 1 )); COMPREPLY=(); _sqlq; echo "${COMPREPLY[*]}"; }
try sqlq que
try sqlq queue p
try sqlq -o json queue p
try sqlq queue purge --state ''
try sqlq queue list --datab
try sqlq -o ''
try sqlq completion ''
try sqlq -d queue worke
)";
  const Result result = Running("/bin/bash", {"--norc", "-c", script}, here()).wait();
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(result.out,
            "queue\npause priority purge\npause priority purge\nsuccess errored cancelled\n--database --database-file\n"
            "table json jsonl csv\nbash zsh fish\nworker\n");
}

/// The same description makes all of them.
TEST_F(Shared, ManualAndCompletionsKnowAllCommands) {
  const std::string manual = sqlq({"man"}).out;
  EXPECT_TRUE(manual.starts_with(".\\\"")) << manual.substr(0, 80);
  for (const std::string command : {"queue pause", "schema up", "stats", "version"}) {
    EXPECT_NE(manual.find("\n.SS " + command + "\n"), std::string::npos) << command;
  }
  for (const std::string shell : {"bash", "zsh", "fish"}) {
    const Result result = sqlq({"completion", shell});
    EXPECT_EQ(result.code, 0);
    EXPECT_NE(result.out.find("purge"), std::string::npos) << shell;
    EXPECT_NE(result.out.find("database-file"), std::string::npos) << shell;
    EXPECT_NE(result.out.find("jsonl"), std::string::npos) << shell;
  }
  EXPECT_EQ(sqlq({"completion", "tcsh"}).code, 2);
}

}  // namespace
}  // namespace sqlq::program
