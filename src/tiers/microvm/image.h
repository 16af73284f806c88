// src/tiers/microvm/image.h: the kernel of the guests, from a package of the user's distribution.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace berm {

struct MachineImageWishes {
  std::string directory;              ///< where kernel and initramfs go
  std::string init;                   ///< path of berm-init
  std::vector<std::string> packages;  ///< .deb files with kernel and modules; none = apt-get's
};
struct MachineImage {
  std::string kernel;  ///< its version
  std::size_t modules = 0;
};
/// Takes kernel and modules out of Debian or Ubuntu packages, without installing any, and writes
/// kernel, initramfs and manifest; needs no root.
/// @param progress is told each step.
[[nodiscard]] Result<MachineImage> build_machine_image(
    const MachineImageWishes& wishes, const std::function<void(std::string_view)>& progress);

}  // namespace berm
