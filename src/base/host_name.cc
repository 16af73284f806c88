#include "base/host_name.h"

#include <algorithm>
#include <vector>

#include "base/text.h"

namespace berm {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

bool is_host_label(std::string_view label) {
  const auto ok = [](char c) {
    return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '_';
  };
  return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
         std::ranges::all_of(label, ok);
}

bool is_host_name(std::string_view host) {
  if (host.empty() || host.size() > 253) return false;
  const std::vector<std::string_view> labels = split(host, '.');
  const std::string_view last = labels.back();
  const bool numeric = std::ranges::all_of(last, is_digit) || last.starts_with("0x");
  return !numeric && std::ranges::all_of(labels, is_host_label);
}

std::optional<std::string> canonical_host(std::string_view text) {
  if (text.size() > 254) return std::nullopt;
  std::string host = lower(text);
  if (host.ends_with('.')) host.pop_back();
  if (!is_host_name(host)) return std::nullopt;
  return host;
}

}  // namespace berm
