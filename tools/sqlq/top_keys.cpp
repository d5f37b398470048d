// What the keys of `top` mean, and how lines become bytes for the terminal.

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "text.hpp"
#include "top_screen.hpp"

namespace sqlq::tool {
namespace {

using Kind = TopRequest::Kind;
using Style = ScreenLine::Style;

bool about_queues(View view) { return view == View::all || view == View::queues; }

std::size_t rows_shown(const TopState& state, const TopData& data) {
  if (about_queues(state.view)) return queues_shown(data, state).size();
  if (state.view == View::workers) return workers_shown(data, state).size();
  return jobs_shown(data, state).size();
}

/// With what is selected; none when nothing is.
TopRequest about_selection(Kind kind, const TopState& state, const TopData& data) {
  TopRequest request{.kind = kind};
  if (about_queues(state.view)) {
    const auto queues = queues_shown(data, state);
    if (queues.empty()) return {};
    request.queue = queues[std::min(state.selected, queues.size() - 1)];
  } else if (state.view != View::workers) {
    const auto jobs = jobs_shown(data, state);
    if (jobs.empty()) return {};
    request.job = jobs[std::min(state.selected, jobs.size() - 1)].job;
  } else {
    return {};
  }
  return request;
}

void type(int key, TopState& state) {
  std::string& text = *state.typing;
  if (key == key_escape) {
    state.typing.reset();
  } else if (key == '\r' || key == '\n') {
    state.filter = text;
    state.typing.reset();
    state.selected = 0;
  } else if (key == 0x7f || key == 0x08) {
    while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xc0U) == 0x80) text.pop_back();
    if (!text.empty()) text.pop_back();
  } else if (key >= 0x20 && key < 0x100 && text.size() < 255) {
    text += static_cast<char>(key);  // bytes of UTF-8 one by one
  }
}

const char* escape_for(Style style, bool color) {
  switch (style) {
    case Style::title: return "\x1b[1m";
    case Style::head: return "\x1b[7m";
    case Style::selected: return "\x1b[1;4m";
    case Style::bad: return color ? "\x1b[31m" : "\x1b[1m";
    case Style::dim: return "\x1b[2m";
    case Style::plain: break;
  }
  return "";
}

}  // namespace

TopRequest press(int key, TopState& state, const TopData& data) {
  if (state.typing) {
    type(key, state);
    return {};
  }
  if (!state.question.empty()) {
    state.question.clear();
    if (key == 'y' || key == 'Y') return {.kind = Kind::yes};
    state.message = "nothing was changed";
    return {};
  }
  state.message.clear();
  if (state.help) {
    state.help = false;
    return {.kind = key == 'q' ? Kind::quit : Kind::none};
  }
  if (key >= '1' && key < '1' + static_cast<int>(view_count)) {
    state.view = static_cast<View>(key - '1');
    state.selected = 0;
    return {.kind = Kind::refresh};
  }
  const std::size_t rows = rows_shown(state, data);
  switch (key) {
    case 'q':
    case 0x03: return {.kind = Kind::quit};
    case 'r':
    case 0x0c: return {.kind = Kind::refresh};
    case 'j':
    case key_down:
      if (state.selected + 1 < rows) ++state.selected;
      return {};
    case 'k':
    case key_up:
      state.selected = std::min(state.selected, rows);
      if (state.selected > 0) --state.selected;
      return {};
    case '/': state.typing.emplace(); return {};
    case key_escape:
      state.filter.clear();
      return {};
    case 's':
      state.sort = static_cast<Sort>((static_cast<std::size_t>(state.sort) + 1) % sort_count);
      state.selected = 0;
      return {};
    case '?':
      state.help = true;
      return {};
    case 'p': return about_queues(state.view) ? about_selection(Kind::pause_or_resume, state, data) : TopRequest{};
    case 'R': return about_selection(Kind::retry, state, data);
    case 'C': return about_selection(Kind::cancel, state, data);
    case 'D': return about_selection(Kind::erase, state, data);
    default: return {};
  }
}

std::vector<int> keys_in(std::string_view bytes) {
  std::vector<int> keys;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const unsigned char byte = static_cast<unsigned char>(bytes[i]);
    if (byte != 0x1b) {
      keys.push_back(byte);
      continue;
    }
    if (i + 1 >= bytes.size() || (bytes[i + 1] != '[' && bytes[i + 1] != 'O')) {
      keys.push_back(key_escape);
      continue;
    }
    i += 2;
    while (i < bytes.size() && (bytes[i] < 0x40 || bytes[i] > 0x7e)) ++i;
    if (i >= bytes.size()) break;
    if (bytes[i] == 'A') keys.push_back(key_up);
    if (bytes[i] == 'B') keys.push_back(key_down);
  }
  return keys;
}

std::string drawn(const std::vector<ScreenLine>& lines, const ScreenSize& size, bool color) {
  std::string bytes = "\x1b[H";
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) bytes += "\r\n";
    const std::size_t used = width(lines[i].text);
    bytes += escape_for(lines[i].style, color) + lines[i].text;
    bytes += std::string(used < size.columns ? size.columns - used : 0, ' ') + "\x1b[0m";
  }
  return bytes;
}

}  // namespace sqlq::tool
