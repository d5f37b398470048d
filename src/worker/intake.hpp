#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include <sqlq/backend/dialect.hpp>

#include "worker/pace.hpp"
#include "worker/service.hpp"
#include "worker/shared.hpp"

namespace sqlq::worker {

/// Makes jobs of the rows of the inbox. Every worker does it, whatever its queues; the database keeps them apart. A
/// service of its own: nothing else of the worker waits for it.
///
/// A row that is no job becomes an errored one, which says why. A row that is locked, or whose unique key somebody is
/// storing, keeps no other from becoming a job: it is left alone for a second, and twice as long each time.
class Intake final : public Service {
 public:
  explicit Intake(Shared& shared);

  SteadyPoint step() override;
  [[nodiscard]] std::string_view name() const noexcept override { return "inbox"; }
  /// A row may have come. Any thread; cheap, however often.
  void hint() noexcept {
    if (pace_.hint()) wake();
  }
  /// Takes all that can be taken, whenever it has looked last.
  void take_all();

 private:
  /// A row, and what becomes of it.
  struct Taken {
    backend::InboxRow row;
    NewJob job{};
    std::string headers{};
    backend::StoredJob errored{};
    std::string problem{};
    backend::InboxItem item{};
    bool may_wait = false;  // for somebody who stores the same key or id
  };
  struct Left {
    SteadyPoint until{};  // it is left alone
    Duration pause{};
  };
  using Rows = std::deque<Taken>;  // items refer to what is in it

  void look(backend::Inbox& part);
  [[nodiscard]] std::vector<backend::InboxRow> read(backend::Inbox& part, bool& more);
  void judge(Taken& taken);
  void make_errored(Taken& taken, const std::string& why);
  void keep(Taken& taken, std::string_view why);
  void write(backend::Inbox& part, std::span<Taken*> some);
  void write_apart(backend::Inbox& part, std::span<Taken*> some);
  void store(backend::Inbox& part, std::span<Taken* const> some);
  void leave(const Taken& taken);
  void failed(const std::string& why);

  Shared& shared_;
  const ClientOptions defaults_{};
  Pace pace_;
  std::map<std::int64_t, Left> left_;  // rows that could not be taken
  bool failing_ = false;
};

}  // namespace sqlq::worker
