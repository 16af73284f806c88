#include "rules/aws/aws_key.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/text.h"

namespace berm {
namespace {

constexpr std::size_t kMaxId = 128;          // IAM API: AccessKeyId, 16 to 128; MinIO's are shorter
constexpr std::size_t kMaxSecret = 1024;     // AWS: 40
constexpr std::size_t kMaxToken = 16 << 10;  // AWS names no limit; headers end near 16 KiB

bool is_key_id(std::string_view text) {
  return text.size() >= 3 && text.size() <= kMaxId && std::ranges::all_of(text, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_';
         });
}

bool is_visible(std::string_view text, std::size_t limit) {
  return !text.empty() && text.size() <= limit &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}

Result<AwsKey> make_key(std::string_view id, std::string_view secret, std::string_view token) {
  if (!is_key_id(id))
    return failure(Errc::usage, "read an AWS key: its access key id is malformed");
  if (!is_visible(secret, kMaxSecret)) {
    return failure(Errc::usage, "read an AWS key: its secret is empty or malformed");
  }
  if (!token.empty() && !is_visible(token, kMaxToken)) {
    return failure(Errc::usage, "read an AWS key: its session token is malformed");
  }
  AwsKey key{.access_key_id = std::string(id),
             .secret_access_key = Secret(std::string(secret)),
             .session_token = std::nullopt};
  if (!token.empty()) key.session_token.emplace(std::string(token));
  return key;
}

// The strings of a document, overwritten before their memory is given back. What the parser's own
// buffer held stays behind: nlohmann has no hook for it.
class WipedDocument {
 public:
  explicit WipedDocument(std::string_view text)
      : json_(nlohmann::json::parse(text, nullptr, false)) {}
  WipedDocument(const WipedDocument&) = delete;
  WipedDocument& operator=(const WipedDocument&) = delete;
  ~WipedDocument() {
    if (!json_.is_object()) return;
    for (auto& member : json_) {
      if (!member.is_string()) continue;
      std::string& text = member.get_ref<std::string&>();
      ::explicit_bzero(text.data(), text.size());
    }
  }

  [[nodiscard]] bool is_object() const { return json_.is_object(); }
  /// nullopt: there, but no text. "": not there, or null.
  [[nodiscard]] std::optional<std::string_view> member(const char* name) const {
    const auto found = json_.find(name);
    if (found == json_.end() || found->is_null()) return "";
    if (!found->is_string()) return std::nullopt;
    return found->get_ref<const std::string&>();
  }

 private:
  nlohmann::json json_;
};

Result<AwsKey> from_json(std::string_view text) {
  const WipedDocument document(text);
  if (!document.is_object()) return failure(Errc::usage, "read an AWS key: it is not valid JSON");
  const auto id = document.member("AccessKeyId");
  const auto secret = document.member("SecretAccessKey");
  const auto token = document.member("SessionToken");
  if (!id || !secret || !token) {
    return failure(Errc::usage, "read an AWS key: a member of the JSON is not a string");
  }
  return make_key(*id, *secret, *token);
}

}  // namespace

Result<AwsKey> parse_aws_key(std::string_view text) {
  text = trim(text);
  if (text.starts_with('{')) return from_json(text);
  const std::vector<std::string_view> parts = split(text, ':');
  if (parts.size() != 2 && parts.size() != 3) {
    return failure(Errc::usage, "read an AWS key: it is neither JSON nor AKID:SECRET[:TOKEN]",
                   R"(give {"AccessKeyId": …, "SecretAccessKey": …, "SessionToken": …})");
  }
  if (parts.size() == 3 && parts[2].empty()) {
    return failure(Errc::usage, "read an AWS key: its session token is empty");
  }
  return make_key(parts[0], parts[1], parts.size() == 3 ? parts[2] : "");
}

}  // namespace berm
