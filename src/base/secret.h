// src/base/secret.h: a credential is not a string.
#pragma once

#include <fmt/format.h>

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace berm {

/// A credential. Not copyable, not comparable, prints as "<secret>"; wiped when dropped.
/// reveal() is the only way out, so `grep -rn 'reveal('` lists every use.
class Secret {
 public:
  explicit Secret(std::string&& text) : bytes_(text.begin(), text.end()) {
    ::explicit_bzero(text.data(), text.size());
  }
  // bytes_ is a vector, not a string: a moved-from short string would keep its bytes.
  Secret(Secret&&) noexcept = default;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  Secret& operator=(Secret&&) = delete;
  ~Secret() { ::explicit_bzero(bytes_.data(), bytes_.size()); }

  [[nodiscard]] std::string_view reveal() const noexcept { return {bytes_.data(), bytes_.size()}; }

 private:
  std::vector<char> bytes_;
};

}  // namespace berm

template <>
struct fmt::formatter<berm::Secret> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(const berm::Secret&, Context& context) const {
    return fmt::formatter<std::string_view>::format("<secret>", context);
  }
};
