#include "output.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>

namespace sqlq::tool {

Output::Output(int descriptor) : std::ostream(nullptr), buffer_(descriptor) {
  rdbuf(&buffer_);
  exceptions(std::ios::badbit);  // so that OutputFailed comes through
}

Output::Buffer::Buffer(int descriptor) : descriptor_(descriptor) { setp(bytes_.data(), bytes_.data() + bytes_.size()); }

Output::Buffer::int_type Output::Buffer::overflow(int_type c) {
  sync();
  if (!traits_type::eq_int_type(c, traits_type::eof())) sputc(traits_type::to_char_type(c));
  return traits_type::not_eof(c);
}

int Output::Buffer::sync() {
  const char* from = pbase();
  while (from < pptr()) {
    const auto written = ::write(descriptor_, from, static_cast<std::size_t>(pptr() - from));
    if (written >= 0) {
      from += written;
    } else if (errno == EAGAIN) {  // somebody made the terminal non-blocking
      pollfd ready{descriptor_, POLLOUT, 0};
      ::poll(&ready, 1, -1);
    } else if (errno != EINTR) {
      const int number = errno;
      setp(bytes_.data(), bytes_.data() + bytes_.size());
      throw OutputFailed{number};
    }
  }
  setp(bytes_.data(), bytes_.data() + bytes_.size());
  return 0;
}

}  // namespace sqlq::tool
