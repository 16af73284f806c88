#include "host/microvm.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/text.h"
#include "host/cache.h"
#include "plan/microvm.h"
#include "sys/child.h"
#include "sys/fd.h"

namespace berm {
namespace {

// The sandbox around the monitor has the system's directories only.
constexpr const char* kQemu = "/usr/bin/qemu-system-x86_64";
constexpr std::string_view kBooted = "berm-init: booted";

std::uint32_t tsc_khz() {
  const Result<std::string> text = read_file("/proc/cpuinfo");
  if (!text) return 0;
  for (const std::string_view line : split(*text, '\n')) {
    if (!line.starts_with("cpu MHz")) continue;
    const double mhz = std::atof(std::string(line.substr(line.find(':') + 1)).c_str());
    return static_cast<std::uint32_t>(mhz * 1000);
  }
  return 0;
}

std::string image_unfit(const std::string& directory) {
  if (directory.empty()) return "neither XDG_CACHE_HOME nor HOME names a directory for it";
  struct stat status {};
  if (::stat(directory.c_str(), &status) != 0) return "there is none yet";
  if (status.st_uid != ::geteuid() || (status.st_mode & 022U) != 0) {
    return fmt::format("others own '{}', or may write to it", directory);
  }
  const Result<std::string> version = read_file(directory + "/" + std::string(kMachineManifest));
  if (!version) return "there is none yet";
  if (trim(*version) != BERM_VERSION) return "it was made by another version of berm";
  for (const char* file : {"/kernel", "/initramfs"}) {
    if (::access((directory + file).c_str(), R_OK) != 0) return "it is not whole";
  }
  return "";
}

// Root's runs have a uid that owns nothing: it is not the caller's rights that count.
std::string device_unfit() {
  const UniqueFd fd(::open("/dev/kvm", O_RDWR | O_CLOEXEC));
  if (!fd) return fmt::format("/dev/kvm cannot be opened ({})", std::strerror(errno));
  struct stat status {};
  const bool everybody = ::fstat(fd.get(), &status) == 0 && (status.st_mode & 06U) == 06U;
  if (::geteuid() == 0 && !everybody) {
    return "/dev/kvm is root's alone, and the run's uid is not root";
  }
  return "";
}

std::string boot_id() {
  const Result<std::string> id = read_file("/proc/sys/kernel/random/boot_id");
  return id ? std::string(trim(*id)) : "";
}

std::string try_kvm(const MicrovmFacts& facts) {
  const MicrovmPlan machine{.monitor = facts.monitors.front(),
                            .kernel = *HostPath::parse("/"),
                            .initramfs = *HostPath::parse("/"),
                            .kvm = true,
                            .memory = {256ULL << 20}};
  const Result<CommandResult> ran =
      run_command({.argv = qemu_arguments(machine, facts.directory + "/kernel",
                                          facts.directory + "/initramfs", "berm.probe"),
                   .env = {"PATH=/usr/bin:/bin"},
                   .directory = "/",
                   .input = "",
                   .output_limit = 1 << 20,
                   .deadline = std::chrono::seconds(10)});
  if (ran && ran->output.find(kBooted) != std::string::npos) return "";
  return "/dev/kvm opens, but a small guest did not boot with it within 10 seconds";
}

// Ten seconds are long, and the answer holds until this host boots again.
std::string kvm_unfit(const MicrovmFacts& facts) {
  if (std::string why = device_unfit(); !why.empty()) return why;
  if (facts.monitors.empty() || !facts.image_unfit.empty()) return "no guest could be tried yet";
  const std::string kept = facts.directory + "/kvm-probe";
  const std::string id = boot_id();
  if (const Result<std::string> known = read_file(kept); known && known->starts_with(id + "\n")) {
    return known->substr(id.size() + 1);
  }
  std::string why = try_kvm(facts);
  (void)replace_file(kept, id + "\n" + why, 0644);  // else it is asked again
  return why;
}

}  // namespace

std::string machine_image_directory() {
  const std::string cache = cache_directory();
  return cache.empty() ? "" : cache + "/microvm";
}

MicrovmFacts probe_microvm() {
  MicrovmFacts out{.engine = ::access("/usr/bin/podman", X_OK) == 0,
                   .directory = machine_image_directory(),
                   .tsc_khz = tsc_khz()};
  if (::access(kQemu, X_OK) == 0) {
    out.monitors.push_back({.kind = VirtualMachineMonitor::qemu, .program = kQemu});
  }
  out.image_unfit = image_unfit(out.directory);
  out.kvm_unfit = kvm_unfit(out);
  out.kvm = out.kvm_unfit.empty();
  return out;
}

}  // namespace berm
