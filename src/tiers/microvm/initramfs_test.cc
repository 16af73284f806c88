#include "tiers/microvm/initramfs.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace berm {
namespace {

TEST(Initramfs, IsAnArchiveOfTheNewcFormat) {
  const std::string archive =
      initramfs_archive("INIT", {{"9p.ko", "module"}, {"x.ko.xz", "other"}});
  EXPECT_EQ(archive, initramfs_archive("INIT", {{"9p.ko", "module"}, {"x.ko.xz", "other"}}));
  EXPECT_EQ(archive.size() % 4, 0U);
  EXPECT_TRUE(archive.starts_with("070701"));
  EXPECT_NE(archive.find("modules/order"), std::string::npos);
  EXPECT_NE(archive.find("9p.ko\nx.ko.xz\n"), std::string::npos);
  EXPECT_NE(archive.find("TRAILER!!!"), std::string::npos);
  // Every header is where the length of the entry before it says, as the kernel reads it.
  std::size_t at = 0;
  std::vector<std::string> names;
  while (at + 110 <= archive.size()) {
    ASSERT_EQ(archive.substr(at, 6), "070701") << at;
    const auto field = [&](std::size_t index) {
      return std::stoul(archive.substr(at + 6 + 8 * index, 8), nullptr, 16);
    };
    const std::size_t size = field(6);
    const std::size_t name = field(11);
    names.push_back(archive.substr(at + 110, name - 1));
    const auto padded = [](std::size_t end) { return (end + 3) / 4 * 4; };
    at = padded(padded(at + 110 + name) + size);
  }
  EXPECT_EQ(at, archive.size());
  EXPECT_EQ(names.back(), "TRAILER!!!");
  EXPECT_EQ(std::ranges::count(names, "init"), 1);
}

TEST(Initramfs, ModulesComeAfterWhatTheyNeed) {
  const std::vector<std::string_view>& order = guest_modules();
  const auto place = [&](std::string_view name) { return std::ranges::find(order, name); };
  EXPECT_LT(place("virtio_ring"), place("virtio"));
  EXPECT_LT(place("virtio"), place("virtio_mmio"));
  EXPECT_LT(place("failover"), place("net_failover"));
  EXPECT_LT(place("net_failover"), place("virtio_net"));
  EXPECT_LT(place("9pnet"), place("9pnet_virtio"));
  EXPECT_LT(place("netfs"), place("9p"));
}

}  // namespace
}  // namespace berm
