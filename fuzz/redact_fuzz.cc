// fuzz/redact_fuzz.cc: however a text is split, the same comes out; and no part of a known secret
// does, but for the public ones. Byte 0 splits the input: its low bits say how long the secret is,
// its high ones how long the pieces are.
#include <algorithm>
#include <cstdlib>
#include <string>

#include "redact/public_text.h"
#include "redact/redactor.h"
#include "redact/scanner.h"

namespace {

constexpr std::size_t kPart = berm::KnownSecrets::kPart;

std::string in_pieces(std::string_view text, std::size_t size, const berm::KnownSecrets& known,
                      std::string_view expected_find) {
  berm::RedactingStream stream(known);
  berm::Scanner scanner(known);
  std::string out;
  std::string_view found;
  for (std::size_t at = 0; at < text.size(); at += size) {
    // Pieces grow and shrink, so that one run meets many borders.
    const std::string_view piece = text.substr(at, size);
    out += stream.feed(piece);
    found = scanner.feed(piece);
  }
  if (found.empty() != expected_find.empty()) std::abort();
  out += stream.finish();
  return out;
}

bool is_part(std::string_view secret, const std::vector<bool>& is_public, std::size_t at) {
  const std::string_view part = secret.substr(at, kPart);
  if (part.find_first_not_of(part[0]) == std::string_view::npos) return false;
  for (std::size_t i = at; i < at + kPart; ++i) {
    if (!is_public[i]) return true;
  }
  return false;
}

void check_no_part(std::string_view secret, std::string_view out) {
  const std::vector<bool> is_public = berm::public_bytes(secret);
  for (std::size_t at = 0; at + kPart <= secret.size(); ++at) {
    if (!is_part(secret, is_public, at)) continue;
    if (out.find(secret.substr(at, kPart)) != std::string_view::npos) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::string_view secret = bytes.substr(0, 6 + (data[0] & 31));
  const std::string_view text = bytes.substr(secret.size());
  while (secret.ends_with('\n') || secret.ends_with('\r')) secret.remove_suffix(1);

  berm::KnownSecrets known;
  const bool added = known.add("k", secret).has_value();
  const std::string whole = berm::redact(text, known);
  berm::Scanner scanner(known);
  const std::string_view found = scanner.feed(text);
  for (const std::size_t piece :
       {std::size_t{1}, std::size_t{2} + (data[0] >> 5), text.size() / 2 + 1}) {
    if (in_pieces(text, piece, known, found) != whole) std::abort();
  }
  // A secret that looks like our marks would be found in them.
  if (added && secret.find_first_of("[]:") == std::string_view::npos &&
      secret.find("redacted") == std::string_view::npos) {
    check_no_part(secret, whole);
    const std::string twice = std::string(text) + std::string(secret) + std::string(text);
    check_no_part(secret, berm::redact(twice, known));
  }
  return 0;
}
