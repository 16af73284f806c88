#include "rules/aws/access_keys.h"

#include "base/text.h"
#include "rules/aws/xml.h"

namespace berm {
namespace {

std::string text_of(const AwsXml& parent, std::string_view name) {
  const AwsXml* child = parent.child(name);
  return child == nullptr ? "" : child->text;
}

const AwsXml* beneath(const AwsXml* parent, std::string_view name) {
  return parent == nullptr ? nullptr : parent->child(name);
}

Result<ListedKey> read_key(const AwsXml& member) {
  const std::optional<WallTime> created = parse_wall_time(text_of(member, "CreateDate"));
  const std::string status = lower(text_of(member, "Status"));
  if (created && !status.empty()) return ListedKey{.created = *created, .status = status};
  return failure(Errc::denied, "read IAM's list of access keys: a key without date and status");
}

}  // namespace

Result<std::optional<ListedKey>> find_listed_key(std::string_view xml,
                                                 std::string_view access_key_id) {
  const AwsXml root = BERM_TRY(parse_aws_xml(xml));
  const AwsXml* result = beneath(&root, "ListAccessKeysResult");
  const AwsXml* list = beneath(result, "AccessKeyMetadata");
  if (root.name != "ListAccessKeysResponse" || list == nullptr) {
    return failure(Errc::denied, "read IAM's list of access keys: it is none");
  }
  std::optional<ListedKey> found;
  for (const AwsXml& member : list->children) {
    if (member.name != "member" || text_of(member, "AccessKeyId") != access_key_id) continue;
    if (found) return failure(Errc::denied, "read IAM's list of access keys: a key twice");
    found = BERM_TRY(read_key(member));
  }
  return found;
}

std::optional<AwsRefusal> read_aws_refusal(std::string_view xml) {
  const Result<AwsXml> root = parse_aws_xml(xml);
  if (!root || root->name != "ErrorResponse") return std::nullopt;
  const AwsXml* error = root->child("Error");
  if (error == nullptr || text_of(*error, "Code").empty()) return std::nullopt;
  return AwsRefusal{.code = text_of(*error, "Code"), .message = text_of(*error, "Message")};
}

}  // namespace berm
