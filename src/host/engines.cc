#include "host/engines.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "host/cache.h"
#include "plan/container.h"
#include "sys/fd.h"

namespace berm {
namespace {

using nlohmann::json;

constexpr std::chrono::milliseconds kAnswers{5000};

std::string find_program(std::string_view name) {
  const char* path = ::getenv("PATH");
  if (path == nullptr) return "";
  for (const std::string_view directory : split(path, ':')) {
    if (!directory.starts_with('/')) continue;
    const std::string candidate = fmt::format("{}/{}", directory, name);
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return "";
}

const json* member(const json& value, std::initializer_list<const char*> path) {
  const json* at = &value;
  for (const char* name : path) {
    if (!at->is_object() || !at->contains(name)) return nullptr;
    at = &(*at)[name];
  }
  return at;
}

std::string text_at(const json& value, std::initializer_list<const char*> path) {
  const json* found = member(value, path);
  return found != nullptr && found->is_string() ? found->get_ref<const std::string&>() : "";
}

bool true_at(const json& value, std::initializer_list<const char*> path) {
  const json* found = member(value, path);
  return found != nullptr && found->is_boolean() && found->get<bool>();
}

// One line is enough of what a client complains about.
std::string first_line(std::string_view text) {
  const std::vector<std::string_view> lines = split(trim(text), '\n');
  return printable(lines.empty() ? "" : lines.front());
}

std::string why_unusable(const std::string& errors) {
  if (errors.find("permission denied") != std::string::npos) {
    return "its socket refuses you: join its group, which makes you root, or use a rootless engine";
  }
  if (errors.find("Cannot connect") != std::string::npos) return "its daemon does not answer";
  return errors.empty() ? "it does not answer" : first_line(errors);
}

bool lies_elsewhere() {
  const char* host = ::getenv("DOCKER_HOST");
  return host != nullptr && *host != '\0' && !std::string_view(host).starts_with("unix://");
}

Result<CommandResult> say_info(const EngineFacts& facts) {
  return run_command({.argv = {facts.program, "info", "--format", "{{json .}}"},
                      .env = client_environment(),
                      .directory = "/",
                      .input = "",
                      .output_limit = 1 << 20,
                      .deadline = kAnswers});
}

bool is_answer(EngineFacts& facts, const Result<CommandResult>& said) {
  if (!said) {
    facts.unusable = "it does not answer within 5 seconds";
  } else if (said->code != 0) {
    facts.unusable = why_unusable(said->errors);
  }
  return facts.unusable.empty();
}

// All that the answer depends on: program, configuration, control group, environment, this boot.
std::string podman_key(const EngineFacts& facts) {
  std::string key = fmt::format("{}\n", ::geteuid());
  const auto add_file = [&](const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return;
    key += fmt::format("{} {} {} {}.{}\n", path, status.st_ino, status.st_size,
                       status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
  };
  add_file(facts.program);
  for (const char* name : {"CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF"}) {
    if (const char* path = ::getenv(name)) add_file(path);
  }
  const char* home = ::getenv("HOME");
  for (const std::string& base :
       {std::string("/etc"), std::string("/usr/share"),
        home != nullptr ? std::string(home) + "/.config" : std::string("/nonexistent")}) {
    for (const char* name : {"containers.conf", "storage.conf"}) {
      add_file(base + "/containers/" + name);
    }
  }
  for (const char* path : {"/proc/self/cgroup", "/proc/sys/kernel/random/boot_id"}) {
    const Result<std::string> text = read_file(path);
    key += text ? *text : "";
  }
  for (const std::string& one : client_environment()) key += one + "\n";
  return key + '\0';
}

// `podman info` asks the package manager for the version of each of its parts, 200 ms and more. The
// answer is kept in the caller's own cache, which is as much his as this program's files.
bool know_podman(EngineFacts& facts, const std::string& kept, const std::string& key) {
  if (kept.empty()) return false;
  const Result<std::string> text = read_file(kept);
  if (!text || !text->starts_with(key)) return false;
  read_podman_info(facts, text->substr(key.size()));
  return facts.unusable.empty();
}

void ask_podman(EngineFacts& facts) {
  const std::string directory = cache_directory();
  const std::string kept = directory.empty() ? "" : directory + "/podman-info";
  const std::string key = podman_key(facts);
  if (know_podman(facts, kept, key)) return;
  const Result<CommandResult> said = say_info(facts);
  if (!is_answer(facts, said)) return;
  read_podman_info(facts, said->output);
  if (kept.empty() || !facts.unusable.empty()) return;
  // Else it is asked again.
  if (make_directories(directory, 0755)) (void)replace_file(kept, key + said->output, 0600);
}

void ask_docker(EngineFacts& facts) {
  const Result<CommandResult> said = say_info(facts);
  if (is_answer(facts, said)) read_docker_info(facts, said->output);
}

void ask(EngineFacts& facts) {
  if (facts.kind == ContainerEngine::docker && lies_elsewhere()) {
    facts.unusable =
        "DOCKER_HOST leads to another machine, which has neither the repository nor berm";
    return;
  }
  facts.kind == ContainerEngine::docker ? ask_docker(facts) : ask_podman(facts);
}

}  // namespace

std::vector<std::string> client_environment() {
  std::vector<std::string> out;
  for (const char* name :
       {"PATH", "HOME", "USER", "LOGNAME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME",
        "XDG_CACHE_HOME", "DBUS_SESSION_BUS_ADDRESS", "DOCKER_HOST", "DOCKER_CONTEXT",
        "DOCKER_CONFIG", "CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF", "STORAGE_DRIVER",
        "_CONTAINERS_USERNS_CONFIGURED", "TMPDIR"}) {
    if (const char* value = ::getenv(name)) out.push_back(fmt::format("{}={}", name, value));
  }
  return out;
}

void read_docker_info(EngineFacts& facts, const std::string& text) {
  const json info = json::parse(text, nullptr, false);
  // A client without a daemon prints JSON all the same.
  if (!info.is_object() || text_at(info, {"ServerVersion"}).empty()) {
    const json* errors = member(info, {"ServerErrors"});
    const bool told =
        errors != nullptr && errors->is_array() && !errors->empty() && errors->front().is_string();
    facts.unusable = why_unusable(told ? errors->front().get_ref<const std::string&>() : "");
    return;
  }
  facts.version = text_at(info, {"ServerVersion"});
  facts.runtime = text_at(info, {"DefaultRuntime"});
  if (const json* runtimes = member(info, {"Runtimes"});
      runtimes != nullptr && runtimes->is_object()) {
    for (const auto& [name, unused] : runtimes->items()) facts.runtimes.push_back(name);
  }
  if (const json* options = member(info, {"SecurityOptions"});
      options != nullptr && options->is_array()) {
    for (const json& option : *options) {
      facts.rootless = facts.rootless || (option.is_string() &&
                                          option.get_ref<const std::string&>() == "name=rootless");
    }
  }
  facts.limits = true_at(info, {"MemoryLimit"}) && true_at(info, {"PidsLimit"});
  if (text_at(info, {"OSType"}) != "linux") facts.unusable = "it runs no Linux containers";
}

void read_podman_info(EngineFacts& facts, const std::string& text) {
  const json info = json::parse(text, nullptr, false);
  facts.version = text_at(info, {"version", "Version"});
  if (facts.version.empty()) {
    facts.unusable = "what it says of itself is not understood";
    return;
  }
  facts.rootless = true_at(info, {"host", "security", "rootless"});
  facts.runtime = text_at(info, {"host", "ociRuntime", "name"});
  // On v1 an ordinary user's podman takes limits and holds none.
  facts.limits = !facts.rootless || text_at(info, {"host", "cgroupVersion"}) == "v2";
  if (const json* controllers = member(info, {"host", "cgroupControllers"});
      facts.rootless && facts.limits && controllers != nullptr) {
    const std::string all = controllers->dump();
    facts.limits =
        all.find("\"memory\"") != std::string::npos && all.find("\"pids\"") != std::string::npos;
  }
}

std::vector<EngineFacts> probe_engines(ContainerEngine wanted) {
  std::vector<EngineFacts> out;
  for (const ContainerEngine kind : {ContainerEngine::docker, ContainerEngine::podman}) {
    if (wanted != ContainerEngine::automatic && wanted != kind) continue;
    EngineFacts facts{.kind = kind, .program = find_program(spelling(kind))};
    if (facts.program.empty()) continue;
    ask(facts);
    out.push_back(std::move(facts));
  }
  return out;
}

void check_image(std::vector<EngineFacts>& engines, const std::string& image) {
  constexpr std::chrono::milliseconds kPatience{5000};
  for (EngineFacts& engine : engines) {
    if (!engine.unusable.empty()) continue;
    const std::string wanted = image.empty() ? skeleton_image(engine.kind) : image;
    const Result<CommandResult> asked =
        run_command({.argv = {engine.program, "image", "inspect", "--format", "{{.Id}}", wanted},
                     .env = client_environment(),
                     .directory = {},
                     .input = {},
                     .deadline = kPatience});
    if (asked && asked->code == 0) continue;
    engine.unusable = fmt::format("it has no image '{}'", printable(wanted));
  }
}

}  // namespace berm
