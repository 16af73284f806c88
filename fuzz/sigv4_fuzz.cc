// fuzz/sigv4_fuzz.cc: what is accepted has the grammar's shape; the claim written out again is read
// as the same claim; and what we sign is accepted in its turn, signing it again changes nothing.
// The input: method, path, query, then one header a line, "name:value".
#include <algorithm>
#include <cstdlib>

#include "base/text.h"
#include "rules/aws/sigv4.h"

namespace {

using berm::AwsHeader;

constexpr std::chrono::sys_seconds kNow{std::chrono::seconds(1440938160)};
const berm::AwsGrant kGrant{.regions = {"*"}, .services = {"*"}, .unsigned_payload = true};

void require(bool holds) {
  if (!holds) std::abort();
}

void check_shape(const berm::SigV4Claim& claim) {
  const auto plain = [](std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) {
      return c > ' ' && c < 0x7f && c != '/' && c != ',' && c != '=';
    });
  };
  require(plain(claim.access_key_id) && plain(claim.region) && plain(claim.service));
  require(claim.time.size() == 16 && claim.time.starts_with("20150830T"));
  require(claim.signature.size() == 64 && berm::is_hex(claim.signature));
  require(std::ranges::is_sorted(claim.signed_headers));
  require(std::ranges::find(claim.signed_headers, "host") != claim.signed_headers.end());
}

std::vector<AwsHeader> applied(std::vector<AwsHeader> headers, const berm::SigV4Headers& change) {
  std::erase_if(headers, [&](const AwsHeader& header) {
    return std::ranges::find(change.remove, berm::lower(header.name)) != change.remove.end();
  });
  headers.insert(headers.end(), change.set.begin(), change.set.end());
  return headers;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)berm::parse_aws_key(text);
  const auto lines = berm::split(text, '\n');
  if (lines.size() < 3) return 0;
  std::vector<AwsHeader> headers;
  for (std::size_t i = 3; i < lines.size(); ++i) {
    const std::size_t colon = std::min(lines[i].find(':'), lines[i].size());
    headers.push_back({std::string(lines[i].substr(0, colon)),
                       std::string(lines[i].substr(std::min(colon + 1, lines[i].size())))});
  }
  berm::AwsRequest request{
      .method = lines[0], .path = lines[1], .query = lines[2], .headers = headers};
  const auto claim = berm::parse_sigv4(request, kGrant, kNow);
  if (!claim) return 0;
  check_shape(*claim);

  std::vector<AwsHeader> rewritten = headers;
  for (AwsHeader& header : rewritten) {
    if (berm::lower(header.name) == "authorization") header.value = berm::authorization_of(*claim);
  }
  request.headers = rewritten;
  const auto reread = berm::parse_sigv4(request, kGrant, kNow);
  require(reread.has_value() && *reread == *claim);

  static const auto key = berm::parse_aws_key("AKIDEXAMPLE:secret:token");
  const auto hash = berm::payload_hash(
      *claim, claim->payload_hash.empty() ? std::optional<std::string_view>("") : std::nullopt);
  const auto change = berm::sign_sigv4(request, *key, *claim, *hash);
  require(change.has_value());
  const std::vector<AwsHeader> ours = applied(headers, *change);
  request.headers = ours;
  const auto again = berm::parse_sigv4(request, kGrant, kNow);
  require(again.has_value());
  const auto twice = berm::sign_sigv4(request, *key, *again, *hash);
  require(twice.has_value() && twice->set.back() == change->set.back());
  return 0;
}
