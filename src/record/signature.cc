#include "record/signature.h"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/pem.h>

#include "base/base64.h"
#include "base/text.h"
#include "record/sha256.h"

namespace berm {
namespace {

constexpr std::size_t kSeed = 32;
constexpr std::size_t kSignature = 64;
constexpr std::string_view kMark = "\n\n\xE2\x80\x94 ";  // an em dash begins a signature's line
constexpr char kEd25519 = '\x01';

struct FreeBio {
  void operator()(BIO* bio) const noexcept { BIO_free_all(bio); }
};
using Bio = std::unique_ptr<BIO, FreeBio>;

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_MD_CTX, FreeContext>;

const unsigned char* data_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

Bio bio_of(std::string_view text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// OpenSSL's configuration file is the host's affair, and costs a millisecond to read.
void start_openssl() { OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr); }

std::optional<PublicKey> public_of(EVP_PKEY* key) {
  PublicKey out{};
  std::size_t size = out.size();
  if (key == nullptr || EVP_PKEY_get_id(key) != EVP_PKEY_ED25519 ||
      EVP_PKEY_get_raw_public_key(key, out.data(), &size) != 1 || size != out.size()) {
    return std::nullopt;
  }
  return out;
}

std::string key_hash(std::string_view name, const PublicKey& key) {
  Sha256 hash;
  hash.update(name);
  hash.update("\n");
  hash.update(std::string_view(&kEd25519, 1));
  hash.update(bytes_of(key));
  return std::string(bytes_of(hash.digest()).substr(0, 4));
}

}  // namespace

std::optional<PublicKey> parse_public_key(std::string_view text) {
  start_openssl();
  text = trim(text);
  if (text.starts_with("-----BEGIN")) {
    const Bio bio = bio_of(text);
    EVP_PKEY* key = PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr);
    const std::optional<PublicKey> out = public_of(key);
    EVP_PKEY_free(key);
    return out;
  }
  const std::optional<std::string> raw = base64_decoded(text);
  if (!raw || raw->size() != PublicKey{}.size()) return std::nullopt;
  PublicKey out{};
  std::copy(raw->begin(), raw->end(), out.begin());
  return out;
}

std::string to_pem(const PublicKey& key) {
  start_openssl();
  EVP_PKEY* object = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size());
  const Bio bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PUBKEY(bio.get(), object);
  EVP_PKEY_free(object);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

Result<SigningKey> SigningKey::from(EVP_PKEY* key) {
  SigningKey out;
  out.key_.reset(key);
  const std::optional<PublicKey> known = public_of(key);
  if (!known) {
    return failure(Errc::usage, "the record's key is no Ed25519 key",
                   "make one: openssl genpkey -algorithm ed25519 -out audit.pem");
  }
  out.public_ = *known;
  return out;
}

Result<SigningKey> SigningKey::generate() {
  start_openssl();
  return from(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
}

Result<SigningKey> SigningKey::parse(std::string_view text) {
  start_openssl();
  text = trim(text);
  if (text.starts_with("-----BEGIN")) {
    const Bio bio = bio_of(text);
    // Without a passphrase: nobody can be asked for one.
    const auto none = [](char*, int, int, void*) { return 0; };
    return from(PEM_read_bio_PrivateKey(bio.get(), nullptr, none, nullptr));
  }
  std::optional<std::string> raw = base64_decoded(text);
  EVP_PKEY* key = raw && raw->size() == kSeed ? EVP_PKEY_new_raw_private_key(
                                                    EVP_PKEY_ED25519, nullptr, data_of(*raw), kSeed)
                                              : nullptr;
  if (raw) OPENSSL_cleanse(raw->data(), raw->size());
  return from(key);
}

Result<Secret> SigningKey::seed() const {
  std::string raw(kSeed, '\0');
  std::size_t size = raw.size();
  const int done =
      EVP_PKEY_get_raw_private_key(key_.get(), reinterpret_cast<unsigned char*>(raw.data()), &size);
  std::string text = done == 1 && size == kSeed ? base64(raw) : "";
  OPENSSL_cleanse(raw.data(), raw.size());
  if (text.empty()) return failure(Errc::internal, "read the key of the record");
  return Secret(std::move(text));
}

std::string SigningKey::sign(std::string_view text) const {
  const Context context(EVP_MD_CTX_new());
  std::string out(kSignature, '\0');
  std::size_t size = out.size();
  if (!context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size,
                     data_of(text), text.size()) != 1 ||
      size != kSignature) {
    return "";
  }
  return out;
}

bool is_signed_by(const PublicKey& key, std::string_view text, std::string_view signature) {
  start_openssl();
  if (signature.size() != kSignature) return false;
  EVP_PKEY* object = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size());
  const Context context(EVP_MD_CTX_new());
  const bool good = object != nullptr && context &&
                    EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, object) == 1 &&
                    EVP_DigestVerify(context.get(), data_of(signature), signature.size(),
                                     data_of(text), text.size()) == 1;
  EVP_PKEY_free(object);
  return good;
}

std::string signed_note(std::string_view text, std::string_view name, const PublicKey& key,
                        std::string_view signature) {
  std::string packed = key_hash(name, key);
  packed += signature;
  return fmt::format("{}{}{} {}\n", text, kMark.substr(1), name, base64(packed));
}

std::optional<SignedNote> parse_note(std::string_view note) {
  const std::size_t mark = note.rfind(kMark);
  if (mark == std::string_view::npos || !note.ends_with('\n')) return std::nullopt;
  SignedNote out;
  out.text = note.substr(0, mark + 1);
  std::string_view line = note.substr(mark + kMark.size());
  line.remove_suffix(1);
  const std::size_t blank = line.find(' ');
  if (blank == std::string_view::npos || line.find('\n') != std::string_view::npos)
    return std::nullopt;
  out.name = line.substr(0, blank);
  const std::optional<std::string> raw = base64_decoded(line.substr(blank + 1));
  if (!raw || raw->size() != 4 + kSignature || base64(*raw) != line.substr(blank + 1)) {
    return std::nullopt;  // one text for one signature
  }
  out.key_hash = raw->substr(0, 4);
  out.signature = raw->substr(4);
  return out;
}

bool is_signed_by(const PublicKey& key, const SignedNote& note) {
  return note.key_hash == key_hash(note.name, key) && is_signed_by(key, note.text, note.signature);
}

std::string verifier_key(std::string_view name, const PublicKey& key) {
  const std::string hash = key_hash(name, key);
  std::string typed(1, kEd25519);
  typed += bytes_of(key);
  return fmt::format("{}+{}+{}", name, to_hex({data_of(hash), hash.size()}), base64(typed));
}

std::string fingerprint(const PublicKey& key) { return sha256_hex(bytes_of(key)).substr(0, 16); }

}  // namespace berm
