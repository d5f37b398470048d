#include "rules.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

namespace tidy {
namespace {

/// The rules and their samples name what they forbid.
bool own_sources(const File& file) { return file.in("tests/tidy"); }

bool library(const File& file) {
  return file.is_cpp() && (file.in("include") || file.in("src") || file.in("backends"));
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

template <std::size_t N>
void forbid_words(const File& file, Report& report, const std::array<const char*, N>& words, std::string_view instead) {
  for (std::size_t i = 0; i < file.lines.size(); ++i) {
    const auto code = code_of(file.lines[i]);
    for (const char* word : words) {
      if (contains_word(code, word)) report.add(file, i + 1, std::string(word) + ": " + std::string(instead));
    }
  }
}

void check_backend_names(const File& file, Report& report) {
  static constexpr std::array names{"sqlite", "postgres", "mysql", "mariadb"};
  const bool portable = file.in("include") || file.in("src/core") || file.in("src/client") || file.in("src/worker") ||
                        file.in("src/transfer") || file.in("src/platform") || file.in("src/testing") ||
                        file.in("tests/conformance");
  if (!portable) return;
  for (std::size_t i = 0; i < file.lines.size(); ++i) {
    const auto text = lower(file.lines[i]);
    for (const char* name : names) {
      if (contains(text, name)) report.add(file, i + 1, "names a backend (" + std::string(name) + ")");
    }
  }
}

// JobContext::sleep: no thread sleeps.
bool is_durable_sleep(std::string_view code) {
  return contains(code, ".sleep(") || contains(code, "->sleep(") || contains(code, "sleep(StepName ");
}

void check_time(const File& file, Report& report) {
  static constexpr std::string_view durable = "sleep(";
  static constexpr std::array words{"_clock::now(", "sleep_for", "sleep_until",  ".wait_for(",    "->wait_for(",
                                    "usleep",       "nanosleep", "sleep(",       "gettimeofday",  "clock_gettime",
                                    "std::time(",   "time(nullptr)", "timespec_get", "clock_nanosleep"};
  const bool watched = library(file) || file.in("examples") || file.in("tests/unit") || file.in("tests/worker") ||
                       file.in("tests/conformance") || file.in("tests/backends") || file.in("tests/memory") ||
                       file.in("tests/simulation");
  if (!watched || file.in("src/platform")) return;
  for (std::size_t i = 0; i < file.lines.size(); ++i) {
    const auto code = code_of(file.lines[i]);
    for (const std::string_view word : words) {
      const bool found = word[0] == '_' ? contains(code, word) : contains_word(code, word);
      const bool is_step = word == durable && is_durable_sleep(code);
      if (found && !is_step) report.add(file, i + 1, std::string(word) + ": ask sqlq::Clock");
    }
  }
}

void check_threads(const File& file, Report& report) {
  static constexpr std::array words{"sqlq::jthread", "std::thread", "std::async", "pthread_create"};
  if (!library(file)) return;
  for (std::size_t i = 0; i < file.lines.size(); ++i) {
    const auto code = code_of(file.lines[i]);
    for (const char* word : words) {
      const auto at = code.find(word);
      if (at == std::string_view::npos) continue;
      if (code.compare(at + std::string_view(word).size(), 2, "::") == 0) continue;  // std::thread::id and the like
      report.add(file, i + 1, std::string(word) + ": threads are owned by few files");
    }
  }
}

void check_stop_tokens(const File& file, Report& report) {
  static constexpr std::array words{"std::jthread", "std::stop_token", "std::stop_source", "std::stop_callback",
                                    "<stop_token>"};
  const bool watched = library(file) || file.in("tools") || file.in("tests");
  if (watched && file.is_cpp() && !own_sources(file)) forbid_words(file, report, words, "take <sqlq/stop_token.hpp>");
}

void check_mutexes(const File& file, Report& report) {
  static constexpr std::array words{"std::mutex", "std::lock_guard", "std::scoped_lock", "std::unique_lock",
                                    "std::condition_variable"};
  const bool annotated = file.in("src/core") || file.in("src/client") || file.in("src/worker") ||
                         file.in("src/transfer") || file.in("src/sql") || file.in("backends/sqlite/src");
  if (annotated) forbid_words(file, report, words, "take core/mutex.hpp, and say what it guards");
}

void check_size(const File& file, Report& report) {
  if (!file.is_cpp()) return;
  const std::size_t limit = file.in("tests") ? 700 : file.is_header() ? 400 : 500;
  if (file.lines.size() > limit) {
    report.add(file, file.lines.size(),
               std::to_string(file.lines.size()) + " lines, at most " + std::to_string(limit) + ": is it two?");
  }
}

void check_line_length(const File& file, Report& report) {
  for (std::size_t i = 0; i < file.lines.size(); ++i) {
    const bool declaration = contains(file.lines[i], "-- params: ") || contains(file.lines[i], "-- returns: ");
    if (file.path.ends_with(".sql") && declaration) continue;  // one line each, read by the catalogue
    if (file.lines[i].size() > 120) {
      report.add(file, i + 1, std::to_string(file.lines[i].size()) + " characters; at most 120");
    }
  }
}

void check_characters(const File& file, Report& report) {
  for (std::size_t i = 0; i < file.lines.size(); ++i) {
    std::string_view line = file.lines[i];
    if (file.path == "packaging/debian/rules" && line.starts_with('\t')) line.remove_prefix(1);  // make wants it
    const bool plain = std::all_of(line.begin(), line.end(), [](char c) { return c >= ' ' && c <= '~'; });
    if (!plain) report.add(file, i + 1, "a tab, control or non-ASCII character; write escapes in strings");
    if (!line.empty() && line.back() == ' ') report.add(file, i + 1, "ends in a space");
  }
}

void check_leftovers(const File& file, Report& report) {
  static constexpr std::array words{"TODO", "FIXME", "XXX", "GTEST_SKIP", "DISABLED_"};
  if (own_sources(file)) return;
  for (std::size_t i = 0; i < file.lines.size(); ++i) {
    for (const char* word : words) {
      const bool skip = contains(file.lines[i], word);
      if (skip) report.add(file, i + 1, std::string(word) + ": finish it, or write an issue");
    }
  }
}

void check_manual(const File& file, Report& report) {
  if (!file.is_header() || !(file.in("include") || contains(file.path, "/include/"))) return;
  if (file.lines.size() < 2 || file.lines[0] != "#pragma once" || file.lines[1] != "/// \\file") {
    report.add(file, 1, "a public header begins with #pragma once and a /// \\file block");
  }
  std::size_t comments = 0;
  std::size_t all = 0;
  for (const auto& line : file.lines) {
    const bool says_something = line.find_first_not_of(" {};()") != std::string::npos && line[0] != '#';
    if (!says_something) continue;
    ++all;
    if (contains(line, "//")) ++comments;
  }
  if (comments * 100 < all * 30) {
    report.add(file, 1, std::to_string(comments * 100 / all) + " % of its lines have a comment; at least 30 %");
  }
}

void check_headers(const File& file, Report& report) {
  if (!file.is_header()) return;
  if (file.lines.empty() || file.lines[0] != "#pragma once") report.add(file, 1, "does not begin with #pragma once");
  for (std::size_t i = 0; i < file.lines.size(); ++i) {
    const auto code = code_of(file.lines[i]);
    if (contains_word(code, "using namespace")) report.add(file, i + 1, "using namespace in a header");
    if (library(file) && contains(code, "#include <iostream>")) report.add(file, i + 1, "<iostream> in a header");
  }
}

void check_toolchain(const File& file, Report& report) {
  static constexpr std::array words{"<format>", "<expected>", "<source_location>", "std::move_only_function",
                                    "<print>"};
  if (file.is_cpp() && !own_sources(file)) forbid_words(file, report, words, "not in g++ 12 with clang 14");
}

void check_paths(const File& file, Report& report) {
  static constexpr std::array roots{"/home/", "/root/", "/Users/"};
  if (own_sources(file)) return;
  for (std::size_t i = 0; i < file.lines.size(); ++i) {
    for (const char* root : roots) {
      const auto at = file.lines[i].find(root);
      if (at == std::string::npos) continue;
      const char before = at == 0 ? ' ' : file.lines[i][at - 1];
      if (std::isalnum(static_cast<unsigned char>(before)) != 0 || before == '}' || before == '.') continue;
      report.add(file, i + 1, "a path of one machine");
    }
  }
}

void check_sql_place(const File& file, Report& report) {
  static constexpr std::array starts{"\"SELECT ", "\"INSERT ", "\"UPDATE ", "\"DELETE ", "\"CREATE TABLE"};
  const bool watched = file.in("src/core") || file.in("src/client") || file.in("src/worker") ||
                       file.in("src/transfer") || file.in("src/platform") || file.in("src/testing");
  if (!watched) return;
  for (std::size_t i = 0; i < file.lines.size(); ++i) {
    for (const char* start : starts) {
      if (contains(file.lines[i], start)) report.add(file, i + 1, "SQL lives in schema/");
    }
  }
}

/// What is asked which operating system it is compiled for, and what only one of them has.
void check_systems(const File& file, Report& report) {
  static constexpr std::array systems{"_WIN32",      "_WIN64",   "__linux__", "__linux",     "__unix__",  "__APPLE__",
                                      "__MINGW32__", "_MSC_VER", "__GLIBC__", "__FreeBSD__", "__CYGWIN__"};
  static constexpr std::array headers{"<unistd.h>", "<fcntl.h>", "<poll.h>", "<pthread.h>", "<signal.h>",
                                      "<locale.h>", "<sys/",     "<io.h>",   "<windows.h>", "<winsock2.h>",
                                      "<spawn.h>",  "<dlfcn.h>"};
  if (!file.is_cpp() || own_sources(file) || file.in("src/platform")) return;
  for (std::size_t i = 0; i < file.lines.size(); ++i) {
    const auto code = code_of(file.lines[i]);
    const auto first = code.find_first_not_of(' ');
    if (first == std::string_view::npos || code[first] != '#') continue;
    for (const char* word : systems) {
      if (contains_word(code, word)) report.add(file, i + 1, std::string(word) + ": the platform's halves know that");
    }
    if (!library(file)) continue;
    for (const char* header : headers) {
      if (contains(code, header)) report.add(file, i + 1, std::string(header) + ": not on every system");
    }
  }
}

constexpr std::array all_rules{
    Rule{"includes", "the shape of the library is who may include whom", check_includes},
    Rule{"backend-names", "differences between backends are declared capabilities, never names", check_backend_names},
    Rule{"time", "time and waiting come from an injected sqlq::Clock, so that tests own them", check_time},
    Rule{"threads", "every thread has one owner that joins it and catches what it throws", check_threads},
    Rule{"stop-tokens", "not every standard library has them", check_stop_tokens},
    Rule{"mutexes", "clang checks which mutex guards what", check_mutexes},
    Rule{"size", "a file has one role", check_size},
    Rule{"line-length", "two files fit side by side", check_line_length},
    Rule{"characters", "what is read is what is compiled", check_characters},
    Rule{"leftovers", "nothing is left for later in the text, and no test is skipped silently", check_leftovers},
    Rule{"manual", "the public header is the manual", check_manual},
    Rule{"exports", "what users call is found in shared libraries, too", check_exports},
    Rule{"headers", "a header changes nothing for who includes it", check_headers},
    Rule{"toolchain", "g++ 12 and clang 14 build it", check_toolchain},
    Rule{"paths", "the tree works on every machine", check_paths},
    Rule{"named-paths", "what a text sends its reader to is there", check_named_paths, true},
    Rule{"sql-place", "SQL is a reviewed file", check_sql_place},
    Rule{"systems", "what differs by operating system is asked of src/platform", check_systems},
};

constexpr std::array all_exceptions{
    Exception{"includes", "src/core/gate.cpp", "limits of a key are stored as JSON"},
    Exception{"includes", "src/core/headers.cpp", "headers are stored as JSON"},
    Exception{"includes", "src/core/inbox.cpp", "rows of the inbox have headers and params that others wrote as JSON"},
    Exception{"includes", "src/core/json_check.cpp", "checks JSON with the parser that will read it"},
    Exception{"includes", "src/core/schedule_text.cpp", "schedules are stored as JSON"},
    Exception{"includes", "src/transfer/line_parser.cpp", "reads JSON token by token, and keeps nothing of a bad line"},
    Exception{"characters", "tests/fuzz/corpus/", "bytes for the fuzzer, not text for people"},
    Exception{"line-length", "tests/fuzz/corpus/", "bytes for the fuzzer, not text for people"},
    Exception{"leftovers", "include/sqlq/conformance/fixture.hpp", "the one skip: a capability not declared, reported"},
    Exception{"backend-names", "include/sqlq/adapters/", "each is about the library of one database"},
    Exception{"manual", "include/sqlq/handler_call.hpp", "what its assertions say is the manual"},
    Exception{"manual", "include/sqlq/batch_call.hpp", "what its assertions say is the manual"},
    Exception{"manual", "include/sqlq/own_stop_token.hpp", "the C++ standard is its manual"},
    Exception{"stop-tokens", "include/sqlq/stop_token.hpp", "is what the others take"},
    Exception{"stop-tokens", "tests/unit/own_stop_token_test.cpp", "compares the two"},
    Exception{"threads", "include/sqlq/own_stop_token.hpp", "its jthread is one, which it joins"},
    Exception{"leftovers", "tests/deploy/deploy_test.cpp", "a clone may lack the history, and it says so"},
    Exception{"leftovers", "tests/process/storage_sqlite_test.cpp", "a machine may forbid to mount, and it says so"},
    Exception{"named-paths", "include/sqlq/conformance/suite.hpp", "names files of a backend of somebody else's"},
    Exception{"named-paths", "docs/from-go-sqlq.md", "names a file of the reader's program"},
    Exception{"time", "examples/handlers.cpp", "shows how a handler waits until its token is tripped"},
    Exception{"mutexes", "src/core/mutex.hpp", "is what the others take"},
    Exception{"threads", "src/worker/replaceable_thread.", "owns the threads of services and those that run handlers"},
    Exception{"threads", "src/worker/thread_starter.", "starts them for these two"},
    Exception{"threads", "src/worker/callbacks.", "owns the threads that run the user's callbacks"},
    Exception{"threads", "src/platform/posix/signals.cpp", "waits for signals: their handler may do nothing"},
    Exception{"threads", "src/platform/windows/signals.cpp", "waits for signals: their handler may do nothing"},
    Exception{"systems", "tools/sqlq/descriptor.cpp", "the program is one for POSIX systems"},
    Exception{"threads", "backends/sqlite/src/watcher.", "watches the file for other processes' commits"},
    Exception{"threads", "backends/postgres/src/watcher.", "waits for notifications of other processes"},
    Exception{"threads", "backends/postgres/src/notifier.", "notifies other processes, so that no caller waits for it"},
};

}  // namespace

std::span<const Rule> rules() { return all_rules; }
std::span<const Exception> exceptions() { return all_exceptions; }

}  // namespace tidy
