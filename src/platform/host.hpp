#pragma once
/// \file
/// The default name of a worker.

#include <cstdint>
#include <string>

namespace sqlq::platform {

/// "host:pid:tag"; at most 255 bytes of UTF-8. Thread-safe. The process id is asked anew each time, so that a forked
/// child has a name of its own.
[[nodiscard]] std::string worker_name(std::uint32_t tag);

/// worker_name with a random tag: another name at every call.
[[nodiscard]] std::string default_worker_name();

}  // namespace sqlq::platform
