#pragma once
/// \file
/// Operations over a server: on connections of a pool, again after conflicts and lost connections.

#include <memory>
#include <string>
#include <vector>

#include "sql/pool.hpp"
#include "sql/runner.hpp"
#include "sql/server.hpp"

namespace sqlq::sql {

class PoolRunner final : public Runner {
 public:
  /// Connects once. The server must live as long.
  PoolRunner(Server& server, const PoolOptions& pool, const std::shared_ptr<Clock>& clock);

  const backend::Capabilities& capabilities() const noexcept override { return server_.capabilities(); }
  std::string description() const override { return server_.description(); }
  std::vector<std::string> self_check() override;
  std::optional<Sharing> sharing() const override { return sharing_; }
  void write(Task task, const backend::Now& now, Operation operation, core::FunctionRef<void()> unknown) override;
  void within(const Tx& tx, const backend::Now& now, Operation operation) override;
  void read(core::FunctionRef<void(Session&)> operation, Statements statements) override;
  void change_schema(core::FunctionRef<void(Connection&)> change) override { change(*pool_.take()); }
  const core::LockWatch& lock_watch() const noexcept override { return watch_; }
  void announce() noexcept override { server_.announce(); }
  std::shared_ptr<void> watch(std::function<void()> heard) override { return server_.watch(std::move(heard)); }

 private:
  void once(Connection& connection, Task task, const backend::Now& now, Operation operation);
  void look(Work& work, Operation operation);

  Server& server_;
  const std::shared_ptr<Clock> clock_;
  const Sharing sharing_;
  core::LockWatch watch_;
  Pool pool_;
  Pool renewing_;  // for heartbeats only
};

}  // namespace sqlq::sql
