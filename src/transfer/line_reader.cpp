#include "transfer/line_reader.hpp"

#include <sqlq/error.hpp>

#include "transfer/line_writer.hpp"

namespace sqlq::transfer {

LineReader::LineReader(std::istream& from) : from_(from), piece_(std::size_t{64} << 10) {}

bool LineReader::next(std::string& line) {
  line.clear();
  for (;;) {
    from_.getline(piece_.data(), static_cast<std::streamsize>(piece_.size()));
    const auto got = static_cast<std::size_t>(from_.gcount());
    const bool at_end = from_.eof();
    const bool full = !at_end && from_.fail() && got > 0;  // the line goes on
    if (from_.bad() || (from_.fail() && !at_end && !full)) {
      throw Error(Errc::internal, "the stream that is read failed after line " + std::to_string(number_));
    }
    line.append(piece_.data(), at_end || full ? got : got - 1);  // a line feed was read, too
    if (line.size() > longest_line) {
      ++number_;
      throw Error(Errc::invalid_argument, "the line has more than the " + std::to_string(longest_line >> 20) +
                                              " MiB that a line may have");
    }
    if (full) {
      from_.clear(from_.rdstate() & ~std::ios::failbit);
      continue;
    }
    if (at_end && line.empty()) return false;
    ++number_;
    return true;
  }
}

}  // namespace sqlq::transfer
