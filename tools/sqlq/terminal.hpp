#pragma once
/// \file
/// The terminal as a screen: another buffer than the one with the shell's lines, keys one by one, no cursor. However
/// the program ends, the terminal is as it was.

#include <optional>
#include <string>
#include <string_view>

#include <sqlq/clock.hpp>
#include <sqlq/stop_token.hpp>

#include "top_screen.hpp"

namespace sqlq::tool {

/// One at a time, on one thread. The destructor gives the terminal back, and so does a signal that ends the process,
/// unless it is SIGKILL.
class Terminal {
 public:
  /// Standard output is a terminal. Keys come from standard input if that is one too.
  Terminal();
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  [[nodiscard]] static ScreenSize size();
  static void write(std::string_view bytes);
  /// Waits for keys, for a change of the size, for `stop` or for so long. What was typed; empty: something else.
  [[nodiscard]] std::string wait(Duration time, const sqlq::stop_token& stop);
  /// Whether the whole screen must be drawn anew since the last call: another size, or another program had it.
  [[nodiscard]] bool disturbed();
};

}  // namespace sqlq::tool
