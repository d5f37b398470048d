#pragma once
/// \file
/// The host and process that a worker runs in, and its default name.

#include <cstdint>
#include <string>

namespace sqlq::platform {

/// At most 200 bytes of UTF-8 without control characters. Thread-safe.
[[nodiscard]] std::string host_name();
/// Asked anew each time, for a forked child has another. Thread-safe.
[[nodiscard]] std::int64_t process_id();

/// "host:pid:tag"; at most 255 bytes of UTF-8. Thread-safe. The process id is asked anew each time, so that a forked
/// child has a name of its own.
[[nodiscard]] std::string worker_name(std::uint32_t tag);

/// worker_name with a random tag: another name at every call.
[[nodiscard]] std::string default_worker_name();

}  // namespace sqlq::platform
