#include "tiers/microvm/image.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <memory>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "host/engines.h"
#include "host/microvm.h"
#include "plan/container.h"
#include "session/prepare_run.h"
#include "sys/child.h"
#include "tiers/container/skeleton.h"

namespace berm {
namespace {

struct ImageOptions {
  bool microvm = false;
  std::vector<std::string> kernel_packages;
  std::string engine = "auto";
  std::string name;
  std::string from = "host";
  std::vector<std::string> packages;
};

std::vector<HostFacts::Link> system_links() {
  std::vector<HostFacts::Link> out;
  for (const char* at : {"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"}) {
    std::array<char, 256> target{};
    const ssize_t length = ::readlink(at, target.data(), target.size() - 1);
    if (length > 0)
      out.push_back({at, std::string(target.data(), static_cast<std::size_t>(length))});
  }
  return out;
}

Result<std::string> debian_root(const ImageOptions& options) {
  std::vector<std::string> argv = {"mmdebstrap", "--variant=minbase", "--quiet"};
  std::string packages = "bash,ca-certificates,git";
  for (const std::string& package : options.packages) packages += "," + package;
  argv.push_back("--include=" + packages);
  for (const char* word : {"bookworm", "-"}) argv.emplace_back(word);
  CommandResult made = BERM_TRY(run_command({.argv = std::move(argv),
                                             .env = client_environment(),
                                             .directory = "/",
                                             .input = "",
                                             .output_limit = 2ULL << 30,
                                             .deadline = std::chrono::minutes(15)}));
  if (made.code == 0) return std::move(made.output);
  return failure(Errc::unsupported, "make a Debian root: " + printable(trim(made.errors)),
                 "install mmdebstrap, or use --from host");
}

Result<EngineFacts> chosen_engine(const std::string& wanted) {
  std::string reasons;
  for (const EngineFacts& engine : probe_engines()) {
    if (wanted != "auto" && wanted != spelling(engine.kind)) continue;
    if (engine.unusable.empty()) return engine;
    reasons += fmt::format(" {}: {};", spelling(engine.kind), engine.unusable);
  }
  return failure(Errc::unsupported,
                 "use a container engine:" + (reasons.empty() ? " none is installed" : reasons),
                 "install and start docker or podman");
}

Result<std::string> build_image(const ImageOptions& options) {
  const EngineFacts engine = BERM_TRY(chosen_engine(options.engine));
  const std::string name =
      options.name.empty() && options.from == "host" ? skeleton_image(engine.kind) : options.name;
  if (name.empty()) {
    return failure(Errc::usage, "name the image",
                   "give --name, and the same as container.image in the policy");
  }
  std::string archive;
  if (options.from == "host") {
    archive = skeleton_archive(system_links());
  } else {
    archive = BERM_TRY(debian_root(options));
  }
  const CommandResult imported =
      BERM_TRY(run_command({.argv = {engine.program, "import", "-", name},
                            .env = client_environment(),
                            .directory = "/",
                            .input = std::move(archive),
                            .output_limit = 1 << 20,
                            .deadline = std::chrono::minutes(5)}));
  if (imported.code == 0) return fmt::format("{} ({})", name, spelling(engine.kind));
  return failure(Errc::unsupported, "import the image: " + printable(trim(imported.errors)));
}

int build_kernel(const ImageOptions& options) {
  const std::string directory = machine_image_directory();
  if (directory.empty()) {
    return fail(Error{.code = Errc::usage,
                      .what = "find a directory for the kernel",
                      .fix = "set XDG_CACHE_HOME"});
  }
  const Result<HostPath> init = find_init();
  if (!init) return fail(init.error());
  const Result<MachineImage> built = build_machine_image(
      {.directory = directory, .init = init->str(), .packages = options.kernel_packages},
      [](std::string_view step) { complain(fmt::format("berm: {} …\n", step)); });
  if (!built) return fail(built.error());
  put(fmt::format("Linux {} with {} modules, for the microvm tier\n", printable(built->kernel),
                  built->modules));
  return kDone;
}

}  // namespace

void add_image(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("image", "images for the container and microvm tiers");
  command->require_subcommand(1);
  CLI::App* build = command->add_subcommand(
      "build", "make an image without a registry, and import it into the engine");
  const auto options = std::make_shared<ImageOptions>();
  build->add_option("--engine", options->engine, "auto, docker, podman [auto]")
      ->check(CLI::IsMember({"auto", "docker", "podman"}));
  build->add_option("--name", options->name, "[berm/base and berm's version]");
  build
      ->add_option("--from", options->from,
                   "host: links and mount points alone, the host's own programs are bound in; "
                   "mmdebstrap: a Debian root of its own [host]")
      ->check(CLI::IsMember({"host", "mmdebstrap"}));
  build->add_option("--package", options->packages, "with --from mmdebstrap; may be repeated");
  build->add_flag("--microvm", options->microvm,
                  "the kernel of the microvm tier, from your distribution's package");
  build->add_option("--kernel-package", options->kernel_packages,
                    "with --microvm: this .deb in place of the one apt-get has; may be repeated");
  build->footer(
      "Examples:\n"
      "  berm image build                         for the container tier, from this host\n"
      "  berm image build --microvm               for the microvm tier, needs no root\n\n"
      "Exit codes: 0 done · 1 it could not be made");
  build->callback([=, &action] {
    action = [=] {
      if (options->microvm) return build_kernel(*options);
      const Result<std::string> built = build_image(*options);
      if (!built) return fail(built.error());
      put(*built + "\n");
      return kDone;
    };
  });
}

}  // namespace berm
