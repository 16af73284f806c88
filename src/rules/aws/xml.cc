#include "rules/aws/xml.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/text.h"

namespace berm {
namespace {

constexpr std::size_t kLongest = 256 << 10;
constexpr std::size_t kDeepest = 12;
constexpr std::size_t kMostElements = 4096;
constexpr std::pair<std::string_view, char> kEntities[] = {
    {"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}};

tl::unexpected<Error> refused(std::string_view why) {
  return failure(Errc::denied, fmt::format("read XML: {}", why));
}

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.' || c == ':';
}

// nullopt for an entity that only a document type could explain, and for what no text has.
std::optional<std::string> decoded(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    if (text.front() != '&') {
      const bool control = static_cast<unsigned char>(text.front()) < 0x20;
      if (control && !is_blank(text.front())) return std::nullopt;
      out += text.front();
      text.remove_prefix(1);
      continue;
    }
    const auto* const entity = std::ranges::find_if(
        kEntities, [&](const auto& known) { return text.starts_with(known.first); });
    if (entity == std::end(kEntities)) return std::nullopt;
    out += entity->second;
    text.remove_prefix(entity->first.size());
  }
  return out;
}

/// Goes through a document once, with the open elements on a stack: nesting costs no stack of ours.
class AwsXmlReader {
 public:
  explicit AwsXmlReader(std::string_view rest) : rest_(rest) {}

  Result<AwsXml> read() {
    if (rest_.size() > kLongest) return refused("it is longer than 256 KiB");
    if (rest_.starts_with("<?xml")) {
      const std::size_t end = rest_.find("?>");
      if (end == std::string_view::npos) return refused("its declaration has no end");
      rest_.remove_prefix(end + 2);
    }
    while (!root_) {
      BERM_TRY(take_text());
      BERM_TRY(take_tag());
    }
    if (!trim(rest_).empty()) return refused("something follows its element");
    return *std::move(root_);
  }

 private:
  // To the next tag; what was text of an element stays with it.
  Result<void> take_text() {
    const std::size_t end = rest_.find('<');
    if (end == std::string_view::npos) return refused("it ends within an element");
    const std::optional<std::string> text = decoded(rest_.substr(0, end));
    rest_.remove_prefix(end);
    if (!text) return refused("an unknown entity, or a control character");
    if (trim(*text).empty()) return {};
    if (open_.empty() || !open_.back().children.empty() || !open_.back().text.empty()) {
      return refused("text beside elements");
    }
    open_.back().text = trim(*text);
    return {};
  }

  Result<void> take_tag() {
    rest_.remove_prefix(1);
    const bool closes = rest_.starts_with('/');
    if (closes) rest_.remove_prefix(1);
    const auto end = std::ranges::find_if_not(rest_, is_name_char);
    const std::string name(rest_.begin(), end);
    rest_.remove_prefix(name.size());
    if (name.empty()) return refused("neither an element's begin nor its end");
    const bool is_empty = BERM_TRY(take_attributes(closes));
    if (!closes) {
      if (open_.size() == kDeepest) return refused("it is nested too deeply");
      if (++count_ > kMostElements) return refused("it has too many elements");
      if (!open_.empty() && !open_.back().text.empty()) return refused("text beside elements");
      open_.push_back({.name = name, .text = {}, .children = {}});
    } else if (open_.empty() || open_.back().name != name) {
      return refused("an end without its begin");
    }
    if (closes || is_empty) close();
    return {};
  }

  // Up to '>'. @return whether the element has ended with it: "<a/>"
  Result<bool> take_attributes(bool none) {
    for (;;) {
      const std::size_t blanks = rest_.size() - skipped_blanks().size();
      rest_.remove_prefix(blanks);
      if (rest_.starts_with('>')) {
        rest_.remove_prefix(1);
        return false;
      }
      if (none) return refused("an end with attributes");
      if (rest_.starts_with("/>")) {
        rest_.remove_prefix(2);
        return true;
      }
      if (blanks == 0) return refused("a malformed tag");
      BERM_TRY(take_attribute());
    }
  }

  Result<void> take_attribute() {
    const std::size_t name =
        static_cast<std::size_t>(std::ranges::find_if_not(rest_, is_name_char) - rest_.begin());
    const std::string_view value = rest_.substr(name);
    const bool quoted = name > 0 && (value.starts_with("=\"") || value.starts_with("='"));
    const std::size_t end = quoted ? value.find(value[1], 2) : std::string_view::npos;
    if (end == std::string_view::npos || value.substr(0, end).find('<') != std::string_view::npos) {
      return refused("a malformed attribute");
    }
    rest_.remove_prefix(name + end + 1);
    return {};
  }

  [[nodiscard]] std::string_view skipped_blanks() const {
    return {std::ranges::find_if_not(rest_, is_blank), rest_.end()};
  }

  void close() {
    AwsXml done = std::move(open_.back());
    open_.pop_back();
    if (open_.empty()) {
      root_ = std::move(done);
    } else {
      open_.back().children.push_back(std::move(done));
    }
  }

  std::string_view rest_;
  std::vector<AwsXml> open_;
  std::optional<AwsXml> root_;
  std::size_t count_ = 0;
};

}  // namespace

const AwsXml* AwsXml::child(std::string_view wanted) const {
  const auto found = std::ranges::find(children, wanted, &AwsXml::name);
  if (found == children.end()) return nullptr;
  const bool again = std::any_of(std::next(found), children.end(),
                                 [&](const AwsXml& other) { return other.name == wanted; });
  return again ? nullptr : &*found;
}

Result<AwsXml> parse_aws_xml(std::string_view document) { return AwsXmlReader(document).read(); }

}  // namespace berm
