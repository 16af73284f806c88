#include "policy/parse.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "policy/parse_parts.h"

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
  out.tokens = reader.unsigned_number("tokens");
  out.cost = reader.number("cost");
  out.requests = reader.unsigned_number("requests");
  out.token_rate = reader.unsigned_number("token_rate");
  out.on_token_rate =
      reader.parsed<AnomalyAction>("on_token_rate", one_of<AnomalyAction>("action"));
  reader.finish();
}

void read_head(TableReader& reader, PolicySource& source, PolicyLayer& out) {
  const toml::node* version = reader.node("version");
  if (version != nullptr && version->value<std::int64_t>() != 1) {
    source.report(version->source().begin, "this berm understands version = 1 only");
  }
  out.profile = reader.parsed<AgentKind>("profile", one_of<AgentKind>("profile"));
  out.tier = reader.parsed<TierChoice>("tier", one_of<TierChoice>("tier"));
  out.require = reader.parsed_list<Requirement>("require", parse_requirement);
}

void read_container(PolicySource& source, const toml::table& table, PolicyLayer::Container& out) {
  TableReader reader(source, table, "container");
  out.engine = reader.parsed<ContainerEngine>("engine", one_of<ContainerEngine>("engine"));
  out.runtime = reader.string("runtime");
  out.image = reader.string("image");
  reader.finish();
}

void read_microvm(PolicySource& source, const toml::table& table, PolicyLayer::Microvm& out) {
  TableReader reader(source, table, "microvm");
  out.vmm = reader.parsed<VirtualMachineMonitor>("vmm", one_of<VirtualMachineMonitor>("vmm"));
  out.emulation = reader.boolean("emulation");
  out.containers = reader.boolean("containers");
  reader.finish();
}

void read_root(PolicySource& source, const toml::table& root, PolicyLayer& out) {
  TableReader reader(source, root, "");
  read_head(reader, source, out);
  if (const auto* table = reader.table("workspace")) read_workspace(source, *table, out.workspace);
  if (const auto* table = reader.table("changes")) read_changes(source, *table, out.changes);
  if (const auto* table = reader.table("files")) read_files(source, *table, out.files);
  if (const auto* table = reader.table("env")) read_env(source, *table, out.env);
  if (const auto* table = reader.table("network")) read_network(source, *table, out.network);
  if (const auto* table = reader.table("credentials")) {
    read_credentials(source, *table, out.credentials);
  }
  if (const auto* table = reader.table("limits")) read_limits(source, *table, out.limits);
  if (const auto* table = reader.table("tools")) read_tools(source, *table, out.tools);
  if (const auto* table = reader.table("audit")) read_audit(source, *table, out.audit);
  if (const auto* table = reader.table("container")) {
    read_container(source, *table, out.container);
  }
  if (const auto* table = reader.table("microvm")) read_microvm(source, *table, out.microvm);
  if (const auto* table = reader.table("kubernetes")) {
    read_kubernetes(source, *table, out.kubernetes);
  }
  if (const auto* table = reader.table("lint")) read_lint(source, *table, out.lint);
  reader.not_yet_enforced("prepare");
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
