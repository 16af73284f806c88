// src/pod/line.h: how berm's programs in the pods, and whoever started the run, speak to each
// other: a connection begins with one JSON object on a line of its own, a call; what follows is the
// call's.
#pragma once

#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "net/tls_stream.h"

namespace berm::pod {

inline constexpr std::size_t kMostLine = 64 << 10;

/// Who the servers of the two links prove to be.
inline constexpr const char* kAgentName = "agent.berm.invalid";
inline constexpr const char* kEgressName = "egress.berm.invalid";

[[nodiscard]] Result<void> write_line(ByteStream& stream, const nlohmann::json& call);
[[nodiscard]] Result<void> write_bytes(ByteStream& stream, std::string_view bytes);
/// @param patience  for the line as a whole
/// @return Errc::denied for what is no object, or too long; Errc::kernel when the peer is gone.
[[nodiscard]] Result<nlohmann::json> read_line(ByteStream& stream,
                                               std::chrono::milliseconds patience);
/// A member that is a string, or a number that is none below zero; "" and nullopt for all else.
[[nodiscard]] std::string text_in(const nlohmann::json& call, const char* key);
[[nodiscard]] std::uint64_t number_in(const nlohmann::json& call, const char* key,
                                      std::uint64_t otherwise = 0);

}  // namespace berm::pod
