#include "chaos_nemesis.hpp"

namespace sqlq::faults {
namespace {

class Killer final : public Nemesis {
 public:
  Killer(Scene& scene, std::size_t times) : scene_(scene), times_(times) {}

  bool strike() override {
    Crowd& crowd = scene_.crowd;
    if (scene_.random.between(0, 19) == 0) {  // when nobody is left, who comes next finds everything as it was left
      for (Place& place : crowd.places()) {
        if (place.free() && place.works()) crowd.kill(place);
      }
      return true;
    }
    Place* victim = scene_.pick([](const Place&) { return true; });
    if (victim == nullptr) return false;
    crowd.kill(*victim);
    return true;
  }
  std::size_t left() const override { return times_ - std::min(times_, scene_.crowd.kills()); }
  std::string report() const override {
    return "killed from outside " + std::to_string(scene_.crowd.kills());
  }

 private:
  Scene& scene_;
  const std::size_t times_;
};

}  // namespace

std::unique_ptr<Nemesis> make_killer(Scene& scene, std::size_t times) {
  return std::make_unique<Killer>(scene, times);
}

}  // namespace sqlq::faults
