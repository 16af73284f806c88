// A bare SHA-1 for the same reason as in record/sha256.cc: the other interfaces start a machinery
// that costs more than a sandbox. Here it is a check sum that the format prescribes.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "net/trust_files.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha.h>

#include <array>

#include "net/openssl.h"

namespace berm {
namespace {

constexpr std::uint32_t kMagic = 0xFEEDFEED;
constexpr std::uint32_t kVersion = 2;
constexpr std::uint32_t kTrustedEntry = 2;
constexpr std::string_view kWhitener = "Mighty Aphrodite";

// Java writes its numbers with the high byte first (java.io.DataOutput).
template <class Number>
void put_number(std::string& out, Number number) {
  for (std::size_t i = sizeof number; i-- > 0;) {
    out += static_cast<char>(static_cast<std::uint64_t>(number) >> (8 * i) & 0xff);
  }
}

// writeUTF: for ASCII, which is all that we write, a length and the bytes.
void put_text(std::string& out, std::string_view text) {
  put_number(out, static_cast<std::uint16_t>(text.size()));
  out += text;
}

std::string sha1(std::string_view bytes) {
  SHA_CTX context;
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  SHA1_Init(&context);
  SHA1_Update(&context, bytes.data(), bytes.size());
  SHA1_Final(digest.data(), &context);
  return {digest.begin(), digest.end()};
}

// One block, or how reading ended.
enum class Read : std::uint8_t { block, broken, end };
Read read_block(BIO* in, PemBlock& block) {
  char* label = nullptr;
  char* header = nullptr;
  unsigned char* bytes = nullptr;
  long size = 0;
  ERR_clear_error();
  if (PEM_read_bio(in, &label, &header, &bytes, &size) != 1) {
    const unsigned long error = ERR_peek_last_error();
    // Only what PEM itself finds wrong is a line further; the end of the text is a missing start.
    const bool more =
        ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) != PEM_R_NO_START_LINE;
    ERR_clear_error();
    return more ? Read::broken : Read::end;
  }
  block.label = label;
  block.bytes.assign(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size));
  OPENSSL_free(label);
  OPENSSL_free(header);
  OPENSSL_clear_free(bytes, static_cast<std::size_t>(size));  // it may be somebody's key
  return Read::block;
}

}  // namespace

std::vector<PemBlock> pem_blocks(std::string_view pem) {
  std::vector<PemBlock> out;
  const Bio in = read_only_bio(pem);
  if (!in) return out;
  for (;;) {
    PemBlock block;
    const Read read = read_block(in.get(), block);
    if (read == Read::end) return out;
    if (read == Read::block) out.push_back(std::move(block));
  }
}

std::vector<std::string> der_certificates(std::string_view pem) {
  std::vector<std::string> out;
  for (PemBlock& block : pem_blocks(pem)) {
    const bool plain = block.label == PEM_STRING_X509 || block.label == PEM_STRING_X509_OLD;
    if (plain && !block.bytes.empty()) out.push_back(std::move(block.bytes));
  }
  return out;
}

std::string java_trust_store(std::span<const std::string> der, std::int64_t created,
                             std::string_view password) {
  std::string out;
  put_number(out, kMagic);
  put_number(out, kVersion);
  put_number(out, static_cast<std::uint32_t>(der.size()));
  std::size_t number = 0;
  for (const std::string& certificate : der) {
    put_number(out, kTrustedEntry);
    put_text(out, fmt::format("berm-{}", ++number));
    put_number(out, created);
    put_text(out, "X.509");
    put_number(out, static_cast<std::uint32_t>(certificate.size()));
    out += certificate;
  }
  std::string keyed;
  for (const char c : password) keyed += {'\0', c};  // UTF-16, high byte first
  keyed += kWhitener;
  keyed += out;
  return out + sha1(keyed);
}

std::string bundle(std::string_view system_pem, std::string_view ca_pem) {
  std::string out(system_pem);
  // Two armour lines on one line would be neither.
  if (!out.empty() && !out.ends_with('\n')) out += '\n';
  out += ca_pem;
  if (!out.ends_with('\n')) out += '\n';
  return out;
}

}  // namespace berm
