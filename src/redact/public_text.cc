#include "redact/public_text.h"

#include <algorithm>
#include <cstddef>

namespace berm {
namespace {

// clang-format off
constexpr std::string_view kPublic[] = {
    // issuers' prefixes
    "sk-ant-api03-", "sk-ant-admin01-", "sk-ant-oat01-", "sk-ant-ort01-", "sk-ant-sid01-",
    "sk-proj-", "sk-svcacct-", "sk-admin-", "sk-or-v1-",
    "github_pat_11", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "glpat-", "glrt-",
    "pypi-AgEIcHlwaS5vcmc", "pypi-AgENdGVzdC5weXBpLm9yZw", "dckr_pat_", "npm_", "dop_v1_",
    "sk_live_", "sk_test_", "rk_live_", "whsec_", "xoxb-", "xoxp-", "xapp-1-", "shpat_", "hvs.",
    "IQoJb3JpZ2luX2Vj",                                    // every AWS session token
    "https://hooks.slack.com/services/", "https://discord.com/api/webhooks/",
    "postgresql://postgres:", "postgres://postgres:", "mongodb+srv://", "redis://default:",
    "DefaultEndpointsProtocol=https;AccountName=", ";AccountKey=",
    ";EndpointSuffix=core.windows.net",
    // headers of JSON web tokens: {"alg":…,"typ":"JWT"} in the usual orders
    "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.", "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.",
    "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.", "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiIs",
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiIs", "eyJhbGciOiJSUzI1NiIsImtpZCI6I",
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.", "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.",
    // what a private key's body begins with: DER and OpenSSH headers
    "MIIEpAIBAAKCAQEA", "MIIEowIBAAKCAQEA", "MIIEogIBAAKCAQEA", "MIIJKAIBAAKCAgEA",
    "MIIJKQIBAAKCAgEA", "MIIJJwIBAAKCAgEA", "MIIG5AIBAAKCAYEA", "MIIG4wIBAAKCAYEA",
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQ",
    "MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQ",
    "MIIEvAIBADANBgkqhkiG9w0BAQEFAASCBKYwggSiAgEAAoIBAQ",
    "MIIJQwIBADANBgkqhkiG9w0BAQEFAASCCS0wggkpAgEAAoICAQ",
    "MIIJQgIBADANBgkqhkiG9w0BAQEFAASCCSwwggkoAgEAAoICAQ",
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg",
    "MC4CAQAwBQYDK2VwBCIEI",
    "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW",
    "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAABlwAAAAdzc2gtcn",
    "Proc-Type: 4,ENCRYPTED", "DEK-Info: AES-128-CBC,", "DEK-Info: AES-256-CBC,",
    // a Google service account's file
    "\"type\": \"service_account\",", "\"project_id\": \"", "\"private_key_id\": \"",
    "\"private_key\": \"", "\"client_email\": \"", "\"client_id\": \"", "\"client_secret\": \"",
    "\"refresh_token\": \"", ".iam.gserviceaccount.com\",", "\"type\": \"authorized_user\"",
    "\"auth_uri\": \"https://accounts.google.com/o/oauth2/auth\",",
    "\"token_uri\": \"https://oauth2.googleapis.com/token\",",
    "\"auth_provider_x509_cert_url\": \"https://www.googleapis.com/oauth2/v1/certs\",",
    "\"client_x509_cert_url\": \"https://www.googleapis.com/robot/v1/metadata/x509/",
    "\"universe_domain\": \"googleapis.com\"",
};
// clang-format on

void mark(std::vector<bool>& marks, std::size_t begin, std::size_t end) {
  std::fill(marks.begin() + static_cast<std::ptrdiff_t>(begin),
            marks.begin() + static_cast<std::ptrdiff_t>(end), true);
}

// RFC 7468 §2: "-----BEGIN label-----", "-----END label-----". Anywhere, since in a JSON file a
// key's lines are joined by "\n".
void mark_frames(std::string_view value, std::vector<bool>& marks) {
  constexpr std::string_view kDashes = "-----";
  constexpr std::size_t kLongestLabel = 64;
  for (const std::string_view opening : {"-----BEGIN ", "-----END "}) {
    for (std::size_t at = value.find(opening); at != std::string_view::npos;
         at = value.find(opening, at + 1)) {
      const std::size_t close = value.find(kDashes, at + opening.size());
      if (close == std::string_view::npos || close - at > kLongestLabel) continue;
      // With the line ends around: base64 mixes their bits into the frame's last character.
      const std::size_t end = close + kDashes.size();
      mark(marks, at, end);
      for (const std::string_view line_end : {"\r\n", "\n", "\\n"}) {
        if (value.substr(end).starts_with(line_end)) mark(marks, end, end + line_end.size());
        if (value.substr(0, at).ends_with(line_end)) mark(marks, at - line_end.size(), at);
      }
    }
  }
}

}  // namespace

std::vector<bool> public_bytes(std::string_view value) {
  std::vector<bool> marks(value.size(), false);
  for (const std::string_view text : kPublic) {
    for (std::size_t at = value.find(text); at != std::string_view::npos;
         at = value.find(text, at + 1)) {
      mark(marks, at, at + text.size());
    }
  }
  mark_frames(value, marks);
  return marks;
}

}  // namespace berm
