#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/glob.h"
#include "base/text.h"
#include "rules/aws/canonical.h"
#include "rules/aws/sigv4.h"

namespace berm {
namespace {

constexpr std::chrono::minutes kMaxSkew{15};
constexpr std::size_t kMaxName = 64;

tl::unexpected<Error> refused(std::string_view why, std::string fix = {}) {
  return failure(Errc::denied, fmt::format("sign the request again: {}", why), std::move(fix));
}

bool all_of(std::string_view text, bool (*is)(char)) { return std::ranges::all_of(text, is); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alnum(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_token_char(char c) {  // RFC 9110 §5.6.2
  return is_alnum(c) ||
         (c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos);
}
bool is_token(std::string_view text) { return !text.empty() && all_of(text, is_token_char); }
bool is_visible(std::string_view text) {
  return all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}
// A line feed in a value would be a line of the canonical request.
bool is_field_value(std::string_view text) {
  return all_of(text, [](char c) {
    return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
  });
}

bool is_hash(std::string_view text) {
  return text.size() == 64 &&
         all_of(text, [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
}

bool is_name(std::string_view text, std::string_view also) {
  return !text.empty() && text.size() <= kMaxName && std::ranges::all_of(text, [&](char c) {
    return is_alnum(c) || also.find(c) != std::string_view::npos;
  });
}

Result<void> refuse_if_ambiguous(const AwsRequest& request) {
  if (!is_token(request.method)) return refused("its method is malformed");
  const bool path = request.path.starts_with('/') && is_visible(request.path) &&
                    request.path.find_first_of("?#") == std::string_view::npos;
  if (!path || !is_visible(request.query) || request.query.find('#') != std::string_view::npos) {
    return refused("its target is malformed");
  }
  for (const AwsHeader& header : request.headers) {
    if (!is_token(header.name) || !is_field_value(header.value)) {
      return refused("it has a malformed header");
    }
  }
  for (const char* once : {"host", "x-amz-content-sha256", "content-type"}) {
    if (values_of(request.headers, once).size() > 1) {
      return refused(fmt::format("it has several {} headers", once));
    }
  }
  return {};
}

// Ways to sign that this cannot redo. Left in, an agent's own key would still be the one that
// counts at some service.
Result<void> refuse_other_queries(const AwsRequest& request) {
  for (const std::string_view part : split(request.query, '&')) {
    const std::string name = lower(query_decoded(part.substr(0, part.find('='))));
    if (name == "awsaccesskeyid") return refused("it is signed with Signature Version 2");
    for (const std::string_view presigned :
         {"x-amz-signature", "x-amz-credential", "x-amz-algorithm", "x-amz-signedheaders",
          "x-amz-security-token"}) {
      if (name != presigned) continue;
      return refused(fmt::format("it is a presigned URL ({})", presigned),
                     "sign requests with the Authorization header");
    }
  }
  return {};
}

Result<void> refuse_other_headers(const AwsRequest& request) {
  if (!values_of(request.headers, "x-amzn-authorization").empty()) {
    return refused("it is signed with Signature Version 3");
  }
  if (!values_of(request.headers, "x-amz-region-set").empty()) {
    return refused("it is signed with SigV4A (x-amz-region-set)");
  }
  if (!values_of(request.headers, "x-amz-s3session-token").empty()) {
    return refused("it is signed for a session of S3 Express (x-amz-s3session-token)");
  }
  return {};
}

// The parameters of the one Authorization header, if it is SigV4's.
Result<std::string_view> sigv4_parameters(const AwsRequest& request) {
  const std::vector<std::string_view> values = values_of(request.headers, "authorization");
  if (values.empty()) return refused("it is not signed");
  if (values.size() > 1) return refused("it has several Authorization headers");
  const std::string_view value = trim(values[0]);
  const std::size_t end = value.find_first_of(" \t");
  const std::string_view scheme = value.substr(0, end);
  if (scheme == "AWS") return refused("it is signed with Signature Version 2");
  if (scheme == "AWS4-ECDSA-P256-SHA256") {
    return refused("it is signed with SigV4A (AWS4-ECDSA-P256-SHA256)",
                   "use an endpoint of one region");
  }
  if (scheme != "AWS4-HMAC-SHA256") {
    return refused("its Authorization header is not AWS4-HMAC-SHA256");
  }
  return end == std::string_view::npos ? std::string_view() : value.substr(end);
}

// AKID/DATE/REGION/SERVICE/aws4_request. The day is returned: the claim has it in its time.
Result<std::string> read_credential(std::string_view text, SigV4Claim& claim) {
  const std::vector<std::string_view> parts = split(text, '/');
  const bool valid = parts.size() == 5 && is_name(parts[0], "_-") && parts[1].size() == 8 &&
                     all_of(parts[1], is_digit) && is_name(parts[2], "-") &&
                     is_name(parts[3], "-_.") && parts[4] == "aws4_request";
  if (!valid) {
    return refused("its Credential is not KEY/DATE/REGION/SERVICE/aws4_request");
  }
  claim.access_key_id = parts[0];
  claim.region = parts[2];
  claim.service = parts[3];
  return std::string(parts[1]);
}

Result<void> read_signed_headers(std::string_view text, const AwsRequest& request,
                                 SigV4Claim& claim) {
  for (const std::string_view name : split(text, ';')) {
    if (!is_token(name) || lower(name) != name) return refused("its SignedHeaders are malformed");
    if (!claim.signed_headers.empty() && claim.signed_headers.back() >= name) {
      return refused("its SignedHeaders are not in order");
    }
    if (values_of(request.headers, name).empty()) {
      return refused(fmt::format("it signs a header that it does not have ({})", name));
    }
    claim.signed_headers.emplace_back(name);
  }
  if (std::ranges::find(claim.signed_headers, "host") == claim.signed_headers.end()) {
    return refused("its SignedHeaders lack host");
  }
  return {};
}

// The three parts in any order, each once, with commas and optional blanks between them.
Result<std::string> read_parameters(std::string_view parameters, const AwsRequest& request,
                                    SigV4Claim& claim) {
  constexpr std::array<std::string_view, 3> kNames = {"Credential", "SignedHeaders", "Signature"};
  std::array<std::optional<std::string_view>, 3> found;
  for (const std::string_view raw : split(parameters, ',')) {
    const std::string_view part = trim(raw);
    const std::size_t equals = part.find('=');
    const auto at = std::ranges::find(kNames, part.substr(0, equals)) - kNames.begin();
    if (equals == std::string_view::npos || at == std::ssize(kNames)) {
      return refused("its Authorization header has an unknown part");
    }
    std::optional<std::string_view>& value = found[static_cast<std::size_t>(at)];
    if (value)
      return refused(fmt::format("its Authorization header has {} twice",
                                 kNames[static_cast<std::size_t>(at)]));
    value = part.substr(equals + 1);
  }
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (!found[i]) return refused(fmt::format("its Authorization header lacks {}", kNames[i]));
  }
  std::string day = BERM_TRY(read_credential(*found[0], claim));
  BERM_TRY(read_signed_headers(*found[1], request, claim));
  if (!is_hash(*found[2])) return refused("its Signature is not 64 hexadecimal digits");
  claim.signature = *found[2];
  return day;
}

int number(std::string_view digits) {
  int value = 0;
  for (const char c : digits) value = value * 10 + (c - '0');
  return value;
}

// "20261122T101112Z"
std::optional<std::chrono::sys_seconds> parse_time(std::string_view text) {
  if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z' ||
      !all_of(text.substr(0, 8), is_digit) || !all_of(text.substr(9, 6), is_digit)) {
    return std::nullopt;
  }
  const std::chrono::year_month_day day{
      std::chrono::year(number(text.substr(0, 4))),
      std::chrono::month(static_cast<unsigned>(number(text.substr(4, 2)))),
      std::chrono::day(static_cast<unsigned>(number(text.substr(6, 2))))};
  const int hour = number(text.substr(9, 2));
  const int minute = number(text.substr(11, 2));
  const int second = number(text.substr(13, 2));
  if (!day.ok() || hour > 23 || minute > 59 || second > 59) return std::nullopt;
  return std::chrono::sys_days(day) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second);
}

Result<void> read_time(const AwsRequest& request, std::string_view day,
                       std::chrono::sys_seconds now, SigV4Claim& claim) {
  const std::vector<std::string_view> values = values_of(request.headers, "x-amz-date");
  if (values.empty()) return refused("it has no x-amz-date header");
  if (values.size() > 1) return refused("it has several x-amz-date headers");
  const std::string_view text = trim(values[0]);
  const auto time = parse_time(text);
  if (!time) return refused("its x-amz-date is not YYYYMMDDTHHMMSSZ");
  if (text.substr(0, 8) != day) return refused("its Credential is of another day than x-amz-date");
  if (*time > now + kMaxSkew || *time < now - kMaxSkew) {
    return refused("its x-amz-date is more than 15 minutes from the host's clock");
  }
  claim.time = text;
  return {};
}

Result<void> read_payload_hash(const AwsRequest& request, const AwsGrant& grant,
                               SigV4Claim& claim) {
  const std::vector<std::string_view> values = values_of(request.headers, "x-amz-content-sha256");
  if (values.empty()) return {};
  const std::string_view text = trim(values[0]);
  if (text.starts_with("STREAMING-")) {
    return refused(fmt::format("its body is signed chunk by chunk ({})", text.substr(0, kMaxName)),
                   "switch the client's checksums or chunked encoding off");
  }
  const bool unsigned_payload = text == "UNSIGNED-PAYLOAD";
  if (!unsigned_payload && !is_hash(text)) {
    return refused("its x-amz-content-sha256 is neither a SHA-256 nor UNSIGNED-PAYLOAD");
  }
  if (unsigned_payload && !grant.unsigned_payload)
    return refused("UNSIGNED-PAYLOAD is not granted");
  claim.payload_hash = text;
  return {};
}

bool any_matches(const std::vector<std::string>& globs, std::string_view name) {
  return std::ranges::any_of(
      globs, [&](const std::string& glob) { return component_matches(glob, name); });
}

}  // namespace

Result<SigV4Claim> parse_sigv4(const AwsRequest& request, const AwsGrant& grant,
                               std::chrono::sys_seconds now) {
  BERM_TRY(refuse_if_ambiguous(request));
  BERM_TRY(refuse_other_queries(request));
  BERM_TRY(refuse_other_headers(request));
  SigV4Claim claim;
  const std::string_view parameters = BERM_TRY(sigv4_parameters(request));
  const std::string day = BERM_TRY(read_parameters(parameters, request, claim));
  BERM_TRY(read_time(request, day, now, claim));
  BERM_TRY(read_payload_hash(request, grant, claim));
  if (!any_matches(grant.regions, claim.region)) {
    return refused(fmt::format("region {} is not granted", claim.region));
  }
  if (!any_matches(grant.services, claim.service)) {
    return refused(fmt::format("service {} is not granted", claim.service));
  }
  return claim;
}

}  // namespace berm
