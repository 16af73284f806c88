#include "plan/print.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "plan/sinks.h"
#include "plan/tools.h"

namespace berm {
namespace {

using nlohmann::json;

struct MountToJson {
  json operator()(const Bind& m) const {
    return {{"kind", "bind"},         {"from", m.from.str()},
            {"to", m.to.str()},       {"write", m.access == Access::read_write},
            {"optional", m.optional}, {"device", m.device},
            {"idmapped", m.idmapped}};
  }
  json operator()(const Tmpfs& m) const {
    return {{"kind", "tmpfs"},
            {"to", m.at.str()},
            {"size", m.size.count},
            {"mode", fmt::format("{:04o}", m.mode)}};
  }
  json operator()(const Directory& m) const { return {{"kind", "directory"}, {"to", m.at.str()}}; }
  json operator()(const File& m) const {
    return {{"kind", "file"}, {"to", m.at.str()}, {"content", m.content}};
  }
  json operator()(const Symlink& m) const {
    return {{"kind", "symlink"}, {"to", m.at.str()}, {"target", m.to}};
  }
  json operator()(const Proc& m) const { return {{"kind", "proc"}, {"to", m.at.str()}}; }
  json operator()(const Devpts& m) const { return {{"kind", "devpts"}, {"to", m.at.str()}}; }
  json operator()(const Socket& m) const { return {{"kind", "socket"}, {"to", m.at.str()}}; }
  json operator()(const Absent& m) const {
    return {{"kind", "absent"}, {"to", m.at.str()}, {"asked", m.asked}};
  }
  json operator()(const Overlay& m) const {
    json masks = json::array();
    for (const HiddenPath& hidden : m.masks) {
      masks.push_back({{"path", hidden.path}, {"pattern", hidden.pattern}});
    }
    return {{"kind", "overlay"},          {"from", m.lower.str()},
            {"to", m.to.str()},           {"upper", m.writable.str() + "/upper"},
            {"hidden", std::move(masks)}, {"idmapped", m.idmapped}};
  }
};

json globs_to_json(const std::vector<Glob>& globs) {
  json out = json::array();
  for (const Glob& glob : globs) out.push_back(glob.str());
  return out;
}

json hosts_to_json(const std::vector<HostGrant>& grants) {
  json out = json::array();
  for (const HostGrant& grant : grants) out.push_back(to_text(grant));
  return out;
}

json budget_to_json(const NetworkBudget& budget) {
  json out = json::object();
  if (budget.bytes) out["bytes"] = budget.bytes->count;
  if (budget.upload) out["upload"] = budget.upload->count;
  if (budget.connections) out["connections"] = *budget.connections;
  if (budget.requests) out["requests"] = *budget.requests;
  return out;
}

json rule_to_json(const NetworkRule& rule) {
  json out = {{"host", rule.host},
              {"methods", rule.methods},
              {"paths", rule.paths},
              {"content_types", rule.content_types},
              {"websocket", rule.websocket}};
  if (rule.max_upload) out["max_upload"] = rule.max_upload->count;
  return out;
}

std::string_view name_of(ListenerKind kind) {
  constexpr std::string_view kNames[] = {"http",    "socks",     "model", "dns/udp",
                                         "dns/tcp", "telemetry", "tcp"};
  return kNames[static_cast<std::size_t>(kind)];
}

json network_to_json(const EgressPlan& egress) {
  json rules = json::array();
  for (const NetworkRule& rule : egress.rules.inspect) rules.push_back(rule_to_json(rule));
  json listeners = json::array();
  for (const Listener& listener : egress.listeners) {
    listeners.push_back(fmt::format("{}:{}", name_of(listener.kind), listener.port));
  }
  json routes = json::array();
  for (const IpNetwork& network : egress.routes) routes.push_back(to_text(network));
  json out = {{"mode", spelling(egress.rules.mode)},
              {"allow", hosts_to_json(egress.rules.allow)},
              {"deny", hosts_to_json(egress.rules.deny)},
              {"internal", hosts_to_json(egress.rules.internal)},
              {"opaque", hosts_to_json(egress.rules.opaque)},
              {"rules", std::move(rules)},
              {"budget", budget_to_json(egress.budget)},
              {"per_host", budget_to_json(egress.per_host)},
              {"listeners", std::move(listeners)},
              {"routes", std::move(routes)},
              {"learn", egress.rules.learn}};
  if (egress.model) {
    out["model"] = {{"inside", fmt::format("http://127.0.0.1:{}", egress.model->port)},
                    {"upstream", egress.model->upstream},
                    {"credential", egress.model->credential}};
  }
  return out;
}

json limits_to_json(const LimitsPlan& l) {
  return {{"memory", l.memory.count},
          {"memory_by", name_of(l.memory_by)},
          {"cpus", l.cpus},
          {"cpus_by", name_of(l.cpus_by)},
          {"processes", l.processes},
          {"processes_by", name_of(l.processes_by)},
          {"open_files", l.open_files},
          {"time_ms", l.time.count()},
          {"idle_ms", l.idle.count()},
          {"disk", l.disk.count},
          {"scratch", l.scratch.count},
          {"output", l.output.count}};
}

json guard_to_json(const GuardPlan& guard) {
  json protect = json::array();
  for (const ProtectClass c : guard.protect) protect.push_back(spelling(c));
  return {{"allow", globs_to_json(guard.allow)},
          {"protect", std::move(protect)},
          {"max_files", guard.max_files},
          {"max_size", guard.max_size.count},
          {"secrets", spelling(guard.secrets)}};
}

json layers_to_json(const Plan& plan) {
  json out = json::array();
  for (const LayerReport& layer : plan.layers) {
    out.push_back({{"layer", spelling(layer.layer)},
                   {"strength", name_of(layer.strength)},
                   {"how", layer.how}});
  }
  return out;
}

std::string joined(const std::vector<std::string>& words, std::string_view none) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + printable(word);
  return out.empty() ? std::string(none) : out;
}

std::string visible_text(const Plan& plan) {
  std::string out;
  for (const MountOp& op : plan.mounts) {
    const auto* bind = std::get_if<Bind>(&op);
    if (bind == nullptr || bind->device || bind->to.str().starts_with("/run/berm")) continue;
    if (bind->to.str().ends_with("/.git")) continue;
    out += fmt::format("  {}  {}\n", bind->access == Access::read_write ? "write" : "read ",
                       printable(bind->to.str()));
  }
  return out;
}

std::string hidden_text(const Plan& plan) {
  for (const MountOp& op : plan.mounts) {
    const auto* overlay = std::get_if<Overlay>(&op);
    if (overlay == nullptr || overlay->masks.empty()) continue;
    std::string out;
    for (const HiddenPath& hidden : overlay->masks) {
      if (&hidden - overlay->masks.data() == 12) {
        return out +
               fmt::format("  … and {} more (--json lists them)\n", overlay->masks.size() - 12);
      }
      out += fmt::format("  {}  (pattern {})\n", printable(hidden.path), printable(hidden.pattern));
    }
    return out;
  }
  return "  nothing matched\n";
}

std::string absent_text(const Plan& plan) {
  std::vector<std::string> asked;
  for (const MountOp& op : plan.mounts) {
    const auto* absent = std::get_if<Absent>(&op);
    if (absent != nullptr && (asked.empty() || asked.back() != absent->asked)) {
      asked.push_back(absent->asked);
    }
  }
  return asked.empty() ? ""
                       : fmt::format("Absent     {} (cannot be executed)\n", joined(asked, ""));
}

std::string network_text(const EgressPlan& egress) {
  std::vector<std::string> hosts;
  for (const HostGrant& grant : egress.rules.allow) hosts.push_back(to_text(grant));
  std::string out = "Network    ";
  if (egress.rules.mode == NetworkMode::open) {
    out += "any public name\n";
  } else if (!egress.any()) {
    out += "none\n";
  } else {
    out += joined(hosts, "no host by name") + "\n";
  }
  std::vector<std::string> denied;
  for (const HostGrant& grant : egress.rules.deny) denied.push_back(to_text(grant));
  if (!denied.empty()) out += fmt::format("  denied   {}\n", joined(denied, ""));
  for (const NetworkRule& rule : egress.rules.inspect) {
    out += fmt::format("  inspect  {}: {} on {}\n", rule.host, joined(rule.methods, "nothing"),
                       joined(rule.paths, "nothing"));
  }
  return out;
}

std::string use_text(const CredentialUse& use) {
  std::string out = use.port == 443 ? use.host : fmt::format("{}:{}", use.host, use.port);
  const bool named = use.carrier != Carrier::sigv4 && use.carrier != Carrier::exchanged;
  out += !named ? fmt::format(" ({})", spelling(use.carrier))
                : fmt::format(" ({} {})", spelling(use.carrier), use.name);
  if (!use.methods.empty()) out += " " + joined(use.methods, "");
  if (!use.paths.empty()) {
    out += fmt::format(
        " {}{}", use.paths.front(),
        use.paths.size() > 1 ? fmt::format(" and {} more", use.paths.size() - 1) : std::string());
  }
  return out;
}

std::string credentials_text(const Plan& plan) {
  std::string out;
  for (const CredentialPlan& credential : plan.credentials) {
    out += fmt::format("Credential {} from {}, never inside\n", printable(credential.name),
                       printable(credential.grant.from));
    for (const CredentialUse& use : credential.grant.to) {
      out += fmt::format("             {}\n", printable(use_text(use)));
    }
  }
  return out;
}

}  // namespace

json to_json(const Plan& plan) {
  json mounts = json::array();
  for (const MountOp& op : plan.mounts) mounts.push_back(std::visit(MountToJson{}, op));
  json rules = json::array();
  for (const auto& [path, access] : plan.landlock.rules) {
    rules.push_back({{"path", path.str()}, {"access", access}});
  }
  json require = json::array();
  for (const Requirement& r : plan.require) {
    require.push_back(fmt::format("{}{}", spelling(r.layer), r.kernel ? ":kernel" : ""));
  }
  return {{"schema", "berm.plan/1"},
          {"run", plan.run_id},
          {"tier", spelling(plan.tier)},
          {"agent", spelling(plan.agent)},
          {"argv", plan.argv},
          {"env", plan.env},
          {"cwd", plan.cwd.str()},
          {"terminal", plan.terminal},
          {"identity",
           {{"uid", plan.identity.uid},
            {"gid", plan.identity.gid},
            {"host_uid", plan.identity.host_uid},
            {"host_gid", plan.identity.host_gid}}},
          {"workspace",
           {{"mode", spelling(plan.workspace.mode)},
            {"repository", plan.workspace.repository.str()},
            {"git", spelling(plan.workspace.git)},
            {"base", plan.workspace.base_commit},
            {"branch", plan.workspace.base_branch}}},
          {"mounts", std::move(mounts)},
          {"landlock", {{"abi", plan.landlock.abi}, {"rules", std::move(rules)}}},
          {"network", network_to_json(plan.egress)},
          {"limits", limits_to_json(plan.limits)},
          {"guard", guard_to_json(plan.guard)},
          {"tools",
           {{"policy", tool_policy_to_json(plan.tools.policy)},
            {"hooked", plan.tools.hooked},
            {"expected", plan.tools.expected}}},
          {"audit", audit_to_json(plan.audit)},
          {"require", std::move(require)},
          {"layers", layers_to_json(plan)},
          {"notes", plan.notes},
          {"weaknesses", plan.weaknesses}};
}

std::string to_text(const Plan& plan) {
  std::string out =
      fmt::format("Plan for: {}\n", joined({plan.argv.begin(), plan.argv.end()}, "(nothing)"));
  out += fmt::format("Tier {} · agent {} · uid {} inside, {} on the host\n\n", spelling(plan.tier),
                     spelling(plan.agent), plan.identity.uid, plan.identity.host_uid);
  out += fmt::format("Workspace  {} of {}, git history {}\n", spelling(plan.workspace.mode),
                     printable(plan.workspace.repository.str()), spelling(plan.workspace.git));
  out += "Visible (everything else does not exist inside)\n" + visible_text(plan);
  out += "Hidden in the workspace\n" + hidden_text(plan);
  out += absent_text(plan);
  out += network_text(plan.egress);
  if (plan.egress.model) {
    out += fmt::format("Model API  {} through egress\n", plan.egress.model->upstream);
  }
  out += credentials_text(plan);
  out += tools_text(plan.tools);
  out += audit_text(plan.audit);
  std::vector<std::string> names;
  for (const auto& [name, value] : plan.env) names.push_back(name);
  out += fmt::format("Variables  {}\n", joined(names, "none"));
  const LimitsPlan& l = plan.limits;
  out += fmt::format(
      "Limits     memory {} ({}), processes {} ({}), cpus {} ({}), time {}, disk {}, output {}\n",
      to_text(l.memory), name_of(l.memory_by), l.processes, name_of(l.processes_by), l.cpus,
      name_of(l.cpus_by), to_text(l.time), to_text(l.disk), to_text(l.output));
  std::vector<std::string> globs;
  for (const Glob& glob : plan.guard.allow) globs.push_back(glob.str());
  out += fmt::format("Guard      changes in {}; at most {} files, {}\n", joined(globs, "nothing"),
                     plan.guard.max_files, to_text(plan.guard.max_size));
  out += "Enforced by\n";
  for (const LayerReport& layer : plan.layers) {
    out += fmt::format("  {:<11} {:<10} {}\n", spelling(layer.layer), name_of(layer.strength),
                       layer.how);
  }
  for (const std::string& note : plan.notes) out += fmt::format("NOTE: {}\n", printable(note));
  for (const std::string& weakness : plan.weaknesses) {
    out += fmt::format("WEAKER: {}\n", printable(weakness));
  }
  return out;
}

}  // namespace berm
