#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <memory>

#include "base/text.h"
#include "rules/aws/canonical.h"
#include "rules/aws/sigv4.h"

namespace berm {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view kTerminator = "aws4_request";

// What a proxy adds, drops or rewrites, and what AWS asks not to sign for that reason.
constexpr std::string_view kNeverSigned[] = {
    "authorization",       "connection",       "expect",     "keep-alive",
    "proxy-authorization", "proxy-connection", "te",         "trailer",
    "transfer-encoding",   "upgrade",          "user-agent", "x-amzn-trace-id"};

/// 32 bytes that are wiped when they are dropped: a signing key, or what leads to one.
class Mac {
 public:
  Mac(std::string_view key, std::string_view text) {
    unsigned size = 0;
    HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(), bytes_.data(), &size);
  }
  Mac(const Mac&) = delete;
  Mac& operator=(const Mac&) = delete;
  ~Mac() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

  [[nodiscard]] std::string_view bytes() const {
    return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
  }
  [[nodiscard]] std::string hex() const { return to_hex(bytes_); }

 private:
  std::array<unsigned char, 32> bytes_{};
};

/// SHA-256 of what is written to it. The canonical request holds the session token: it is hashed
/// piece by piece, so that no copy of it is left in memory.
class Digest {
 public:
  Digest() : context_(EVP_MD_CTX_new()) {
    ok_ = context_ && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1;
  }
  void write(std::string_view text) {
    ok_ = ok_ && EVP_DigestUpdate(context_.get(), text.data(), text.size()) == 1;
  }
  /// "" if the library failed: out of memory, or its provider is not there.
  [[nodiscard]] std::string hex() {
    std::array<unsigned char, 32> bytes{};
    if (!ok_ || EVP_DigestFinal_ex(context_.get(), bytes.data(), nullptr) != 1) return "";
    return to_hex(bytes);
  }

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context_;
  bool ok_ = false;
};

std::string sha256_of(std::string_view text) {
  Digest digest;
  digest.write(text);
  return digest.hex();
}

// The request's fields as they will be when `change` is applied, but for Authorization.
std::vector<std::string_view> values_after(const AwsRequest& request, const SigV4Headers& change,
                                           const std::string& name) {
  const bool removed = std::ranges::find(change.remove, name) != change.remove.end();
  return values_of(removed ? std::span<const AwsHeader>(change.set) : request.headers, name);
}

std::vector<std::string> names_to_sign(const AwsRequest& request, const SigV4Headers& change,
                                       const SigV4Claim& claim) {
  std::vector<std::string> names = claim.signed_headers;
  names.insert(names.end(), {"host", "content-type"});
  for (const AwsHeader& header : request.headers) {
    if (lower(header.name).starts_with("x-amz-")) names.push_back(lower(header.name));
  }
  for (const AwsHeader& header : change.set) names.push_back(header.name);
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  std::erase_if(names, [&](const std::string& name) {
    return std::ranges::find(kNeverSigned, name) != std::end(kNeverSigned) ||
           values_after(request, change, name).empty();
  });
  return names;
}

std::string canonical_hash(const AwsRequest& request, const SigV4Headers& change,
                           const SigV4Claim& claim, std::string_view payload) {
  Digest digest;
  digest.write(fmt::format("{}\n{}\n{}\n", request.method,
                           canonical_path(request.path, claim.service),
                           canonical_query(request.query)));
  for (const std::string& name : claim.signed_headers) {
    digest.write(name);
    std::string_view before = ":";
    for (const std::string_view value : values_after(request, change, name)) {
      digest.write(before);
      std::string text = folded(value);
      digest.write(text);
      OPENSSL_cleanse(text.data(), text.size());
      before = ",";
    }
    digest.write("\n");
  }
  digest.write(fmt::format("\n{}\n{}", fmt::join(claim.signed_headers, ";"), payload));
  return digest.hex();
}

std::string scope_of(const SigV4Claim& claim) {
  return fmt::format("{}/{}/{}/{}", claim.time.substr(0, 8), claim.region, claim.service,
                     kTerminator);
}

// The chain of keys lives no longer than this call.
std::string signature_of(const AwsKey& key, const SigV4Claim& claim, std::string_view text) {
  std::string first = "AWS4";
  const std::string_view secret = key.secret_access_key.reveal();
  first.reserve(first.size() + secret.size());  // appending must not leave a shorter copy behind
  first += secret;
  const Mac date(first, claim.time.substr(0, 8));
  OPENSSL_cleanse(first.data(), first.size());
  const Mac region(date.bytes(), claim.region);
  const Mac service(region.bytes(), claim.service);
  const Mac signing(service.bytes(), kTerminator);
  return Mac(signing.bytes(), text).hex();
}

// What has to change before anything is hashed.
SigV4Headers headers_before(const AwsRequest& request, const AwsKey& key, const SigV4Claim& claim,
                            std::string_view payload) {
  SigV4Headers change{.remove = {"authorization", "x-amz-security-token"}, .set = {}};
  if (key.session_token) {
    change.set.push_back({"x-amz-security-token", std::string(key.session_token->reveal())});
  }
  if (signs_like_s3(claim.service) || !values_of(request.headers, "x-amz-content-sha256").empty()) {
    change.remove.emplace_back("x-amz-content-sha256");
    change.set.push_back({"x-amz-content-sha256", std::string(payload)});
  }
  return change;
}

}  // namespace

std::string authorization_of(const SigV4Claim& claim) {
  return fmt::format("{} Credential={}/{}, SignedHeaders={}, Signature={}", kAlgorithm,
                     claim.access_key_id, scope_of(claim), fmt::join(claim.signed_headers, ";"),
                     claim.signature);
}

Result<std::string> payload_hash(const SigV4Claim& claim, std::optional<std::string_view> body) {
  if (claim.payload_hash == "UNSIGNED-PAYLOAD") return claim.payload_hash;
  if (!body) {
    if (!claim.payload_hash.empty()) return claim.payload_hash;
    return failure(Errc::denied, "sign the request again: nobody has hashed its body");
  }
  std::string hash = sha256_of(*body);
  if (hash.empty()) return failure(Errc::internal, "compute SHA-256");
  if (!claim.payload_hash.empty() && claim.payload_hash != hash) {
    return failure(Errc::denied,
                   "sign the request again: x-amz-content-sha256 is not the hash of the body");
  }
  return hash;
}

Result<SigV4Headers> sign_sigv4(const AwsRequest& request, const AwsKey& key,
                                const SigV4Claim& claim, std::string_view payload_hash) {
  if (values_of(request.headers, "host").size() != 1) {
    return failure(Errc::denied, "sign the request again: it has no host header, or several");
  }
  SigV4Headers change = headers_before(request, key, claim, payload_hash);
  SigV4Claim ours = claim;
  ours.access_key_id = key.access_key_id;
  ours.signed_headers = names_to_sign(request, change, claim);
  const std::string hash = canonical_hash(request, change, ours, payload_hash);
  if (hash.empty()) return failure(Errc::internal, "compute SHA-256");
  ours.signature = signature_of(
      key, claim, fmt::format("{}\n{}\n{}\n{}", kAlgorithm, claim.time, scope_of(claim), hash));
  change.set.push_back({"authorization", authorization_of(ours)});
  return change;
}

}  // namespace berm
