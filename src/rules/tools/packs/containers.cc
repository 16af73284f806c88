// containers: ways out of a container onto its host, and data that containers keep.
#include <algorithm>

#include "base/text.h"
#include "rules/tools/packs/pack.h"

namespace berm {
namespace {

constexpr std::string_view kLess = "leave the option out; mount the workspace alone";
constexpr std::string_view kLeave = "name the one thing, or leave it to the user";

bool starts_container(const Invocation& c) {
  return is_one_of(c.operand(0), "run create") || c.verb("container run") ||
         c.verb("container create");
}

// The words that are the engine's: what stands behind the image is the container's own command.
std::vector<std::string_view> engine_words(const Invocation& c) {
  const std::size_t image = c.verb("container") ? 2 : 1;
  std::vector<std::string_view> out;
  for (const ShellWord* word : c.words()) {
    if (image < c.operands().size() && word == c.operands()[image]) break;
    out.push_back(word->text);
  }
  return out;
}

// Calls `matches` for every value of one of `options` that is the engine's.
template <class Matches>
bool any_value(const Invocation& c, std::string_view options, Matches matches) {
  const std::vector<std::string_view> words = engine_words(c);
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::size_t at = words[i].find('=');
    if (is_one_of(words[i], options) && i + 1 < words.size()) {
      if (matches(words[i + 1])) return true;
    } else if (at != std::string_view::npos && is_one_of(words[i].substr(0, at), options)) {
      if (matches(words[i].substr(at + 1))) return true;
    }
  }
  return false;
}

bool is_host_path(const Invocation& c, std::string_view source) {
  if (!source.starts_with('/') && !source.starts_with('~') && !source.starts_with('.'))
    return false;
  const std::string path = normal_path(source, c.cwd(), c.context().home);
  return path.find("docker.sock") != std::string::npos ||
         path.find("podman.sock") != std::string::npos ||
         path.find("containerd.sock") != std::string::npos ||
         is_critical(path, c.context(), false) || is_system(path) ||
         is_within(path, c.context().home + "/.ssh") ||
         is_within(path, c.context().home + "/.aws") || is_within(path, "/var/run");
}

bool mounts_host(const Invocation& c) {
  if (!starts_container(c)) return false;
  const auto volume = [&](std::string_view value) {
    return is_host_path(c, value.substr(0, value.find(':')));
  };
  const auto mount = [&](std::string_view value) {
    for (const std::string_view part : split(value, ',')) {
      const bool source = part.starts_with("source=") || part.starts_with("src=");
      if (source && is_host_path(c, part.substr(part.find('=') + 1))) return true;
    }
    return false;
  };
  return any_value(c, "-v --volume", volume) || any_value(c, "--mount", mount);
}

bool is_privileged(const Invocation& c) {
  if (c.verb("exec")) {
    return std::ranges::any_of(c.words(),
                               [](const ShellWord* w) { return w->text == "--privileged"; });
  }
  if (!starts_container(c)) return false;
  for (const std::string_view word : engine_words(c)) {
    if (word == "--privileged" || word == "--privileged=true") return true;
  }
  const auto capability = [](std::string_view value) {
    std::string name = lower(value);
    if (name.starts_with("cap_")) name.erase(0, 4);
    return is_one_of(name,
                     "all sys_admin sys_module sys_rawio sys_ptrace dac_read_search net_admin "
                     "bpf sys_boot");
  };
  const auto unconfined = [](std::string_view value) { return value.ends_with("unconfined"); };
  const auto device = [](std::string_view value) {
    return is_disk(value.substr(0, value.find(':')));
  };
  return any_value(c, "--cap-add", capability) || any_value(c, "--security-opt", unconfined) ||
         any_value(c, "--device", device);
}

bool shares_host(const Invocation& c) {
  return starts_container(c) &&
         any_value(c, "--pid --net --network --ipc --uts --userns --cgroupns",
                   [](std::string_view value) { return value == "host"; });
}

bool prunes(const Invocation& c) {
  if (c.verb("system prune") || c.verb("image prune")) return c.has("-a --all --volumes");
  if (c.verb("volume rm") || c.verb("volume prune") || c.verb("system reset")) return true;
  const std::size_t down = c.verb("compose") ? 1 : 0;
  const bool compose = down == 1 || c.program() == "docker-compose";
  return compose && c.operand(down) == "down" && (c.has("--volumes") || c.has("-v"));
}

bool in_system_namespace(const Invocation& c) {
  return c.value("-n --namespace").starts_with("kube-");
}

bool cluster_destroys(const Invocation& c) {
  if (!c.value("--dry-run").empty()) return false;
  if (is_one_of(c.operand(0), "delete drain")) return true;
  if (c.verb("replace")) return c.has("--force");
  return is_one_of(c.operand(0), "exec cp debug edit patch scale") && in_system_namespace(c);
}

bool release_removed(const Invocation& c) {
  return is_one_of(c.operand(0), "uninstall delete del un") && !c.has("--dry-run");
}

constexpr CommandRule kCommands[] = {
    {"privileged", "docker podman nerdctl", is_privileged,
     "the container can then do what its host can", kLess},
    {"host-mount", "docker podman nerdctl", mounts_host,
     "the container then sees or controls its host", kLess},
    {"host-namespace", "docker podman nerdctl", shares_host,
     "the container is then not separate from its host", "publish a port with -p instead"},
    {"prune", "docker podman nerdctl docker-compose podman-compose", prunes,
     "it deletes volumes or images that others may use", kLeave},
    {"cluster-destroy", "kubectl oc", cluster_destroys,
     "the cluster is shared, and it is not undone",
     "use --dry-run=client and leave it to the user"},
    {"release-removed", "helm", release_removed, "it removes what runs in the cluster",
     "use --dry-run and leave it to the user"},
};

}  // namespace

const Pack kContainersPack = {
    "containers",
    "Ways out of a container onto its host, and data that containers keep.",
    kCommands,
    {},
    {}};

}  // namespace berm
