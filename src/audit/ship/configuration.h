// src/audit/ship/configuration.h: what the process that ships is told through its descriptor 0.
//
// To it:   the configuration; a frame for each secret of each sink, in the order of their names; if
//          a sink wants descriptors of the caller's, those (send_descriptors). Then, at any time,
//          {"flush":true}, {"end":true}, {"secret":{"sink":"NAME","key":"token"}} and its frame.
// From it: {"ok":true} or {"ok":false,"what":…}; then SinkReport whenever one changes.
// End of file: the supervisor is gone. What can be shipped within half a minute is.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "policy/policy.h"

namespace berm {

struct ShipConfiguration {
  std::string run;
  std::string directory;   ///< of the run: record.jsonl is in it, and sinks/ comes to be
  std::uint32_t uid = 0;   ///< taken on; 0: stays
  bool from_zero = false;  ///< everything again, whatever was acknowledged
  std::vector<SinkGrant> sinks;
};

[[nodiscard]] nlohmann::json to_json(const ShipConfiguration& configuration);
[[nodiscard]] Result<ShipConfiguration> ship_configuration_from_json(std::string_view text);

/// How far a sink is.
struct SinkReport {
  std::uint64_t acknowledged = 0;  ///< sequence of the first event that it has not
  std::uint64_t offset = 0;        ///< where it begins in the record
  std::uint64_t bytes = 0;         ///< of the record from there on
  bool failing = false;
  std::string why;            ///< the last error
  std::uint64_t refused = 0;  ///< events it will never take
  bool operator==(const SinkReport&) const = default;
};
[[nodiscard]] nlohmann::json to_json(const std::string& sink, const SinkReport& report);

/// N of "fd:N", 1 and 2 of "stdout" and "stderr"; -1 if the sink is no descriptor.
[[nodiscard]] int descriptor_of(const SinkGrant& sink);

}  // namespace berm
