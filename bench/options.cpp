#include "options.hpp"

#include <algorithm>
#include <charconv>
#include <functional>
#include <map>
#include <sstream>
#include <string_view>

#include "ledger.hpp"
#include "operations.hpp"

namespace sqlq::bench {
namespace {

template <class Number>
Number number(const std::string& name, std::string_view text, Number least, Number most) {
  Number value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < least || value > most) {
    throw UsageError(name + " must be a number from " + std::to_string(least) + " to " + std::to_string(most));
  }
  return value;
}

std::vector<std::string> names(const std::string& text) {
  std::vector<std::string> list;
  std::istringstream words(text);
  for (std::string word; std::getline(words, word, ',');) {
    const bool known = std::ranges::any_of(operations(), [&](const Operation& o) { return o.name == word; });
    if (!known) throw UsageError("there is no operation '" + word + "'; --help lists them");
    list.push_back(word);
  }
  return list;
}

}  // namespace

Options parse(int argc, char** argv) {
  Options o;
  constexpr std::size_t many = 100'000'000;
  const auto count = [](std::size_t& into, std::size_t least, std::size_t most) {
    return [&into, least, most](const std::string& name, const std::string& text) {
      into = number<std::size_t>(name, text, least, most);
    };
  };
  const auto text = [](std::string& into) {
    return [&into](const std::string&, const std::string& value) { into = value; };
  };
  using Take = std::function<void(const std::string&, const std::string&)>;
  const std::map<std::string, Take> valued{
      {"--url", text(o.url)},
      {"--only", [&](const std::string&, const std::string& value) { o.only = names(value); }},
      {"--jobs", count(o.jobs, 100, many)},
      {"--threads", [&](const std::string& n, const std::string& v) { o.threads = number(n, v, 1U, 4096U); }},
      {"--processes", count(o.processes, 1, Ledger::most_members)},
      {"--queues", count(o.queues, 1, Ledger::most_members)},
      {"--batch", count(o.batch, 1, 100'000)},
      {"--backlog", count(o.backlog, 0, many)},
      {"--scheduled", count(o.scheduled, 0, many)},
      {"--finished", count(o.finished, 0, many)},
      {"--waiting", count(o.waiting, 0, many)},
      {"--schedules", count(o.schedules, 0, many)},
      {"--rate", count(o.rate, 1, 1'000'000)},
      {"--count-queries", text(o.count_queries)},
      {"--role", text(o.role)},
      {"--ledger", text(o.ledger)},
      {"--queue", text(o.queue)},
      {"--member", count(o.member, 0, Ledger::most_members - 1)},
  };
  const std::map<std::string, bool*> flags{
      {"--json", &o.json}, {"--anyway", &o.anyway}, {"--help", &o.help}, {"-h", &o.help}};
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (const auto flag = flags.find(name); flag != flags.end()) {
      *flag->second = true;
    } else if (const auto take = valued.find(name); take == valued.end()) {
      throw UsageError("unknown option " + name + "; --help lists them");
    } else if (i + 1 == argc) {
      throw UsageError(name + " needs a value");
    } else {
      take->second(name, argv[++i]);
    }
  }
  if (!o.help && o.url.empty()) throw UsageError("--url is missing: which database is to be measured?");
  if (o.queues > std::max<std::size_t>(o.processes, 1)) {
    throw UsageError("--queues must not be more than --processes, for each process works on one queue");
  }
  return o;
}

std::string usage() {
  std::string text =
      "usage: sqlq-bench --url URL [options]\n"
      "\n"
      "Measures a database with jobs of its own and checks after each operation that every one of them ran exactly\n"
      "once. Refuses a database that holds jobs already.\n"
      "\n"
      "  --only OP,...     these operations; default all\n"
      "  --jobs N          jobs of an operation (default 100000); those that go one by one take a tenth\n"
      "  --threads T       concurrency of each worker (default 1024)\n"
      "  --processes P     drain by P worker processes, and call it drain-PxT; default: a worker in this process\n"
      "  --queues Q        of these, each process works on one of Q queues: drain-PxT-Qq (default 1)\n"
      "  --batch B         jobs in one enqueue (default 1000)\n"
      "  --rate R          jobs a second that end-to-end offers (default 1000)\n"
      "  --backlog N       first fill in N jobs of another queue and kind,\n"
      "  --scheduled N     N jobs of the same queue, of higher priority, due tomorrow,\n"
      "  --finished N      N finished jobs of the same queue,\n"
      "  --waiting N       N jobs of the same queue that wait for one of 100000 keys,\n"
      "  --schedules N     N schedules whose next tick is at New Year\n"
      "  --count-queries C a command that prints how many queries the server has had so far, for idle\n"
      "  --json            one line of JSON an operation\n"
      "  --anyway          also in a database that holds jobs already\n"
      "\n"
      "operations:\n";
  for (const Operation& o : operations()) {
    text += "  " + o.name + std::string(o.name.size() < 18 ? 18 - o.name.size() : 1, ' ') + o.what + "\n";
  }
  return text;
}

}  // namespace sqlq::bench
