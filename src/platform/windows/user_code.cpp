#include "platform/user_code.hpp"

#include <cstdlib>

namespace sqlq::platform {

// There is no fork() whose child could come back, and no pthread_cancel whose end of a thread could be put off.

void UserCode::end_child(const char*) noexcept { std::abort(); }

void ignore_cancellation() noexcept {}

NoCancellation::NoCancellation() noexcept = default;

NoCancellation::~NoCancellation() = default;

}  // namespace sqlq::platform
