#include "platform/english.hpp"

#include <clocale>
#include <locale.h>
#include <new>
#include <string>

namespace sqlq::platform {

struct English::State {
  int per_thread = 0;
  std::string before{};
};

// The C library has no category for messages here; client libraries that translate ask for the whole locale.
English::English() noexcept : state_(nullptr) {
  try {
    state_ = new State;
    state_->per_thread = ::_configthreadlocale(_ENABLE_PER_THREAD_LOCALE);
    if (const char* now = std::setlocale(LC_ALL, nullptr)) state_->before = now;
    std::setlocale(LC_ALL, "C");
  } catch (...) {  // then their texts are in the program's language
  }
}

English::~English() {
  if (state_ == nullptr) return;
  if (!state_->before.empty()) std::setlocale(LC_ALL, state_->before.c_str());
  ::_configthreadlocale(state_->per_thread);
  delete state_;
}

}  // namespace sqlq::platform
