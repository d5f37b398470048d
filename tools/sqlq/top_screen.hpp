#pragma once
/// \file
/// The screen of `top`: what it shows for which data, and what its keys mean. Pure functions, without a terminal.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "top_data.hpp"

namespace sqlq::tool {

struct ScreenSize {
  std::size_t columns = 80;
  std::size_t rows = 24;
};

enum class View { all, queues, running, failed, scheduled, workers };
inline constexpr std::size_t view_count = 6;
enum class Sort { name, pending, running, failed, oldest };
inline constexpr std::size_t sort_count = 5;

/// What the person at the keyboard has chosen.
struct TopState {
  View view = View::all;
  Sort sort = Sort::name;
  std::size_t selected = 0;            ///< row of the list that the view is about
  std::string filter{};                ///< rows that contain it
  std::optional<std::string> typing{}; ///< a filter that is being typed
  std::string question{};              ///< waits for y or n
  std::string message{};               ///< until the next key
  bool help = false;
};

/// A line of the screen: printable, and as wide as the screen at most.
struct ScreenLine {
  enum class Style { plain, title, head, selected, bad, dim };
  std::string text{};
  Style style = Style::plain;
};

/// Exactly size.rows lines.
[[nodiscard]] std::vector<ScreenLine> lay_out(const TopData& data, const TopState& state, const ScreenSize& size);
/// The bytes that draw them from the upper left corner on. Every line is filled up to the width.
[[nodiscard]] std::string drawn(const std::vector<ScreenLine>& lines, const ScreenSize& size, bool color);

/// The queues or jobs of the view, filtered and sorted: `selected` counts in these.
[[nodiscard]] std::vector<TopQueue> queues_shown(const TopData& data, const TopState& state);
[[nodiscard]] std::vector<TopJob> jobs_shown(const TopData& data, const TopState& state);
[[nodiscard]] std::vector<WorkerInfo> workers_shown(const TopData& data, const TopState& state);
/// A limit of the rows of any list that fits the screen: no more need to be read.
[[nodiscard]] TopWish wish_for(const TopState& state, const ScreenSize& size, std::uint64_t cap);

/// What a key asks the program to do. `queue` or `job` is what is selected.
struct TopRequest {
  enum class Kind { none, quit, refresh, pause_or_resume, retry, cancel, erase, yes };
  Kind kind = Kind::none;
  std::optional<TopQueue> queue{};
  std::optional<Job> job{};
};
/// Keys of a terminal: a character, or one of these.
enum Key : int { key_up = 0x110000, key_down, key_escape };
TopRequest press(int key, TopState& state, const TopData& data);
/// The keys in what a terminal sent; sequences that are not known are left out.
[[nodiscard]] std::vector<int> keys_in(std::string_view bytes);

}  // namespace sqlq::tool
