#include "arrays.hpp"

namespace sqlq::postgres {
namespace {

// One dimension that begins at 1: dimensions, whether there are NULLs, type, size, first index; each a number of 4
// bytes. Then each element with its length before it.
constexpr std::size_t nulls_at = 4;
constexpr std::size_t size_at = 12;
constexpr std::uint32_t length_of_null = 0xFFFFFFFF;

void put(char* at, std::uint64_t number, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) at[i] = static_cast<char>(number >> (8 * (bytes - 1 - i)));
}

void append(std::string& data, std::uint64_t number, std::size_t bytes) {
  data.resize(data.size() + bytes);
  put(&data[data.size() - bytes], number, bytes);
}

}  // namespace

Array::Array(Of of) : width_(of == Of::smallint ? 2 : of == Of::integer ? 4 : 8) {
  for (const std::uint32_t number : {1U, 0U, static_cast<std::uint32_t>(of), 0U, 1U}) append(data_, number, 4);
}

void Array::begin(std::uint32_t length) {
  append(data_, length, 4);
  put(&data_[size_at], ++size_, 4);
}

void Array::add(std::int64_t number) {
  begin(static_cast<std::uint32_t>(width_));
  append(data_, static_cast<std::uint64_t>(number), width_);
}

void Array::add(const JobId& id) {
  begin(static_cast<std::uint32_t>(id.bytes().size()));
  data_.append(reinterpret_cast<const char*>(id.bytes().data()), id.bytes().size());
}

void Array::add(std::string_view text) {
  begin(static_cast<std::uint32_t>(text.size()));
  data_.append(text);
}

void Array::add_null() {
  begin(length_of_null);
  put(&data_[nulls_at], 1, 4);
}

}  // namespace sqlq::postgres
