#pragma once
/// \file
/// A scratch schema for each test, and what tests of the backend's inside share.

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <sqlq/backend/register.hpp>
#include <sqlq/client.hpp>
#include <sqlq/database.hpp>
#include <sqlq/migrator.hpp>
#include <sqlq/postgres.hpp>

#include "backends/postgres_scratch.hpp"
#include "connection.hpp"
#include "options.hpp"
#include "schema.hpp"

namespace sqlq::postgres {

class PostgresTest : public ::testing::Test {
 protected:
  PostgresTest() : url_(make_scratch()) {
    backend::register_backend("postgresql", factory());
    backend::register_backend("postgres", factory());
  }
  ~PostgresTest() override { drop_scratch(url_); }

  [[nodiscard]] const std::string& url() const { return url_; }
  [[nodiscard]] std::string url(const std::string& options) const { return url_ + "&" + options; }
  [[nodiscard]] Options options() const { return Options::from(backend::Url::parse(url_)); }
  /// A migrated handle.
  [[nodiscard]] Database open(const std::string& more = {}) const {
    auto db = backend::open(more.empty() ? url_ : url(more));
    db.migrate();
    return db;
  }
  /// Ends other connections of this test's library that match a condition on pg_stat_activity; says how many.
  static std::size_t kill(const Native& native, const std::string& condition) {
    return native
        .query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
               " WHERE pid <> pg_backend_pid() AND (" + condition + ")")
        .size();
  }

 private:
  std::string url_;
};

/// Asks until the answer is yes; false after 20 seconds.
inline bool eventually(const std::function<bool()>& question) {
  const auto clock = system_clock();
  const auto signal = clock->make_signal();
  const SteadyPoint deadline = clock->steady() + std::chrono::seconds(20);
  while (!question()) {
    if (clock->steady() > deadline) return false;
    signal->wait_until(clock->steady() + std::chrono::milliseconds(2));
  }
  return true;
}

/// How long a call takes.
inline Duration time_of(const std::function<void()>& call) {
  const SteadyPoint begin = system_clock()->steady();
  call();
  return system_clock()->steady() - begin;
}

}  // namespace sqlq::postgres
