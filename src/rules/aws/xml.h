// src/rules/aws/xml.h: the little of XML that AWS's Query APIs answer with. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace berm {

/// An element with its text, or with its children.
struct AwsXml {
  std::string name;
  std::string text;  ///< entities replaced, without blanks at both ends; "" if it has children
  std::vector<AwsXml> children;
  bool operator==(const AwsXml&) const = default;

  /// The one child of that name; nullptr if there is none, or several: neither says anything.
  [[nodiscard]] const AwsXml* child(std::string_view wanted) const;
};

/// Reads a document of elements, text and the five named entities. Attributes are read over.
///
/// @return Errc::denied  everything else: a document type (entities of its own), CDATA, comments,
///         processing instructions but the declaration, text beside elements, more than 12 levels,
///         4096 elements or 256 KiB.
[[nodiscard]] Result<AwsXml> parse_aws_xml(std::string_view document);

}  // namespace berm
