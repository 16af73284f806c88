#include "audit/sinks/aws.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/text.h"
#include "base/wall_time.h"
#include "record/sha256.h"
#include "rules/aws/sigv4.h"

namespace berm {
namespace {

// "2026-11-22T10:11:12Z" as "20261122T101112Z".
std::string amz_date(std::int64_t now_s) {
  std::string out = to_text(WallTime(std::chrono::seconds(now_s)));
  std::erase_if(out, [](char c) { return c == '-' || c == ':'; });
  return out;
}

struct UrlParts {
  std::string host;
  std::string path;
  std::string query;
};

UrlParts parts_of(std::string_view url) {
  url.remove_prefix(std::min(url.find("://") + 3, url.size()));
  const std::size_t slash = std::min(url.find('/'), url.size());
  UrlParts out;
  out.host = lower(url.substr(0, slash));
  if (out.host.ends_with(":443")) out.host.resize(out.host.size() - 4);
  if (out.host.ends_with(":80")) out.host.resize(out.host.size() - 3);
  const std::string_view target = url.substr(slash);
  const std::size_t mark = target.find('?');
  out.path = target.empty() ? "/" : std::string(target.substr(0, mark));
  if (mark != std::string_view::npos) out.query = std::string(target.substr(mark + 1));
  return out;
}

}  // namespace

Result<AwsKey> aws_key_of(const SinkSettings& settings) {
  const auto token = settings.secrets->find("token");
  if (token == settings.secrets->end()) {
    return failure(Errc::usage,
                   fmt::format("sign for sink '{}' without a key", settings.grant.name));
  }
  return in_context(fmt::format("reading the token of sink '{}'", settings.grant.name),
                    parse_aws_key(token->second.reveal()));
}

Result<void> sign_for_aws(SinkRequest& request, const AwsKey& key, const std::string& service,
                          const std::string& region, std::int64_t now_s) {
  const UrlParts url = parts_of(request.url);
  const std::string hash = sha256_hex(request.body);
  SigV4Claim claim;
  claim.time = amz_date(now_s);
  claim.region = region;
  claim.service = service;
  claim.payload_hash = hash;
  request.headers.push_back({"x-amz-date", claim.time});
  std::vector<AwsHeader> headers = {{"host", url.host}};
  if (!request.content_type.empty()) headers.push_back({"content-type", request.content_type});
  for (const SinkHeader& header : request.headers) headers.push_back({header.name, header.text});
  for (const AwsHeader& header : headers) claim.signed_headers.push_back(lower(header.name));
  std::ranges::sort(claim.signed_headers);
  const AwsRequest plain{
      .method = request.method, .path = url.path, .query = url.query, .headers = headers};
  SigV4Headers change = BERM_TRY(sign_sigv4(plain, key, claim, hash));
  for (AwsHeader& header : change.set) {
    request.headers.push_back({header.name, std::move(header.value)});
  }
  return {};
}

}  // namespace berm
