#include "egress/configuration.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "policy/parse.h"

namespace berm {
namespace {

TEST(EgressConfiguration, ArrivesAsItWasSent) {
  EgressConfiguration sent;
  sent.rules = {.mode = NetworkMode::open,
                .allow = {*parse_host_grant("*.a.example:*"), *parse_host_grant("[fd00::/16]:443")},
                .deny = {*parse_host_grant("b.example")},
                .internal = {*parse_host_grant("c.example:443")},
                .opaque = {*parse_host_grant("d.example")},
                .inspect = {{.host = "e.example",
                             .methods = {"GET"},
                             .paths = {"/**"},
                             .content_types = {"a/b"},
                             .max_upload = Bytes{5},
                             .websocket = true}},
                .learn = true};
  sent.budget = {.bytes = Bytes{1}, .upload = Bytes{2}, .connections = 3, .requests = 4};
  sent.per_host.requests = 9;
  sent.listeners = {{ListenerKind::dns_udp, 53}, {ListenerKind::transparent, 443}};
  sent.model = ModelProxy{.port = 0, .upstream = "https://m.example", .credential = "model"};
  sent.rules.keyed = {{.pattern = "k.example", .port = 8443}};
  sent.credentials = {{.name = "model",
                       .placeholder = "sk-not-a-key",
                       .to = {{.host = "k.example",
                               .port = 8443,
                               .carrier = Carrier::basic,
                               .name = "user",
                               .format = "x {}",
                               .methods = {"GET"},
                               .paths = {"/a/**"},
                               .except = {"/a/keys"},
                               .services = {"s3"},
                               .regions = {"eu-*"}}},
                       .model = {.api = "openai",
                                 .models = {"m-*"},
                                 .max_output_tokens = 9,
                                 .hosted_tools = HostedTools::refuse,
                                 .premium = PremiumTier::allow,
                                 .permit = {"x"}}}};
  sent.model_budget = {.tokens = 1,
                       .cost = 2.5,
                       .requests = 3,
                       .token_rate = 4,
                       .on_token_rate = AnomalyAction::disable_key};
  sent.proxy = UpstreamProxy{
      .host = "p.example", .port = 3128, .authorization = "Basic eA==", .no_proxy = {"corp"}};
  sent.uid = 7;
  sent.ca_lifetime = Milliseconds(8);
  sent.token = "t";
  const Result<EgressConfiguration> got = read_configuration(to_json(sent));
  ASSERT_TRUE(got.has_value()) << got.error().what;
  EXPECT_EQ(*got, sent);
  EXPECT_FALSE(read_configuration(nlohmann::json::object()).has_value());
}

}  // namespace
}  // namespace berm
