#include <system_error>
#include <utility>

#include <sqlq/error.hpp>
#include <sqlq/observer.hpp>

#include "core/checks.hpp"
#include "platform/forks.hpp"
#include "worker/mailbox.hpp"

namespace sqlq {
namespace {

using worker::Callbacks;
using worker::Mailbox;

class Queued final : public Observer {
 public:
  Queued(Mailbox::Call tell, const QueuedOptions& options)
      : grace_(options.grace),
        mailbox_(std::make_shared<Mailbox>(
            "an observer", "make it quicker, or raise QueuedOptions::most_waiting to bear longer bursts",
            std::move(tell), callbacks_, options.most_waiting)) {
    callbacks_->start(1);
  }
  /// In a forked child the thread is not there, and its locks may be held for ever.
  ~Queued() override {
    if (maker_.is_parent()) {
      platform::keep_for_ever(new std::pair(callbacks_, mailbox_));
    } else {
      mailbox_->close(saturating_add(system_clock()->steady(), grace_));
    }
  }
  Queued(const Queued&) = delete;
  Queued& operator=(const Queued&) = delete;

  void observe(const Event& event) override {
    if (maker_.is_parent()) return;
    mailbox_->post(event);
    callbacks_->fill();
  }

 private:
  const platform::Maker maker_{};
  const Duration grace_;
  const std::shared_ptr<Callbacks> callbacks_ = std::make_shared<Callbacks>(system_clock());
  const std::shared_ptr<Mailbox> mailbox_;
};

}  // namespace

std::shared_ptr<Observer> queued(std::function<void(const Event&)> tell, QueuedOptions options) {
  if (!tell) throw Error(Errc::invalid_argument, "queued: the function to tell of events is empty");
  core::check_range(options.most_waiting, 1, 1'000'000, "QueuedOptions::most_waiting");
  if (options.grace < Duration::zero()) {
    throw Error(Errc::invalid_argument, "QueuedOptions::grace must not be negative");
  }
  try {
    return std::make_shared<Queued>(std::move(tell), options);
  } catch (const std::system_error& e) {
    throw Error(Errc::busy, std::string("the system refused a thread for an observer: ") + e.what());
  }
}

}  // namespace sqlq
