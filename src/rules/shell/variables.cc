#include "rules/shell/variables.h"

#include <algorithm>

namespace berm::shell {
namespace {

constexpr std::size_t kMaxSearched = 8 << 20;

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool is_use(std::string_view text, std::size_t at, std::size_t length) {
  if (at >= 1 && text[at - 1] == '$') return true;
  return at >= 2 && text.substr(at - 2, 2) == "${" && at + length < text.size() &&
         text[at + length] == '}';
}

}  // namespace

Variables::Variables(std::string_view text) : text_(text) {
  // With another IFS, "$x" falls into other words than ours. BASH_ENV and the like are no matter.
  forgotten_ = !only_known_mentions("IFS", text.size());
}

void Variables::assign(std::string_view name, ShellWord value, std::size_t at) {
  // A value that doubles with each line would grow without end.
  if (value.text.size() > 4096) value.unknown = true;
  assigned_at_.insert(at);
  values_.insert_or_assign(std::string(name), std::move(value));
}

const std::string* Variables::value(std::string_view name, std::size_t use) const {
  if (forgotten_) return nullptr;
  const auto found = values_.find(name);
  if (found == values_.end() || found->second.unknown) return nullptr;
  return only_known_mentions(name, use) ? &found->second.text : nullptr;
}

bool Variables::only_known_mentions(std::string_view name, std::size_t before) const {
  searched_ += std::min(before, text_.size());
  if (searched_ > kMaxSearched) return false;
  for (std::size_t at = text_.find(name); at < before; at = text_.find(name, at + 1)) {
    const bool starts = at == 0 || !is_name_character(text_[at - 1]);
    const std::size_t end = at + name.size();
    const bool ends = end >= text_.size() || !is_name_character(text_[end]);
    if (!starts || !ends || is_use(text_, at, name.size())) continue;
    if (!assigned_at_.contains(at)) return false;
  }
  return true;
}

}  // namespace berm::shell
