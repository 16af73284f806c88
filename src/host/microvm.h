// src/host/microvm.h: whether virtual machines can be had here.
#pragma once

#include "plan/facts.h"

namespace berm {

/// Where `berm image build --microvm` puts kernel and initramfs: below the cache directory.
[[nodiscard]] std::string machine_image_directory();
/// The file beside them that names the berm that made them.
inline constexpr std::string_view kMachineManifest = "berm-version";

/// Looks for QEMU and the image. That /dev/kvm opens tells nothing (nested virtualisation may open
/// and never run a kernel): the guest's kernel is booted with it, once for each boot of this host,
/// within a deadline of 10 seconds; the answer is kept beside the image.
[[nodiscard]] MicrovmFacts probe_microvm();

}  // namespace berm
