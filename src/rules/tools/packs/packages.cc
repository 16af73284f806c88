// packages: what gives code to everybody, or changes where everybody's code comes from.
#include <algorithm>

#include "rules/tools/packs/pack.h"

namespace berm {
namespace {

constexpr std::string_view kRelease = "leave releases to the user or to CI";

bool publishes(const Invocation& c) {
  if (c.has("--dry-run --help -h --list")) return false;
  const std::string& program = c.program();
  const std::string_view verb = c.operand(0);
  if (is_one_of(program, "npm pnpm yarn bun")) {
    return is_one_of(verb, "publish unpublish deprecate owner access") || c.verb("npm publish");
  }
  if (program == "cargo") return is_one_of(verb, "publish yank owner");
  if (is_one_of(program, "poetry uv flit hatch pdm maturin vsce ovsx lerna changeset")) {
    return verb == "publish";
  }
  if (program == "twine") return verb == "upload";
  if (program == "gem") return is_one_of(verb, "push yank owner");
  if (is_one_of(program, "docker podman nerdctl")) {
    return verb == "push" || c.verb("image push") || c.verb("manifest push");
  }
  if (program == "helm") return verb == "push";
  if (program == "dotnet") return c.verb("nuget push");
  if (program == "mvn" || program == "mvnw") {
    return std::ranges::any_of(c.operands(), [](const ShellWord* word) {
      return is_one_of(word->text, "deploy release:perform");
    });
  }
  if (program == "goreleaser") return verb == "release" && !c.has("--snapshot --skip-publish");
  return program == "semantic-release";
}

bool is_registry_key(std::string_view key) {
  key = key.substr(0, key.find('='));
  return key == "registry" || key.ends_with(":registry") || key.ends_with("index-url") ||
         key.ends_with("extra-index-url") || key == "npmRegistryServer" ||
         key.ends_with("trusted-host") || key.ends_with("find-links");
}

bool changes_registry(const Invocation& c) {
  if (c.program() == "bundle") return c.verb("config") && c.operand(1).starts_with("mirror.");
  if (c.program() == "gem") return c.verb("sources") && c.has("-a --add");
  if (c.verb("set")) return is_registry_key(c.operand(1));
  return c.verb("config set") && is_registry_key(c.operand(2));
}

bool changes_system(const Invocation& c) {
  if (c.has("-s --simulate --dry-run --download-only --print-uris --help")) return false;
  const std::string& program = c.program();
  if (program == "pacman") {
    return c.has("-S -R -U -Sy -Syu -Rs --sync --remove") && !c.has("-Ss -Si -Sl");
  }
  if (program == "dpkg") return c.has("-i --install -r --remove -P --purge");
  if (program == "rpm")
    return c.has("-i -U -e --install --upgrade --erase") && !c.has("-q --query");
  return is_one_of(c.operand(0),
                   "install reinstall remove purge upgrade dist-upgrade full-upgrade autoremove "
                   "add del erase in rm groupinstall");
}

bool installs_globally(const Invocation& c) {
  if (c.program() == "pip") return c.verb("install") && c.has("--break-system-packages");
  return is_one_of(c.operand(0), "install i add") && c.has("-g --global");
}

constexpr CommandRule kCommands[] = {
    {"publish",
     "npm pnpm yarn bun cargo poetry uv flit hatch pdm maturin vsce ovsx lerna changeset twine gem "
     "docker podman nerdctl helm dotnet mvn mvnw goreleaser semantic-release",
     publishes, "others run what is published, and it cannot be taken back", kRelease},
    {"registry", "npm pnpm yarn bun pip bundle gem", changes_registry,
     "every later install would take its code from there", "leave it to the user"},
    {"system-packages", "apt apt-get aptitude dnf yum microdnf apk pacman zypper dpkg rpm",
     changes_system, "the system inside the sandbox is not the agent's to change",
     "use what is installed, a language's package manager in the workspace, or ask the user to add "
     "it to [prepare] or the image"},
    {"global-install", "npm pnpm yarn bun pip", installs_globally, "it installs for every project",
     "install it in the workspace", Asked::by_call, Weight::report},
};

}  // namespace

const Pack kPackagesPack = {
    "packages",
    "What gives code to everybody, or changes where everybody's code comes from.",
    kCommands,
    {},
    {}};

}  // namespace berm
