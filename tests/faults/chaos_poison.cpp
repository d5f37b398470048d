#include <algorithm>

#include <sqlq/sqlq.hpp>

#include "chaos_nemesis.hpp"
#include "process/opening.hpp"

namespace sqlq::faults {
namespace {

using process::stubbornly;

/// Enqueues jobs that end the process of whoever runs them. The checker says whether each was stopped in time.
class Poisoner final : public Nemesis {
 public:
  Poisoner(Scene& scene, std::size_t times) : scene_(scene), times_(times) {}

  bool strike() override {
    const JobId id = JobId::make(client_.database().clock().now());
    // More than one: it may die with its process before it has begun.
    const int max_crashes = static_cast<int>(scene_.random.between(3, 4));
    const NewJob job{.kind = "poison",
                     .params = scene_.random.between(0, 1) == 0 ? "\"abort\"" : "\"exit\"",
                     .options = {.max_crashes = max_crashes, .keepalive = Duration(scene_.lease_us), .id = id}};
    scene_.recorder.write(about(What::enqueue_asked, id.bytes()));
    stubbornly([&] { return client_.enqueue(job); });
    scene_.recorder.write(about(What::enqueued, id.bytes()));
    ++done_;
    return true;
  }
  std::size_t left() const override { return times_ - std::min(times_, done_); }
  std::string report() const override {
    return "poison: " + std::to_string(done_) + " jobs killed " + std::to_string(scene_.crowd.poisonings()) +
           " processes";
  }

 private:
  Scene& scene_;
  const std::size_t times_;
  Client client_{open(scene_.url)};
  std::size_t done_ = 0;
};

}  // namespace

std::unique_ptr<Nemesis> make_poisoner(Scene& scene, std::size_t times) {
  return std::make_unique<Poisoner>(scene, times);
}

}  // namespace sqlq::faults
