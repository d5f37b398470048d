#include "worker/events.hpp"

#include <exception>
#include <utility>

#include <sqlq/outcome.hpp>

#include "core/text.hpp"
#include "core/words.hpp"
#include "platform/user_code.hpp"
#include "worker/context.hpp"

namespace sqlq::worker {
namespace {

constexpr int deepest = 50;

// Adds the text of the exception being handled, and then those of the exceptions nested in it.
void add_level(Thrown& thrown, int level) {
  const auto say = [&](const char* text) {
    if (level > 1) thrown.text += ": ";
    thrown.text += text != nullptr ? text : "an exception without text";
  };
  const auto inner = [&](const std::nested_exception* outer) {
    if (outer == nullptr || outer->nested_ptr() == nullptr || level == deepest) return;
    try {
      outer->rethrow_nested();
    } catch (...) {
      if (platform::in_forced_unwind()) throw;
      add_level(thrown, level + 1);
    }
  };
  try {
    throw;
  } catch (const std::exception& e) {
    say(e.what());
    thrown.discard = thrown.discard || dynamic_cast<const Discard*>(&e) != nullptr ||
                     dynamic_cast<const ResultRefused*>(&e) != nullptr;
    inner(dynamic_cast<const std::nested_exception*>(&e));
  } catch (const std::nested_exception& e) {
    say("unknown exception");
    inner(&e);
  } catch (...) {
    say("unknown exception");
  }
}

}  // namespace

Events::Events(std::function<void(const WorkerEvent&)> callback, std::shared_ptr<Callbacks> callbacks,
               core::Observers observers)
    : observers_(std::move(observers)),
      mailbox_(std::make_shared<Mailbox>(
          "on_event", "make it quicker, or give the worker an observer made by sqlq::queued",
          [told = callback ? std::move(callback) : print](const Event& event) {
            if (const auto* its = std::get_if<WorkerEvent>(&event)) told(*its);
          },
          std::move(callbacks), most_waiting)) {}

void Events::report(Level level, std::string_view service, std::string_view message, std::optional<JobId> job,
                    Code code) noexcept {
  try {
    report(WorkerEvent{level, code, std::string(service), std::string(message), job});
  } catch (...) {  // no memory to tell of anything
  }
}

void Events::report(WorkerEvent event) noexcept {
  try {
    event.message = core::one_line(event.message, core::max_message_bytes);
    Event told(std::move(event));
    core::tell(observers_, told);
    mailbox_->post(std::move(told));
  } catch (...) {  // no memory to tell of anything
  }
}

Thrown current_exception() {
  Thrown thrown;
  add_level(thrown, 1);
  return thrown;
}

Outcome current_outcome() {
  Thrown thrown = current_exception();
  return thrown.discard ? Outcome::discard(std::move(thrown.text)) : Outcome::error(std::move(thrown.text));
}

}  // namespace sqlq::worker
