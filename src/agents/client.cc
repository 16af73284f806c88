#include "agents/client.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "sys/fd.h"

namespace berm {
namespace {

constexpr std::string_view kModules = "/node_modules/";

std::string resolved(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr),
                                                         &std::free);
  return real ? std::string(real.get()) : std::string();
}

// A program the user installed: a plain file outside the repository.
bool is_client(const std::string& candidate, const std::string& repository) {
  struct stat status {};
  const std::string real = resolved(candidate);
  if (real.empty() || ::stat(real.c_str(), &status) != 0 || !S_ISREG(status.st_mode) ||
      ::access(real.c_str(), X_OK) != 0) {
    return false;
  }
  const auto inside = [&](const std::string& path) {
    return path == repository || path.starts_with(repository + "/");
  };
  return !inside(candidate) && !inside(real);
}

std::string look_on_path(const AgentRequest& request, std::string_view name) {
  for (const std::string_view directory : split(request.path, ':')) {
    const std::string candidate = fmt::format("{}/{}", directory, name);
    if (directory.starts_with('/') && is_client(candidate, request.repository)) {
      return resolved(candidate);
    }
  }
  return "";
}

std::string look_for(const AgentRequest& request, std::string_view name) {
  std::string found = look_on_path(request, name);
  if (!found.empty()) return found;
  for (std::string at = request.directory;; at = at.substr(0, at.rfind('/'))) {
    const std::string candidate = fmt::format("{}/node_modules/.bin/{}", at, name);
    if (is_client(candidate, request.repository)) return resolved(candidate);
    if (at.empty()) return "";
  }
}

// npm puts native parts into packages of their own, in the same scope ("@openai"); a package
// without one is whole. Anything else is a program that needs only itself.
std::string package_of(const std::string& program) {
  const std::size_t at = program.rfind(kModules);
  if (at == std::string::npos) return program;
  const std::size_t end = program.find('/', at + kModules.size());
  return end == std::string::npos ? program : program.substr(0, end);
}

std::string version_of_package(const std::string& directory) {
  const Result<std::string> text = read_plain_file(directory + "/package.json", 1 << 20);
  const nlohmann::json parsed =
      text ? nlohmann::json::parse(*text, nullptr, false) : nlohmann::json();
  if (!parsed.is_object() || !parsed.contains("version") || !parsed["version"].is_string()) {
    return "";
  }
  return parsed["version"].get<std::string>().substr(0, 64);
}

// "#!/usr/bin/env node": found through PATH, which inside is another one.
bool is_script_of_node(const std::string& program) {
  std::ifstream file(program, std::ios::binary);
  std::string line(64, '\0');
  file.read(line.data(), static_cast<std::streamsize>(line.size()));
  line.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  line.resize(std::min(line.find('\n'), line.size()));
  return line.starts_with("#!") && trim(line).ends_with("/env node");
}

// /usr is visible anyway.
Result<void> show(const std::string& path, AgentFacts& facts) {
  if (!path.starts_with("/usr/")) facts.programs.push_back(BERM_TRY(HostPath::parse(path)));
  return {};
}

}  // namespace

std::string model_url() { return fmt::format("http://127.0.0.1:{}", kModelPort); }

std::string client_version(const std::string& program) {
  constexpr std::string_view kVersions = "/versions/";
  const std::size_t native = program.rfind(kVersions);
  if (native != std::string::npos) {
    const std::size_t from = native + kVersions.size();
    return program.substr(from, program.find('/', from) - from);
  }
  const std::size_t modules = program.rfind(kModules);
  if (modules == std::string::npos) return "";
  std::string version;
  for (std::string at = program.substr(0, program.rfind('/'));
       version.empty() && at.size() > modules + kModules.size(); at = at.substr(0, at.rfind('/'))) {
    version = version_of_package(at);
  }
  return version;
}

Result<AgentFacts> start_client(const AgentRequest& request, const ClientProgram& client) {
  // It is in the image: which one is found there.
  if (request.tier == TierChoice::kubernetes) {
    AgentFacts facts;
    facts.argv.emplace_back(client.name);
    return facts;
  }
  const std::string program = look_for(request, client.name);
  if (program.empty()) {
    return failure(
        Errc::usage,
        fmt::format("{} is not installed: no '{}' on PATH or in node_modules/.bin above here",
                    client.product, client.name),
        fmt::format("npm install {}", client.package));
  }
  AgentFacts facts;
  if (is_script_of_node(program)) {
    const std::string node = look_on_path(request, "node");
    if (node.empty()) {
      return failure(Errc::usage,
                     fmt::format("{} needs node, and there is none on PATH", client.product),
                     "install Node.js outside of the repository");
    }
    facts.argv.push_back(node);
    BERM_TRY(show(node, facts));
  }
  facts.argv.push_back(program);
  facts.version = client_version(program);
  BERM_TRY(show(package_of(program), facts));
  // Otherwise they would ask the proxy for berm's own port.
  constexpr const char* kLoopback = "127.0.0.1,localhost,::1";
  facts.env = {{"NO_PROXY", kLoopback}, {"no_proxy", kLoopback}};
  return facts;
}

bool has_flag(const std::vector<std::string>& arguments, std::string_view flag) {
  return std::ranges::any_of(arguments, [&](const std::string& argument) {
    return argument == flag || argument.starts_with(std::string(flag) + "=");
  });
}

std::string upstream_or(const char* variable, std::string_view otherwise) {
  const char* url = ::getenv(variable);
  return url != nullptr && *url != '\0' ? std::string(url) : std::string(otherwise);
}

std::string quoted(std::string_view text) {
  // JSON's escapes are TOML's, too; only that DEL must be escaped there.
  std::string out = nlohmann::json(std::string(text))
                        .dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  for (std::size_t at = out.find('\x7f'); at != std::string::npos; at = out.find('\x7f', at)) {
    out.replace(at, 1, "\\u007f");
  }
  return out;
}

}  // namespace berm
