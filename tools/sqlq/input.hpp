#pragma once
/// \file
/// Standard input as a stream that a stop ends: a program that waits for its input must not wait for a second signal.

#include <array>
#include <functional>
#include <istream>
#include <streambuf>
#include <utility>

namespace sqlq::tool {

/// One thread. What cannot be read is an Exit, out of its buffer; the stream itself then is bad.
class Input : public std::istream {
 public:
  explicit Input(int descriptor);
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;
  /// It is at its end as soon as `stopped` says so, perhaps amid a line: whoever reads looks, too.
  void end_when(std::function<bool()> stopped) { buffer_.stopped = std::move(stopped); }

 private:
  struct Buffer : std::streambuf {
    explicit Buffer(int from) : descriptor(from) {}
    int_type underflow() override;
    int descriptor;
    std::function<bool()> stopped{};
    std::array<char, 1U << 15U> bytes{};
  };
  Buffer buffer_;
};

}  // namespace sqlq::tool
