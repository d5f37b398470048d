/// \file
/// Help, suggestions, errors of the command line: what all commands have in common.

#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "command_line.hpp"
#include "program.hpp"

namespace sqlq::program {
namespace {

class CommandLine : public ProgramTest {};

/// Commands that are no nouns.
void each_command(const CLI::App& app, std::vector<const CLI::App*>& out) {
  const auto below = tool::subcommands(app);
  if (below.empty()) out.push_back(&app);
  for (const CLI::App* sub : below) each_command(*sub, out);
}

TEST(CommandTree, EveryCommandHasADescriptionAndAnExampleOfItself) {
  std::ostringstream out;
  std::ostringstream err;
  std::istringstream in;
  tool::Context context(out, err, in);
  const auto root = tool::make_command_line(context);
  std::vector<const CLI::App*> commands;
  each_command(*root, commands);
  for (const CLI::App* command : commands) {
    const std::string name = tool::full_name(*command);
    EXPECT_FALSE(command->get_description().empty()) << name;
    EXPECT_NE(command->get_footer().find("Example"), std::string::npos) << name;
    EXPECT_NE(command->get_footer().find("  sqlq "), std::string::npos) << name;
    EXPECT_NE(command->get_footer().find(name.substr(5)), std::string::npos) << name << ": its example is of another";
    for (const CLI::Option* option : command->get_options()) {
      EXPECT_FALSE(option->get_description().empty()) << name << ": " << option->get_name();
    }
  }
}

TEST_F(CommandLine, NothingGivenIsHelpAndAnError) {
  const Result result = sqlq({});
  EXPECT_EQ(result.code, 2);
  EXPECT_EQ(result.out, "");
  EXPECT_NE(result.err.find("Usage: sqlq"), std::string::npos) << result.err;
}

TEST_F(CommandLine, HelpGoesToStandardOutput) {
  const Result result = sqlq({"--help"});
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(result.err, "");
  EXPECT_NE(result.out.find("--database URL"), std::string::npos) << result.out;
}

TEST_F(CommandLine, TheNearestOptionIsSuggested) {
  const Result result = sqlq({"--datbase=x"});
  EXPECT_EQ(result.code, 2);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err,
            "sqlq: 'sqlq' has no option '--datbase=x'; did you mean '--database'? ('sqlq --help' says more)\n");
}

TEST_F(CommandLine, AnEmptyValueIsRefusedAndChoosesNothing) {
  admin().create_queue("mail", {.description = "letters"});
  for (const char* option : {"--older", "--newer", "--error", "--key", "--priority", "--queue", "--before", "-d",
                             "--database-file"}) {
    const Result result = sqlq({"job", "delete", "--kind", "greet", option, "", "--yes"});
    EXPECT_EQ(result.code, 2) << option;
    EXPECT_TRUE(has(result.err, "the value is empty: is a variable not set?")) << result.err;
  }
  EXPECT_EQ(sqlq({"queue", "purge", "mail", "--older", "", "--yes"}).code, 2);
  EXPECT_EQ(sqlq({"prune", "--error", "", "--yes"}).code, 2);
  EXPECT_EQ(sqlq({"job", "enqueue", "greet", "--unique-key", ""}).code, 2);
  EXPECT_EQ(sqlq({"job", "enqueue", "greet", ""}).code, 2);
  EXPECT_EQ(json({"stats", "--by", "kind"}).size(), 0U) << "nothing was enqueued";
  EXPECT_EQ(sqlq({"job", "priority", "", "--queue", "mail", "--yes"}).code, 2);
  EXPECT_EQ(sqlq({"queue", "priority", "mail", ""}).code, 2);
  EXPECT_EQ(admin().queue("mail")->priority, 1);
  EXPECT_EQ(sqlq({"queue", "create", "mail", "--description", ""}).code, 0);
  EXPECT_EQ(admin().queue("mail")->description, "");
}

TEST_F(CommandLine, PasswordsAreInNoError) {
  const Result result = sqlq({"--datbase=postgresql://ada:s3cr3t@host/db", "nonsense", "password=s3cr3t"});
  EXPECT_EQ(result.code, 2);
  EXPECT_EQ((result.out + result.err).find("s3cr3t"), std::string::npos) << result.err;
}

TEST_F(CommandLine, NoPartOfAPasswordWithABlankIsInAnError) {
  const std::vector<std::string> typed{
      "postgresql://ada:s3 cr3t@host/db", "--datbase=postgresql://ada:s3 cr3t@host/db",
      "sqlite://ada:s3 cr3t@host/db?password=s3 cr3t", "postgres:password=s3 cr3t"};
  for (const std::string& word : typed) {
    for (const std::vector<std::string>& words :
         {std::vector<std::string>{"stats", word}, {word}, {"job", "list", "--limit", word}, {"stats", "-o", word},
          {"job", "enqueue", "a", "--priority", word}, {"queue", "limit", "mail", word}}) {
      const Result result = sqlq(words);
      EXPECT_NE(result.code, 0);
      for (const char* part : {"s3", "cr3t"}) {
        EXPECT_EQ((result.out + result.err).find(part), std::string::npos) << result.err;
      }
    }
  }
}

TEST_F(CommandLine, NumbersThatAreNoneAreRefusedInWords) {
  const Result word = sqlq({"job", "enqueue", "greet", "--priority", "high"});
  EXPECT_EQ(word.code, 2);
  EXPECT_TRUE(has(word.err, "--priority needs a whole number: 'high' is none, or too large")) << word.err;
  EXPECT_TRUE(has(sqlq({"queue", "priority", "mail", "99999999999"}).err, "PRIORITY needs a whole number"));
  EXPECT_TRUE(has(sqlq({"job", "list", "--limit"}).err, "--limit needs a value")) << "and no count of what is missing";
  EXPECT_TRUE(has(sqlq({"job", "list", "--limit", "-1"}).err, "--limit needs a number from 1 on, not '-1'"));
  EXPECT_TRUE(has(sqlq({"work", "--queue", "mail", "-j", "0", "--", "cat"}).err, "number from 1 to 4096, not '0'"));
  EXPECT_TRUE(has(sqlq({"queue", "limit"}).err, "QUEUE is missing"));
}

TEST_F(CommandLine, ControlCharactersAreEscapedInErrors) {
  const Result result = sqlq({"\x1b[31mred\x1b[0m\n"});
  EXPECT_EQ(result.code, 2);
  EXPECT_EQ(result.err.find('\x1b'), std::string::npos);
  EXPECT_NE(result.err.find("\\x1b[31mred"), std::string::npos) << result.err;
}

}  // namespace
}  // namespace sqlq::program
