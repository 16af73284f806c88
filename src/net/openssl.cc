#include "net/openssl.h"

#include <openssl/err.h>

#include <climits>

namespace berm {

SslContext share(const SslContext& context) {
  SSL_CTX_up_ref(context.get());
  return SslContext(context.get());
}

Bio read_only_bio(std::string_view bytes) {
  if (bytes.size() > INT_MAX) return nullptr;
  return Bio(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

std::string openssl_reason() {
  const char* reason = ERR_reason_error_string(ERR_peek_error());
  std::string text = reason == nullptr ? "unknown" : reason;
  ERR_clear_error();
  return text;
}

tl::unexpected<Error> openssl_failure(Errc code, std::string what) {
  return failure(code, std::move(what) + ": " + openssl_reason());
}

}  // namespace berm
