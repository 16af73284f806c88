// tests/credentials/sigv4_resign.cc: parses and signs what sigv4_check.py sends. One JSON object a
// line in: {"method", "path", "query", "headers": [[name, value], …], "key": text of a key,
// "body": base64 or null, "now": seconds}; one out: {"error": …} or {"remove": […], "set": {…}}.
// {"service", "path"} in: {"keys": …} out, what hands_out_keys() says.
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "rules/aws/key_services.h"
#include "rules/aws/sigv4.h"

namespace berm {
namespace {

using nlohmann::json;

Result<json> resign(const json& in) {
  std::vector<AwsHeader> headers;
  for (const json& header : in.at("headers")) headers.push_back({header.at(0), header.at(1)});
  const std::string method = in.at("method");
  const std::string path = in.at("path");
  const std::string query = in.at("query");
  const AwsRequest request{.method = method, .path = path, .query = query, .headers = headers};
  const AwsGrant grant{.regions = {"*"}, .services = {"*"}, .unsigned_payload = true};
  const std::chrono::sys_seconds now{std::chrono::seconds(in.at("now").get<std::int64_t>())};
  const SigV4Claim claim = BERM_TRY(parse_sigv4(request, grant, now));
  const AwsKey key = BERM_TRY(parse_aws_key(in.at("key").get<std::string>()));
  std::optional<std::string> body;
  if (in.at("body").is_string()) body = base64_decoded(in.at("body").get<std::string>());
  const std::string hash = BERM_TRY(payload_hash(claim, body));
  const SigV4Headers change = BERM_TRY(sign_sigv4(request, key, claim, hash));
  json out = {{"remove", change.remove}, {"set", json::object()}};
  for (const AwsHeader& header : change.set) out["set"][header.name] = header.value;
  return out;
}

}  // namespace
}  // namespace berm

int main() {
  std::ios::sync_with_stdio(false);
  for (std::string line; std::getline(std::cin, line);) {
    const nlohmann::json in = nlohmann::json::parse(line);
    if (in.contains("service")) {
      const std::string service = in["service"];
      const std::string path = in["path"];
      const nlohmann::json keys = {{"keys", berm::hands_out_keys(service, path)}};
      std::cout << keys.dump() << std::endl;
      continue;
    }
    const auto answer = berm::resign(in);
    const nlohmann::json out =
        answer ? *answer : nlohmann::json{{"error", berm::sentence(answer.error())}};
    std::cout << out.dump() << std::endl;
  }
}
