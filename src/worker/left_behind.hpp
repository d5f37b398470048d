#pragma once
/// \file
/// Threads of services that a stop has left behind, each in a call to the database. While a process exits, the client
/// libraries are torn down under such a thread. So exit waits for them, 5 s at most: as long as a connection may take.
///
/// Thread-safe.

namespace sqlq::worker::left_behind {

/// There is one more.
void count() noexcept;
/// On the thread that was counted: it counts until it has ended and let go of all that it holds.
void departs() noexcept;

}  // namespace sqlq::worker::left_behind
