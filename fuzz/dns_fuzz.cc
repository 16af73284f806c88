// fuzz/dns_fuzz.cc: a query that was read gets a well-formed response to that very question, within
// its udp_size, that no server of our kind would answer in turn; and a plain name is the
// question's.
#include <array>
#include <cstdlib>

#include "base/text.h"
#include "rules/egress/dns.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

std::uint16_t u16(const std::vector<std::uint8_t>& bytes, std::size_t at) {
  return static_cast<std::uint16_t>(bytes.at(at) << 8 | bytes.at(at + 1));
}

// Where the record at `at` ends. Its owner is the question's name or the root, never another.
std::size_t behind_record(const std::vector<std::uint8_t>& answer, std::size_t at) {
  const bool by_pointer = answer.at(at) == 0xc0;
  require(by_pointer ? answer.at(at + 1) == 12 : answer.at(at) == 0);
  at += by_pointer ? 2 : 1;
  return at + 10 + u16(answer, at + 8);
}

void check_answer(const berm::DnsQuery& query, const std::vector<std::uint8_t>& answer) {
  require(answer.size() <= query.udp_size && answer.size() <= berm::kMaxDnsAnswer);
  require(u16(answer, 0) == query.id && (answer.at(2) & 0x80) != 0 && u16(answer, 4) == 1);
  require((answer.at(2) >> 3 & 0xf) == query.opcode);
  const std::string text(answer.begin(), answer.end());
  require(text.substr(12, query.question.size()) == query.question);
  std::size_t at = 12 + query.question.size();
  for (int records = u16(answer, 6) + u16(answer, 8) + u16(answer, 10); records > 0; --records) {
    at = behind_record(answer, at);
  }
  require(at == answer.size());
  require(!berm::parse_dns_query(answer));
}

std::string on_the_wire(const std::string& name) {
  std::string wire;
  for (const std::string_view label : berm::split(name, '.')) {
    wire += static_cast<char>(label.size());
    wire += label;
  }
  return wire + '\0';
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto query = berm::parse_dns_query({data, size});
  if (!query) return 0;
  require(query->question.size() <= 255 + 4 && query->udp_size >= 512 && query->udp_size <= 4096);
  require(berm::printable(query->name) == query->name);
  if (query->plain_name) {
    const std::string wire = on_the_wire(query->name);
    require(berm::lower(query->question.substr(0, wire.size())) == wire);
    require(query->question.size() == wire.size() + 4 && query->name.size() <= 253);
  }
  for (std::uint8_t code = 0; code <= 5; ++code) {
    const std::array<std::uint8_t, 4> ipv4 = {198, 18, 0, code};
    check_answer(*query, dns_answer(*query, berm::DnsCode{code}, ipv4, 60));
    check_answer(*query, dns_answer(*query, berm::DnsCode{code}, std::nullopt, 60));
  }
  return 0;
}
