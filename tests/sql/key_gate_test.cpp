#include <memory>
#include <thread>

#include <gtest/gtest.h>
#include <pthread.h>

#include <sqlq/stop_token.hpp>

#include "sql/key_gate.hpp"

namespace sqlq::sql {
namespace {

// A waiter that nobody lets in would wait for an hour: longer than a test may take.
TEST(KeyGate, AThreadThatIsEndedWhileItWaitsHarmsNobody) {
  KeyGate gate(2, std::chrono::hours(1));
  auto first = std::make_unique<KeyGate::Pass>(gate, KeyGate::Keys{"k"});
  const auto pass = [&] { const KeyGate::Pass inside(gate, {"k"}); };
  sqlq::jthread ended(pass);
  while (gate.waiting() < 1) std::this_thread::yield();
  sqlq::jthread last(pass);
  while (gate.waiting() < 2) std::this_thread::yield();
  ::pthread_cancel(ended.native_handle());
  first.reset();
  ended.join();
  last.join();
  EXPECT_EQ(gate.waiting(), 0U);
}

}  // namespace
}  // namespace sqlq::sql
