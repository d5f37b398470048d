#pragma once
// The exception that ends a thread from outside (pthread_cancel, pthread_exit). Whoever catches everything must rethrow
// it, or the process is aborted.

#include <exception>

#if defined(__GLIBCXX__)
#include <cxxabi.h>
#endif

namespace sqlq::worker {

#if defined(__GLIBCXX__)
using ForcedUnwind = abi::__forced_unwind;
#else
struct ForcedUnwind {};  // other libraries cannot catch it at all
#endif

}  // namespace sqlq::worker
