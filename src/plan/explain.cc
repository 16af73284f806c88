#include "plan/explain.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "policy/merge.h"
#include "policy/parse.h"
#include "rules/changes/changes.h"
#include "rules/tools/decide.h"

namespace berm {
namespace {

// The last mount that covers `path`, in words; writable tells whether writes reach it.
struct Cover {
  bool found = false;
  bool writable = false;
  std::string by;
};

Cover cover_of(const Plan& plan, const SandboxPath& path) {
  Cover cover;
  const auto consider = [&](const SandboxPath& at, bool writable, std::string by) {
    if (path.is_within(at)) cover = {true, writable, std::move(by)};
  };
  for (const MountOp& op : plan.mounts) {
    if (const auto* bind = std::get_if<Bind>(&op)) {
      consider(bind->to, bind->access == Access::read_write,
               fmt::format("mount of {}", bind->from.str()));
    } else if (const auto* tmpfs = std::get_if<Tmpfs>(&op)) {
      consider(tmpfs->at, true, "private tmpfs");
    } else if (const auto* overlay = std::get_if<Overlay>(&op)) {
      consider(overlay->to, true, "copy-on-write workspace");
    } else if (const auto* file = std::get_if<File>(&op)) {
      consider(file->at, false, "file made by berm");
    } else if (const auto* proc = std::get_if<Proc>(&op)) {
      consider(proc->at, false, "private procfs");
    }
  }
  return cover;
}

const HiddenPath* hidden_by(const Plan& plan, std::string_view relative) {
  for (const MountOp& op : plan.mounts) {
    const auto* overlay = std::get_if<Overlay>(&op);
    if (overlay == nullptr) continue;
    for (const HiddenPath& hidden : overlay->masks) {
      const bool within =
          relative.starts_with(hidden.path) &&
          (relative.size() == hidden.path.size() || relative[hidden.path.size()] == '/');
      if (within) return &hidden;
    }
  }
  return nullptr;
}

Explanation explain_write_in_workspace(const Plan& plan, const std::string& relative) {
  if (relative == ".git" || relative.starts_with(".git/")) {
    return {true, "workspace.git",
            "writes go to a private git directory; nothing of it but commits can be imported"};
  }
  if (!any_covers(plan.guard.allow, relative)) {
    return {false, "changes.allow (guard rule outside-allow)",
            "the write succeeds in the copy, and the guard refuses to import it"};
  }
  const std::optional<ProtectClass> protect = protect_class_of(relative);
  const bool guarded =
      protect && std::ranges::find(plan.guard.protect, *protect) != plan.guard.protect.end();
  const bool named = std::ranges::any_of(plan.guard.allow,
                                         [&](const Glob& glob) { return glob.str() == relative; });
  if (guarded && !named) {
    Explanation refused{.rule = fmt::format("changes.protect: '{}' (guard rule protected-file)",
                                            spelling(*protect))};
    refused.reason =
        "the write succeeds in the copy, and the guard refuses to import it; name the path exactly "
        "in changes.allow to permit it";
    return refused;
  }
  return {true, "changes.allow",
          "the write goes to the copy-on-write workspace and may be imported"};
}

Result<Explanation> explain_path(const Plan& plan, bool write, const std::string& what) {
  const std::string absolute = what.starts_with('/') ? what : plan.workspace.at.str() + "/" + what;
  const Result<SandboxPath> path = SandboxPath::parse(absolute);
  if (!path) return failure(Errc::usage, fmt::format("'{}' is not a path in normal form", what));
  const Cover cover = cover_of(plan, *path);
  if (!cover.found) {
    return Explanation{false, "filesystem layer",
                       "it does not exist inside: no mount covers it (files.read can grant it)"};
  }
  if (path->is_within(plan.workspace.at) && *path != plan.workspace.at) {
    const std::string relative = path->str().substr(plan.workspace.at.str().size() + 1);
    const HiddenPath* hidden = hidden_by(plan, relative);
    if (hidden != nullptr && !write) {
      return Explanation{false, fmt::format("workspace.hide: pattern '{}'", hidden->pattern),
                         "it is absent inside (ENOENT)"};
    }
    if (write) return explain_write_in_workspace(plan, relative);
  }
  if (write && !cover.writable) {
    return Explanation{false, cover.by,
                       "the mount is read-only (EROFS), and Landlock grants no write there"};
  }
  return Explanation{
      true, cover.by,
      write ? "writable, and private to the run unless files.write granted it" : "visible inside"};
}

Result<Explanation> explain_connect(const Plan& plan, const std::string& what) {
  const std::optional<Destination> to = parse_authority(what, 443);
  if (!to) {
    return failure(Errc::usage, fmt::format("'{}' is not HOST[:PORT]", printable(what)),
                   "write a plain host name and a port: api.example.com:443");
  }
  if (!plan.egress.any()) {
    return Explanation{false, "network layer",
                       fmt::format("the run has no route out: no host is granted; to permit it: "
                                   "network.allow = [\"{}\"]",
                                   to_text(*to))};
  }
  const Grant grant = decide(plan.egress.rules, *to);
  if (!grant.allowed) return Explanation{false, grant.rule, grant.why};
  std::string reason = to->address
                           ? "the address is granted as such"
                           : "resolved once by egress, and dialled if it is no private address";
  if (grant.inspected)
    reason += "; TLS is terminated, and every request needs a rule that covers it";
  if (to->port == 443 && !grant.inspected && !grant.opaque && !to->address) {
    reason += "; its TLS must ask for the same name";
  }
  return Explanation{true, grant.rule, reason};
}

// By name or by path; what a link leads to is only known inside.
const Absent* absent_by(const Plan& plan, const std::string& what) {
  for (const MountOp& op : plan.mounts) {
    const auto* absent = std::get_if<Absent>(&op);
    if (absent != nullptr && (absent->asked == what || absent->at.str() == what)) return absent;
  }
  return nullptr;
}

// What the agent's hook and execve(2) would hear of this command.
Result<Explanation> explain_exec(const Plan& plan, const std::string& what) {
  if (absent_by(plan, what) != nullptr) {
    return Explanation{.allowed = false,
                       .rule = "tools.programs_absent",
                       .reason =
                           "it cannot be executed inside (EACCES), whatever starts it; a copy "
                           "under another name is not covered",
                       .parse = {}};
  }
  const bool path =
      what.starts_with('/') && what.find_first_of(" \t\n;|&<>()$`'\"\\*?[#~") == std::string::npos;
  if (path) {
    Explanation there = BERM_TRY(explain_path(plan, false, what));
    if (!there.allowed) return there;
  }
  const ToolRules rules = BERM_TRY(ToolRules::compile(
      plan.tools.policy, {.workspace = plan.workspace.at.str(), .home = plan.tools.home}));
  ToolCall call{.tool = "Bash"};
  call.command = what;
  call.runs_shell = true;
  call.cwd = plan.cwd.str();
  const ToolDecision decision = rules.decide(call);
  Explanation out{.rule = decision.rule, .reason = decision.reason, .parse = {}};
  out.parse = to_text(understand_shell(what));
  out.allowed = decision.action != ToolAction::deny && decision.action != ToolAction::ask;
  if (decision.action == ToolAction::ask) out.reason += " (it asks; nobody there is a no)";
  if (decision.action == ToolAction::rewrite) {
    out.reason += fmt::format("rewritten before it runs: {}", decision.rewrite);
  }
  if (out.rule.empty()) out.rule = "tools.otherwise";
  if (out.reason.empty()) {
    out.reason = "no rule speaks against it; names are no boundary, the sandbox is";
  }
  return out;
}

}  // namespace

Result<Explanation> explain(const Plan& plan, const std::string& act, const std::string& what) {
  if (act == "read") return explain_path(plan, false, what);
  if (act == "write") return explain_path(plan, true, what);
  if (act == "connect") return explain_connect(plan, what);
  if (act == "exec") return explain_exec(plan, what);
  constexpr std::string_view kActs[] = {"read", "write", "connect", "exec"};
  const std::string_view near = nearest(act, kActs);
  return failure(Errc::usage,
                 fmt::format("unknown act '{}'; one of read, write, connect, exec{}", act,
                             near.empty() ? "" : fmt::format("; did you mean '{}'?", near)));
}

}  // namespace berm
