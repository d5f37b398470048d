#pragma once
/// \file
/// What the programs that the tests start have in common: `name=value` arguments, and an end when the test ends.
/// An argument that a program does not know ends it before it has done anything.

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <initializer_list>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>

#include <sqlq/clock.hpp>

namespace sqlq::process {

using Names = std::initializer_list<std::string_view>;

class Arguments {
 public:
  Arguments(int argc, char** argv, Names known) {
    for (int i = 1; i < argc; ++i) {
      const std::string word = argv[i];
      const auto sign = word.find('=');
      if (sign == std::string::npos) throw std::invalid_argument("an argument without '=': " + word);
      const std::string name = word.substr(0, sign);
      if (std::ranges::find(known, name) == known.end()) {
        std::string names;
        for (const std::string_view one : known) names.append(" ").append(one).append("=");
        throw std::invalid_argument("there is no argument " + name + "=; there are" + names);
      }
      values_[name] = word.substr(sign + 1);
    }
  }

  [[nodiscard]] std::string text(const std::string& name) const {
    const auto found = values_.find(name);
    if (found == values_.end()) throw std::invalid_argument("the argument " + name + "= is missing");
    return found->second;
  }
  [[nodiscard]] std::string text(const std::string& name, const std::string& otherwise) const {
    return values_.contains(name) ? text(name) : otherwise;
  }
  [[nodiscard]] std::int64_t number(const std::string& name) const { return std::stoll(text(name)); }
  [[nodiscard]] std::int64_t number(const std::string& name, std::int64_t otherwise) const {
    return values_.contains(name) ? number(name) : otherwise;
  }
  [[nodiscard]] Duration milliseconds(const std::string& name, Duration otherwise) const {
    return values_.contains(name) ? std::chrono::milliseconds(number(name)) : otherwise;
  }

 private:
  std::map<std::string, std::string> values_;
};

/// Runs `body(arguments)`, with arguments of the names that are known; an exception is printed and makes exit code 3.
template <class Body>
int run_helper(int argc, char** argv, Names known, Body body) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // nobody stays behind when the test is killed
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);  // some of them abort on purpose
  try {
    return body(Arguments(argc, argv, known));
  } catch (const std::exception& e) {
    std::cerr << argv[0] << ": " << e.what() << std::endl;
    return 3;
  }
}

/// Waits for real time, for handlers that pretend to work.
inline void work_for(Duration time) {
  const auto clock = system_clock();
  const auto until = saturating_add(clock->steady(), time);
  const auto signal = clock->make_signal();
  while (clock->steady() < until) signal->wait_until(until);
}

}  // namespace sqlq::process
