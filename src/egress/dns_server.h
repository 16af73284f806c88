// src/egress/dns_server.h: the run's name server. Answers everything itself; asks nobody.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "egress/gate.h"

namespace berm {

/// The answer to one message: an address of the pool for a granted name, NXDOMAIN for every other,
/// nothing for AAAA, HTTPS, TXT … of a granted one. "" if the message deserves no answer.
[[nodiscard]] std::string answer_dns(Gate& gate, std::span<const std::uint8_t> message);

/// Answers what lies in the UDP socket `fd`, at most a few dozen messages.
void serve_dns(Gate& gate, int fd);

}  // namespace berm
