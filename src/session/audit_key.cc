#include "session/audit_key.h"

#include <fmt/format.h>

#include <cstdlib>

#include "base/text.h"
#include "policy/credential_source.h"
#include "sys/fd.h"

namespace berm {
namespace {

constexpr std::size_t kMostBytes = 16 << 10;

Result<std::string> text_at(const SourceAddress& address) {
  const std::string name = address.parts.empty() ? "" : address.parts[0];
  if (address.scheme == SourceScheme::file) return read_file(name, kMostBytes);
  const char* value = ::getenv(name.c_str());
  if (value == nullptr || *value == '\0') {
    return failure(Errc::denied, fmt::format("sign the record: {} is not set", printable(name)),
                   "export it, or remove audit.key: the run then signs with a key of its own");
  }
  return std::string(value);
}

}  // namespace

Result<std::optional<LastingKey>> lasting_key(const std::string& from,
                                              const std::string& public_key) {
  if (from.empty()) return std::optional<LastingKey>();
  const SourceAddress address = BERM_TRY(parse_static_source(from));
  LastingKey out;
  if (address.scheme == SourceScheme::command) {
    out.command = address.parts;
    out.public_key = parse_public_key(public_key);
    if (!out.public_key) {
      const std::string text = BERM_TRY(read_file(public_key));
      out.public_key = parse_public_key(text);
    }
    if (!out.public_key) {
      return failure(Errc::invalid_policy, "audit.public_key is no Ed25519 public key",
                     "openssl pkey -in key.pem -pubout, or what the KMS shows");
    }
    return std::optional(std::move(out));
  }
  if (address.scheme != SourceScheme::env && address.scheme != SourceScheme::file) {
    return failure(Errc::invalid_policy, "audit.key is env:NAME, file:PATH or command:PROGRAM");
  }
  const std::string text = BERM_TRY(text_at(address));
  out.key = BERM_TRY(SigningKey::parse(text));
  return std::optional(std::move(out));
}

}  // namespace berm
