#pragma once
// The unwinding that ends a thread from outside (pthread_cancel, pthread_exit). Whoever catches everything must rethrow
// it, or the process is aborted: `catch (...) { if (in_forced_unwind()) throw; ... }`.

#include <exception>

namespace sqlq::worker {

// To be asked inside `catch (...)`: it is no C++ exception, so there is no current one.
[[nodiscard]] inline bool in_forced_unwind() noexcept { return std::current_exception() == nullptr; }

}  // namespace sqlq::worker
