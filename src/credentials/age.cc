#include "credentials/age.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "credentials/issuer.h"

namespace berm {
namespace {

using nlohmann::json;
using std::chrono::seconds;

constexpr seconds kWeek{7 * 86400};
constexpr int kMostPages = 50;
constexpr const char* kAdminFix = "check with.admin: an Admin API key of the key's organization";

std::string endpoint_of(const CredentialSource& source) {
  std::string endpoint = option(source.with, "endpoint");
  return endpoint.empty() ? "https://api.anthropic.com" : endpoint;
}

HttpsRequest admin_request(const CredentialSource& source, const Secret& admin,
                           const std::string& path) {
  HttpsRequest request;
  request.url = endpoint_of(source) + "/v1/organizations/api_keys" + path;
  // An OAuth token with org:admin is a bearer, an Admin API key is not.
  const bool is_bearer = admin.reveal().starts_with("sk-ant-oat");
  request.headers = {
      {"anthropic-version", "2023-06-01", nullptr},
      {is_bearer ? "Authorization" : "x-api-key", is_bearer ? "Bearer " : "", &admin}};
  return request;
}

KeyAge age_of(const json& key) {
  KeyAge age{.basis = "Anthropic Admin API",
             .status = text_of(key, "status"),
             .key_id = text_of(key, "id")};
  age.created = parse_wall_time(text_of(key, "created_at"));
  age.expires = parse_wall_time(text_of(key, "expires_at"));
  return age;
}

bool is_plain_id(std::string_view id) {
  return !id.empty() && id.size() < 200 && std::ranges::all_of(id, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
}

}  // namespace

bool matches_hint(std::string_view value, std::string_view hint) {
  const std::size_t dots = hint.find("...");
  if (dots == std::string_view::npos) return false;
  const std::string_view head = hint.substr(0, dots);
  const std::string_view tail = hint.substr(dots + 3);
  // A hint without an end is every key's.
  return !tail.empty() && value.size() >= head.size() + tail.size() && value.starts_with(head) &&
         value.ends_with(tail);
}

Result<KeyAge> find_anthropic_key(const MintContext& context, const CredentialSource& source,
                                  const Secret& value) {
  const Secret admin = BERM_TRY(read_static(context, source, option(source.with, "admin")));
  const std::string wanted = option(source.with, "key_id");
  std::string query = "?limit=100";
  for (int page = 0; page < kMostPages; ++page) {
    Question question{.step = "list the organization's API keys",
                      .request = admin_request(source, admin, query),
                      .fix = kAdminFix};
    const json answer = BERM_TRY(ask(context, question));
    if (!answer.contains("data") || !answer["data"].is_array()) break;
    for (const json& key : answer["data"]) {
      const bool is_it = wanted.empty()
                             ? matches_hint(value.reveal(), text_of(key, "partial_key_hint"))
                             : text_of(key, "id") == wanted;
      if (is_it) return age_of(key);
    }
    const std::string last = text_of(answer, "last_id");
    const bool more = answer.contains("has_more") && answer["has_more"] == true;
    if (!more || !is_plain_id(last)) break;
    query = "?limit=100&after_id=" + last;
  }
  return failure(Errc::denied, "find this API key in the organization of with.admin",
                 "name the key's organization by its Admin API key, or set with.key_id");
}

Result<void> disable_anthropic_key(const MintContext& context, const CredentialSource& source,
                                   const std::string& key_id) {
  if (!is_plain_id(key_id)) {
    return failure(Errc::denied, fmt::format("disable the API key '{}': it is no id of a key",
                                             printable(key_id)));
  }
  const Secret admin = BERM_TRY(read_static(context, source, option(source.with, "admin")));
  Question question{.step = fmt::format("disable the API key {}", key_id),
                    .request = admin_request(source, admin, "/" + key_id),
                    .fix = kAdminFix};
  question.request.method = "POST";
  question.request.content_type = "application/json";
  question.request.body = dumped_secret({{"status", "inactive"}});
  const json answer = BERM_TRY(ask(context, question));
  if (text_of(answer, "status") == "inactive") return {};
  return failure(Errc::denied, fmt::format("disable the API key {}: the issuer says that it is "
                                           "'{}'",
                                           key_id, printable(text_of(answer, "status"))));
}

AgeVerdict judge_age(const KeyAge& age, std::optional<Milliseconds> max_age, WallTime now) {
  if (age.expires && *age.expires <= now) return AgeVerdict::exceeded;
  if (max_age && age.created) {
    const auto old = std::chrono::duration_cast<Milliseconds>(now - *age.created);
    if (old > *max_age) return AgeVerdict::exceeded;
    if (old * 10 >= *max_age * 8) return AgeVerdict::warn;
  }
  if (age.expires && *age.expires - now < kWeek) return AgeVerdict::warn;
  return age.created ? AgeVerdict::fresh : AgeVerdict::unknown;
}

Result<KeyAge> check_age(const MintContext& context, const CredentialSource& source,
                         const Secret& value) {
  if (source.with.contains("admin")) return find_anthropic_key(context, source, value);
  KeyAge age;
  if (source.is_aws_key && source.max_age) {
    Result<KeyAge> asked = find_aws_key(context, source, value);
    // A host without a way to IAM can still declare; what IAM has said counts.
    const bool unreached = !asked && asked.error().code == Errc::kernel && source.issued;
    if (!asked && !unreached) return asked;
    // A copied file is young, whatever it holds: its time is no answer where IAM gives none.
    if (asked && (asked->created || !source.issued)) return asked;
  }
  if (source.issued) {
    age.basis = "declared";
    age.created = parse_wall_time(*source.issued);
    if (!age.created) {
      return failure(Errc::invalid_policy,
                     fmt::format("'{}' is no date of a key", printable(*source.issued)),
                     "write 2026-11-22 or 2026-11-22T10:00:00Z");
    }
    if (*age.created > wall_now() + std::chrono::hours(24)) {
      return failure(Errc::invalid_policy,
                     fmt::format("'{}' is in the future", printable(*source.issued)));
    }
    return age;
  }
  const SourceAddress address = BERM_TRY(parse_source(source.from));
  struct stat status {};
  if (address.scheme == SourceScheme::file && ::stat(address.parts[0].c_str(), &status) == 0) {
    age.basis = "file";
    age.created = WallTime(seconds(status.st_mtim.tv_sec));
  }
  return age;
}

Result<std::string> refuse_if_old(const CredentialSource& source, const KeyAge& age) {
  if (!age.status.empty() && age.status != "active") {
    return failure(
        Errc::denied,
        fmt::format("use the key: its issuer says that it is '{}'", printable(age.status)),
        "make a new key");
  }
  const WallTime now = wall_now();
  const auto days = [&](WallTime since) { return (now - since).count() / 86400; };
  const std::string limit = source.max_age ? to_text(*source.max_age) : "";
  switch (judge_age(age, source.max_age, now)) {
    case AgeVerdict::exceeded:
      if (age.expires && *age.expires <= now) {
        return failure(Errc::denied,
                       fmt::format("use the key: it expired at {}", to_text(*age.expires)),
                       "make a new key");
      }
      if (!source.old_is_refused) {
        return fmt::format("the key is {} days old ({}), and max_age is {}", days(*age.created),
                           age.basis, limit);
      }
      return failure(Errc::denied,
                     fmt::format("use the key: it is {} days old ({}), and max_age is {}",
                                 days(*age.created), age.basis, limit),
                     "make a new key, end the old one, and update 'issued' if it is declared");
    case AgeVerdict::warn:
      if (age.expires && *age.expires - now < kWeek) {
        return fmt::format("the key expires at {}", to_text(*age.expires));
      }
      return fmt::format("the key is {} days old ({}); max_age is {}", days(*age.created),
                         age.basis, limit);
    case AgeVerdict::unknown:
      if (!source.max_age) return "";
      // A limit that nobody can check is none.
      return failure(
          Errc::denied,
          fmt::format("tell the key's age{}, and max_age is {}",
                      age.why_unknown.empty() ? "" : " (age unknown: " + age.why_unknown + ")",
                      limit),
          age.fix.empty()
              ? "declare its date (issued = \"2026-11-22\"), or ask its issuer (with.admin)"
              : age.fix);
    case AgeVerdict::fresh:
      break;
  }
  return "";
}

}  // namespace berm
