// What a container is given that makes it the host, whoever starts it.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "lint/model.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

Finding& add(const Container& one, const Said& what, std::string message, Report& report) {
  Finding& found = report.add(*one.file, what.span, std::move(message));
  // A coding agent does what it reads.
  if (one.agent) found.severity = Severity::critical;
  return found;
}

void check_privileged(const Model& model, Report& report) {
  for (const Container& one : model.containers) {
    for (const Said& what : one.privileged)
      add(one, what, fmt::format("{} is privileged: it is the host", one.who), report);
  }
}

bool is_socket(std::string_view path) {
  for (const std::string_view end :
       {"docker.sock", "podman.sock", "containerd.sock", "crio.sock"}) {
    if (path.ends_with(end)) return true;
  }
  return false;
}

void check_socket(const Model& model, Report& report) {
  for (const Container& one : model.containers) {
    for (const Said& what : one.mounts) {
      if (is_socket(what.text))
        add(one, what, fmt::format("{} commands the host's container engine", one.who), report);
    }
  }
}

void check_host(const Model& model, Report& report) {
  for (const Container& one : model.containers) {
    for (const Said& what : one.host) {
      Finding& found = add(
          one, what, fmt::format("{} shares the host's {} namespace", one.who, what.text), report);
      if (one.agent) found.severity = Severity::high;
      // Servers do that for their ports.
      if (!one.agent && what.text == "network") found.persona = Persona::pedantic;
    }
  }
}

bool is_broad(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  static constexpr std::array<std::string_view, 15> kAll = {
      "/",     "/etc", "/root", "/home", "/var",    "/proc",    "/sys", "/usr",
      "/boot", "/dev", "~",     "$HOME", "${HOME}", "/var/lib", "/run"};
  if (std::ranges::find(kAll, path) != kAll.end()) return true;
  if (path.starts_with("/home/") && path.find('/', 6) == path.npos) return true;
  for (const std::string_view home :
       {"~/", "$HOME/", "${HOME}/", "/root/", "${env:HOME}/", "${localEnv:HOME}/"}) {
    if (!path.starts_with(home)) continue;
    const std::string_view rest = path.substr(home.size());
    for (const std::string_view secret : {".ssh", ".aws", ".config", ".gnupg", ".docker", ".kube",
                                          ".netrc", ".npmrc", ".azure", ".codex", ".claude"}) {
      if (rest.starts_with(secret)) return true;
    }
  }
  return path == "${localEnv:HOME}" || path == "${env:HOME}";
}

void check_mount(const Model& model, Report& report) {
  for (const Container& one : model.containers) {
    for (const Said& what : one.mounts) {
      if (!is_broad(what.text)) continue;
      Finding& found = add(
          one, what, fmt::format("{} sees the host's '{}'", one.who, printable(what.text)), report);
      // Monitors look at the host: that is what they are for.
      if (!one.agent) found.persona = Persona::pedantic;
    }
  }
}

bool is_strong(std::string_view name) {
  if (name.starts_with("CAP_")) name.remove_prefix(4);
  static constexpr std::array<std::string_view, 12> kAll = {
      "ALL",       "SYS_ADMIN", "SYS_PTRACE",      "SYS_MODULE",
      "SYS_RAWIO", "NET_ADMIN", "DAC_READ_SEARCH", "DAC_OVERRIDE",
      "BPF",       "PERFMON",   "MAC_ADMIN",       "SYS_BOOT"};
  return std::ranges::find(kAll, name) != kAll.end();
}

void check_capabilities(const Model& model, Report& report) {
  for (const Container& one : model.containers) {
    for (const Said& what : one.capabilities) {
      if (!is_strong(what.text)) continue;
      Finding& found =
          add(one, what, fmt::format("{} is given {}", one.who, printable(what.text)), report);
      const bool own_network = what.text.ends_with("NET_ADMIN");
      if (own_network) found.severity = Severity::medium;
      if (own_network && !one.agent) found.persona = Persona::pedantic;
    }
  }
}

void check_confinement(const Model& model, Report& report) {
  for (const Container& one : model.containers) {
    for (const Said& what : one.unconfined) {
      Finding& found =
          add(one, what, fmt::format("{} runs with {}", one.who, printable(what.text)), report);
      if (one.agent) found.severity = Severity::high;
    }
  }
}

void check_env(const Model& model, Report& report) {
  for (const Container& one : model.containers) {
    for (const Said& what : one.env_files) {
      if (!one.agent) continue;
      report.add(*one.file, what.span,
                 fmt::format("every variable of '{}' is the agent's", printable(what.text)));
    }
  }
}

void check_device(const Model& model, Report& report) {
  for (const Container& one : model.containers) {
    for (const Said& what : one.devices) {
      static constexpr std::array<std::string_view, 7> kStarts = {
          "/dev/sd", "/dev/nvme", "/dev/vd", "/dev/mem", "/dev/kmsg", "/dev/mapper", "/dev/xvd"};
      const bool bad =
          what.text == "/dev" || std::ranges::any_of(kStarts, [&](std::string_view start) {
            return what.text.starts_with(start);
          });
      if (bad) add(one, what, fmt::format("{} is given {}", one.who, printable(what.text)), report);
    }
  }
}

void check_user(const Model& model, Report& report) {
  for (const ImageBuild& build : model.builds) {
    const Instruction* from = nullptr;
    bool user = false;
    for (const Instruction& one : build.instructions) {
      if (one.name == "FROM") from = &one;
      if (one.name == "FROM") user = false;
      if (one.name == "USER")
        user = one.text->value.find("root") == std::string::npos &&
               trim(std::string_view(one.text->value).substr(4)) != "0";
    }
    if (!build.agent || from == nullptr || user) continue;
    report.add(*build.file, from->span, "the agent of this image is root in its container");
  }
  for (const Container& one : model.containers) {
    if (!one.agent || one.user || one.image.text.empty()) continue;
    Finding& found =
        report.add(*one.file, one.at, fmt::format("{} runs as the image's user", one.who));
    found.persona = Persona::pedantic;
    found.confidence = Confidence::low;
  }
}

void check_root(const Model& model, Report& report) {
  for (const Container& one : model.containers) {
    if (one.agent && !one.read_only)
      report.add(*one.file, one.at, fmt::format("the root of {} can be written", one.who));
  }
}

void check_limits(const Model& model, Report& report) {
  for (const Container& one : model.containers) {
    if (one.agent && !one.limits)
      report.add(*one.file, one.at, fmt::format("{} may take all memory and processes", one.who));
  }
}

constexpr std::string_view kHardened =
    "docker run --read-only --cap-drop ALL --security-opt no-new-privileges --user 1000 "
    "--pids-limit 512 --memory 4g IMAGE";

}  // namespace

const Rule container_privileged{
    .id = "container-privileged",
    .title = "a privileged container, by an engine",
    .severity = Severity::high,
    .why =
        "Every device and capability of the host, no seccomp, no AppArmor: one mount(2) is its "
        "disk (docs.docker.com: runtime privilege).",
    .bad = "docker run --privileged IMAGE",
    .good = kHardened,
    .fix = "remove --privileged; grant the one capability or device that is needed",
    .check = check_privileged};

const Rule container_engine_socket{
    .id = "container-engine-socket",
    .title = "a container that commands the engine",
    .severity = Severity::high,
    .why =
        "Who may ask the engine for a container may ask for one with the host's disk: the "
        "socket is root (docs.docker.com: attack surface of the daemon).",
    .bad = "docker run -v /var/run/docker.sock:/var/run/docker.sock IMAGE",
    .good = kHardened,
    .fix = "remove the mount; build images by a rootless builder, in a job of its own",
    .check = check_socket};

const Rule container_host_namespace{
    .id = "container-host-namespace",
    .title = "a container in the host's namespaces",
    .severity = Severity::medium,
    .why =
        "The host's network has its loopback services and metadata address; its processes have "
        "their environments in /proc.",
    .bad = "docker run --network host --pid host IMAGE",
    .good = kHardened,
    .fix = "leave the option out; publish the ports that are needed",
    .check = check_host};

const Rule container_host_mount{
    .id = "container-host-mount",
    .title = "a container that sees the user's home or the host's root",
    .severity = Severity::high,
    .why =
        "~/.ssh, ~/.aws, shell start-up files: what is read leaves, what is written runs at the "
        "next login.",
    .bad = "docker run -v $HOME:/home/agent IMAGE",
    .good = "docker run -v \"$PWD\":/work IMAGE",
    .fix = "mount the work tree alone",
    .check = check_mount};

const Rule container_capabilities{
    .id = "container-capabilities",
    .title = "a container with a capability that leads out",
    .severity = Severity::high,
    .why =
        "SYS_ADMIN mounts, SYS_PTRACE reads other processes, SYS_MODULE is the kernel, "
        "DAC_READ_SEARCH opens the host's files by handle (\"shocker\").",
    .bad = "docker run --cap-add SYS_ADMIN IMAGE",
    .good = kHardened,
    .fix = "drop all, and add what the program fails without",
    .check = check_capabilities};

const Rule container_confinement_off{
    .id = "container-confinement-off",
    .title = "a container without its seccomp filter or its profile",
    .severity = Severity::medium,
    .why =
        "The filters are what keeps kernel bugs out of reach: most published escapes need a "
        "call that the default one denies.",
    .bad = "docker run --security-opt seccomp=unconfined IMAGE",
    .good = kHardened,
    .fix = "leave the option out; allow the one call in a profile of your own",
    .check = check_confinement};

const Rule container_env_flood{
    .id = "container-env-flood",
    .title = "an agent that is given a whole file of variables",
    .severity = Severity::medium,
    .confidence = Confidence::medium,
    .why =
        "Such files hold what the application needs: databases, payment, mail. The agent and "
        "every command of it read them all.",
    .bad = "docker run --env-file .env agent",
    .good = "docker run -e ANTHROPIC_API_KEY agent",
    .fix = "name the variables that the agent needs",
    .check = check_env};

const Rule container_device{
    .id = "container-device",
    .title = "a container with the host's disk or memory",
    .severity = Severity::high,
    .why = "A disk is all files of the host, past every mount and permission.",
    .bad = "docker run --device /dev/sda IMAGE",
    .good = kHardened,
    .fix = "mount the directory that is needed",
    .check = check_device};

const Rule container_root_user{
    .id = "container-root-user",
    .title = "an agent that is root in its container",
    .severity = Severity::medium,
    .confidence = Confidence::medium,
    .why =
        "Root inside writes the image's programs, binds low ports, and is root outside where no "
        "user namespace is between (runc CVE-2024-21626, CVE-2025-31133).",
    .bad = "FROM node:22\nRUN npm install -g @anthropic-ai/claude-code@2.1.128",
    .good = "FROM node:22\nRUN npm install -g @anthropic-ai/claude-code@2.1.128\nUSER node",
    .fix = "end the Dockerfile with USER and a name that is not root",
    .check = check_user};

const Rule container_writable_root{
    .id = "container-writable-root",
    .title = "an agent's container whose root can be written",
    .severity = Severity::low,
    .persona = Persona::pedantic,
    .why = "What it plants in /usr/local/bin is run by whoever comes next into the container.",
    .bad = "docker run agent",
    .good = kHardened,
    .fix = "add --read-only and a tmpfs for what must be written",
    .check = check_root};

const Rule container_no_limits{.id = "container-no-limits",
                               .title = "an agent's container without limits",
                               .severity = Severity::low,
                               .persona = Persona::pedantic,
                               .why = "A test that forks for ever takes the machine with it.",
                               .bad = "docker run agent",
                               .good = kHardened,
                               .fix = "set --memory and --pids-limit",
                               .check = check_limits};

}  // namespace berm::lint
