// src/remote/transfer.h: files to a pod and back, in parts, from where they broke off.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/secret.h"
#include "remote/channel.h"

namespace berm {

[[nodiscard]] Result<std::string> sha256_of_file(const std::string& path);

/// Told now and then how far it is; an Error gives up.
using TransferWatch = std::function<Result<void>(std::uint64_t done, std::uint64_t size)>;

[[nodiscard]] Result<void> send_file(PodChannel& channel, const std::string& file,
                                     const TransferWatch& watch);

/// @param most  bytes that are taken at most
/// @return Errc::denied for another size or digest than was told; then there is no file
[[nodiscard]] Result<void> fetch_file(PodChannel& channel, const std::string& file,
                                      std::uint64_t size, const std::string& sha256,
                                      std::uint64_t most, const TransferWatch& watch);

[[nodiscard]] Result<void> send_secret(PodChannel& channel, std::size_t credential,
                                       const Secret& value);

}  // namespace berm
