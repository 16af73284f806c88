// src/tiers/microvm/initramfs.h: the file system that a guest's kernel starts from.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace berm {

struct KernelModule {
  std::string name;  ///< "9p.ko"
  std::string content;
};

/// Which modules a guest needs, in the order of their dependencies. A kernel that has one built in
/// has no file of that name.
[[nodiscard]] const std::vector<std::string_view>& guest_modules();

/// An archive in the "newc" format (kernel: driver-api/early-userspace/buffer-format): `init`
/// as /init, the modules below /modules with their order, and directories to mount on. The same
/// bytes for the same input.
[[nodiscard]] std::string initramfs_archive(std::string_view init,
                                            const std::vector<KernelModule>& modules);

}  // namespace berm
