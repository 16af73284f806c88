// Single values of a policy, shared by the parser and the command line.
#include <fmt/format.h>
#include <libpsl.h>

#include <algorithm>
#include <charconv>

#include "base/host_name.h"
#include "base/ip.h"
#include "base/path.h"
#include "base/text.h"
#include "policy/parse.h"

namespace berm {
namespace {

tl::unexpected<Error> bad(std::string what) {
  return failure(Errc::invalid_policy, std::move(what));
}

Result<std::uint16_t> parse_port(std::string_view text) {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0 || port > 65535) {
    return bad(fmt::format("'{}' is not a port; write 1 to 65535", text));
  }
  return static_cast<std::uint16_t>(port);
}

bool matches_name(std::string_view pattern, std::string_view name) {
  if (pattern.ends_with('*')) return name.starts_with(pattern.substr(0, pattern.size() - 1));
  return name == pattern;
}

}  // namespace

std::string to_text(const HostGrant& grant) {
  const bool bracketed = grant.pattern.find(':') != std::string::npos;
  const std::string host = bracketed ? fmt::format("[{}]", grant.pattern) : grant.pattern;
  if (grant.any_port) return host + ":*";
  return grant.port == 0 ? host : fmt::format("{}:{}", host, grant.port);
}

namespace {

// Splits "host:port", "[v6]:port", "host:*". The host keeps no brackets.
Result<HostGrant> split_port(std::string_view text) {
  HostGrant grant;
  std::string_view host = text;
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return bad(fmt::format("'{}' lacks its ']'", text));
    host = text.substr(1, end - 1);
    port = text.substr(end + 1);
    if (!port.empty() && port.front() != ':') return bad(fmt::format("'{}' is no address", text));
    if (host.find(':') == std::string_view::npos) {
      return bad(fmt::format("'{}': brackets are for IPv6 addresses", text));
    }
  } else if (const std::size_t colon = text.find(':'); colon != std::string_view::npos) {
    host = text.substr(0, colon);
    port = text.substr(colon);
    if (port.find(':', 1) != std::string_view::npos) {
      return bad(
          fmt::format("'{}': an IPv6 address stands in brackets, \"[2001:db8::1]:443\"", text));
    }
  }
  grant.pattern = lower(host);
  if (port == ":*") {
    grant.any_port = true;
  } else if (!port.empty()) {
    grant.port = BERM_TRY(parse_port(port.substr(1)));
  }
  return grant;
}

Result<HostGrant> address_grant(HostGrant grant, const IpNetwork& network, std::string_view text) {
  if (grant.port == 0 && !grant.any_port) {
    return bad(fmt::format("'{}': an address is granted with its port, \"{}:443\" (or \":*\")",
                           text, text));
  }
  if (network.bits < (network.address.v6 ? 16 : 8)) {
    return bad(fmt::format("'{}' would grant a large part of the internet by address", text));
  }
  grant.pattern = to_text(network);
  return grant;
}

}  // namespace

Result<HostGrant> parse_host_grant(std::string_view text) {
  if (text.starts_with('@')) {
    const std::string name = lower(text);
    if (!is_host_label(std::string_view(name).substr(1))) {
      return bad(fmt::format("'{}' is not a bundle name", text));
    }
    return HostGrant{.pattern = name};
  }
  if (text.find("://") != std::string_view::npos) {
    return bad(
        fmt::format("'{}' is a URL; write the host alone, e.g. \"api.example.com:443\"", text));
  }
  HostGrant grant = BERM_TRY(split_port(text));
  if (const std::optional<IpNetwork> network = parse_network(grant.pattern)) {
    return address_grant(std::move(grant), *network, text);
  }
  if (grant.pattern.ends_with('.')) grant.pattern.pop_back();
  std::string_view name = grant.pattern;
  const bool wildcard = name.starts_with("*.") || name.starts_with("**.");
  if (wildcard) name.remove_prefix(name.find('.') + 1);
  if (std::ranges::any_of(name, [](char c) { return static_cast<unsigned char>(c) >= 0x80; })) {
    return bad(fmt::format("'{}': write the A-label of an international name (\"xn--…\")", text));
  }
  if (!is_host_name(name)) {
    return bad(fmt::format("'{}' is not a host name (letters, digits, '-', at most 253 characters)",
                           text));
  }
  // "com", "co.uk", "github.io": names below which strangers register (publicsuffix.org).
  const bool everybodys = ::psl_is_public_suffix(::psl_builtin(), std::string(name).c_str()) != 0;
  if (wildcard && everybodys) {
    return bad(
        fmt::format("'{}' would allow everybody who can register a name under '{}'; name at least "
                    "one label more",
                    text, name));
  }
  return grant;
}

Result<Requirement> parse_requirement(std::string_view text) {
  Requirement requirement;
  const std::size_t colon = text.find(':');
  const std::string_view layer = text.substr(0, colon);
  if (colon != std::string_view::npos && text.substr(colon + 1) != "kernel") {
    return bad(fmt::format("'{}': only ':kernel' may follow a layer", text));
  }
  requirement.kernel = colon != std::string_view::npos;
  for (const auto& [name, value] : names(Layer{})) {
    if (name != layer) continue;
    requirement.layer = value;
    return requirement;
  }
  const std::string_view near = nearest(layer, kAllLayers);
  return bad(fmt::format("unknown layer '{}'{}", layer,
                         near.empty() ? "" : fmt::format("; did you mean '{}'?", near)));
}

Result<OnSuccess> parse_on_success(std::string_view text) {
  if (text == "keep") return OnSuccess{};
  if (text == "apply") return OnSuccess{.action = SuccessAction::apply};
  const auto target = [&](std::string_view prefix) {
    return std::string(text.substr(prefix.size()));
  };
  if (text.starts_with("branch:") && text.size() > 7) {
    const std::string name = target("branch:");
    const bool plain = std::ranges::all_of(name, [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             c == '/' || c == '-' || c == '_' || c == '.';
    });
    // git-check-ref-format(1), narrowed to names that no shell or tool reads differently.
    if (!plain || name.find("..") != std::string::npos || name.find("//") != std::string::npos ||
        name.starts_with('-') || name.starts_with('/') || name.ends_with('/') ||
        name.ends_with(".lock") || name.starts_with('.') || name.find("/.") != std::string::npos) {
      return bad(fmt::format("'{}' is not a plain branch name", name));
    }
    return OnSuccess{.action = SuccessAction::branch, .target = name};
  }
  if (text.starts_with("patch:") && text.size() > 6 && text.find('\0') == std::string_view::npos) {
    return OnSuccess{.action = SuccessAction::patch, .target = target("patch:")};
  }
  return bad(fmt::format("'{}' is not one of keep, apply, branch:NAME, patch:FILE", text));
}

Result<void> check_env_name(std::string_view name) {
  const bool well_formed =
      !name.empty() && !(name[0] >= '0' && name[0] <= '9') && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_';
      });
  if (!well_formed) {
    return bad(fmt::format("'{}' is not the name of an environment variable", name));
  }
  // Each makes a loader or interpreter run code of its choosing before the program itself.
  constexpr std::string_view kInjecting[] = {
      "LD_*",
      "BASH_ENV",
      "ENV",
      "PROMPT_COMMAND",
      "BASH_FUNC_*",
      "SHELLOPTS",
      "BASHOPTS",
      "PS4",
      "IFS",
      "NODE_OPTIONS",
      "NODE_PATH",
      "PYTHONSTARTUP",
      "PYTHONPATH",
      "PYTHONHOME",
      "PERL5OPT",
      "PERL5LIB",
      "PERLLIB",
      "RUBYOPT",
      "RUBYLIB",
      "JAVA_TOOL_OPTIONS",
      "_JAVA_OPTIONS",
      "JDK_JAVA_OPTIONS",
      "GIT_SSH",
      "GIT_SSH_COMMAND",
      "GIT_ASKPASS",
      "SSH_ASKPASS",
      "GIT_CONFIG*",
      "GIT_EXTERNAL_DIFF",
      "GIT_PAGER",
      "GIT_EDITOR",
      "GIT_EXEC_PATH",
      "GIT_TEMPLATE_DIR",
      "GIT_PROXY_COMMAND",
      "GCONV_PATH",
      "LOCPATH",
      "GLIBC_TUNABLES",
      "MALLOC_*",
      "OPENSSL_CONF",
      "OPENSSL_ENGINES",
      "CLAUDE_CODE_SHELL_PREFIX",
      "DOTNET_STARTUP_HOOKS",
      "COR_PROFILER*",
      "CORECLR_PROFILER*",
      "LUA_INIT*",
      "PHPRC",
  };
  for (const std::string_view pattern : kInjecting) {
    if (matches_name(pattern, name)) {
      return bad(
          fmt::format("variable '{}' injects code into every program; it is never passed", name));
    }
  }
  return {};
}

Result<void> check_extra_path(std::string_view path) {
  const bool home = path.starts_with("~/");
  if (home ? !is_normal_relative(path.substr(2)) : !is_normal_path(path)) {
    return bad(
        fmt::format("'{}' is not an absolute path (or ~/…) without '.', '..' or '//'", path));
  }
  constexpr std::string_view kNever[] = {"/proc", "/sys", "/run", "/var/run", "/dev"};
  for (const std::string_view root : kNever) {
    const bool inside = path == root || (path.starts_with(root) && path[root.size()] == '/');
    if (inside || path == "/") {
      return bad(
          fmt::format("'{}' would show the host's processes, devices or control sockets", path));
    }
  }
  return {};
}

}  // namespace berm
