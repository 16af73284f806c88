#include <fmt/format.h>

#include "base/text.h"
#include "policy/parse.h"
#include "policy/sink_options.h"

namespace berm {
namespace {

// A TOML basic string: everything but printable ASCII is escaped.
std::string toml_string(std::string_view text) {
  std::string out = "\"";
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    char32_t point = 0;
    const std::size_t length = decode_utf8(text, at, point);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (length == 1 && c >= 0x20 && c < 0x7f) {
      out += c;
    } else {
      out += fmt::format("\\U{:08X}", static_cast<std::uint32_t>(point));
    }
    at += length == 0 ? 1 : length;
  }
  return out + "\"";
}

// One line "key = value" for each key that is set; the header only if one is.
class SectionWriter {
 public:
  SectionWriter(std::string& out, std::string header) : out_(out), header_(std::move(header)) {}

  void line(std::string_view key, std::string_view value) {
    if (!header_.empty()) out_ += fmt::format("\n[{}]\n", header_);
    header_.clear();
    out_ += fmt::format("{} = {}\n", key, value);
  }

  template <class T, class F>
  void list(std::string_view key, const std::optional<std::vector<T>>& items, F text_of) {
    if (!items) return;
    std::string joined;
    for (const T& item : *items) {
      joined += fmt::format("{}{}", joined.empty() ? "" : ", ", toml_string(text_of(item)));
    }
    line(key, fmt::format("[{}]", joined));
  }

  template <class T, class F>
  void value(std::string_view key, const std::optional<T>& item, F text_of) {
    if (item) line(key, text_of(*item));
  }

 private:
  std::string& out_;
  std::string header_;
};

constexpr auto kGlob = [](const Glob& glob) { return glob.str(); };
constexpr auto kSame = [](const std::string& text) { return text; };
constexpr auto kBytes = [](Bytes bytes) { return toml_string(to_policy_text(bytes)); };
constexpr auto kTime = [](Milliseconds time) { return toml_string(to_policy_text(time)); };
constexpr auto kNumber = [](auto number) { return fmt::format("{}", number); };
constexpr auto kDecimal = [](double cpus) {
  std::string text = fmt::format("{}", cpus);
  // TOML wants digits after the point; fmt prints 2.0 as "2" and large exponents as "1e+20".
  return text.find_first_of(".en") == std::string::npos ? text + ".0" : text;
};
constexpr auto kName = [](auto value) { return toml_string(spelling(value)); };

std::string on_success_text(const OnSuccess& value) {
  switch (value.action) {
    case SuccessAction::keep:
      return "keep";
    case SuccessAction::apply:
      return "apply";
    case SuccessAction::branch:
      return "branch:" + value.target;
    case SuccessAction::patch:
      break;
  }
  return "patch:" + value.target;
}

void write_head(std::string& out, const PolicyLayer& layer) {
  SectionWriter root(out, "");
  root.line("version", "1");
  root.value("profile", layer.profile, kName);
  root.value("tier", layer.tier, kName);
  root.list("require", layer.require, [](const Requirement& r) {
    return fmt::format("{}{}", spelling(r.layer), r.kernel ? ":kernel" : "");
  });
}

void write_workspace(std::string& out, const PolicyLayer& layer) {
  SectionWriter workspace(out, "workspace");
  workspace.value("mode", layer.workspace.mode, kName);
  workspace.value("ref", layer.workspace.ref, toml_string);
  workspace.list("write", layer.workspace.write, kGlob);
  workspace.list("hide", layer.workspace.hide, kGlob);
  workspace.value("git", layer.workspace.git, kName);
  workspace.value("on_success", layer.workspace.on_success,
                  [](const OnSuccess& value) { return toml_string(on_success_text(value)); });
  SectionWriter changes(out, "changes");
  changes.list("allow", layer.changes.allow, kGlob);
  changes.list("protect", layer.changes.protect,
               [](ProtectClass c) { return std::string(spelling(c)); });
  changes.value("max_files", layer.changes.max_files, kNumber);
  changes.value("max_size", layer.changes.max_size, kBytes);
  changes.value("secrets", layer.changes.secrets, kName);
}

void write_budget(std::string& out, const char* name, const NetworkBudget& budget) {
  SectionWriter section(out, name);
  section.value("bytes", budget.bytes, kBytes);
  section.value("upload", budget.upload, kBytes);
  section.value("connections", budget.connections, kNumber);
  section.value("requests", budget.requests, kNumber);
}

void write_network(std::string& out, const PolicyLayer::Network& layer) {
  const auto host = [](const HostGrant& grant) { return to_text(grant); };
  SectionWriter network(out, "network");
  network.value("mode", layer.mode, kName);
  network.list("allow", layer.allow, host);
  network.list("deny", layer.deny, host);
  network.list("internal", layer.internal, host);
  network.list("opaque", layer.opaque, host);
  write_budget(out, "network.budget", layer.budget);
  write_budget(out, "network.per_host", layer.per_host);
  for (const NetworkRule& rule : layer.rules) {
    out += fmt::format("\n[[network.rule]]\nhost = {}\n", toml_string(rule.host));
    SectionWriter section(out, "");
    section.list("methods", std::optional(rule.methods), kSame);
    section.list("paths", std::optional(rule.paths), kSame);
    if (!rule.content_types.empty()) {
      section.list("content_types", std::optional(rule.content_types), kSame);
    }
    section.value("max_upload", rule.max_upload, kBytes);
    if (rule.websocket) section.line("websocket", "true");
  }
}

void write_limits(std::string& out, const PolicyLayer& layer) {
  SectionWriter limits(out, "limits");
  limits.value("memory", layer.limits.memory, kBytes);
  limits.value("cpus", layer.limits.cpus, kDecimal);
  limits.value("processes", layer.limits.processes, kNumber);
  limits.value("open_files", layer.limits.open_files, kNumber);
  limits.value("time", layer.limits.time, kTime);
  limits.value("idle", layer.limits.idle, kTime);
  limits.value("disk", layer.limits.disk, kBytes);
  limits.value("output", layer.limits.output, kBytes);
  limits.value("egress", layer.limits.egress, kBytes);
  limits.value("tokens", layer.limits.tokens, kNumber);
  limits.value("cost", layer.limits.cost, kDecimal);
  limits.value("requests", layer.limits.requests, kNumber);
  limits.value("token_rate", layer.limits.token_rate, kNumber);
  limits.value("on_token_rate", layer.limits.on_token_rate, kName);
}

void write_tool_rule(std::string& out, const ToolRule& rule) {
  out += fmt::format("\n[[tools.rule]]\nmatch = {}\naction = \"{}\"\n", toml_string(rule.match),
                     spelling(rule.action));
  if (!rule.reason.empty()) out += fmt::format("reason = {}\n", toml_string(rule.reason));
  if (!rule.rewrite.empty()) out += fmt::format("rewrite = {}\n", toml_string(rule.rewrite));
}

void write_tools(std::string& out, const PolicyLayer::Tools& layer) {
  SectionWriter tools(out, "tools");
  tools.list("packs", layer.packs, kSame);
  tools.value("on_match", layer.on_match, kName);
  tools.value("on_unclear", layer.on_unclear, kName);
  tools.value("otherwise", layer.otherwise, kName);
  tools.value("prompts", layer.prompts, kName);
  tools.value("bypass_permissions", layer.bypass_permissions, kNumber);
  tools.value("unhooked", layer.unhooked, kNumber);
  tools.list("programs_absent", layer.programs_absent, kSame);
  tools.value("on_anomaly", layer.on_anomaly, kName);
  tools.value("repeated_failures", layer.repeated_failures, kNumber);
  tools.value("exec_rate", layer.exec_rate, kNumber);
  tools.value("call_rate", layer.call_rate, kNumber);
  tools.value("request_rate", layer.request_rate, kNumber);
  tools.value("output_rate", layer.output_rate, kBytes);
  // One form for all: the short lists lose the order among actions, which these keep.
  for (const ToolRule& rule : layer.rules) write_tool_rule(out, rule);
}

std::string toml_list(const std::vector<std::string>& items) {
  std::string out;
  for (const std::string& item : items) out += (out.empty() ? "" : ", ") + toml_string(item);
  return "[" + out + "]";
}

std::string toml_map(const std::map<std::string, std::string>& items) {
  std::string out;
  for (const auto& [key, value] : items) {
    out += fmt::format("{}{} = {}", out.empty() ? " " : ", ", toml_string(key), toml_string(value));
  }
  return "{" + out + " }";
}

std::string toml_use(const CredentialUse& use) {
  std::string out =
      fmt::format("{{ host = {}", toml_string(fmt::format("{}:{}", use.host, use.port)));
  out += use.carrier == Carrier::sigv4 ? ", sigv4 = true"
         : use.carrier == Carrier::exchanged
             ? ", exchanged = true"
             : fmt::format(", {} = {}", spelling(use.carrier), toml_string(use.name));
  if (use.format != "{}") out += ", format = " + toml_string(use.format);
  if (!use.methods.empty()) out += ", methods = " + toml_list(use.methods);
  if (!use.paths.empty()) out += ", paths = " + toml_list(use.paths);
  if (!use.except.empty()) out += ", except = " + toml_list(use.except);
  if (!use.services.empty()) out += ", services = " + toml_list(use.services);
  if (!use.regions.empty()) out += ", regions = " + toml_list(use.regions);
  return out + " }";
}

void write_credential(SectionWriter& out, const CredentialGrant& grant) {
  out.line("from", toml_string(grant.from));
  if (!grant.preset.empty()) out.line("preset", toml_string(grant.preset));
  if (!grant.with.empty()) out.line("with", toml_map(grant.with));
  if (!grant.scope.empty()) out.line("scope", toml_map(grant.scope));
  std::string uses;
  for (const CredentialUse& use : grant.to) uses += (uses.empty() ? "" : ", ") + toml_use(use);
  out.line("to", "[" + uses + "]");
  if (!grant.placeholder.empty()) out.line("placeholder", toml_string(grant.placeholder));
  if (!grant.env.empty()) out.line("env", toml_map(grant.env));
  if (grant.file) {
    out.line("file", fmt::format("{{ path = {}, content = {} }}", toml_string(grant.file->path),
                                 toml_string(grant.file->content)));
  }
  out.value("max_age", grant.max_age, kTime);
  if (!grant.old_is_refused) out.line("on_old", "\"warn\"");
  if (!grant.issued.empty()) out.line("issued", toml_string(grant.issued));
  out.value("ttl", grant.ttl, kTime);
  const ModelRules& model = grant.model;
  std::string text = fmt::format("hosted_tools = \"{}\"", spelling(model.hosted_tools));
  if (!model.models.empty()) text += ", models = " + toml_list(model.models);
  if (model.max_output_tokens) {
    text += fmt::format(", max_output_tokens = {}", *model.max_output_tokens);
  }
  if (model.premium == PremiumTier::allow) text += ", premium = true";
  if (!model.permit.empty()) text += ", permit = " + toml_list(model.permit);
  if (text != "hosted_tools = \"strip\"") out.line("model", "{ " + text + " }");
}

// "headers.x-team" → { "x-team" = … }.
std::map<std::string, std::string> table_of(const std::map<std::string, std::string>& with,
                                            std::string_view name) {
  std::map<std::string, std::string> out;
  const std::string prefix = fmt::format("{}.", name);
  for (const auto& [key, value] : with) {
    if (key.starts_with(prefix)) out.emplace(key.substr(prefix.size()), value);
  }
  return out;
}

void write_sink(std::string& out, const SinkGrant& sink) {
  out += fmt::format("\n[[audit.sinks]]\nname = {}\ntype = \"{}\"\n", toml_string(sink.name),
                     spelling(sink.type));
  SectionWriter section(out, "");
  if (sink.format != "native") section.line("format", toml_string(sink.format));
  if (!sink.filter.empty()) section.list("filter", std::optional(sink.filter), kSame);
  section.line("batch_events", kNumber(sink.batch_events));
  section.line("batch_time", kTime(sink.batch_time));
  for (const SinkOption& option : options_of(sink.type)) {
    const auto found = sink.with.find(std::string(option.name));
    const auto table = table_of(sink.with, option.name);
    const bool bare = option.value == SinkValue::flag || option.value == SinkValue::facility;
    if (!table.empty()) section.line(option.name, toml_map(table));
    if (found == sink.with.end()) continue;
    section.line(option.name, bare ? found->second : toml_string(found->second));
  }
  for (const char* key : {"ca_file", "client_cert", "timeout"}) {
    if (sink.with.contains(key)) section.line(key, toml_string(sink.with.at(key)));
  }
  for (const auto& [key, from] : sink.secret) section.line(key, toml_string(from));
}

void write_audit(std::string& out, const AuditLayer& layer) {
  SectionWriter audit(out, "audit");
  audit.value("key", layer.key, toml_string);
  audit.value("public_key", layer.public_key, toml_string);
  audit.value("fsync", layer.fsync, kName);
  audit.value("require_sink", layer.require_sink, kNumber);
  audit.value("grace", layer.grace, kTime);
  audit.value("spool", layer.spool, kBytes);
  audit.value("overflow", layer.overflow, kName);
  for (const SinkGrant& sink : layer.sinks) write_sink(out, sink);
}

void write_tiers(std::string& out, const PolicyLayer& layer) {
  SectionWriter container(out, "container");
  container.value("engine", layer.container.engine, kName);
  container.value("runtime", layer.container.runtime, toml_string);
  container.value("image", layer.container.image, toml_string);
  SectionWriter microvm(out, "microvm");
  microvm.value("vmm", layer.microvm.vmm, kName);
  microvm.value("emulation", layer.microvm.emulation, kNumber);
  microvm.value("containers", layer.microvm.containers, kNumber);
}

void write_kubernetes(std::string& out, const KubernetesLayer& layer) {
  SectionWriter section(out, "kubernetes");
  section.value("namespace", layer.name_space, toml_string);
  section.value("image", layer.image, toml_string);
  section.value("berm_image", layer.berm_image, toml_string);
  section.list("pull_secrets", layer.pull_secrets, [](const std::string& name) { return name; });
  section.value("workload", layer.workload, kName);
  section.value("service_account", layer.service_account, toml_string);
  section.value("runtime_class", layer.runtime_class, toml_string);
  section.value("priority_class", layer.priority_class, toml_string);
  section.value("queue", layer.queue, toml_string);
  section.value("seccomp", layer.seccomp, toml_string);
  section.value("user_namespaces", layer.user_namespaces, kNumber);
  section.value("unenforced_network", layer.unenforced_network, kNumber);
  section.value("spread", layer.spread, kNumber);
  section.value("cilium", layer.cilium, kNumber);
  section.value("keep", layer.keep, kTime);
  section.value("node_selector", layer.node_selector, toml_map);
}

void write_lint(std::string& out, const LintLayer& layer) {
  const auto text = [](const Glob& glob) { return glob.str(); };
  SectionWriter section(out, "lint");
  section.value("persona", layer.persona, toml_string);
  section.value("fail_on", layer.fail_on, toml_string);
  section.value("baseline", layer.baseline, toml_string);
  section.list("exclude", layer.exclude, text);
  for (const LintAllowance& one : layer.allow) {
    out += fmt::format("\n[[lint.allow]]\nrule = {}\nreason = {}\n", toml_string(one.rule),
                       toml_string(one.reason));
    SectionWriter allowance(out, "");
    if (!one.paths.empty()) allowance.list("paths", std::optional(one.paths), text);
  }
}

}  // namespace

std::string to_toml(const PolicyLayer& layer) {
  std::string out;
  write_head(out, layer);
  write_workspace(out, layer);
  SectionWriter files(out, "files");
  files.list("read", layer.files.read, kSame);
  files.list("write", layer.files.write, kSame);
  SectionWriter env(out, "env");
  env.list("pass", layer.env.pass, kSame);
  SectionWriter set(out, "env.set");
  for (const auto& [name, value] : layer.env.set) set.line(name, toml_string(value));
  write_network(out, layer.network);
  for (const auto& [name, grant] : layer.credentials) {
    SectionWriter credential(out, fmt::format("credentials.{}", name));
    write_credential(credential, grant);
  }
  write_limits(out, layer);
  write_tools(out, layer.tools);
  write_audit(out, layer.audit);
  write_tiers(out, layer);
  write_kubernetes(out, layer.kubernetes);
  write_lint(out, layer.lint);
  return out;
}

}  // namespace berm
