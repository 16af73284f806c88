#include "tiers/microvm/initramfs.h"

#include <fmt/format.h>

namespace berm {
namespace {

constexpr unsigned kDirectory = 0040755;
constexpr unsigned kProgram = 0100755;
constexpr unsigned kFile = 0100644;

class Archive {
 public:
  void add(std::string_view name, unsigned mode, std::string_view content) {
    const unsigned links = mode == kDirectory ? 2 : 1;
    out_ += fmt::format(
        "070701{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}"
        "{:08x}{:08x}",
        ++inode_, mode, 0, 0, links, 0, content.size(), 0, 0, 0, 0, name.size() + 1, 0);
    out_ += name;
    out_ += '\0';
    pad();
    out_ += content;
    pad();
  }
  std::string finish() {
    inode_ = 0xffffffff;
    add("TRAILER!!!", 0, "");
    return std::move(out_);
  }

 private:
  void pad() { out_.append((4 - out_.size() % 4) % 4, '\0'); }

  std::string out_;
  std::uint32_t inode_ = 0;
};

}  // namespace

const std::vector<std::string_view>& guest_modules() {
  static const std::vector<std::string_view> kModules = {
      "virtio_ring", "virtio",         "virtio_mmio", "failover",     "net_failover",
      "virtio_net",  "virtio_console", "rng-core",    "virtio-rng",   "virtio_balloon",
      "netfs",       "fscache",        "9pnet",       "9pnet_virtio", "9p",
      "overlay"};
  return kModules;
}

std::string initramfs_archive(std::string_view init, const std::vector<KernelModule>& modules) {
  Archive archive;
  for (const char* directory : {"dev", "proc", "sys", "root", "lay", "modules"}) {
    archive.add(directory, kDirectory, "");
  }
  archive.add("init", kProgram, init);
  std::string order;
  for (const KernelModule& module : modules) {
    archive.add("modules/" + module.name, kFile, module.content);
    order += module.name + "\n";
  }
  archive.add("modules/order", kFile, order);
  return archive.finish();
}

}  // namespace berm
