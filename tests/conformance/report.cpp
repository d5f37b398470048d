#include "report.hpp"

#include <cstddef>
#include <iostream>
#include <map>
#include <string_view>

#include <gtest/gtest.h>

#include <sqlq/conformance/fixture.hpp>

#include "listener.hpp"

namespace sqlq::conformance {
namespace {

struct Declared {
  std::string description;
  backend::Capabilities capabilities;
};

/// Tests left out, by candidate and capability.
using LeftOut = std::map<std::string, std::map<std::string, int>>;

LeftOut tests_left_out() {
  LeftOut found;
  const ::testing::UnitTest& all = *::testing::UnitTest::GetInstance();
  for (int s = 0; s < all.total_test_suite_count(); ++s) {
    const ::testing::TestSuite& suite = *all.GetTestSuite(s);
    const std::string name = suite.name();
    for (int t = 0; t < suite.total_test_count(); ++t) {
      const ::testing::TestResult& result = *suite.GetTestInfo(t)->result();
      for (int p = 0; p < result.total_part_count(); ++p) {
        const std::string message = result.GetTestPartResult(p).message();
        const std::size_t at = message.find(not_applicable);
        if (!result.GetTestPartResult(p).skipped() || at == std::string::npos) continue;
        const std::string capability = message.substr(at + std::string_view(not_applicable).size());
        ++found[name.substr(0, name.find('/'))][capability.substr(0, capability.find_first_of(" \n"))];
      }
    }
  }
  return found;
}

class Printer final : public ::testing::EmptyTestEventListener {
 public:
  void add(const std::string& candidate, Declared declared) { declared_[candidate] = std::move(declared); }

  void OnTestProgramEnd(const ::testing::UnitTest& /*all*/) override {
    const LeftOut left_out = tests_left_out();
    for (const auto& [name, declared] : declared_) {
      std::cout << "\n" << name << " (" << declared.description << ")\n";
      const auto mine = left_out.find(name);
      for (const backend::CapabilityRow& row : backend::capability_table()) {
        const bool yes = declared.capabilities.*row.field;
        std::cout << "  " << (yes ? "yes  " : "no   ") << row.name
                  << std::string(row.name.size() < 24 ? 24 - row.name.size() : 1, ' ') << row.sentence;
        if (mine != left_out.end()) {
          const auto count = mine->second.find(std::string(row.name));
          if (count != mine->second.end()) std::cout << " [" << count->second << " tests not applicable]";
        }
        std::cout << "\n";
      }
    }
    std::cout << std::flush;
  }

 private:
  std::map<std::string, Declared> declared_;
};

}  // namespace

void report_capabilities(const std::string& candidate, const std::string& description,
                         const backend::Capabilities& capabilities) {
  listener<Printer>().add(candidate, {description, capabilities});
}

}  // namespace sqlq::conformance
