#include "input.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "exit_code.hpp"

namespace sqlq::tool {

Input::Input(int descriptor) : std::istream(nullptr), buffer_(descriptor) { rdbuf(&buffer_); }

Input::Buffer::int_type Input::Buffer::underflow() {
  constexpr int look_again = 100;  // ms
  while (!stopped || !stopped()) {
    pollfd ready{descriptor, POLLIN, 0};
    if (::poll(&ready, 1, look_again) <= 0) continue;
    const auto got = ::read(descriptor, bytes.data(), bytes.size());
    if (got == 0) break;
    if (got > 0) {
      setg(bytes.data(), bytes.data(), bytes.data() + got);
      return traits_type::to_int_type(bytes[0]);
    }
    if (errno != EINTR && errno != EAGAIN) {
      throw Exit(ExitCode::failed, std::string("cannot read standard input: ") + std::strerror(errno));
    }
  }
  return traits_type::eof();
}

}  // namespace sqlq::tool
