#include "net/authority.h"

#include <fmt/format.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <ctime>
#include <map>
#include <mutex>
#include <set>
#include <vector>

#include "base/text.h"
#include "net/certificate.h"
#include "policy/merge.h"
#include "policy/parse.h"
#include "rules/egress/destination.h"

namespace berm {
namespace {

constexpr std::size_t kMostLeaves = 256;  // a wildcard grant lets the agent think of any number

using Constraints = std::unique_ptr<NAME_CONSTRAINTS, OpensslFree<NAME_CONSTRAINTS_free>>;
using Subtree = std::unique_ptr<GENERAL_SUBTREE, OpensslFree<GENERAL_SUBTREE_free>>;

tl::unexpected<Error> certificate_failure() {
  return openssl_failure(Errc::internal, "make a certificate of the run's CA");
}

// "*.b" and "**.b" become "b": constraints cover a name and everything below it (RFC 5280
// §4.2.1.10).
std::string constrained_name(std::string_view pattern) {
  if (pattern.starts_with("**.")) return std::string(pattern.substr(3));
  if (pattern.starts_with("*.")) return std::string(pattern.substr(2));
  return std::string(pattern);
}

bool add_subtree(STACK_OF(GENERAL_SUBTREE) * *trees, int type, std::string_view bytes) {
  if (*trees == nullptr) *trees = sk_GENERAL_SUBTREE_new_null();
  GeneralName name = make_general_name(type, bytes);
  Subtree tree(GENERAL_SUBTREE_new());
  if (*trees == nullptr || !name || !tree) return false;
  GENERAL_NAME_free(tree->base);
  tree->base = name.release();
  if (sk_GENERAL_SUBTREE_push(*trees, tree.get()) <= 0) return false;
  (void)tree.release();
  return true;
}

// The granted names and no address at all: address and mask of 0.0.0.0/0 and ::/0 are all zeros.
bool add_constraints(X509* certificate, const std::vector<HostGrant>& grants) {
  const Constraints constraints(NAME_CONSTRAINTS_new());
  if (!constraints) return false;
  const std::array<char, 32> zeros{};
  std::set<std::string> names;  // "*.b" and "**.b" are one
  for (const HostGrant& grant : grants) names.insert(constrained_name(grant.pattern));
  for (const std::string& name : names) {
    if (!add_subtree(&constraints->permittedSubtrees, GEN_DNS, name)) return false;
  }
  return add_subtree(&constraints->excludedSubtrees, GEN_IPADD, {zeros.data(), 8}) &&
         add_subtree(&constraints->excludedSubtrees, GEN_IPADD, {zeros.data(), 32}) &&
         X509_add1_ext_i2d(certificate, NID_name_constraints, constraints.get(), 1, 0) == 1;
}

Certificate make_root(EVP_PKEY* key, const std::vector<HostGrant>& grants,
                      CertificateValidity validity) {
  // Two runs' CAs must not share a name: a client that trusts both would pick one by it.
  std::array<unsigned char, 8> id{};
  if (RAND_bytes(id.data(), static_cast<int>(id.size())) != 1) return nullptr;
  Certificate certificate = blank_certificate(key, validity);
  X509* const root = certificate.get();
  if (root == nullptr || !set_subject(root, "CN", "berm run CA " + to_hex(id)) ||
      X509_set_issuer_name(root, X509_get_subject_name(root)) != 1 ||
      !add_extension(root, root, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
      !add_extension(root, root, NID_key_usage, "critical,keyCertSign") ||
      !add_extension(root, root, NID_subject_key_identifier, "hash") ||
      !add_constraints(root, grants) || X509_sign(root, key, EVP_sha256()) == 0) {
    return nullptr;
  }
  return certificate;
}

// HTTP/2 would be a second parser between the agent and the credentials; a client that speaks
// nothing else is told so at once instead of failing later.
int select_http11(SSL*, const unsigned char** out, unsigned char* length,
                  const unsigned char* offered, unsigned int size, void*) {
  static constexpr std::string_view kHttp11 = "http/1.1";
  for (unsigned int at = 0; at < size; at += 1U + offered[at]) {
    const std::string_view name(reinterpret_cast<const char*>(offered + at + 1), offered[at]);
    if (at + 1U + name.size() > size) break;
    if (name != kHttp11) continue;
    *out = offered + at + 1;
    *length = offered[at];
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;  // no_application_protocol
}

// Whoever connects for one host and asks the server to be another one is fronting.
int refuse_other_name(SSL* ssl, int* alert, void*) {
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name == nullptr) return SSL_TLSEXT_ERR_NOACK;
  const int matches =
      X509_check_host(SSL_get_certificate(ssl), name, 0, X509_CHECK_FLAG_NO_WILDCARDS, nullptr);
  // A leading dot would ask for any name below.
  if (matches == 1 && *name != '.') return SSL_TLSEXT_ERR_OK;
  *alert = SSL_AD_UNRECOGNIZED_NAME;
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

Result<SslContext> make_server(X509* leaf, EVP_PKEY* key) {
  SslContext context(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* const server = context.get();
  if (server == nullptr || SSL_CTX_set_min_proto_version(server, TLS1_2_VERSION) != 1 ||
      SSL_CTX_use_certificate(server, leaf) != 1 || SSL_CTX_use_PrivateKey(server, key) != 1) {
    return openssl_failure(Errc::internal, "set up a TLS server");
  }
  SSL_CTX_set_options(server, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_session_cache_mode(server, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(server, 0);  // TLS 1.3 sends stateful ones without this
  SSL_CTX_set_alpn_select_cb(server, select_http11, nullptr);
  SSL_CTX_set_tlsext_servername_callback(server, refuse_other_name);
  return context;
}

Result<std::vector<HostGrant>> parse_grants(std::span<const std::string> hosts) {
  std::vector<HostGrant> grants;
  for (const std::string& host : hosts) {
    HostGrant grant = BERM_TRY(parse_host_grant(host));
    if (grant.pattern.starts_with('@')) {
      return failure(Errc::invalid_policy, fmt::format("'{}' is not a host", host));
    }
    grant.port = 0;
    grants.push_back(std::move(grant));
  }
  if (grants.empty()) return failure(Errc::invalid_policy, "a run CA needs a host to speak for");
  return grants;
}

}  // namespace

struct RunAuthority::State {
  struct Leaf {
    SslContext server;
    std::uint64_t used = 0;
  };

  std::vector<HostGrant> grants;
  CertificateValidity validity{};
  PrivateKey root_key;
  // One key for all leaves: they live in the same memory for the same time, so whoever could read
  // one could read all, and a key for each would only cost time.
  PrivateKey leaf_key;
  Certificate root;
  std::mutex mutex;
  std::uint64_t uses = 0;
  std::map<std::string, Leaf> leaves;

  void forget_oldest() {
    const auto oldest =
        std::ranges::min_element(leaves, {}, [](const auto& entry) { return entry.second.used; });
    leaves.erase(oldest);
  }
};

RunAuthority::RunAuthority(std::unique_ptr<State> state) : state_(std::move(state)) {}
RunAuthority::RunAuthority(RunAuthority&&) noexcept = default;
RunAuthority& RunAuthority::operator=(RunAuthority&&) noexcept = default;
RunAuthority::~RunAuthority() = default;

Result<RunAuthority> RunAuthority::create(std::span<const std::string> hosts,
                                          std::chrono::seconds valid) {
  if (valid <= std::chrono::seconds::zero()) {
    return failure(Errc::internal, "make a run CA that is never valid");
  }
  auto state = std::make_unique<State>();
  state->grants = BERM_TRY(parse_grants(hosts));
  state->validity = {.now = std::time(nullptr), .seconds = static_cast<long>(valid.count())};
  state->root_key.reset(EVP_EC_gen("P-256"));
  state->leaf_key.reset(EVP_EC_gen("P-256"));
  if (!state->root_key || !state->leaf_key) {
    return openssl_failure(Errc::internal, "make the keys of the run's CA");
  }
  state->root = make_root(state->root_key.get(), state->grants, state->validity);
  if (!state->root) return certificate_failure();
  return RunAuthority(std::move(state));
}

std::string RunAuthority::certificate_pem() const { return pem_of(state_->root.get()); }

Result<SslContext> RunAuthority::server_context(const std::string& host) {
  // The same parser that read the CONNECT: one string, one destination.
  const std::optional<Destination> to = parse_authority(host + ":443");
  const auto grants = [&](const HostGrant& grant) {
    return covers(HostGrant{.pattern = grant.pattern}, HostGrant{.pattern = to->host});
  };
  if (!to || to->address || std::ranges::none_of(state_->grants, grants)) {
    return failure(Errc::denied,
                   fmt::format("speak for '{}', which is not granted", printable(host)));
  }
  const std::lock_guard lock(state_->mutex);
  if (const auto found = state_->leaves.find(to->host); found != state_->leaves.end()) {
    found->second.used = ++state_->uses;
    return share(found->second.server);
  }
  const Certificate leaf =
      make_leaf({state_->root.get(), state_->root_key.get()}, state_->leaf_key.get(), to->host,
                kServerAuth, state_->validity);
  if (!leaf) return certificate_failure();
  SslContext server = BERM_TRY(make_server(leaf.get(), state_->leaf_key.get()));
  if (state_->leaves.size() >= kMostLeaves) state_->forget_oldest();
  state_->leaves[to->host] = {.server = share(server), .used = ++state_->uses};
  return server;
}

}  // namespace berm
