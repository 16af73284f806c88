// fuzz/socks_fuzz.cc: a complete message is what its `consumed` bytes say, no byte less and
// whatever follows; every other answer for a prefix but need_more is final too. The first byte of
// the input says how long the prefix is.
#include <arpa/inet.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "rules/egress/socks.h"

namespace {

using Bytes = std::span<const std::uint8_t>;

template <class Parse>
void check(Parse parse, Bytes bytes, std::size_t cut) {
  const auto part = parse(bytes.first(std::min(cut, bytes.size())));
  const auto whole = parse(bytes);
  if (part.state != berm::SocksState::need_more && part != whole) std::abort();
  if (whole.state != berm::SocksState::complete) return;
  if (whole.consumed == 0 || whole.consumed > bytes.size()) std::abort();
  if (parse(bytes.first(whole.consumed)) != whole) std::abort();
  if (parse(bytes.first(whole.consumed - 1)).state != berm::SocksState::need_more) std::abort();
}

// The text of an address means the address that was sent.
void check_address(const berm::SocksRequest& request, Bytes bytes) {
  if (!request.is_address) return;
  const bool ipv4 = bytes[3] == 1;
  std::uint8_t address[16] = {};
  if (::inet_pton(ipv4 ? AF_INET : AF_INET6, request.host.c_str(), address) != 1) std::abort();
  if (std::memcmp(address, bytes.data() + 4, ipv4 ? 4 : 16) != 0) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Bytes bytes(data + 1, size - 1);
  check(berm::parse_socks_greeting, bytes, data[0]);
  check(berm::parse_socks_request, bytes, data[0]);
  const berm::SocksRequestResult result = berm::parse_socks_request(bytes);
  if (result.state == berm::SocksState::complete) check_address(result.request, bytes);
  return 0;
}
