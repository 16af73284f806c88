#include "tiers/container/skeleton.h"

#include <fmt/format.h>

#include <numeric>

namespace berm {
namespace {

constexpr std::size_t kBlock = 512;
// Not HOME: runc gives a tmpfs the mode of what it finds below it.
constexpr std::string_view kDirectories[] = {"dev", "etc", "home", "proc", "run",    "run/berm",
                                             "sys", "tmp", "usr",  "var",  "var/tmp"};

void put(std::string& block, std::size_t at, std::string_view text) {
  block.replace(at, text.size(), text);
}

// One header of ustar (IEEE 1003.1, pax, "ustar Interchange Format"): owner root, no time.
std::string header(std::string_view name, char type, std::string_view link, unsigned mode) {
  std::string block(kBlock, '\0');
  put(block, 0, name);
  put(block, 100, fmt::format("{:07o}", mode));
  put(block, 108, "0000000");
  put(block, 116, "0000000");
  put(block, 124, "00000000000");
  put(block, 136, "00000000000");
  put(block, 148, "        ");
  block[156] = type;
  put(block, 157, link);
  put(block, 257, "ustar");
  put(block, 263, "00");
  const unsigned sum = std::accumulate(block.begin(), block.end(), 0U, [](unsigned total, char c) {
    return total + static_cast<unsigned char>(c);
  });
  put(block, 148, fmt::format("{:06o}", sum));
  block[154] = '\0';
  return block;
}

}  // namespace

std::string skeleton_archive(const std::vector<HostFacts::Link>& links) {
  constexpr std::size_t kLongest = 99;
  std::string out;
  for (const std::string_view directory : kDirectories) {
    out +=
        header(fmt::format("{}/", directory), '5', "", directory.ends_with("tmp") ? 01777 : 0755);
  }
  for (const HostFacts::Link& link : links) {
    if (link.at.size() > kLongest || link.to.size() > kLongest) continue;
    out += header(link.at.substr(1), '2', link.to, 0777);
  }
  return out + std::string(2 * kBlock, '\0');
}

}  // namespace berm
