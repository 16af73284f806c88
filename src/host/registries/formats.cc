#include "host/registries/formats.h"

#include <algorithm>

#include "base/text.h"

namespace berm {
namespace {

constexpr std::size_t kMaxElements = 10'000;
constexpr std::size_t kMaxDepth = 32;

std::string_view name_at(std::string_view text) {
  return text.substr(0, text.find_first_of(" \t\r\n/>=\"'<"));
}

// name="value" pairs of a start tag.
std::map<std::string, std::string> attributes_of(std::string_view tag) {
  std::map<std::string, std::string> attributes;
  while (attributes.size() < 32) {
    tag.remove_prefix(std::min(tag.find_first_not_of(" \t\r\n/"), tag.size()));
    const std::string_view name = name_at(tag);
    if (name.empty()) break;
    tag.remove_prefix(name.size());
    tag = trim(tag);
    if (!tag.starts_with('=')) continue;
    tag = trim(tag.substr(1));
    if (!tag.starts_with('"') && !tag.starts_with('\'')) break;
    const std::size_t end = tag.find(tag.front(), 1);
    if (end == std::string_view::npos) break;
    attributes.emplace(name, tag.substr(1, end - 1));
    tag.remove_prefix(end + 1);
  }
  return attributes;
}

// Length of a comment, CDATA section, declaration or instruction at the front; 0 if there is none.
std::size_t markup_length(std::string_view text) {
  const auto until = [&](std::string_view end) {
    const std::size_t at = text.find(end);
    return at == std::string_view::npos ? text.size() : at + end.size();
  };
  if (text.starts_with("<!--")) return until("-->");
  if (text.starts_with("<![CDATA[")) return until("]]>");
  if (text.starts_with("<?")) return until("?>");
  if (text.starts_with("<!")) return until(">");
  return 0;
}

// Position of the '>' that ends the tag: not one inside quotes.
std::size_t end_of_tag(std::string_view text) {
  char quote = 0;
  for (std::size_t at = 1; at < text.size(); ++at) {
    const char c = text[at];
    if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '>') {
      return at;
    }
  }
  return std::string_view::npos;
}

}  // namespace

std::vector<IniEntry> parse_ini(std::string_view text, IniStyle style) {
  std::vector<IniEntry> entries;
  std::string section;
  bool open = false;  // a value that may go on
  for (std::string_view line : split(text, '\n')) {
    const bool indented = line.starts_with(' ') || line.starts_with('\t');
    line = trim(line);
    if (line.empty() || line.starts_with('#') || line.starts_with(';')) continue;
    if (style == IniStyle::folded && indented && open) {
      entries.back().value += '\n';
      entries.back().value += line;
      continue;
    }
    open = false;
    if (line.starts_with('[') && line.ends_with(']')) {
      section = line.substr(1, line.size() - 2);
      continue;
    }
    const std::size_t end = line.find_first_of(style == IniStyle::folded ? "=:" : "=");
    if (end == std::string_view::npos) continue;
    entries.push_back({.section = section,
                       .key = std::string(trim(line.substr(0, end))),
                       .value = std::string(unquoted(trim(line.substr(end + 1))))});
    open = true;
  }
  return entries;
}

std::optional<std::vector<XmlElement>> parse_xml(std::string_view text) {
  std::vector<XmlElement> elements;
  std::vector<std::size_t> open;
  while (!text.empty()) {
    const std::size_t start = std::min(text.find('<'), text.size());
    if (!open.empty()) elements[open.back()].text += text.substr(0, start);
    text.remove_prefix(start);
    if (text.empty()) break;
    if (const std::size_t skip = markup_length(text); skip > 0) {
      text.remove_prefix(skip);
      continue;
    }
    const std::size_t end = end_of_tag(text);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view tag = text.substr(1, end - 1);
    text.remove_prefix(end + 1);
    if (tag.starts_with('/')) {
      if (open.empty() || elements[open.back()].name != trim(tag.substr(1))) return std::nullopt;
      open.pop_back();
      continue;
    }
    const std::string_view name = name_at(tag);
    if (name.empty() || elements.size() == kMaxElements) return std::nullopt;
    elements.push_back({.name = std::string(name),
                        .parent = open.empty() ? elements.size() : open.back(),
                        .attributes = attributes_of(tag.substr(name.size())),
                        .text = ""});
    if (tag.ends_with('/')) continue;
    open.push_back(elements.size() - 1);
    if (open.size() > kMaxDepth) return std::nullopt;
  }
  if (!open.empty()) return std::nullopt;
  for (XmlElement& element : elements) element.text = std::string(trim(element.text));
  return elements;
}

std::string_view unquoted(std::string_view text) {
  const bool quoted = text.size() >= 2 && (text.front() == '"' || text.front() == '\'') &&
                      text.back() == text.front();
  return quoted ? text.substr(1, text.size() - 2) : text;
}

std::string_view quoted_after(std::string_view text, std::size_t from) {
  if (from >= text.size()) return {};
  text = text.substr(from, 200);
  const std::size_t start = text.find_first_of("'\"`");
  if (start == std::string_view::npos) return {};
  const std::size_t end = text.find(text[start], start + 1);
  return end == std::string_view::npos ? std::string_view()
                                       : text.substr(start + 1, end - start - 1);
}

std::vector<std::string_view> words(std::string_view text) {
  constexpr std::string_view kSeparators = " \t\r\n,";
  std::vector<std::string_view> out;
  for (;;) {
    text.remove_prefix(std::min(text.find_first_not_of(kSeparators), text.size()));
    if (text.empty()) return out;
    const std::size_t end = std::min(text.find_first_of(kSeparators), text.size());
    out.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

}  // namespace berm
