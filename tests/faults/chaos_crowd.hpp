#pragma once
/// \file
/// The processes of a run of chaos: workers, mixers and producers, each in a place of its own that is filled again when
/// its process was killed. A process that ends by itself is a finding.
///
/// One thread.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "process/child.hpp"
#include "record.hpp"
#include "run.hpp"

namespace sqlq::faults {

/// What a process is and how it is started.
struct Role {
  enum class Kind { worker, mixer, producer };
  Kind kind{};
  std::vector<std::string> arguments{};
};

/// A claim under way: whose outcome is still to come.
struct Open {
  Id id{};
  std::int32_t claim = 0;
  std::int64_t token = 0;
  friend auto operator<=>(const Open&, const Open&) = default;
};

class Place {
 public:
  [[nodiscard]] pid_t pid() const { return child_->pid(); }
  [[nodiscard]] const process::Child& child() const { return *child_; }
  [[nodiscard]] Role::Kind kind() const { return role_.kind; }
  /// Does its process do its work, and may something be done to it?
  [[nodiscard]] bool free() const { return ready_ && !busy; }
  [[nodiscard]] bool works() const { return role_.kind != Role::Kind::producer; }
  [[nodiscard]] bool doomed() const { return !doom_.empty(); }

  bool busy = false;  ///< a nemesis is at it: no other may be

 private:
  friend class Crowd;
  Role role_{};
  std::unique_ptr<process::Child> child_{};
  bool ready_ = false;
  std::string doom_{};  ///< when its process kills itself; empty: not at all
  bool said_so_ = false;
  bool over_ = false;  ///< asked to end
  std::set<Open> open_{};
  std::int64_t last_begin_us_ = 0;
  bool poisoned_ = false;  ///< has begun a job that ends it
};

class Crowd {
 public:
  /// `doom` says when the next process is to kill itself, or nothing.
  Crowd(std::string records, const std::vector<Role>& roles, std::function<std::string(Role::Kind)> doom);

  [[nodiscard]] std::vector<Place>& places() { return places_; }
  [[nodiscard]] std::size_t number(const Place& place) const {
    return static_cast<std::size_t>(&place - places_.data());
  }
  void start();
  /// Buries and replaces who is dead, and hears what the others say. Often: a death has its moment here.
  void look();
  /// kill -9; it is replaced at the next look.
  void kill(Place& place);
  /// The claims of a process, as far as it has written; after it was stopped that is all.
  const std::set<Open>& open(Place& place);
  /// When it last began a job; 0: never.
  std::int64_t last_begin_us(Place& place);
  [[nodiscard]] bool all_ready() const;
  /// Asks those of the kind to end and waits for them; nobody is replaced any more.
  void end(Role::Kind kind);

  [[nodiscard]] const std::vector<Fault>& deaths() const { return deaths_; }
  [[nodiscard]] std::size_t kills() const { return kills_; }
  /// How many killed themselves, by when: "before commit".
  [[nodiscard]] const std::map<std::string, std::size_t>& dooms() const { return dooms_; }
  /// How many died of a job that ends its process.
  [[nodiscard]] std::size_t poisonings() const { return poisonings_; }
  [[nodiscard]] std::size_t started() const { return pids_.size(); }
  [[nodiscard]] const std::vector<std::string>& findings() const { return findings_; }

 private:
  void start(Place& place);
  void listen(Place& place);
  void bury(Place& place, const process::Exit& exit);
  void read(Place& place);

  RecordReader reader_;
  std::vector<Place> places_{};
  std::function<std::string(Role::Kind)> doom_;
  std::vector<Fault> deaths_{};
  std::size_t kills_ = 0;
  std::map<std::string, std::size_t> dooms_{};
  std::size_t poisonings_ = 0;
  std::set<pid_t> pids_{};  ///< of all that were started
  std::vector<std::string> findings_{};
};

}  // namespace sqlq::faults
