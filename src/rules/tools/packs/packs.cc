#include <array>

#include "rules/tools/packs/pack.h"

namespace berm {
namespace {

// The first finding decides, so the packs with the more general reasons stand in front.
constexpr const Pack* kPacks[] = {
    &kCorePack,     &kGitPack,        &kFilesystemPack, &kDownloadExecutePack, &kCloudPack,
    &kDatabasePack, &kContainersPack, &kPackagesPack,   &kPersistencePack,
};

}  // namespace

std::span<const Pack* const> all_packs() { return kPacks; }

std::span<const ToolPack> tool_packs() {
  static const auto kNames = [] {
    std::array<ToolPack, std::size(kPacks)> out{};
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = {kPacks[i]->name, kPacks[i]->about};
    return out;
  }();
  return kNames;
}

}  // namespace berm
