#include "core/zone_file.hpp"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include <sqlq/error.hpp>

#include "core/words.hpp"
#include "platform/system.hpp"

namespace sqlq::core {
namespace {

using std::filesystem::path;

/// Of a name in UTF-8, which is not what the system's own functions take everywhere.
path path_of(const std::string& name) { return {std::u8string(name.begin(), name.end())}; }

std::string text_of(const path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

/// Nothing that leads out of the folder.
bool may_be_a_name(const std::string& name) {
  const auto plain = [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '/' || c == '_' || c == '-' || c == '+';
  };
  return !name.empty() && name.front() != '/' && std::ranges::all_of(name, plain);
}

/// All that the folders have, for a hint.
std::vector<std::string> names_in(const std::vector<std::string>& folders) {
  std::vector<std::string> names;
  for (const std::string& folder : folders) {
    std::error_code failed;
    const path base = path_of(folder);
    for (std::filesystem::recursive_directory_iterator at(base, failed), end; !failed && at != end;
         at.increment(failed)) {
      std::string name = at->path().lexically_relative(base).generic_string();
      if (at->is_regular_file(failed) && may_be_a_name(name)) names.push_back(std::move(name));
    }
    if (!names.empty()) break;
  }
  return names;
}

[[noreturn]] void refuse_file(const std::string& name) {
  const std::vector<std::string> folders = platform::zone_folders();
  const std::vector<std::string> names = names_in(folders);
  if (names.empty()) {
    std::string looked;
    for (const std::string& folder : folders) looked += (looked.empty() ? "'" : ", '") + folder + "'";
    throw Error(Errc::configuration, "the system has no time zones but UTC: put a folder of them (zoneinfo, as the "
                                     "package tzdata has it) where they are looked for: " + looked);
  }
  const std::string nearest = nearest_name(name, names);
  const std::string hint =
      nearest.empty() ? "its IANA name is needed, such as Europe/Berlin" : "did you mean " + nearest + "?";
  throw Error(Errc::invalid_argument, "there is no time zone " + core::quoted(name) + ": " + hint);
}

/// Its first byte is the highest one; 0 beyond the end.
std::uint64_t number_at(std::string_view text, std::uint64_t at, std::size_t bytes) {
  if (at > text.size()) return 0;
  std::uint64_t number = 0;
  for (const char byte : text.substr(static_cast<std::size_t>(at), bytes)) {
    number = number << 8U | static_cast<unsigned char>(byte);
  }
  return number;
}

}  // namespace

ZoneFile ZoneFile::read(const std::string& name) {
  if (!may_be_a_name(name)) refuse_file(name);
  for (const std::string& folder : platform::zone_folders()) {
    const std::string text = text_of(path_of(folder + name));
    if (text.empty()) continue;
    if (auto file = parse(text)) return *std::move(file);
    throw Error(Errc::configuration, "the file of the time zone " + core::quoted(name) +
                                         " cannot be read, or is none: install the system's time zones anew (tzdata)");
  }
  refuse_file(name);
}

/// RFC 8536, 3: a header and numbers of 32 bits, the same with 64 bits, a last line.
std::optional<ZoneFile> ZoneFile::parse(std::string_view bytes) {
  constexpr std::uint64_t header = 44;
  if (!bytes.starts_with("TZif") || bytes.size() < 2 * header || bytes[4] < '2' || bytes.back() != '\n') return {};
  const auto count = [&](std::uint64_t begin, std::uint64_t n) { return number_at(bytes, begin + 20 + 4 * n, 4); };
  const std::uint64_t second = header + count(0, 0) + count(0, 1) + 8 * count(0, 2) + 5 * count(0, 3) +
                               6 * count(0, 4) + count(0, 5);
  const std::uint64_t changes = count(second, 3);
  const std::uint64_t kinds = count(second, 4);
  const std::uint64_t kind_of = second + header + 8 * changes;
  const std::uint64_t offsets = kind_of + changes;
  if (kinds == 0 || offsets + 6 * kinds > bytes.size()) return {};
  const auto offset = [&](std::uint64_t kind) {
    return std::chrono::seconds(static_cast<std::int32_t>(number_at(bytes, offsets + 6 * kind, 4)));
  };
  ZoneFile file;
  file.changes_.push_back({earliest, offset(0)});
  for (std::uint64_t i = 0; i < changes; ++i) {
    const auto at = static_cast<std::int64_t>(number_at(bytes, second + header + 8 * i, 8));
    const std::uint64_t kind = number_at(bytes, kind_of + i, 1);
    if (kind >= kinds) return {};
    const UtcSeconds when{std::chrono::seconds(at)};
    if (when <= file.changes_.back().at) {  // "since ever"
      file.changes_.back().offset = offset(kind);
    } else {
      file.changes_.push_back({when, offset(kind)});
    }
  }
  const std::size_t line = bytes.rfind('\n', bytes.size() - 2) + 1;
  file.tail_ = ZoneTail::parse(bytes.substr(line, bytes.size() - 1 - line));
  return file;
}

std::optional<UtcSeconds> ZoneFile::last_change() const {
  if (changes_.size() < 2) return {};
  return changes_.back().at;
}

}  // namespace sqlq::core
