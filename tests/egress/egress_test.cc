// Every way out of a run, against real peers in network namespaces of the test's own: what is
// granted works for clients with and without a proxy, what is not is refused by the layer that it
// should be.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "harness.h"
#include "world.h"

namespace berm::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPolicy = R"(version = 1
[network]
allow = ["*.good.example", "git.good.example:22", "*.wild.example", "11.1.1.1:5432"]
opaque = ["opaque.good.example"]
[[network.rule]]
host = "api.good.example"
methods = ["GET", "POST"]
paths = ["/v1/**"]
max_upload = "4KiB"
[[network.rule]]
host = "ws.good.example"
methods = ["GET"]
paths = ["/chat"]
websocket = true
)";

// What the probe (tests/egress/probe.py) tries, and which layer must refuse it.
struct Bypass {
  const char* name;
  const char* denied;
};
constexpr Bypass kBypasses[] = {
    // one string, one destination
    {"connect_nul", "malformed"},
    {"connect_percent_nul", "malformed"},
    {"connect_percent_dot", "malformed"},
    {"connect_userinfo", "malformed"},
    {"connect_backslash", "malformed"},
    {"connect_fragment", "malformed"},
    {"connect_slash", "malformed"},
    {"connect_two_dots", "malformed"},
    {"connect_empty_label", "malformed"},
    {"connect_homograph", "malformed"},
    {"connect_decimal_address", "malformed"},
    {"connect_octal_address", "malformed"},
    {"connect_hex_address", "malformed"},
    {"connect_short_address", "malformed"},
    {"connect_zone", "malformed"},
    {"connect_port_zero", "malformed"},
    {"connect_port_overflow", "malformed"},
    {"connect_port_junk", "malformed"},
    {"connect_no_port", "malformed"},
    {"connect_empty_host", "malformed"},
    {"connect_host_mismatch", "malformed"},
    {"connect_two_hosts", "malformed"},
    // names
    {"connect_alabel_homograph", "network.allow"},
    {"connect_not_granted", "network.allow"},
    {"connect_suffix", "network.allow"},
    {"connect_no_boundary", "network.allow"},
    {"connect_apex_of_wildcard", "network.allow"},
    {"connect_address", "network.allow"},
    {"connect_public_address", "network.allow"},
    {"connect_mapped_address", "network.allow"},
    {"connect_mail_port", "network.allow"},
    // what the name leads to
    {"name_of_private", "address"},
    {"name_of_metadata", "address"},
    {"name_of_loopback", "address"},
    {"name_of_own_address", "address"},
    {"name_of_mapped", "address"},
    {"name_of_nat64", "address"},
    {"name_of_link_local", "address"},
    {"cname_to_private", "address"},
    // HTTP
    {"http_not_granted", "network.allow"},
    {"http_absolute_host_mismatch", "malformed"},
    {"http_absolute_userinfo", "malformed"},
    {"http_two_hosts", "malformed"},
    {"http_https_target", "malformed"},
    {"http_private_name", "address"},
    {"http_metadata_address", "network.allow"},
    {"smuggle_cl_te", "malformed"},
    {"smuggle_two_lengths", "malformed"},
    {"smuggle_te_obfuscated", "malformed"},
    {"smuggle_te_space", "malformed"},
    {"smuggle_fold", "malformed"},
    {"smuggle_bare_lf", "malformed"},
    {"front_on_plain_http", "host"},
    {"front_by_second_request", "network.allow"},
    // TLS
    {"tls_other_name", "alert"},
    {"tls_other_name_split_records", "alert"},
    {"tls_other_name_split_packets", "alert"},
    {"tls_no_name", "alert"},
    {"tls_encrypted_hello", "alert"},
    {"tls_name_twice", "alert"},
    {"plain_text_on_443", "alert"},
    // inspected
    {"inspected_front", "host"},
    {"inspected_method", "network.rule"},
    {"inspected_path", "network.rule"},
    {"inspected_dots", "path"},
    {"inspected_encoded_dots", "path"},
    {"inspected_encoded_slash", "path"},
    {"inspected_double_slash", "path"},
    {"inspected_upgrade", "upgrade"},
    {"inspected_websocket", "network.rule"},
    {"inspected_upload", "network.rule"},
    {"inspected_smuggle", "malformed"},
    {"inspected_other_name", "closed"},
    {"inspected_by_plain_http", "network.rule"},
    {"inspected_on_another_port", "network.rule"},
    {"inspected_in_clear_on_443", "malformed"},
    {"http_in_clear_on_443", "malformed"},
    // DNS
    {"dns_not_granted", "NXDOMAIN"},
    {"dns_txt_tunnel", "NXDOMAIN"},
    {"dns_null_tunnel", "NXDOMAIN"},
    {"dns_long_labels", "NXDOMAIN"},
    {"dns_dot_in_label", "NXDOMAIN"},
    {"dns_tcp_not_granted", "NXDOMAIN"},
    {"dns_txt_of_granted", "empty"},
    {"dns_aaaa_of_granted", "empty"},
    {"dns_https_of_granted", "empty"},
    // SOCKS
    {"socks_nul", "socks 2"},
    {"socks_not_granted", "socks 2"},
    {"socks_address_as_name", "socks 2"},
    {"socks_address", "socks 2"},
    {"socks_mapped_address", "socks 2"},
    {"socks_mail_port", "socks 2"},
    {"socks_bind", "socks 7"},
    {"socks_udp_associate", "socks 7"},
    // past the proxy
    {"raw_tcp", "ENETUNREACH"},
    {"raw_private", "ENETUNREACH"},
    {"raw_metadata", "ENETUNREACH"},
    {"raw_ssh", "ENETUNREACH"},
    {"dns_elsewhere", "ENETUNREACH"},
    {"dns_over_tls", "ENETUNREACH"},
    {"quic", "ENETUNREACH"},
    {"udp", "ENETUNREACH"},
    {"quic_to_pool", "ECONNREFUSED"},
    {"pool_address_never_given", "closed"},
    {"pool_port_not_granted", "ECONNREFUSED"},
    {"granted_address_other_port", "closed"},
    {"ipv6", "ENETUNREACH"},
    {"change_routes", "EPERM"},
    {"raw_socket", "EPERM"},
    {"packet_socket", "ENOSYS"},
    {"vsock", "ENOSYS"},
};

/// One run of the probe for each identity; its cases are looked up by name.
struct Tried {
  nlohmann::json inside;
  nlohmann::json outside;
  nlohmann::json record;  ///< data of all events, by type
  std::string world_log;
  std::string error;
};

nlohmann::json events_of(const std::string& text) {
  nlohmann::json out = nlohmann::json::array();
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    nlohmann::json event = nlohmann::json::parse(text.substr(at, end - at), nullptr, false);
    if (event.is_object()) out.push_back(std::move(event));
    at = end + 1;
  }
  return out;
}

Tried try_everything(As as) {
  Tried tried;
  const World world;
  if (!world.works()) {
    tried.error = "the world of network namespaces could not be made";
    return tried;
  }
  const Site site(as);
  site.write("probe.py", "");
  fs::copy_file(kEgressSources + "/probe.py", site.repository() + "/probe.py",
                fs::copy_options::overwrite_existing);
  site.write("policy.toml", kPolicy);
  const Finished finished =
      world.on_host(site, {site.program(), "run", "--policy", "policy.toml", "--json", "--",
                           "/usr/bin/python3", "probe.py", "inside"});
  tried.inside =
      nlohmann::json::parse(finished.err.substr(0, finished.err.find('\n')), nullptr, false);
  tried.error = finished.err.substr(0, 2000) + finished.out.substr(0, 500);
  const std::string run = finished.json().value("directory", "");
  tried.record = events_of(site.command({"cat", run + "/record.jsonl"}).out);
  tried.world_log = world.log();
  const Finished control =
      world.on_host(site, {"/usr/bin/python3", site.repository() + "/probe.py", "outside"});
  tried.outside = nlohmann::json::parse(control.out, nullptr, false);
  return tried;
}

const Tried& tried_as(As as) {
  static std::map<As, Tried> all;
  const auto found = all.find(as);
  return found != all.end() ? found->second : all.emplace(as, try_everything(as)).first->second;
}

class Egress : public testing::TestWithParam<As> {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) BERM_SKIP_OR_FAIL("a network of its own needs root");
  }
};

class BypassTest : public testing::TestWithParam<std::tuple<As, Bypass>> {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) BERM_SKIP_OR_FAIL("a network of its own needs root");
  }
};

TEST_P(BypassTest, IsDenied) {
  const auto& [as, bypass] = GetParam();
  const Tried& tried = tried_as(as);
  ASSERT_TRUE(tried.inside.is_object()) << tried.error;
  const std::string said = tried.inside["cases"].value(bypass.name, "not tried");
  EXPECT_NE(said, "reached") << "EGRESS BYPASS: " << bypass.name;
  EXPECT_EQ(said, std::string("denied: ") + bypass.denied)
      << "denied, but not by the layer we think";
  // Control: what needs no proxy works on the host that the run could not see.
  if (tried.outside.contains(bypass.name)) {
    EXPECT_EQ(tried.outside[bypass.name], "reached");
  }
}

TEST_P(Egress, WhatIsGrantedWorksWithAndWithoutAProxy) {
  const Tried& tried = tried_as(GetParam());
  ASSERT_TRUE(tried.inside.is_object()) << tried.error;
  for (const auto& [name, said] : tried.inside["controls"].items()) {
    EXPECT_EQ(said, "reached") << name;
  }
  EXPECT_GE(tried.inside["controls"].size(), 20U);
  EXPECT_EQ(tried.inside["cases"].size(), std::size(kBypasses)) << "one list is longer";
}

TEST_P(Egress, NothingArrivedThatWasNotGranted) {
  const Tried& tried = tried_as(GetParam());
  ASSERT_TRUE(tried.inside.is_object()) << tried.error;
  ASSERT_NE(tried.world_log.find("tcp 11.1.1.1 443"), std::string::npos) << "the log is alive";
  for (const char* never :
       {"tcp 10.9.9.9", "tcp 169.254.169.254", "udp 11.1.1.1 443", "udp 10.9.9.9", " 25\n",
        " 853\n", "http other.example", "tls other.example", "tls -\ntls -", "dns other.example",
        "tunnel", "DELETE", "/v2/"}) {
    EXPECT_EQ(tried.world_log.find(never), std::string::npos) << never;
  }
}

TEST_P(Egress, TheRecordTellsWhatWasAskedAndNotGranted) {
  const Tried& tried = tried_as(GetParam());
  bool told = false;
  bool reached = false;
  for (const nlohmann::json& event : tried.record) {
    const nlohmann::json& data = event["data"];
    if (event["type"] == "net.denied" && data["host"] == "other.example" && data["via"] == "dns") {
      told = data["reason"].get<std::string>().find("allow = [\"other.example:443\"]") !=
             std::string::npos;
    }
    if (event["type"] == "net.allowed" && data["host"] == "a.good.example") {
      reached = data["address"] == "11.1.1.1";
    }
  }
  EXPECT_TRUE(told);
  EXPECT_TRUE(reached);
}

std::vector<std::tuple<As, Bypass>> all_bypasses() {
  std::vector<std::tuple<As, Bypass>> out;
  for (const As as : identities()) {
    for (const Bypass& bypass : kBypasses) out.emplace_back(as, bypass);
  }
  return out;
}

INSTANTIATE_TEST_SUITE_P(As, BypassTest, testing::ValuesIn(all_bypasses()), [](const auto& suite) {
  return std::string(std::get<1>(suite.param).name) + "_" + name_of(std::get<0>(suite.param));
});
INSTANTIATE_TEST_SUITE_P(As, Egress, testing::ValuesIn(identities()),
                         [](const auto& suite) { return name_of(suite.param); });

}  // namespace
}  // namespace berm::test
