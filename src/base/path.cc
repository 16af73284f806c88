#include "base/path.h"

#include "base/text.h"

namespace berm {
namespace {

bool are_normal_components(std::string_view relative) {
  for (const std::string_view part : split(relative, '/')) {
    if (part.empty() || part == "." || part == "..") return false;
    if (part.size() > 255) return false;  // NAME_MAX of every Linux file system
  }
  return relative.find('\0') == std::string_view::npos && relative.size() < 4095;
}

}  // namespace

bool is_normal_path(std::string_view text) {
  if (text == "/") return true;
  return text.starts_with('/') && are_normal_components(text.substr(1));
}

bool is_normal_relative(std::string_view text) { return are_normal_components(text); }

}  // namespace berm
