#pragma once
/// \file
/// The one real sleep of the library, for places where nothing can notify: busy handlers of client libraries.
/// Everything else waits on a `Signal`.

#include <sqlq/clock.hpp>
#include <sqlq/export.hpp>

namespace sqlq::platform {

/// Sleeps for real time, whatever clock a test has injected. Zero and negative durations return at once.
SQLQ_API void pause_for(Duration duration);

}  // namespace sqlq::platform
