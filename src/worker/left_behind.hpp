#pragma once
/// \file
/// Threads of services that a stop has left behind, each in a call to the database. While a process exits, the client
/// libraries are torn down under such a thread. So exit waits for them, 5 s at most: as long as a connection may take.
///
/// Thread-safe.

namespace sqlq::worker::left_behind {

/// There is one more.
void count() noexcept;
/// On a thread that was counted, before its end.
void departs() noexcept;
/// On any thread, as the last thing that it does: if it was counted, it is no more.
void gone() noexcept;

}  // namespace sqlq::worker::left_behind
