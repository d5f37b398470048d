#include "record.hpp"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <stdexcept>

namespace sqlq::faults {
namespace {

std::uint32_t sum_of(Record record) {
  record.sum = 0;
  char bytes[sizeof record];
  std::memcpy(bytes, &record, sizeof record);
  const std::uint64_t hash = hash_of({bytes, sizeof bytes});
  return static_cast<std::uint32_t>(hash ^ (hash >> 32));
}

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string to_string(const Id& id) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < id.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += digits[id[i] >> 4];
    text += digits[id[i] & 15];
  }
  return text;
}

Id parse_id(std::string_view text) {
  Id id{};
  std::size_t n = 0;
  for (const char c : text) {
    const int value = digit(c);
    if (value < 0 || n == 2 * id.size()) continue;
    id[n / 2] = static_cast<std::uint8_t>(id[n / 2] << 4 | value);
    ++n;
  }
  if (n != 2 * id.size()) throw std::runtime_error("no job's id: " + std::string(text));
  return id;
}

std::uint64_t hash_of(std::string_view text) noexcept {
  std::uint64_t hash = 14695981039346656037u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211u;
  return hash;
}

std::uint32_t queue_number(std::string_view queue) noexcept { return static_cast<std::uint32_t>(hash_of(queue)); }

std::uint32_t step_number(std::string_view name, std::int64_t number) {
  return queue_number(std::string(name) + " " + std::to_string(number));
}

std::int64_t steady_us() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

Recorder::Recorder(const std::string& folder) {
  std::filesystem::create_directories(folder);
  const auto path = std::filesystem::path(folder) / std::to_string(::getpid());
  fd_ = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (fd_ < 0) throw std::runtime_error("cannot open " + path.string());
}

Recorder::~Recorder() { ::close(fd_); }

void Recorder::write(Record record) const {
  record.pid = ::getpid();
  record.at_us = steady_us();
  record.sum = sum_of(record);
  if (::write(fd_, &record, sizeof record) != ssize_t{sizeof record}) {
    throw std::runtime_error("cannot append a record");
  }
}

std::vector<Record> RecordReader::more() {
  std::vector<Record> records;
  if (!std::filesystem::exists(folder_)) return records;
  for (const auto& file : std::filesystem::directory_iterator(folder_)) read_file(file.path(), records);
  std::ranges::stable_sort(records, {}, &Record::at_us);
  return records;
}

std::vector<Record> RecordReader::more_of(std::int32_t pid) {
  std::vector<Record> records;
  const auto file = std::filesystem::path(folder_) / std::to_string(pid);
  if (std::filesystem::exists(file)) read_file(file, records);
  return records;
}

void RecordReader::read_file(const std::filesystem::path& path, std::vector<Record>& into) {
  std::size_t& read = read_[path.filename().string()];
  std::ifstream in(path, std::ios::binary);
  in.seekg(static_cast<std::streamoff>(read * sizeof(Record)));
  Record r;
  while (in.read(reinterpret_cast<char*>(&r), sizeof r)) {
    if (r.sum != sum_of(r)) throw std::runtime_error("a damaged record in " + path.string());
    into.push_back(r);
    ++read;
  }
}

}  // namespace sqlq::faults
