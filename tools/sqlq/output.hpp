#pragma once
/// \file
/// Standard output as a stream that says when it cannot be written: a full disk is an error, and a reader that went
/// away ends the program.

#include <array>
#include <ostream>
#include <streambuf>

namespace sqlq::tool {

/// Thrown out of whatever writes.
struct OutputFailed {
  int number = 0;  ///< errno
};

/// One thread. Not flushed by its destructor.
class Output : public std::ostream {
 public:
  explicit Output(int descriptor);
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

 private:
  class Buffer : public std::streambuf {
   public:
    explicit Buffer(int descriptor);

   private:
    int_type overflow(int_type c) override;
    int sync() override;
    int descriptor_;
    std::array<char, 1U << 15U> bytes_{};
  };
  Buffer buffer_;
};

}  // namespace sqlq::tool
