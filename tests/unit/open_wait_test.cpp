// The URL option `wait`: open() waits for a database that is not up yet, and for nothing else.

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <sqlq/backend/register.hpp>
#include <sqlq/testing/manual_clock.hpp>

#include "support/expect_error.hpp"
#include "support/fake_dialect.hpp"

namespace sqlq {
namespace {

using namespace std::chrono_literals;
using testing::error_of;
using testing::FakeDialect;
using testing::has;

/// Time passes while somebody waits, and only then.
class PassingClock final : public Clock {
 public:
  [[nodiscard]] TimePoint now() const override { return time_.now(); }
  [[nodiscard]] SteadyPoint steady() const override { return time_.steady(); }
  [[nodiscard]] std::string steady_epoch() const override { return time_.steady_epoch(); }
  [[nodiscard]] std::unique_ptr<Signal> make_signal() override { return std::make_unique<Passing>(time_); }

 private:
  class Passing final : public Signal {
   public:
    explicit Passing(testing::ManualClock& time) : time_(time) {}
    void notify() noexcept override {}
    bool wait_until(SteadyPoint deadline) override {
      time_.advance(deadline - time_.steady());
      return false;
    }

   private:
    testing::ManualClock& time_;
  };

  testing::ManualClock time_;
};

class OpenWait : public ::testing::Test {
 protected:
  /// A database that cannot be reached before `up`.
  OpenWait() {
    backend::register_backend("sleepy", [this](const backend::Url& url, std::shared_ptr<Clock>) {
      url.refuse_unknown({});
      tries_.push_back(clock_->steady() - begin_);
      if (clock_->steady() - begin_ < up_) throw Error(code_, "nobody is there", "sleepy");
      return std::make_unique<FakeDialect>();
    });
  }
  Database open(const std::string& options) { return backend::open("sleepy:" + options, {.clock = clock_}); }

  std::shared_ptr<PassingClock> clock_ = std::make_shared<PassingClock>();
  SteadyPoint begin_ = clock_->steady();
  Duration up_ = 5s;
  Errc code_ = Errc::connection;
  std::vector<Duration> tries_{};
};

TEST_F(OpenWait, OpensWhenTheDatabaseHasComeUp) {
  EXPECT_EQ(open("?wait=30s").description(), "fake");
  EXPECT_EQ(tries_, (std::vector<Duration>{0ms, 100ms, 300ms, 700ms, 1500ms, 2500ms, 3500ms, 4500ms, 5500ms}));
}

TEST_F(OpenWait, SaysThatItHasWaited) {
  const std::string said = error_of(Errc::connection, [&] { (void)open("?wait=3s"); });
  EXPECT_TRUE(has(said, "nobody is there") && has(said, "waited 3000 ms")) << said;
  EXPECT_EQ(tries_.back(), 3s) << "the last try is at the end";
}

TEST_F(OpenWait, DoesNotWaitUnlessAsked) {
  const std::string said = error_of(Errc::connection, [&] { (void)open(""); });
  EXPECT_TRUE(said.starts_with("nobody is there") && has(said, "wait=30s")) << said;
  EXPECT_EQ(tries_.size(), 1U);
}

TEST_F(OpenWait, WaitsForWhatMayPassAndNothingElse) {
  for (const Errc code : {Errc::permission, Errc::configuration, Errc::corrupt, Errc::invalid_argument}) {
    code_ = code;
    tries_.clear();
    error_of(code, [&] { (void)open("?wait=30s"); });
    EXPECT_EQ(tries_.size(), 1U) << to_string(code);
  }
  for (const Errc code : {Errc::busy, Errc::wrong_node}) {
    code_ = code;
    begin_ = clock_->steady();
    EXPECT_EQ(open("?wait=30s").description(), "fake") << to_string(code);
  }
}

TEST_F(OpenWait, BelongsToEveryBackend) {
  EXPECT_TRUE(has(error_of(Errc::invalid_argument, [&] { (void)open("?wait=5"); }), "'wait'"));
  EXPECT_TRUE(has(error_of(Errc::invalid_argument, [&] { (void)open("?other=5"); }), "known: wait"));
}

}  // namespace
}  // namespace sqlq
