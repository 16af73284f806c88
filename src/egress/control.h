// src/egress/control.h: messages between the egress process and whoever started it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sys/fd.h"

namespace berm {

/// One byte with descriptors, at most 64.
[[nodiscard]] Result<void> send_descriptors(int control, const std::vector<UniqueFd>& fds);
[[nodiscard]] Result<std::vector<UniqueFd>> receive_descriptors(int control);

}  // namespace berm
