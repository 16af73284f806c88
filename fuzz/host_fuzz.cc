// fuzz/host_fuzz.cc: what is accepted as pattern or destination is canonical, and a pattern covers
// a host exactly if the host's last labels are the pattern's, and before them stands what its star
// says. The input is a pattern, a line feed, a destination.
#include <algorithm>
#include <cstdlib>

#include "base/ip.h"
#include "base/text.h"
#include "policy/merge.h"
#include "policy/parse.h"
#include "rules/egress/destination.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

// Label by label from the end, as DNS reads names: another road than covers() takes.
bool admits(const berm::HostGrant& grant, const berm::Destination& to) {
  const bool web = grant.port == 0 && (to.port == 80 || to.port == 443);
  if (grant.pattern.starts_with('@') || !(grant.any_port || web || grant.port == to.port)) {
    return false;
  }
  const auto network = berm::parse_network(grant.pattern);
  if (network || to.address) return network && to.address && network->contains(*to.address);
  auto wanted = berm::split(grant.pattern, '.');
  auto labels = berm::split(to.host, '.');
  const std::string_view star = wanted.front().starts_with('*') ? wanted.front() : "";
  if (!star.empty()) wanted.erase(wanted.begin());
  if (labels.size() < wanted.size()) return false;
  const std::size_t more = labels.size() - wanted.size();
  if (!std::equal(wanted.rbegin(), wanted.rend(), labels.rbegin())) return false;
  return star.empty() ? more == 0 : (star == "**" || more > 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t line = std::min(text.find('\n'), text.size());
  const auto grant = berm::parse_host_grant(text.substr(0, line));
  if (grant) {
    const auto same = berm::parse_host_grant(berm::to_text(*grant));
    require(same && *same == *grant);
  }
  if (line == text.size()) return 0;
  const auto to = berm::parse_authority(text.substr(line + 1));
  if (!to) return 0;
  require(berm::parse_authority(berm::to_text(*to)) == to);
  if (!grant) return 0;
  const berm::HostGrant wanted{.pattern = to->host, .port = to->port};
  require(berm::covers(*grant, wanted) == admits(*grant, *to));
  return 0;
}
