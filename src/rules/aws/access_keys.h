// src/rules/aws/access_keys.h: what IAM says of a user's access keys. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/wall_time.h"

namespace berm {

struct ListedKey {
  WallTime created;
  std::string status;  ///< "active", "inactive"
  bool operator==(const ListedKey&) const = default;
};

/// The key `access_key_id` in an answer of ListAccessKeys (API version 2010-05-08).
///
/// @return nullopt: it is not among them. Errc::denied: no such answer, the key twice, or one
///         without a date and a status.
[[nodiscard]] Result<std::optional<ListedKey>> find_listed_key(std::string_view xml,
                                                               std::string_view access_key_id);

/// Why a Query API of AWS refuses.
struct AwsRefusal {
  std::string code;  ///< "AccessDenied"
  std::string message;
  bool operator==(const AwsRefusal&) const = default;
};
/// nullopt if `xml` is no refusal.
[[nodiscard]] std::optional<AwsRefusal> read_aws_refusal(std::string_view xml);

}  // namespace berm
