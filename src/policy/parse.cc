#include "policy/parse.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ip.h"
#include "base/text.h"
#include "policy/bundles.h"
#include "policy/reader.h"

namespace berm {
namespace {

constexpr std::size_t kMaxPolicy = 1 << 20;
constexpr std::size_t kMaxKeyDots = 16;

// The last byte of the TOML string that begins at `at`, or of its line or the text if it does not
// end.
std::size_t end_of_string(std::string_view text, std::size_t at) {
  const char quote = text[at];
  const bool lines = text.substr(at, 3) == std::string(3, quote);
  const std::string closing(lines ? 3 : 1, quote);
  for (std::size_t i = at + closing.size(); i < text.size(); ++i) {
    if (text[i] == '\\' && quote == '"') {
      ++i;
    } else if (text.substr(i).starts_with(closing)) {
      i += closing.size() - 1;
      // Two more quotes may stand before the end of a multi-line string.
      for (int more = 0; lines && more < 2 && i + 1 < text.size() && text[i + 1] == quote; ++more) {
        ++i;
      }
      return i;
    } else if (!lines && text[i] == '\n') {
      return i;
    }
  }
  return text.size();
}

// toml++ 3.3 bounds the depth of values ("[[[["), not of dotted keys ("a.a.a.a"), and walks both by
// recursion.
bool has_deep_key(std::string_view text) {
  std::size_t dots = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '"' || c == '\'') {
      at = end_of_string(text, at);
    } else if (c == '#') {
      at = std::min(text.find('\n', at), text.size());
      dots = 0;
    } else if (c == '\n' || c == '=' || c == ',') {
      dots = 0;
    } else if (c == '.' && ++dots > kMaxKeyDots) {
      return true;
    }
  }
  return false;
}

// A conversion from one word to an enum, for TableReader::parsed.
template <class E>
std::function<Result<E>(std::string_view)> one_of(std::string_view what) {
  return [what](std::string_view text) -> Result<E> {
    std::string all;
    std::vector<std::string_view> spellings;
    for (const auto& [name, value] : names(E{})) {
      if (name == text) return value;
      spellings.push_back(name);
      all += fmt::format("{}{}", all.empty() ? "" : ", ", name);
    }
    const std::string_view near = nearest(text, spellings);
    return failure(Errc::invalid_policy,
                   fmt::format("unknown {} '{}'; {}", what, text,
                               near.empty() ? fmt::format("one of {}", all)
                                            : fmt::format("did you mean '{}'?", near)));
  };
}

Result<std::string> env_name(std::string_view text) {
  BERM_TRY(check_env_name(text));
  return std::string(text);
}

Result<std::string> extra_path(std::string_view text) {
  BERM_TRY(check_extra_path(text));
  return std::string(text);
}

Result<std::string> plain_ref(std::string_view text) {
  // Handed to git as an argument: never an option, never a range.
  const bool odd = text.empty() || text.starts_with('-') ||
                   text.find("..") != std::string_view::npos ||
                   text.find_first_of(" ~^:?*[\\\t\n\r") != std::string_view::npos ||
                   text.find('\0') != std::string_view::npos;
  if (odd) {
    return failure(Errc::invalid_policy, fmt::format("'{}' is not a ref name or commit", text));
  }
  return std::string(text);
}

Result<Bytes> positive_bytes(std::string_view text) {
  const Bytes bytes = BERM_TRY(parse_bytes(text));
  if (bytes.count == 0) return failure(Errc::invalid_policy, "a limit of 0 would stop every run");
  return bytes;
}

Result<Milliseconds> positive_time(std::string_view text) {
  const Milliseconds time = BERM_TRY(parse_duration(text));
  if (time.count() == 0) return failure(Errc::invalid_policy, "a limit of 0 would stop every run");
  return time;
}

void read_workspace(PolicySource& source, const toml::table& table, PolicyLayer::Workspace& out) {
  TableReader reader(source, table, "workspace");
  out.mode = reader.parsed<WorkspaceMode>("mode", one_of<WorkspaceMode>("workspace mode"));
  out.ref = reader.parsed<std::string>("ref", plain_ref);
  out.write = reader.parsed_list<Glob>("write", Glob::parse);
  out.hide = reader.parsed_list<Glob>("hide", Glob::parse);
  out.git = reader.parsed<GitHistory>("git", one_of<GitHistory>("git history"));
  out.on_success = reader.parsed<OnSuccess>("on_success", parse_on_success);
  reader.finish();
  if (source.error || !out.ref) return;
  if (out.mode.value_or(WorkspaceMode::overlay) != WorkspaceMode::worktree) {
    source.report(table.get("ref")->source().begin, "'ref' needs mode = \"worktree\"");
  }
}

void read_changes(PolicySource& source, const toml::table& table, PolicyLayer::Changes& out) {
  TableReader reader(source, table, "changes");
  out.allow = reader.parsed_list<Glob>("allow", Glob::parse);
  out.protect = reader.parsed_list<ProtectClass>("protect", one_of<ProtectClass>("class of files"));
  out.max_files = reader.unsigned_number("max_files");
  out.max_size = reader.parsed<Bytes>("max_size", positive_bytes);
  out.secrets = reader.parsed<SecretsAction>("secrets", one_of<SecretsAction>("action"));
  reader.finish();
}

void read_files(PolicySource& source, const toml::table& table, PolicyLayer::Files& out) {
  TableReader reader(source, table, "files");
  out.read = reader.parsed_list<std::string>("read", extra_path);
  out.write = reader.parsed_list<std::string>("write", extra_path);
  reader.finish();
}

void read_env(PolicySource& source, const toml::table& table, PolicyLayer::Env& out) {
  TableReader reader(source, table, "env");
  out.pass = reader.parsed_list<std::string>("pass", env_name);
  if (const toml::table* set = reader.table("set")) {
    for (const auto& [key, value] : *set) {
      const Result<void> ok = check_env_name(key.str());
      if (!ok) source.report(key.source().begin, ok.error().what);
      const auto* text = value.as_string();
      if (text == nullptr) {
        source.report(value.source().begin,
                      fmt::format("variable '{}' must be a string", key.str()));
      } else if (text->get().find('\0') != std::string::npos) {
        source.report(value.source().begin, fmt::format("variable '{}' contains a NUL", key.str()));
      }
      if (source.error) return;
      out.set.emplace(key.str(), text->get());
    }
  }
  reader.finish();
}

Result<std::string> http_method(std::string_view text) {
  const bool upper = !text.empty() && text.size() <= 16 &&
                     std::ranges::all_of(text, [](char c) { return c >= 'A' && c <= 'Z'; });
  if (upper && text != "CONNECT" && text != "TRACE") return std::string(text);
  return failure(
      Errc::invalid_policy,
      fmt::format("'{}' is not a method that can be granted (\"GET\", \"POST\" …)", text));
}

// "/repos/acme/**": matched against the normalised path, so it must be one itself.
Result<std::string> url_path(std::string_view text) {
  if (!text.starts_with('/') || text.find_first_of("%?#\\ ") != std::string_view::npos) {
    return failure(
        Errc::invalid_policy,
        fmt::format("'{}' is not a path pattern: begin with '/', no query, no '%'", text));
  }
  return std::string(text);
}

Result<std::string> content_type(std::string_view text) {
  constexpr std::string_view kType = "abcdefghijklmnopqrstuvwxyz0123456789.+-/";
  const std::string type = lower(text);
  if (type.find('/') == std::string::npos || type.find_first_not_of(kType) != std::string::npos) {
    return failure(Errc::invalid_policy,
                   fmt::format("'{}' is not a content type like \"application/json\"", text));
  }
  return type;
}

Result<HostGrant> no_bundle(std::string_view text) {
  HostGrant grant = BERM_TRY(parse_host_grant(text));
  if (!grant.pattern.starts_with('@')) return grant;
  return failure(Errc::invalid_policy,
                 fmt::format("'{}': a bundle can only be allowed; name the hosts", text));
}

Result<HostGrant> exact_with_port(std::string_view text) {
  HostGrant grant = BERM_TRY(parse_host_grant(text));
  const bool exact = !grant.pattern.starts_with('*') && !grant.pattern.starts_with('@');
  if (exact && grant.port != 0) return grant;
  return failure(Errc::invalid_policy,
                 fmt::format("'{}': name one host and its port, \"git.corp.example:443\"", text));
}

void read_rule(PolicySource& source, const toml::table& table, NetworkRule& out) {
  TableReader reader(source, table, "network.rule");
  const auto host = reader.parsed<HostGrant>("host", parse_host_grant);
  out.methods =
      reader.parsed_list<std::string>("methods", http_method).value_or(std::vector<std::string>{});
  out.paths =
      reader.parsed_list<std::string>("paths", url_path).value_or(std::vector<std::string>{});
  out.content_types = reader.parsed_list<std::string>("content_types", content_type)
                          .value_or(std::vector<std::string>{});
  out.max_upload = reader.parsed<Bytes>("max_upload", parse_bytes);
  out.websocket = reader.boolean("websocket").value_or(false);
  reader.finish();
  if (source.error) return;
  const bool by_name = host && !host->pattern.starts_with('@') && !parse_network(host->pattern) &&
                       host->port == 0 && !host->any_port;
  if (!by_name || out.methods.empty() || out.paths.empty()) {
    source.report(table.source().begin,
                  "[[network.rule]] needs 'host' (a name without port), 'methods' and 'paths'");
    return;
  }
  out.host = host->pattern;
}

void read_budget(PolicySource& source, const toml::table& table, const char* name,
                 NetworkBudget& out) {
  TableReader reader(source, table, name);
  out.bytes = reader.parsed<Bytes>("bytes", positive_bytes);
  out.upload = reader.parsed<Bytes>("upload", positive_bytes);
  out.connections = reader.unsigned_number("connections");
  out.requests = reader.unsigned_number("requests");
  reader.finish();
}

void read_network(PolicySource& source, const toml::table& table, PolicyLayer::Network& out) {
  TableReader reader(source, table, "network");
  out.mode = reader.parsed<NetworkMode>("mode", one_of<NetworkMode>("network mode"));
  out.allow = reader.parsed_list<HostGrant>("allow", parse_host_grant);
  out.deny = reader.parsed_list<HostGrant>("deny", no_bundle);
  out.internal = reader.parsed_list<HostGrant>("internal", exact_with_port);
  out.opaque = reader.parsed_list<HostGrant>("opaque", no_bundle);
  if (const toml::array* rules = reader.array("rule")) {
    for (const toml::node& node : *rules) {
      const auto* rule = node.as_table();
      if (rule == nullptr) source.report(node.source().begin, "[[network.rule]] must be a table");
      if (source.error) return;
      read_rule(source, *rule, out.rules.emplace_back());
    }
  }
  if (const auto* budget = reader.table("budget")) {
    read_budget(source, *budget, "network.budget", out.budget);
  }
  if (const auto* each = reader.table("per_host")) {
    read_budget(source, *each, "network.per_host", out.per_host);
  }
  reader.finish();
  if (source.error) return;
  for (std::size_t i = 0; out.allow && i < out.allow->size(); ++i) {
    const std::string& pattern = (*out.allow)[i].pattern;
    if (!pattern.starts_with('@')) continue;
    const Result<Bundle> bundle = find_bundle(pattern);
    if (bundle) continue;
    source.report(table.get("allow")->as_array()->get(i)->source().begin, bundle.error().what);
    return;
  }
  const bool grants = (out.allow && !out.allow->empty()) || !out.rules.empty();
  if (out.mode == NetworkMode::none && grants) {
    source.report(table.get("mode")->source().begin, "mode = \"none\" contradicts a list of hosts");
  }
}

Result<std::string> env_source(std::string_view from) {
  constexpr std::string_view kLater[] = {"file:",     "command:", "vault:",     "github-app:",
                                         "aws-oidc:", "gcp-wif:", "azure-wif:", "anthropic-wif:"};
  if (from.starts_with("env:") && from.size() > 4) return std::string(from);
  for (const std::string_view later : kLater) {
    if (!from.starts_with(later)) continue;
    return failure(
        Errc::invalid_policy,
        fmt::format("source '{}' is valid but not yet enforced by this version; use env:NAME",
                    from));
  }
  return failure(Errc::invalid_policy, fmt::format("'{}' is not a source; write env:NAME", from));
}

void read_credential(PolicySource& source, const toml::table& table, const std::string& name,
                     CredentialGrant& out) {
  TableReader reader(source, table, fmt::format("credentials.{}", name));
  const auto from = reader.parsed<std::string>("from", env_source);
  reader.not_yet_enforced("max_age");
  const toml::table* to = reader.table("to");
  reader.finish();
  if (source.error) return;
  if (!from || to == nullptr) {
    source.report(table.source().begin,
                  fmt::format("[credentials.{}] needs 'from' and 'to'", name));
    return;
  }
  TableReader target(source, *to, fmt::format("credentials.{}.to", name));
  const auto host = target.parsed<HostGrant>("host", parse_host_grant);
  const auto header = target.string("header");
  target.not_yet_enforced("methods");
  target.not_yet_enforced("paths");
  target.finish();
  if (source.error) return;
  if (!host || !header || host->pattern.starts_with('*') || host->pattern.starts_with('@')) {
    source.report(to->source().begin, "'to' needs one exact 'host' and a 'header'");
    return;
  }
  // A header of a request: a line feed in it would be a second one (RFC 9110 §5.6.2, token).
  constexpr std::string_view kToken =
      "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  if (header->empty() || header->find_first_not_of(kToken) != std::string::npos) {
    source.report(to->source().begin, "'header' is no name of an HTTP header");
    return;
  }
  if (name != "anthropic") {
    source.report(table.source().begin,
                  fmt::format("credential '{}' is valid but not yet enforced by this version; only "
                              "'anthropic' is",
                              name));
    return;
  }
  out = {.from = *from, .host = host->pattern, .header = lower(*header), .max_age = {}};
}

void read_limits(PolicySource& source, const toml::table& table, PolicyLayer::Limits& out) {
  TableReader reader(source, table, "limits");
  out.memory = reader.parsed<Bytes>("memory", positive_bytes);
  out.cpus = reader.number("cpus");
  out.processes = reader.unsigned_number("processes");
  out.open_files = reader.unsigned_number("open_files");
  out.time = reader.parsed<Milliseconds>("time", positive_time);
  out.idle = reader.parsed<Milliseconds>("idle", positive_time);
  out.disk = reader.parsed<Bytes>("disk", positive_bytes);
  out.output = reader.parsed<Bytes>("output", positive_bytes);
  out.egress = reader.parsed<Bytes>("egress", positive_bytes);
  reader.not_yet_enforced("tokens");
  reader.finish();
}

void read_head(TableReader& reader, PolicySource& source, const toml::table& table,
               PolicyLayer& out) {
  const toml::node* version = reader.node("version");
  if (version != nullptr && version->value<std::int64_t>() != 1) {
    source.report(version->source().begin, "this berm understands version = 1 only");
  }
  out.profile = reader.parsed<AgentKind>("profile", one_of<AgentKind>("profile"));
  out.tier = reader.parsed<TierChoice>("tier", one_of<TierChoice>("tier"));
  out.require = reader.parsed_list<Requirement>("require", parse_requirement);
  if (source.error) return;
  if (out.tier && *out.tier != TierChoice::automatic && *out.tier != TierChoice::namespaces) {
    source.report(
        table.get("tier")->source().begin,
        fmt::format("tier '{}' is valid but not yet enforced by this version; use \"namespace\"",
                    spelling(*out.tier)));
  }
  if (out.profile && *out.profile != AgentKind::none && *out.profile != AgentKind::claude) {
    source.report(
        table.get("profile")->source().begin,
        fmt::format("profile '{}' is valid but not yet enforced by this version; use \"claude\" "
                    "or \"none\"",
                    spelling(*out.profile)));
  }
}

void read_credentials(PolicySource& source, const toml::table& all, PolicyLayer& out) {
  for (const auto& [key, value] : all) {
    const auto* table = value.as_table();
    if (table == nullptr) {
      source.report(key.source().begin, fmt::format("[credentials.{}] must be a table", key.str()));
      return;
    }
    CredentialGrant grant;
    read_credential(source, *table, std::string(key.str()), grant);
    if (source.error) return;
    out.credentials.emplace(key.str(), std::move(grant));
  }
}

void read_root(PolicySource& source, const toml::table& root, PolicyLayer& out) {
  TableReader reader(source, root, "");
  read_head(reader, source, root, out);
  if (const auto* table = reader.table("workspace")) read_workspace(source, *table, out.workspace);
  if (const auto* table = reader.table("changes")) read_changes(source, *table, out.changes);
  if (const auto* table = reader.table("files")) read_files(source, *table, out.files);
  if (const auto* table = reader.table("env")) read_env(source, *table, out.env);
  if (const auto* table = reader.table("network")) read_network(source, *table, out.network);
  if (const auto* table = reader.table("credentials")) read_credentials(source, *table, out);
  if (const auto* table = reader.table("limits")) read_limits(source, *table, out.limits);
  reader.not_yet_enforced("prepare");
  reader.not_yet_enforced("tools");
  reader.not_yet_enforced("audit");
  reader.finish();
}

}  // namespace

Result<PolicyLayer> parse_policy(std::string_view text, std::string_view file) {
  if (text.size() > kMaxPolicy) {
    return failure(Errc::invalid_policy, fmt::format("{}: larger than 1 MiB", printable(file)));
  }
  if (has_deep_key(text)) {
    return failure(Errc::invalid_policy,
                   fmt::format("{}: a key with more than {} dots", printable(file), kMaxKeyDots));
  }
  PolicySource source{.text = text, .file = file, .error = {}};
  toml::parse_result parsed = toml::parse(text, file);
  if (!parsed) {
    source.report(parsed.error().source().begin, parsed.error().description());
    return tl::unexpected(*std::move(source.error));
  }
  PolicyLayer layer;
  read_root(source, parsed.table(), layer);
  if (source.error) return tl::unexpected(*std::move(source.error));
  return layer;
}

}  // namespace berm
