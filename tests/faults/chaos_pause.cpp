#include <signal.h>

#include <algorithm>

#include "chaos_nemesis.hpp"
#include "process/standstill.hpp"

namespace sqlq::faults {
namespace {

class Pauser final : public Nemesis {
 public:
  Pauser(Scene& scene, std::size_t times) : scene_(scene), times_(times) {}

  bool strike() override {
    Place* victim = scene_.pick([&](const Place& place) {
      return place.works() && !place.doomed() && scene_.can_spare(place);
    });
    if (victim == nullptr) return false;
    process::stand_still(victim->child(), scene_.file);
    const auto& open = scene_.crowd.open(*victim);
    if (open.empty()) {
      victim->child().signal(SIGCONT);
      return false;
    }
    victim->busy = true;
    zombies_.push_back({victim, victim->pid(), {open.begin(), open.end()}, steady_us()});
    return true;
  }

  void look() override {
    for (Zombie& zombie : zombies_) zombie.resumed_us == 0 ? resume(zombie) : watch(zombie);
    std::erase_if(zombies_, [](const Zombie& zombie) { return !zombie.place->busy; });
  }
  bool busy() const override { return !zombies_.empty(); }
  std::size_t left() const override { return times_ - std::min(times_, done_); }
  std::string report() const override {
    return "paused beyond the lease " + std::to_string(done_) + ", for nothing " + std::to_string(for_nothing_) +
           ", died before it came to an end " + std::to_string(died_);
  }

 private:
  struct Zombie {
    Place* place = nullptr;
    pid_t pid = 0;
    std::vector<Open> held{};
    std::int64_t stopped_us = 0;
    std::int64_t resumed_us = 0;
    bool lost = false;  ///< something of what it held
  };

  /// When somebody else has got what it holds; at the latest after the time a server lets a stopped transaction stand.
  void resume(Zombie& zombie) {
    constexpr std::int64_t patience_us = 8'000'000;
    const auto stopped_for = steady_us() - zombie.stopped_us;
    if (stopped_for < scene_.lease_us || steady_us() < next_look_us_) return;
    next_look_us_ = steady_us() + 200'000;
    const auto still = held(zombie);
    if (still > 0 && stopped_for < patience_us) return;
    zombie.lost = still < zombie.held.size();
    zombie.resumed_us = steady_us();  // before it, for what it does next it does at once
    zombie.place->child().signal(SIGCONT);
    scene_.faults.push_back({.kind = Fault::Kind::paused,
                             .pid = zombie.pid,
                             .from_us = zombie.stopped_us,
                             .to_us = zombie.resumed_us});
  }

  [[nodiscard]] std::size_t held(const Zombie& zombie) {
    std::string tokens;
    for (const Open& open : zombie.held) tokens += (tokens.empty() ? "" : ", ") + std::to_string(open.token);
    const auto audit = process::open_audit(scene_.url);  // the server may have been restarted since the last time
    return std::stoul(audit->ask("SELECT count(*) FROM " + audit->table("jobs") +
                                 " WHERE state IN (2, 5) AND lease_token IN (" + tokens + ")"));
  }

  /// It is left alone until it has brought what it held to its end, unless a job that it begins ends it.
  void watch(Zombie& zombie) {
    constexpr std::int64_t patience_us = 10'000'000;
    const bool died = zombie.place->pid() != zombie.pid;
    const auto& open = scene_.crowd.open(*zombie.place);
    const bool at_it = std::ranges::any_of(zombie.held, [&](const Open& held) { return open.contains(held); });
    if (!died && at_it && steady_us() - zombie.resumed_us < patience_us) return;
    ++(died ? died_ : zombie.lost ? done_ : for_nothing_);
    zombie.place->busy = false;
  }

  Scene& scene_;
  const std::size_t times_;
  std::vector<Zombie> zombies_{};
  std::size_t done_ = 0;
  std::size_t for_nothing_ = 0;  // what it held was not taken from it
  std::size_t died_ = 0;
  std::int64_t next_look_us_ = 0;
};

}  // namespace

std::unique_ptr<Nemesis> make_pauser(Scene& scene, std::size_t times) {
  return std::make_unique<Pauser>(scene, times);
}

}  // namespace sqlq::faults
