// src/sys/frames.h: messages between two processes of ours over a stream socket.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "sys/fd.h"

namespace berm {

/// Four bytes of length in host order, then the text; at most 16 MiB. A peer that is gone is an
/// Error (EPIPE), never a signal.
[[nodiscard]] Result<void> write_frame(int socket, std::string_view text);

/// @param patience  For the frame as a whole.
/// @return  Errc::kernel  with ECONNRESET: the peer is gone, ETIMEDOUT: it is slow;
///          Errc::internal  it says more than 16 MiB.
[[nodiscard]] Result<std::string> read_frame(int socket, std::chrono::milliseconds patience);
/// The same, from the kernel straight to where the secret stays.
[[nodiscard]] Result<Secret> read_secret_frame(int socket, std::chrono::milliseconds patience);

/// One byte with descriptors, at most 64.
[[nodiscard]] Result<void> send_descriptors(int socket, const std::vector<UniqueFd>& fds);
[[nodiscard]] Result<std::vector<UniqueFd>> receive_descriptors(int socket);

}  // namespace berm
