// The one-shot and EVP interfaces fetch an implementation from a provider: 5 million instructions,
// a config file read and a table of every algorithm, once a process. These are the same assembly
// routines, called directly.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "record/sha256.h"

#include "base/text.h"

namespace berm {

Sha256::Sha256() { SHA256_Init(&context_); }

void Sha256::update(std::string_view bytes) {
  SHA256_Update(&context_, bytes.data(), bytes.size());
}

Digest Sha256::digest() {
  Digest digest{};
  SHA256_Final(digest.data(), &context_);
  return digest;
}

std::string Sha256::hex() { return to_hex(digest()); }

std::string sha256_hex(std::string_view bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.hex();
}

}  // namespace berm
