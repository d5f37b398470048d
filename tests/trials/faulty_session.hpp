#pragma once
/// \file
/// A session whose statements go wrong: in front of the real one, of any backend.

#include <memory>
#include <utility>

#include "trials/faults.hpp"
#include "sql/session.hpp"

namespace sqlq::trials {

/// Not thread-safe. Trips, victim and the real session must outlive it.
class FaultySession final : public sql::Session {
 public:
  FaultySession(sql::Session& real, Trips& trips, Victim& victim) : real_(real), trips_(trips), victim_(victim) {}

  std::size_t longest_statement() const noexcept override { return real_.longest_statement(); }

 protected:
  std::size_t do_execute(const sql::Statement& statement, std::initializer_list<sql::Arg> args,
                         sql::RowSink sink) override {
    const auto run = [&] { return real_.execute(statement, args, sink); };
    const auto lose = [&] { real_.execute(statement, args); };
    return trip(trips_, victim_, statement.name, run, lose);
  }

 private:
  sql::Session& real_;
  Trips& trips_;
  Victim& victim_;
};

/// One that owns the real session and who its faults happen to; V is a Victim.
template <class V>
class VictimSession final : public sql::Session {
 public:
  /// `victim`: what V is made of.
  template <class... Args>
  VictimSession(std::unique_ptr<sql::Session> real, Trips& trips, Args&&... victim)
      : real_(std::move(real)), victim_(std::forward<Args>(victim)...), session_(*real_, trips, victim_) {}

  std::size_t longest_statement() const noexcept override { return session_.longest_statement(); }

 protected:
  std::size_t do_execute(const sql::Statement& statement, std::initializer_list<sql::Arg> args,
                         sql::RowSink sink) override {
    return session_.execute(statement, args, sink);
  }

 private:
  std::unique_ptr<sql::Session> real_;
  V victim_;
  FaultySession session_;
};

}  // namespace sqlq::trials
