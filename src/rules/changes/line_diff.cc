#include "rules/changes/line_diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <vector>

namespace berm {
namespace {

constexpr std::size_t kContext = 3;
constexpr int kMostChanges = 2'000;
constexpr std::size_t kMostSteps = 4'000'000;  // a text made to be slow takes tens of milliseconds

using Lines = std::vector<std::string_view>;

/// One line of the result: of both texts, of the first, or of the second.
struct Step {
  char kind;  ///< ' ', '-', '+'
  std::string_view line;
};
using Script = std::vector<Step>;

// Each with its line feed, so that a last line without one differs from the same with one.
Lines lines_of(std::string_view text) {
  Lines out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1);
    out.push_back(text.substr(0, end + 1));
    text.remove_prefix(end + 1);
  }
  return out;
}

using Frontier = std::vector<int>;  // by diagonal: how far the first text is consumed

// https://doi.org/10.1007/BF01840446, greedy; empty when it takes more than is allowed.
std::vector<Frontier> frontiers(const Lines& before, const Lines& after) {
  const int rows = static_cast<int>(before.size());
  const int columns = static_cast<int>(after.size());
  const int most = std::min(rows + columns, kMostChanges);
  std::vector<Frontier> trace;
  Frontier reach(static_cast<std::size_t>(2 * most + 3), 0);
  const auto at = [&](int diagonal) -> int& {
    return reach[static_cast<std::size_t>(diagonal + most + 1)];
  };
  std::size_t steps = 0;
  for (int changes = 0; changes <= most && steps < kMostSteps; ++changes) {
    for (int diagonal = -changes; diagonal <= changes; diagonal += 2) {
      const bool down =
          diagonal == -changes || (diagonal != changes && at(diagonal - 1) < at(diagonal + 1));
      int row = down ? at(diagonal + 1) : at(diagonal - 1) + 1;
      while (row < rows && row - diagonal < columns && row - diagonal >= 0 &&
             before[static_cast<std::size_t>(row)] ==
                 after[static_cast<std::size_t>(row - diagonal)]) {
        ++row;
        ++steps;
      }
      ++steps;
      at(diagonal) = row;
      if (row >= rows && row - diagonal >= columns) {
        trace.push_back({});  // the last step is known by its end
        return trace;
      }
    }
    // Only the diagonals that this round has reached.
    trace.emplace_back(reach.begin() + (most + 1 - changes), reach.begin() + (most + 2 + changes));
  }
  return {};
}

Script replaced(const Lines& before, const Lines& after) {
  Script out;
  for (const std::string_view line : before) out.push_back({'-', line});
  for (const std::string_view line : after) out.push_back({'+', line});
  return out;
}

// From the end back to the beginning, one change a round.
Script shortest(const Lines& before, const Lines& after) {
  const std::vector<Frontier> trace = frontiers(before, after);
  if (trace.empty()) return replaced(before, after);
  Script out;
  int row = static_cast<int>(before.size());
  int column = static_cast<int>(after.size());
  const auto keep_until = [&](int first) {
    for (; row > first; --row, --column) {
      out.push_back({' ', before[static_cast<std::size_t>(row - 1)]});
    }
  };
  for (int changes = static_cast<int>(trace.size()) - 1; changes > 0; --changes) {
    const Frontier& reach = trace[static_cast<std::size_t>(changes - 1)];
    const auto at = [&](int diagonal) {
      const int index = diagonal + changes - 1;
      return index < 0 || index >= static_cast<int>(reach.size())
                 ? -1
                 : reach[static_cast<std::size_t>(index)];
    };
    const int diagonal = row - column;
    const bool down =
        diagonal == -changes || (diagonal != changes && at(diagonal - 1) < at(diagonal + 1));
    const int from = down ? at(diagonal + 1) : at(diagonal - 1);
    keep_until(down ? from : from + 1);
    if (down) {
      out.push_back({'+', after[static_cast<std::size_t>(--column)]});
    } else {
      out.push_back({'-', before[static_cast<std::size_t>(--row)]});
    }
  }
  keep_until(0);
  std::ranges::reverse(out);
  return out;
}

// Insertions behind removals, as readers expect it.
void group(Script& script) {
  for (auto at = script.begin(); at != script.end();) {
    const auto changed =
        std::find_if(at, script.end(), [](const Step& s) { return s.kind != ' '; });
    at = std::find_if(changed, script.end(), [](const Step& s) { return s.kind == ' '; });
    std::stable_partition(changed, at, [](const Step& s) { return s.kind == '-'; });
  }
}

Script script_of(Lines before, Lines after) {
  const auto same = std::ranges::mismatch(before, after);
  const auto head = std::distance(before.begin(), same.in1);
  Script out;
  for (auto at = before.begin(); at != same.in1; ++at) out.push_back({' ', *at});
  before.erase(before.begin(), before.begin() + head);
  after.erase(after.begin(), after.begin() + head);
  Script tail;
  while (!before.empty() && !after.empty() && before.back() == after.back()) {
    tail.push_back({' ', before.back()});
    before.pop_back();
    after.pop_back();
  }
  Script middle = shortest(before, after);
  group(middle);
  out.insert(out.end(), middle.begin(), middle.end());
  out.insert(out.end(), tail.rbegin(), tail.rend());
  return out;
}

void write_hunk(const Script& script, std::size_t first, std::size_t last, std::size_t row,
                std::size_t column, std::string& out) {
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::string body;
  for (std::size_t i = first; i < last; ++i) {
    rows += script[i].kind != '+' ? 1U : 0U;
    columns += script[i].kind != '-' ? 1U : 0U;
    body += script[i].kind;
    body += script[i].line;
    if (!script[i].line.ends_with('\n')) body += "\n\\ No newline at end of file\n";
  }
  // An empty range is named by the line before it.
  out += fmt::format("@@ -{},{} +{},{} @@\n", rows == 0 ? row : row + 1, rows,
                     columns == 0 ? column : column + 1, columns);
  out += body;
}

}  // namespace

std::string line_diff(std::string_view before, std::string_view after) {
  if (before == after) return "";
  const Script script = script_of(lines_of(before), lines_of(after));
  std::string out;
  std::size_t row = 0;
  std::size_t column = 0;
  std::size_t at = 0;
  const auto skip_to = [&](std::size_t end) {
    for (; at < end; ++at) {
      row += script[at].kind != '+' ? 1U : 0U;
      column += script[at].kind != '-' ? 1U : 0U;
    }
  };
  while (true) {
    std::size_t changed = at;
    while (changed < script.size() && script[changed].kind == ' ') ++changed;
    if (changed == script.size()) return out;
    std::size_t end = changed;  // behind the last change that is near enough
    for (std::size_t i = changed; i < script.size() && i - end <= 2 * kContext; ++i) {
      if (script[i].kind != ' ') end = i + 1;
    }
    skip_to(changed - std::min(kContext, changed - at));
    const std::size_t last = std::min(end + kContext, script.size());
    write_hunk(script, at, last, row, column, out);
    skip_to(last);
  }
}

}  // namespace berm
