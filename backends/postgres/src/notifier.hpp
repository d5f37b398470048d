#pragma once
/// \file
/// Tells others of work: NOTIFY on a connection and a thread of its own, many commits with one.

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <sqlq/clock.hpp>
#include <sqlq/stop_token.hpp>

#include "arrays.hpp"
#include "connection.hpp"
#include "options.hpp"
#include "schema.hpp"

namespace sqlq::postgres {

/// NOTIFY makes its commit wait for those of all others that notify, in the whole server; so it has no place in the
/// transactions that store jobs. Thread-safe. Options and schema must outlive it.
class Notifier {
 public:
  Notifier(const Options& options, const Schema& schema);
  /// Announces what is not announced yet, and what users' transactions have committed by now; takes `last_words` at
  /// most, whatever the server does.
  ~Notifier();
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;

  /// Soon: at once when it is quiet, else with others.
  void announce() noexcept;
  /// When the transaction with this id has committed: work was written into the user's own.
  void announce_after(std::string transaction);

 private:
  static constexpr Duration last_words = std::chrono::seconds(1);

  void run(const sqlq::stop_token& stop);
  void turn(bool announced);
  void last_turn() noexcept;
  [[nodiscard]] bool some_committed(sql::Session& session);
  [[nodiscard]] bool some_committed(sql::Session& session, const Array& ids);
  [[nodiscard]] SteadyPoint next_look();

  struct Followed {
    SteadyPoint since{};
    SteadyPoint look{};
  };

  const Options& options_;
  const Schema& schema_;
  const std::shared_ptr<Clock> clock_ = system_clock();
  const std::unique_ptr<Signal> signal_ = clock_->make_signal();
  const std::unique_ptr<Signal> over_ = clock_->make_signal();  // the thread is done
  platform::WakeUp hurry_{};  // ends each wait for the server
  std::mutex mutex_;
  bool announced_ = false;
  std::map<std::string, Followed> followed_;
  std::unique_ptr<PgConnection> connection_;  // only touched by the thread
  SteadyPoint quiet_until_{};                 // likewise
  sqlq::jthread thread_;
};

}  // namespace sqlq::postgres
