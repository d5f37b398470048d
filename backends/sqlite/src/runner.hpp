#pragma once
/// \file
/// Where the operations of SQLite run: writes in the transactions of the writer, reads on a reader.

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/mutex.hpp"
#include "readers.hpp"
#include "sql/runner.hpp"
#include "writer.hpp"

namespace sqlq::sqlite {

class Runner final : public sql::Runner {
 public:
  Runner(Options options, std::shared_ptr<Clock> clock);

  const backend::Capabilities& capabilities() const noexcept override { return capabilities_; }
  std::string description() const override;
  std::vector<Finding> self_check() override;
  bool one_writer() const noexcept override { return true; }

  void write(sql::Task task, const backend::Now& now, Operation operation, core::FunctionRef<void()> unknown) override;
  void within(const Tx& tx, const backend::Now& now, Operation operation) override;
  void read(core::FunctionRef<void(sql::Session&)> operation, sql::Statements statements) override;
  void change_schema(core::FunctionRef<void(sql::Connection&)> change) override;
  backend::Now at(const backend::Now& now) const override;
  const core::LockWatch& lock_watch() const noexcept override { return writer_.lock_watch(); }
  std::shared_ptr<void> watch(std::function<void()> heard) override;

 private:
  [[nodiscard]] bool knows(const std::string& epoch);
  [[nodiscard]] Duration spared(Instant now) const;
  [[nodiscard]] sqlite3* borrowed_handle(const Tx& tx);
  [[nodiscard]] bool foreign_commit();

  const Options options_;
  const backend::Capabilities capabilities_;
  const std::shared_ptr<Clock> clock_;
  Writer writer_;
  Readers readers_;
  core::Mutex epoch_mutex_;
  // The steady clock that all leases in the file are known to be measured with.
  std::string epoch_ SQLQ_GUARDED_BY(epoch_mutex_);
  std::atomic<bool> enlisted_{false};  // this process is in the file
  std::int64_t data_version_ = 0;      // only touched by the watching thread
};

}  // namespace sqlq::sqlite
