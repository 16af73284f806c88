#include "lint/suppression.h"

#include "base/text.h"

namespace berm::lint {
namespace {

constexpr std::string_view kMark = "berm: allow ";

// Alone on its line it speaks of the next that is no comment.
std::size_t line_meant(const Source& file, std::size_t line, std::size_t comment_at) {
  const std::string_view before = file.line(line).substr(0, comment_at);
  if (!trim(before).empty()) return line;
  for (std::size_t next = line + 1; next <= file.lines(); ++next) {
    const std::string_view text = trim(file.line(next));
    if (!text.empty() && !text.starts_with('#') && !text.starts_with("//")) return next;
  }
  return line;
}

}  // namespace

std::vector<Suppression> suppressions_in(const Source& file) {
  std::vector<Suppression> out;
  const std::string& text = file.text();
  for (std::size_t at = text.find(kMark); at != std::string::npos; at = text.find(kMark, at + 1)) {
    const std::size_t line = file.place_of(at).line;
    const std::size_t start = file.start_of(line);
    std::string_view head = std::string_view(text).substr(start, at - start);
    head = head.substr(0, head.find_last_not_of(' ') + 1);
    const bool comment = head.ends_with('#') || head.ends_with("//");
    if (!comment) continue;
    const std::string_view rest = file.line(line).substr(at - start + kMark.size());
    const std::size_t dashes = rest.find("--");
    Suppression one{.file = &file,
                    .span = {at, start + file.line(line).size()},
                    .rule = std::string(trim(rest.substr(0, dashes))),
                    .reason = dashes == std::string_view::npos
                                  ? ""
                                  : std::string(trim(rest.substr(dashes + 2)))};
    one.line = line_meant(file, line, head.size() - (head.ends_with('#') ? 1 : 2));
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace berm::lint
