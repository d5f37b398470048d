#pragma once
/// \file
/// Who breaks things in a run of chaos, and what it finds there. Each nemesis has a file of its own: chaos_<name>.cpp.

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "chaos_crowd.hpp"
#include "chaos_proxy.hpp"
#include "process/audit.hpp"
#include "process/scratch.hpp"

namespace sqlq::faults {

/// Where it all happens. One thread.
struct Scene {
  std::string url{};                  ///< of the database itself, without a proxy
  std::string file{};                 ///< empty: a server
  Crowd& crowd;
  Proxy* proxy = nullptr;             ///< null: a file
  process::Random& random;
  const Recorder& recorder;
  std::int64_t lease_us = 0;
  std::vector<Fault> faults{};        ///< but for deaths and cuts, which others write down
  std::vector<std::string> findings{};  ///< what was seen that must not be
  /// Lets the run go on for so long: everybody is looked after meanwhile.
  std::function<void(std::int64_t us)> pass{};
  /// ci/services COMMAND NAME.
  std::function<void(const std::string& command)> service{};

  /// A process to do something to, of those that may be; null: none now.
  Place* pick(const std::function<bool(const Place&)>& fit);
  /// Is this a worker or mixer besides which enough others are left alone to do the work?
  [[nodiscard]] bool can_spare(const Place& place) const;
  /// Waits until all processes do their work; false when that takes too long.
  [[nodiscard]] bool wait_for_all();
};

class Nemesis {
 public:
  virtual ~Nemesis() = default;
  /// Does one thing; what takes longer goes on in look(). False: it could not now.
  virtual bool strike() = 0;
  /// Called often: ends what has lasted long enough.
  virtual void look() {}
  /// Is something under way that look() will end?
  [[nodiscard]] virtual bool busy() const { return false; }
  /// Of what it was asked for, how much is left.
  [[nodiscard]] virtual std::size_t left() const = 0;
  /// What it has done, in one line.
  [[nodiscard]] virtual std::string report() const = 0;
};

/// kill -9 from outside, of one process or of all workers at once.
[[nodiscard]] std::unique_ptr<Nemesis> make_killer(Scene& scene, std::size_t times);
/// Processes that kill themselves: `elsewhere` of them at statements that are named, `at_commits` before or after a
/// COMMIT. Each that the crowd starts is told when, as long as some are left.
class Doomer final : public Nemesis {
 public:
  Doomer(std::vector<std::string> statements, std::size_t elsewhere, std::size_t at_commits, process::Random& random);
  /// When the next process is to kill itself; empty: not at all.
  [[nodiscard]] std::string next(Role::Kind kind);
  void use(Scene& scene) { scene_ = &scene; }
  void stop() { stopped_ = true; }
  /// Makes room for one who kills itself.
  bool strike() override;
  std::size_t left() const override;
  std::string report() const override;

 private:
  [[nodiscard]] std::size_t left_at_commits() const;
  [[nodiscard]] std::size_t left_elsewhere() const;

  const std::vector<std::string> statements_;
  const std::size_t elsewhere_;
  const std::size_t at_commits_;
  process::Random& random_;
  Scene* scene_ = nullptr;
  bool stopped_ = false;
};
/// Jobs that kill the process that runs them.
[[nodiscard]] std::unique_ptr<Nemesis> make_poisoner(Scene& scene, std::size_t times);
/// SIGSTOP in the midst of a job until its lease is over and the job taken back, then SIGCONT.
[[nodiscard]] std::unique_ptr<Nemesis> make_pauser(Scene& scene, std::size_t times);
/// The server, by turns in order and by kill -9; waits until everybody works again.
[[nodiscard]] std::unique_ptr<Nemesis> make_restarter(Scene& scene, std::size_t times);
/// The lines: commits cut by the proxy, and one line at a time slow, sliced, cut, or silent for longer than a lease.
[[nodiscard]] std::unique_ptr<Nemesis> make_cutter(Scene& scene, std::size_t commits, std::int64_t every_us);

}  // namespace sqlq::faults
