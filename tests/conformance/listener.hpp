#pragma once
/// \file
/// Listeners to the events of GoogleTest that the suite has for itself.

#include <gtest/gtest.h>

namespace sqlq::conformance {

/// The one of its class, which is made and told of events from the first call on. One thread at a time.
template <class Listener>
Listener& listener() {
  static Listener* const one = [] {
    auto* made = new Listener;  // GoogleTest owns it
    ::testing::UnitTest::GetInstance()->listeners().Append(made);
    return made;
  }();
  return *one;
}

}  // namespace sqlq::conformance
