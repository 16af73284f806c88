#include <fmt/format.h>
#include <gtest/gtest.h>

#include "policy/merge.h"
#include "policy/parse.h"

namespace berm {
namespace {

constexpr std::string_view kWhole = R"([audit]
key = "command:kms-sign audit"
public_key = "berm.example+1234+abc"
fsync = "event"
require_sink = true
grace = "10s"
spool = "64MiB"
overflow = "end"

[[audit.sinks]]
name = "siem"
type = "splunk-hec"
url = "https://hec.corp.example:8088"
token = "env:HEC"
ack = true
format = "ocsf"
filter = ["net.*", "run.*"]
batch_events = 100
batch_time = "5s"

[[audit.sinks]]
name = "worm"
type = "s3"
region = "eu-north-1"
bucket = "evidence"
lock = "COMPLIANCE"
retain = "90d"
token = "credential:aws"

[[audit.sinks]]
name = "log"
type = "syslog"
url = "tls://log.corp.example:6514"
facility = 10
ca_file = "/etc/ca.pem"
client_cert = "/etc/c.pem"
client_key = "file:/etc/c.key"

[[audit.sinks]]
name = "loki"
type = "loki"
url = "https://loki.corp.example"
labels = { env = "ci", team = "a" }
)";

TEST(AuditPolicy, WhatIsPrintedIsReadAsTheSame) {
  const Result<PolicyLayer> layer = parse_policy(kWhole, "berm.toml");
  ASSERT_TRUE(layer.has_value()) << layer.error().what;
  ASSERT_EQ(layer->audit.sinks.size(), 4U);
  EXPECT_EQ(layer->audit.sinks[3].with.at("labels.team"), "a");
  EXPECT_EQ(layer->audit.sinks[0].secret.at("token"), "env:HEC");
  const Result<PolicyLayer> again = parse_policy(to_toml(*layer), "again");
  ASSERT_TRUE(again.has_value()) << again.error().what << to_toml(*layer);
  EXPECT_EQ(again->audit, layer->audit);
}

TEST(AuditPolicy, AMistakeIsNamed) {
  const struct {
    std::string_view text, part;
  } kCases[] = {
      {"overflow = \"drop\"", "unknown action"},
      {"key = \"vault:x#y\"", "write env:NAME, file:/path or command:"},
      {"sinks = [{ name = \"A\", type = \"file\", path = \"/x\" }]", "is no name for a sink"},
      {"sinks = [{ name = \"a\", type = \"fille\" }]", "did you mean 'file'"},
      {"sinks = [{ name = \"a\", type = \"file\" }]", "it needs 'path'"},
      {"sinks = [{ name = \"a\", type = \"file\", path = \"x\" }]", "absolute"},
      {"sinks = [{ name = \"a\", type = \"file\", path = \"/x\", token = \"env:A\" }]", "token"},
      {"sinks = [{ name = \"a\", type = \"http\", url = \"http://10.0.0.1\" }]", "loopback"},
      {"sinks = [{ name = \"a\", type = \"http\", url = \"https://u@h\" }]", "write https://HOST"},
      {"sinks = [{ name = \"a\", type = \"http\", url = \"https://h\", token = \"abc\" }]", "abc"},
      {"sinks = [{ name = \"a\", type = \"splunk-hec\", url = \"https://h\" }]", "needs a 'token'"},
      {"sinks = [{ name = \"a\", type = \"syslog\", url = \"tcp://h\" }]", "HOST:PORT"},
      {"sinks = [{ name = \"a\", type = \"http\", url = \"https://h\", batch_events = 0 }]",
       "must be at least 1"},
      {"sinks = [{ name = \"a\", type = \"s3\", region = \"r\", bucket = \"b\", token = \"env:A\", "
       "lock = \"COMPLIANCE\" }]",
       "belong together"},
      {"sinks = [{ name = \"a\", type = \"otlp\", url = \"https://h\", format = \"ecs\" }]",
       "its format is native"},
      {"sinks = [{ name = \"a\", type = \"file\", path = \"/x\" }, { name = \"a\", type = "
       "\"file\", path = \"/y\" }]",
       "stands here twice"},
  };
  for (const auto& [text, part] : kCases) {
    SCOPED_TRACE(text);
    const Result<PolicyLayer> layer = parse_policy(fmt::format("[audit]\n{}\n", text), "f");
    ASSERT_FALSE(layer.has_value());
    EXPECT_NE(layer.error().what.find(part), std::string::npos) << layer.error().what;
  }
}

PolicyLayer layer_of(std::string_view text) {
  Result<PolicyLayer> layer = parse_policy(text, "test");
  EXPECT_TRUE(layer.has_value()) << (layer ? "" : layer.error().what);
  return layer ? *layer : PolicyLayer{};
}

TEST(AuditPolicy, TheManagedPolicysSinksCanOnlyBeAddedTo) {
  const NamedLayer ceiling{
      .source = "managed",
      .layer = layer_of("[audit]\nkey = \"file:/k\"\nrequire_sink = true\nfsync = \"event\"\n"
                        "grace = \"5s\"\nsinks = [{ name = \"siem\", type = \"file\", path = "
                        "\"/siem\" }]\n")};
  const NamedLayer own{
      .source = "own",
      .layer = layer_of("[audit]\nkey = \"env:MINE\"\nrequire_sink = false\nfsync = \"never\"\n"
                        "grace = \"1h\"\nsinks = [{ name = \"siem\", type = \"file\", path = "
                        "\"/dev/null\" }, { name = \"mine\", type = \"file\", path = \"/m\" }]\n")};
  const Result<MergedPolicy> merged = merge_policy({own}, ceiling);
  ASSERT_TRUE(merged.has_value()) << merged.error().what;
  const AuditPolicy& audit = merged->policy.audit;
  ASSERT_EQ(audit.sinks.size(), 2U);
  EXPECT_EQ(audit.sinks[0].with.at("path"), "/siem");
  EXPECT_EQ(audit.sinks[1].with.at("path"), "/m");
  EXPECT_EQ(audit.key, "file:/k");
  EXPECT_TRUE(audit.require_sink);
  EXPECT_EQ(audit.fsync, RecordSync::event);
  EXPECT_EQ(audit.grace, Milliseconds(5000));
  EXPECT_TRUE(is_within_ceiling(merged->policy, ceiling.layer));
  Policy without = merged->policy;
  without.audit.sinks.erase(without.audit.sinks.begin());
  EXPECT_FALSE(is_within_ceiling(without, ceiling.layer));
}

}  // namespace
}  // namespace berm
