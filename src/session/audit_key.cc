#include "session/audit_key.h"

#include "policy/credential_source.h"
#include "session/static_secret.h"
#include "sys/fd.h"

namespace berm {
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
  const Secret text = BERM_TRY(read_static_secret("audit.key", from));
  out.key = BERM_TRY(SigningKey::parse(text.reveal()));
  return std::optional(std::move(out));
}

}  // namespace berm
