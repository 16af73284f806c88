// When IAM made an access key: the one question that an AWS key can ask about itself.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "credentials/age.h"
#include "rules/aws/access_keys.h"
#include "rules/aws/sigv4.h"

namespace berm {
namespace {

constexpr std::size_t kMostWords = 300;
constexpr const char* kFix =
    "allow the key's user iam:ListAccessKeys on itself, or declare the key's date (issued = "
    "\"2026-11-22\")";

std::string endpoint_of(const CredentialSource& source) {
  const std::string endpoint = option(source.with, "endpoint");
  return endpoint.empty() ? "https://iam.amazonaws.com/" : endpoint;
}

// IAM is one for a partition, and signed for that partition's home.
std::string region_of(std::string_view host) {
  if (host == "iam.us-gov.amazonaws.com") return "us-gov-west-1";
  return host.ends_with(".amazonaws.com.cn") ? "cn-north-1" : "us-east-1";
}

// "20261122T101112Z"
std::string amz_date(WallTime time) {
  std::string text = to_text(time);
  std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
  return text;
}

Result<HttpsResponse> ask_iam(const MintContext& context, const std::string& endpoint,
                              const AwsKey& key) {
  constexpr std::string_view kBody = "Action=ListAccessKeys&Version=2010-05-08";
  constexpr const char* kForm = "application/x-www-form-urlencoded";
  const HttpsUrl url = BERM_TRY(parse_https_url(endpoint));
  const SigV4Claim claim{.access_key_id = key.access_key_id,
                         .time = amz_date(wall_now()),
                         .region = region_of(url.to.host),
                         .service = "iam",
                         .signed_headers = {"host", "x-amz-date"},
                         .payload_hash = "",
                         .signature = ""};
  const std::vector<AwsHeader> fields = {
      {"Host", host_field(url)}, {"X-Amz-Date", claim.time}, {"Content-Type", kForm}};
  const AwsRequest signing{.method = "POST", .path = url.target, .query = "", .headers = fields};
  const std::string hash = BERM_TRY(payload_hash(claim, kBody));
  const SigV4Headers ours = BERM_TRY(sign_sigv4(signing, key, claim, hash));
  HttpsRequest request{.method = "POST", .url = endpoint};
  request.headers = {{"X-Amz-Date", claim.time, nullptr}};
  for (const AwsHeader& header : ours.set) {
    if (header.name == "authorization") {
      request.headers.push_back({"Authorization", header.value, nullptr});
    }
  }
  request.content_type = kForm;
  request.body = Secret(std::string(kBody));
  return context.https.send(request);
}

std::string told(const AwsRefusal& refusal) {
  std::string words = printable(refusal.code + ": " + refusal.message);
  if (words.size() > kMostWords) {
    words.resize(kMostWords);
    words += "…";
  }
  return words;
}

}  // namespace

Result<KeyAge> find_aws_key(const MintContext& context, const CredentialSource& source,
                            const Secret& value) {
  const AwsKey key = BERM_TRY(parse_aws_key(value.reveal()));
  KeyAge age{.basis = "IAM"};
  age.fix = kFix;
  if (key.session_token) {
    age.why_unknown = "it is a temporary key, which IAM does not list";
    age.fix = "declare the key's date (issued = \"2026-11-22\")";
    return age;
  }
  const HttpsResponse response = BERM_TRY(
      in_context("asking IAM for the key's age", ask_iam(context, endpoint_of(source), key)));
  const std::string_view body = response.body.reveal();
  if (response.status == 200) {
    const std::optional<ListedKey> listed = BERM_TRY(find_listed_key(body, key.access_key_id));
    if (!listed) {
      return failure(Errc::denied, "find this key among those that IAM lists for its user", kFix);
    }
    age.created = listed->created;
    age.status = listed->status;
    age.fix.clear();
    return age;
  }
  const std::optional<AwsRefusal> refusal = read_aws_refusal(body);
  if (response.status == 403 && refusal && refusal->code.starts_with("AccessDenied")) {
    age.why_unknown = fmt::format("IAM says '{}'", told(*refusal));
    return age;
  }
  return failure(Errc::denied,
                 fmt::format("ask IAM for the key's age: it answers {}{}", response.status,
                             refusal ? fmt::format(" '{}'", told(*refusal)) : ""),
                 response.status >= 500 ? "try again later: IAM is out of order"
                                        : "check that the key is whole and active");
}

}  // namespace berm
