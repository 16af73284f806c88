#include "redact/known_secrets.h"

#include <fmt/format.h>

#include <algorithm>

#include "redact/forms.h"
#include "redact/public_text.h"

namespace berm {
namespace {

// Stretches of public or repeated units up to this length are hidden with the part beside them.
// It bounds the longest needle, and with it what a stream holds back: 257 units of 6 characters.
constexpr std::size_t kDullStretch = 256;

// For each byte: may it make a part? `from` and `to` bound the bytes of the part.
bool tells(std::string_view value, const std::vector<bool>& is_public, std::size_t from,
           std::size_t to) {
  const bool all_public =
      std::all_of(is_public.begin() + static_cast<std::ptrdiff_t>(from),
                  is_public.begin() + static_cast<std::ptrdiff_t>(to), [](bool b) { return b; });
  if (all_public) return false;
  return value.substr(from, to - from).find_first_not_of(value[from]) != std::string_view::npos;
}

// For each place in `form` at which kPart units begin: are they a part?
std::vector<bool> telling_windows(const SecretForm& form, std::string_view value,
                                  const std::vector<bool>& is_public) {
  std::vector<bool> telling;
  for (std::size_t i = 0; i + KnownSecrets::kPart <= form.units.size(); ++i) {
    std::size_t from = value.size();
    std::size_t to = 0;
    for (std::size_t k = i; k < i + KnownSecrets::kPart; ++k) {
      if (form.units[k].first == form.units[k].last) continue;
      from = std::min<std::size_t>(from, form.units[k].first);
      to = std::max<std::size_t>(to, form.units[k].last);
    }
    telling.push_back(from < to && tells(value, is_public, from, to));
  }
  return telling;
}

bool is_good_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f && c != '[' && c != ']';
  });
}

Result<void> check(std::string_view name, std::string_view value) {
  if (!is_good_name(name)) {
    return failure(Errc::invalid_policy, "redact a secret under that name",
                   "use 1 to 64 characters, without brackets and control characters");
  }
  if (value.size() < KnownSecrets::kShortest || value.size() > KnownSecrets::kLongest) {
    return failure(
        Errc::invalid_policy,
        fmt::format("redact '{}': its {} bytes are not {} to {}", name, value.size(),
                    KnownSecrets::kShortest, KnownSecrets::kLongest),
        "use a longer secret: a short one is part of innocent text, and hiding it hides that");
  }
  return {};
}

}  // namespace

void KnownSecrets::add_needle(const SecretForm& form, std::size_t first, std::size_t last) {
  const std::size_t begin = form.starts[first];
  const std::size_t length = form.starts[last] - begin;
  const auto label = static_cast<std::uint32_t>(names_.size() - 1);
  if (length >= kPart) return parts_.add(kept_at_ + begin, length, label);
  if (length < kShortest) return;
  const std::size_t at = short_.keep({form.text.data() + begin, length});
  short_.add(at, length, label);
}

void KnownSecrets::add_whole(const SecretForm& form) {
  kept_at_ = parts_.keep({form.text.data(), form.text.size()});
  add_needle(form, 0, form.units.size());
  // Base64 with more behind it: neither padding nor the character that the next byte shares in.
  std::size_t last = form.units.size();
  while (last > 0 && form.units[last - 1].first == form.units[last - 1].last) --last;
  if (last != form.units.size()) {
    add_needle(form, 0, last);
    add_needle(form, 0, last - 1);
  }
}

// Windows [begin, end) of `form` are no parts. They are hidden where the part beside them is.
void KnownSecrets::add_dull(const SecretForm& form, std::size_t begin, std::size_t end) {
  const std::size_t windows = form.units.size() - kPart + 1;
  const std::size_t stretch = std::min(end - begin + kPart - 1, kDullStretch);
  if (end < windows) {
    const std::size_t last = end + kPart;
    add_needle(form, last - std::min(last - begin, stretch + 1), last);
  }
  if (begin > 0) {
    const std::size_t first = begin - 1;
    add_needle(form, first, std::min(first + kPart + stretch, form.units.size()));
  }
}

void KnownSecrets::add_parts(const SecretForm& form, const std::vector<bool>& telling) {
  kept_at_ = parts_.keep({form.text.data(), form.text.size()});
  for (std::size_t i = 0; i < telling.size(); ++i) {
    if (telling[i]) {
      add_needle(form, i, i + kPart);
      continue;
    }
    std::size_t end = i;
    while (end < telling.size() && !telling[end]) ++end;
    add_dull(form, i, end);
    i = end - 1;
  }
}

Result<void> KnownSecrets::add(std::string_view name, std::string_view value, Recognise recognise) {
  while (value.ends_with('\n') || value.ends_with('\r')) value.remove_suffix(1);
  BERM_TRY(check(name, value));
  const std::vector<bool> is_public = public_bytes(value);
  const bool has_parts =
      value.size() >= kPart && recognise == Recognise::every_form &&
      std::ranges::count(telling_windows(plain_form(value), value, is_public), true) > 0;
  const bool whole = !has_parts;
  if (whole && recognise == Recognise::every_form && value.size() > kDullStretch) {
    return failure(Errc::invalid_policy,
                   fmt::format("redact '{}': all of it is public or one repeated byte", name),
                   "use a secret that is one");
  }
  names_.emplace_back(name);
  if (recognise == Recognise::whole_only) {
    add_whole(plain_form(value));
    return {};
  }
  for (const SecretForm& form : forms_of(value)) {
    const std::vector<bool> telling = telling_windows(form, value, is_public);
    if (whole || std::ranges::count(telling, true) == 0) {
      add_whole(form);
    } else {
      add_parts(form, telling);
    }
  }
  return {};
}

void KnownSecrets::find(std::string_view text, std::size_t from,
                        std::vector<SecretSpan>& out) const {
  parts_.find(text, from, out);
  short_.find(text, from, out);
}

std::size_t KnownSecrets::unfinished_from(std::string_view text) const {
  return std::min(parts_.unfinished_from(text), short_.unfinished_from(text));
}

std::size_t KnownSecrets::longest() const noexcept {
  return std::max(parts_.longest(), short_.longest());
}

}  // namespace berm
