#include "platform/english.hpp"

#include <locale.h>
#if defined(__APPLE__)
#include <xlocale.h>
#endif

#include <new>

namespace sqlq::platform {

struct English::State {
  locale_t english{};
  locale_t before{};
};

English::English() noexcept : state_(new (std::nothrow) State) {
  if (state_ == nullptr) return;
  state_->english = ::newlocale(LC_MESSAGES_MASK, "C", nullptr);
  if (state_->english != nullptr) state_->before = ::uselocale(state_->english);
}

English::~English() {
  if (state_ != nullptr && state_->english != nullptr) {
    ::uselocale(state_->before);
    ::freelocale(state_->english);
  }
  delete state_;
}

}  // namespace sqlq::platform
