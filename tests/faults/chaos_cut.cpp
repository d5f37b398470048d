#include <algorithm>

#include "chaos_nemesis.hpp"

namespace sqlq::faults {
namespace {

class Cutter final : public Nemesis {
 public:
  Cutter(Scene& scene, std::size_t commits, std::int64_t every_us)
      : scene_(scene), commits_(commits), every_us_(every_us) {
    scene_.proxy->cut_commits(every_us_);
  }
  ~Cutter() override { scene_.proxy->cut_commits(0); }

  bool strike() override {
    const auto kind = scene_.random.between(0, 3);
    Place* victim = scene_.pick([&](const Place& place) { return kind != 3 || scene_.can_spare(place); });
    if (victim == nullptr || line_.place != nullptr) return false;
    const auto number = scene_.crowd.number(*victim);
    const auto now = steady_us();
    line_ = {victim, victim->pid(), now, now + scene_.random.between(500'000, 1'500'000)};
    switch (kind) {
      case 0: scene_.proxy->cut(number); line_ = {}; return true;
      case 1: scene_.proxy->change(number, Weather::slow); ++slow_; return true;
      case 2: scene_.proxy->change(number, Weather::sliced); ++sliced_; return true;
      default: break;
    }
    scene_.proxy->change(number, Weather::silent);
    ++silent_;
    victim->busy = line_.silent = true;
    line_.until_us = now + scene_.lease_us + scene_.random.between(300'000, 1'500'000);
    return true;
  }

  void look() override {
    if (line_.place == nullptr || steady_us() < line_.until_us) return;
    const auto number = scene_.crowd.number(*line_.place);
    if (line_.silent) {
      if (scene_.random.between(0, 1) == 0) scene_.proxy->cut(number);
      scene_.faults.push_back({.kind = Fault::Kind::silent, .pid = line_.pid, .from_us = line_.since_us,
                               .to_us = steady_us()});
      line_.place->busy = false;
    }
    scene_.proxy->change(number, Weather::fair);
    line_ = {};
  }
  bool busy() const override { return line_.place != nullptr; }
  std::size_t left() const override { return commits_ - std::min(commits_, scene_.proxy->cuts().commits()); }
  std::string report() const override {
    const Cuts cuts = scene_.proxy->cuts();
    const auto text = [](std::size_t n) { return std::to_string(n); };
    return "commits cut " + text(cuts.commits()) + ": request lost " + text(cuts.requests_lost) + ", reply lost " +
           text(cuts.replies_lost) + " (and that of a refused one " + text(cuts.errors_lost) + "); other cuts " +
           text(cuts.others) + "; lines slow " + text(slow_) + ", sliced " + text(sliced_) +
           ", silent beyond the lease " + text(silent_);
  }

 private:
  struct Line {
    Place* place = nullptr;
    std::int32_t pid = 0;
    std::int64_t since_us = 0;
    std::int64_t until_us = 0;
    bool silent = false;  // so that the place is busy; it may be so for another reason
  };
  Scene& scene_;
  const std::size_t commits_;
  const std::int64_t every_us_;
  Line line_{};
  std::size_t slow_ = 0;
  std::size_t sliced_ = 0;
  std::size_t silent_ = 0;
};

}  // namespace

std::unique_ptr<Nemesis> make_cutter(Scene& scene, std::size_t commits, std::int64_t every_us) {
  return std::make_unique<Cutter>(scene, commits, every_us);
}

}  // namespace sqlq::faults
