#include "scratch_left.hpp"

#include <map>
#include <utility>

#include <gtest/gtest.h>

#include "listener.hpp"

namespace sqlq::conformance {
namespace {

struct Left {
  std::string url{};
  std::function<void(const std::string&)> drop{};
};

class Keeper final : public ::testing::EmptyTestEventListener {
 public:
  std::string take(const std::string& candidate) {
    const auto at = left_.find(candidate);
    if (at == left_.end()) return {};
    std::string url = std::move(at->second.url);
    left_.erase(at);
    return url;
  }

  // One is enough. Another is there when the test has made its own, because it wanted to know where that is.
  void keep(const std::string& candidate, Left left) {
    if (const auto before = left_.find(candidate); before != left_.end()) before->second.drop(before->second.url);
    left_[candidate] = std::move(left);
  }

  void OnEnvironmentsTearDownStart(const ::testing::UnitTest& /*all*/) override {
    for (const auto& entry : std::exchange(left_, {})) entry.second.drop(entry.second.url);
  }

 private:
  std::map<std::string, Left> left_{};
};

}  // namespace

std::string scratch_left(const std::string& candidate) { return listener<Keeper>().take(candidate); }

void leave_scratch(const std::string& candidate, std::string url, std::function<void(const std::string&)> drop) {
  listener<Keeper>().keep(candidate, {std::move(url), std::move(drop)});
}

}  // namespace sqlq::conformance
