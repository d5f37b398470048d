#include <atomic>
#include <functional>
#include <latch>
#include <memory>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>

#include <gtest/gtest.h>

#include <sqlq/own_stop_token.hpp>
#include <sqlq/stop_token.hpp>

namespace sqlq {
namespace {

struct Standard {
  using Token = stop_token;
  using Source = stop_source;
  using Thread = jthread;
  template <class F>
  using Callback = stop_callback<F>;
};

struct Own {
  using Token = own::stop_token;
  using Source = own::stop_source;
  using Thread = own::jthread;
  template <class F>
  using Callback = own::stop_callback<F>;
};

/// The same of the standard library's, where it has them, and of our own.
template <class Kind>
class StopTokens : public ::testing::Test {};

using Kinds = ::testing::Types<Standard, Own>;
TYPED_TEST_SUITE(StopTokens, Kinds);

TEST(OwnStopTokens, AreChosenWhereTheStandardLibraryHasNone) {
#if defined(__cpp_lib_jthread) && defined(_GLIBCXX_HAVE_LINUX_FUTEX)
  EXPECT_TRUE((std::is_same_v<stop_token, std::stop_token>));
#elif !defined(__cpp_lib_jthread)
  EXPECT_TRUE((std::is_same_v<stop_token, own::stop_token>));
#endif
}

TYPED_TEST(StopTokens, ADefaultTokenIsNeverTripped) {
  const typename TypeParam::Token token;
  EXPECT_FALSE(token.stop_possible());
  EXPECT_FALSE(token.stop_requested());
  int calls = 0;
  const auto call = [&] { ++calls; };
  const typename TypeParam::template Callback<decltype(call)> callback(token, call);
  EXPECT_EQ(calls, 0);
}

TYPED_TEST(StopTokens, TheFirstRequestTripsAllTokens) {
  typename TypeParam::Source source;
  const auto copy = source;
  const auto token = copy.get_token();
  EXPECT_TRUE(token.stop_possible());
  EXPECT_FALSE(token.stop_requested());
  EXPECT_TRUE(source.request_stop());
  EXPECT_FALSE(source.request_stop());
  EXPECT_TRUE(token.stop_requested());
  EXPECT_TRUE(copy.stop_requested());
}

TYPED_TEST(StopTokens, WithoutASourceNobodyCanStop) {
  std::optional<typename TypeParam::Source> source(std::in_place);
  std::optional<typename TypeParam::Source> copy(*source);
  const auto token = source->get_token();
  source.reset();
  EXPECT_TRUE(token.stop_possible());
  copy.reset();
  EXPECT_FALSE(token.stop_possible());

  source.emplace();
  const auto tripped = source->get_token();
  source->request_stop();
  source.reset();
  EXPECT_TRUE(tripped.stop_possible());
  EXPECT_TRUE(tripped.stop_requested());
}

TYPED_TEST(StopTokens, CallbacksAreCalledOnceAndOnlyWhileTheyLive) {
  using Callback = typename TypeParam::template Callback<std::function<void()>>;
  typename TypeParam::Source source;
  int first = 0;
  int second = 0;
  int late = 0;
  std::optional<Callback> gone(std::in_place, source.get_token(), [&] { ++first; });
  const Callback stays(source.get_token(), [&] { ++second; });
  gone.reset();
  source.request_stop();
  source.request_stop();
  EXPECT_EQ(first, 0);
  EXPECT_EQ(second, 1);
  const Callback after(source.get_token(), [&] { ++late; });
  EXPECT_EQ(late, 1);
}

TYPED_TEST(StopTokens, ACallbackMayDestroyItselfAndOthers) {
  using Callback = typename TypeParam::template Callback<std::function<void()>>;
  typename TypeParam::Source source;
  std::unique_ptr<Callback> one;
  std::unique_ptr<Callback> two;
  int calls = 0;
  const auto call = [&] {
    ++calls;
    auto* const ended = &one;  // the closure ends with its callback
    auto* const other = &two;
    other->reset();
    ended->reset();
  };
  one = std::make_unique<Callback>(source.get_token(), call);
  two = std::make_unique<Callback>(source.get_token(), call);
  source.request_stop();
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(one, nullptr);
  EXPECT_EQ(two, nullptr);
}

TYPED_TEST(StopTokens, TheDestructorWaitsForACallOnAnotherThread) {
  using Callback = typename TypeParam::template Callback<std::function<void()>>;
  typename TypeParam::Source source;
  std::latch called(1);
  std::atomic<bool> destroying{false};
  std::atomic<bool> returned{false};
  auto callback = std::make_unique<Callback>(source.get_token(), [&] {
    called.count_down();
    while (!destroying) std::this_thread::yield();
    for (int i = 0; i < 1000; ++i) std::this_thread::yield();
    returned = true;
  });
  const typename TypeParam::Thread stopper([&source] { source.request_stop(); });
  called.wait();
  destroying = true;
  callback.reset();
  EXPECT_TRUE(returned);
}

TYPED_TEST(StopTokens, ManyCallbacksComeAndGoWhileOneTrips) {
  using Callback = typename TypeParam::template Callback<std::function<void()>>;
  for (int round = 0; round < 50; ++round) {
    typename TypeParam::Source source;
    std::atomic<int> calls{0};
    std::latch begin(3);
    const auto make = [&] {
      begin.arrive_and_wait();
      for (int i = 0; i < 100; ++i) const Callback callback(source.get_token(), [&] { ++calls; });
      std::atomic<bool> called{false};
      const Callback last(source.get_token(), [&] {
        ++calls;
        called = true;
      });
      while (!called) std::this_thread::yield();  // one that goes before is not called
    };
    {
      const typename TypeParam::Thread one(make);
      const typename TypeParam::Thread two(make);
      begin.arrive_and_wait();
      source.request_stop();
    }
    EXPECT_GE(calls, 2);
  }
}

TYPED_TEST(StopTokens, AThreadIsAskedToStopAndJoined) {
  using Token = typename TypeParam::Token;
  std::atomic<int> ended{0};
  {
    typename TypeParam::Thread thread([&](const Token& stop) {
      while (!stop.stop_requested()) std::this_thread::yield();
      ++ended;
    });
    EXPECT_TRUE(thread.joinable());
    EXPECT_EQ(thread.get_id(), thread.get_id());
    EXPECT_NE(thread.get_id(), std::this_thread::get_id());
    thread = typename TypeParam::Thread([&](int by) { ended += by; }, 10);  // ends the first
    EXPECT_GE(ended, 1);
  }
  EXPECT_EQ(ended, 11);
  typename TypeParam::Thread none;
  EXPECT_FALSE(none.joinable());
  EXPECT_FALSE(none.get_stop_token().stop_possible());
  typename TypeParam::Thread asked([](const Token& stop) {
    while (!stop.stop_requested()) std::this_thread::yield();
  });
  const auto moved = std::make_unique<typename TypeParam::Thread>(std::move(asked));
  EXPECT_TRUE(moved->request_stop());
  moved->join();
  EXPECT_FALSE(moved->joinable());
}

}  // namespace
}  // namespace sqlq
