#include "tiers/microvm/image.h"

#include <fmt/format.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>

#include "base/text.h"
#include "host/engines.h"
#include "host/microvm.h"
#include "sys/child.h"
#include "sys/fd.h"
#include "tiers/microvm/initramfs.h"

namespace berm {
namespace {

namespace fs = std::filesystem;
using Progress = std::function<void(std::string_view)>;

// A directory that is gone afterwards, whatever happens.
class Scratch {
 public:
  explicit Scratch(const std::string& near) : path_(near + "/.build-XXXXXX") {
    if (::mkdtemp(path_.data()) == nullptr) path_.clear();
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

Result<std::string> run(std::vector<std::string> argv, const std::string& directory,
                        std::string_view what, std::string_view fix) {
  CommandResult ran = BERM_TRY(run_command({.argv = std::move(argv),
                                            .env = client_environment(),
                                            .directory = directory,
                                            .input = "",
                                            .output_limit = 1 << 20,
                                            .deadline = std::chrono::minutes(10)}));
  if (ran.code == 0) return std::move(ran.output);
  return failure(Errc::unsupported,
                 fmt::format("{}: {}", what, printable(trim(ran.errors.substr(0, 400)))),
                 std::string(fix));
}

constexpr std::string_view kOwnPackage =
    "give the package with --kernel-package FILE.deb (on Ubuntu also that of its modules)";

// What the distribution's meta package stands for today.
Result<std::vector<std::string>> package_names() {
  for (const char* meta : {"linux-image-amd64", "linux-image-generic"}) {
    const auto listed = run({"apt-cache", "depends", "--no-recommends", meta}, "/", "ask apt", "");
    if (!listed) continue;
    std::vector<std::string> out;
    for (const std::string_view line : split(*listed, '\n')) {
      const std::string_view name = trim(line).substr(std::min<std::size_t>(9, trim(line).size()));
      const bool wanted = name.starts_with("linux-image-") || name.starts_with("linux-modules-");
      if (trim(line).starts_with("Depends: ") && wanted) out.emplace_back(name);
    }
    if (!out.empty()) return out;
  }
  return failure(Errc::unsupported, "find the distribution's kernel package by apt-cache",
                 std::string(kOwnPackage));
}

Result<std::vector<std::string>> fetch_packages(const std::string& directory) {
  std::vector<std::string> argv = {"apt-get", "download", "-qq"};
  for (std::string& name : BERM_TRY(package_names())) argv.push_back(std::move(name));
  BERM_TRY(run(std::move(argv), directory, "download the kernel's package",
               "run 'apt-get update', or give it with --kernel-package FILE.deb"));
  std::vector<std::string> out;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory)) {
    if (entry.path().extension() == ".deb") out.push_back(entry.path());
  }
  return out;
}

// module_init() takes what the kernel's build left: plain, or compressed where it can unpack it.
std::string find_module(const std::string& root, std::string_view name) {
  std::error_code failed;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root, failed)) {
    const std::string file = entry.path().filename();
    for (const char* end : {".ko", ".ko.zst", ".ko.xz"}) {
      if (file == fmt::format("{}{}", name, end)) return entry.path();
    }
  }
  return "";
}

Result<std::vector<KernelModule>> modules_in(const std::string& root) {
  std::vector<KernelModule> out;
  for (const std::string_view name : guest_modules()) {
    const std::string path = find_module(root, name);
    if (path.empty()) continue;  // built in
    out.push_back({.name = fs::path(path).filename(), .content = BERM_TRY(read_file(path))});
  }
  const auto is_9p = [](const KernelModule& one) { return one.name.starts_with("9p.ko"); };
  if (std::ranges::any_of(out, is_9p)) return out;
  return failure(Errc::unsupported, "find the module 9p in the kernel's package",
                 "a kernel for clouds has none: take the distribution's common one");
}

Result<std::string> kernel_in(const std::string& root) {
  std::error_code failed;
  for (const fs::directory_entry& entry : fs::directory_iterator(root + "/boot", failed)) {
    if (entry.path().filename().string().starts_with("vmlinuz-")) return entry.path().string();
  }
  return failure(Errc::unsupported, "find a kernel in the package", std::string(kOwnPackage));
}

Result<void> unpack(const std::vector<std::string>& packages, const std::string& to) {
  for (const std::string& package : packages) {
    BERM_TRY(run({"dpkg-deb", "--extract", package, to}, "/", "unpack " + printable(package),
                 "give a whole .deb file"));
  }
  return {};
}

}  // namespace

Result<MachineImage> build_machine_image(const MachineImageWishes& wishes,
                                         const Progress& progress) {
  BERM_TRY(make_directories(wishes.directory, 0755));
  const Scratch scratch(wishes.directory);
  if (scratch.path().empty()) return os_error("make a directory in " + wishes.directory);
  std::vector<std::string> packages = wishes.packages;
  if (packages.empty()) {
    progress("downloading the distribution's kernel package");
    packages = BERM_TRY(fetch_packages(scratch.path()));
  }
  progress("unpacking it");
  const std::string root = scratch.path() + "/root";
  BERM_TRY(unpack(packages, root));
  const std::string kernel = BERM_TRY(kernel_in(root));
  const std::vector<KernelModule> modules = BERM_TRY(modules_in(root));
  const std::string init = BERM_TRY(read_file(wishes.init));
  const std::string content = BERM_TRY(read_file(kernel));
  // The manifest last: what is half made has none.
  const std::string manifest = wishes.directory + "/" + std::string(kMachineManifest);
  std::error_code ignored;
  fs::remove(manifest, ignored);
  fs::remove(wishes.directory + "/kvm-probe", ignored);
  BERM_TRY(replace_file(wishes.directory + "/kernel", content, 0644));
  BERM_TRY(replace_file(wishes.directory + "/initramfs", initramfs_archive(init, modules), 0644));
  BERM_TRY(replace_file(manifest, BERM_VERSION "\n", 0644));
  constexpr std::size_t kPrefix = sizeof "vmlinuz-" - 1;
  return MachineImage{.kernel = fs::path(kernel).filename().string().substr(kPrefix),
                      .modules = modules.size()};
}

}  // namespace berm
