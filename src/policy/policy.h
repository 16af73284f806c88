// src/policy/policy.h: what the user grants, as data. ARCHITECTURE: Policy is the first stage.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/glob.h"
#include "base/result.h"
#include "base/units.h"
#include "policy/audit_policy.h"
#include "policy/kubernetes_policy.h"
#include "policy/lint_policy.h"

namespace berm {

enum class AgentKind : std::uint8_t { none, claude, codex, gemini, opencode };
enum class TierChoice : std::uint8_t {
  automatic,
  process,
  namespaces,
  container,
  microvm,
  kubernetes
};
/// Which program runs containers, and which monitor runs virtual machines.
enum class ContainerEngine : std::uint8_t { automatic, docker, podman };
enum class VirtualMachineMonitor : std::uint8_t {
  automatic,
  qemu,
  firecracker,
  cloud_hypervisor,
};
enum class Layer : std::uint8_t { filesystem, network, processes, syscalls, privileges, resources };
/// Weaker modes come later: a ceiling allows its own mode and every earlier one.
enum class WorkspaceMode : std::uint8_t { overlay, worktree, clone, direct };
enum class GitHistory : std::uint8_t { none, head, full };
enum class ProtectClass : std::uint8_t { ci, git, agent, editor, shell, packages, ownership };
enum class SecretsAction : std::uint8_t { refuse, report };
enum class NetworkMode : std::uint8_t { none, allow, open };
/// What a rule about tool calls leads to. In this order the stronger one wins, but for allow: it
/// also sets packs aside.
enum class ToolAction : std::uint8_t { allow, report, rewrite, ask, deny };
/// What a pack's finding, and a command that is not understood, lead to.
enum class ToolMatch : std::uint8_t { deny, ask, report };
enum class SuccessAction : std::uint8_t { keep, apply, branch, patch };
/// How much of a prompt stands in the record.
enum class PromptDetail : std::uint8_t { digest, text };
/// What repetition, floods and storms lead to.
enum class AnomalyResponse : std::uint8_t { ignore, report, end };
/// How a secret travels in a request.
enum class Carrier : std::uint8_t {
  header,  ///< the value of a header
  query,   ///< the value of a key of the query
  basic,   ///< the password of basic authentication (RFC 7617)
  sigv4,   ///< never: egress signs the request anew (AWS Signature Version 4)
  /// Not at all: a token does that another place of the grant has answered with, a token service.
  exchanged,
};
/// Tools that the model's provider would run for the agent, past every rule of egress.
enum class HostedTools : std::uint8_t { strip, refuse, allow };
/// Faster processing at a multiple of the list price ("speed": "fast", "service_tier": "priority").
enum class PremiumTier : std::uint8_t { standard_only, allow };
/// What a rate above the band leads to: the run's end, and with `disable_key` the key's too.
enum class AnomalyAction : std::uint8_t { end, disable_key };

template <class E>
using EnumNames = std::span<const std::pair<std::string_view, E>>;

/// Every spelling of an enum, in the order of the enum. The parser, the printers and the error
/// messages ("one of …") read the same table.
[[nodiscard]] EnumNames<AgentKind> names(AgentKind);
[[nodiscard]] EnumNames<TierChoice> names(TierChoice);
[[nodiscard]] EnumNames<ContainerEngine> names(ContainerEngine);
[[nodiscard]] EnumNames<VirtualMachineMonitor> names(VirtualMachineMonitor);
[[nodiscard]] EnumNames<KubernetesWorkload> names(KubernetesWorkload);
[[nodiscard]] EnumNames<Layer> names(Layer);
[[nodiscard]] EnumNames<WorkspaceMode> names(WorkspaceMode);
[[nodiscard]] EnumNames<GitHistory> names(GitHistory);
[[nodiscard]] EnumNames<ProtectClass> names(ProtectClass);
[[nodiscard]] EnumNames<SecretsAction> names(SecretsAction);
[[nodiscard]] EnumNames<NetworkMode> names(NetworkMode);
[[nodiscard]] EnumNames<ToolAction> names(ToolAction);
[[nodiscard]] EnumNames<ToolMatch> names(ToolMatch);
[[nodiscard]] EnumNames<PromptDetail> names(PromptDetail);
[[nodiscard]] EnumNames<AnomalyResponse> names(AnomalyResponse);
[[nodiscard]] EnumNames<Carrier> names(Carrier);
[[nodiscard]] EnumNames<HostedTools> names(HostedTools);
[[nodiscard]] EnumNames<AnomalyAction> names(AnomalyAction);
[[nodiscard]] EnumNames<RecordSync> names(RecordSync);
[[nodiscard]] EnumNames<SinkType> names(SinkType);
[[nodiscard]] EnumNames<OverflowAction> names(OverflowAction);

template <class E>
[[nodiscard]] std::string_view spelling(E value) {
  for (const auto& [name, candidate] : names(E{})) {
    if (candidate == value) return name;
  }
  return "?";
}

/// A layer that must hold, and how: "resources" (any way) or "resources:kernel".
struct Requirement {
  Layer layer = Layer::filesystem;
  bool kernel = false;  ///< Supervision by sampling does not count.
  friend auto operator<=>(const Requirement&, const Requirement&) = default;
};

/// What happens to the changes of a run that ended with code 0 and a clean guard.
struct OnSuccess {
  SuccessAction action = SuccessAction::keep;
  std::string target = {};  ///< Branch name or patch file; empty for keep and apply.
  bool operator==(const OnSuccess&) const = default;
};

/// A destination the run may reach: exact "a.b", "*.b" sub-domains, "**.b" both, "@bundle", or an
/// address or network ("192.0.2.7", "10.0.0.0/8", "2001:db8::/32").
struct HostGrant {
  std::string pattern;     ///< Canonical: lower case, no trailing dot; RFC 5952.
  std::uint16_t port = 0;  ///< 0 = the ports of the web, 80 and 443; without meaning if any_port.
  bool any_port = false;
  friend auto operator<=>(const HostGrant&, const HostGrant&) = default;
};
/// The grant as it is written in a policy.
[[nodiscard]] std::string to_text(const HostGrant& grant);

/// What may be asked of a host whose TLS berm terminates. Every list that is empty allows nothing,
/// except `content_types` (anything).
struct NetworkRule {
  std::string host;                        ///< exact name or pattern; port 443
  std::vector<std::string> methods;        ///< upper case
  std::vector<std::string> paths;          ///< "/repos/acme/**": '*' within a segment, '**' across
  std::vector<std::string> content_types;  ///< of request bodies: "application/json"
  std::optional<Bytes> max_upload;         ///< of one request's body
  bool websocket = false;                  ///< an Upgrade to websocket is passed on
  bool operator==(const NetworkRule&) const = default;
};

/// What may be used up of the network: by a run, or by each host of it.
struct NetworkBudget {
  std::optional<Bytes> bytes;   ///< up and down together
  std::optional<Bytes> upload;  ///< up alone: what could be carried out
  std::optional<std::uint64_t> connections;
  std::optional<std::uint64_t> requests;  ///< of inspected hosts and plain HTTP
  bool operator==(const NetworkBudget&) const = default;
};

/// What a run may use up of model APIs.
struct ModelBudget {
  std::optional<std::uint64_t> tokens;
  std::optional<double> cost;  ///< US dollars
  std::optional<std::uint64_t> requests;
  std::optional<std::uint64_t> token_rate;  ///< a minute
  AnomalyAction on_token_rate = AnomalyAction::end;
  bool operator==(const ModelBudget&) const = default;
};

/// One place where a secret may be used.
struct CredentialUse {
  std::string host;  ///< exact name; with sigv4 a pattern is possible: the signature binds the host
  std::uint16_t port = 443;
  Carrier carrier = Carrier::header;
  std::string name;                  ///< of the header (lower case) or query key; the user of basic
  std::string format = "{}";         ///< of the header's value: "Bearer {}"
  std::vector<std::string> methods;  ///< upper case; empty = any
  std::vector<std::string> paths;    ///< patterns as in NetworkRule; empty = any
  std::vector<std::string> except;   ///< of those: never
  std::vector<std::string> services;  ///< of sigv4, signing names with '*': "s3"; empty = any
  std::vector<std::string> regions;   ///< the same
  bool operator==(const CredentialUse&) const = default;
};

/// A file inside that shows the placeholder: "~/.npmrc".
struct CredentialFile {
  std::string path;     ///< beneath the agent's home, "~/…"
  std::string content;  ///< "{}" is the placeholder
  bool operator==(const CredentialFile&) const = default;
};

/// A rule about tool calls and started programs. `match` in Claude Code's syntax: "Bash(npm test)",
/// "Read(//etc/**)", "WebFetch(domain:example.com)", "mcp__github__*", "*"; and "Exec(ssh *)" for
/// what is started, whoever starts it.
struct ToolRule {
  ToolAction action = ToolAction::deny;
  std::string match;
  std::string reason;   ///< for the model; "" = made from the rule
  std::string rewrite;  ///< a JSON object, merged into the tool's input (RFC 7396)
  bool operator==(const ToolRule&) const = default;
};

/// What the agent may do by its tools.
struct ToolPolicy {
  std::vector<ToolRule> rules;
  std::vector<std::string> packs{"core",       "git",      "filesystem", "download-execute",
                                 "cloud",      "database", "containers", "packages",
                                 "persistence"};
  ToolMatch on_match = ToolMatch::deny;
  ToolMatch on_unclear = ToolMatch::ask;  ///< "ask" is "deny" when nobody is there
  bool bounded = false;  ///< a ceiling speaks of packs or what is unclear: no allow sets it aside
  ToolAction otherwise = ToolAction::allow;  ///< what no rule speaks of: allow, ask or deny
  PromptDetail prompts = PromptDetail::digest;
  bool bypass_permissions = true;  ///< the client may skip its own prompts: the sandbox holds
  bool unhooked = false;           ///< a client whose hooks cannot be made to hold may run
  std::vector<std::string> programs_absent;  ///< absolute paths, or names looked for in /usr
  AnomalyResponse on_anomaly = AnomalyResponse::report;
  std::uint64_t repeated_failures = 10;  ///< the same call, failing, in a row
  std::uint64_t exec_rate = 1000;        ///< programs started in a second, for 5 s
  std::uint64_t call_rate = 300;         ///< tool calls in a minute
  std::uint64_t request_rate = 500;      ///< connections and requests in a second, for 5 s
  Bytes output_rate{32ULL << 20};        ///< bytes the agent prints in a second, for 5 s
  bool operator==(const ToolPolicy&) const = default;
};

/// What may be asked of a model API.
struct ModelRules {
  std::string api;                  ///< "anthropic", "openai", "gemini"; "" = it is none
  std::vector<std::string> models;  ///< patterns with '*'; empty = any
  std::optional<std::uint64_t> max_output_tokens;  ///< of one request; nullopt: as asked
  HostedTools hosted_tools = HostedTools::strip;
  PremiumTier premium = PremiumTier::standard_only;
  /// '*' patterns of single names that are let through whatever else the rules say: hosted tools
  /// and fields as the record and the refusals name them, and types and fields we do not know.
  std::vector<std::string> permit;
  bool operator==(const ModelRules&) const = default;
};

/// A secret bound to the places where it may be used. `from` names the source, never the value.
struct CredentialGrant {
  std::string from;
  std::string preset;                        ///< what filled in the rest: "github"; or ""
  std::map<std::string, std::string> with;   ///< options of the source
  std::map<std::string, std::string> scope;  ///< what an issued one may do; lists by commas
  std::vector<CredentialUse> to;
  std::string placeholder;                 ///< what stands for it inside; "" = made for the run
  std::map<std::string, std::string> env;  ///< variables inside; "{}" is the placeholder
  std::optional<CredentialFile> file;
  std::optional<Milliseconds> max_age;
  bool old_is_refused = true;  ///< else told
  std::string issued;          ///< date of a static key, where its issuer cannot be asked
  std::optional<Milliseconds> ttl;
  ModelRules model;
  bool operator==(const CredentialGrant&) const = default;
};

/// How the container tier runs.
struct ContainerPolicy {
  ContainerEngine engine = ContainerEngine::automatic;
  std::string runtime;  ///< "runc", "crun", "runsc", "kata"; "" = the engine's own choice
  std::string image;    ///< a name or digest that the engine has; "" = what `berm image build` made
  bool operator==(const ContainerPolicy&) const = default;
};

/// How the microvm tier runs.
struct MicrovmPolicy {
  VirtualMachineMonitor vmm = VirtualMachineMonitor::automatic;
  bool emulation = false;   ///< without KVM the processor is emulated: tens of times slower
  bool containers = false;  ///< a container engine may run inside: the guest's own layers are fewer
  bool operator==(const MicrovmPolicy&) const = default;
};

/// One policy source: managed file, profile, berm.toml or flags. Absent = says nothing about it.
struct PolicyLayer {
  std::optional<AgentKind> profile;
  std::optional<TierChoice> tier;
  std::optional<std::vector<Requirement>> require;

  struct Workspace {
    std::optional<WorkspaceMode> mode;
    std::optional<std::string> ref;
    std::optional<std::vector<Glob>> write;
    std::optional<std::vector<Glob>> hide;
    std::optional<GitHistory> git;
    std::optional<OnSuccess> on_success;
    bool operator==(const Workspace&) const = default;
  } workspace;

  struct Changes {
    std::optional<std::vector<Glob>> allow;
    std::optional<std::vector<ProtectClass>> protect;
    std::optional<std::uint64_t> max_files;
    std::optional<Bytes> max_size;
    std::optional<SecretsAction> secrets;
    bool operator==(const Changes&) const = default;
  } changes;

  struct Files {
    std::optional<std::vector<std::string>> read;  ///< Absolute, or "~/…".
    std::optional<std::vector<std::string>> write;
    bool operator==(const Files&) const = default;
  } files;

  struct Env {
    std::optional<std::vector<std::string>> pass;
    std::map<std::string, std::string> set;
    bool operator==(const Env&) const = default;
  } env;

  struct Network {
    std::optional<NetworkMode> mode;
    std::optional<std::vector<HostGrant>> allow;
    std::optional<std::vector<HostGrant>> deny;
    std::optional<std::vector<HostGrant>> internal;  ///< exact host:port; may resolve to private
    std::optional<std::vector<HostGrant>> opaque;    ///< TLS without (or with encrypted) SNI
    std::vector<NetworkRule> rules;
    NetworkBudget budget;
    NetworkBudget per_host;
    bool operator==(const Network&) const = default;
  } network;

  std::map<std::string, CredentialGrant> credentials;

  struct Limits {
    std::optional<Bytes> memory;
    std::optional<double> cpus;
    std::optional<std::uint64_t> processes;
    std::optional<std::uint64_t> open_files;
    std::optional<Milliseconds> time;
    std::optional<Milliseconds> idle;
    std::optional<Bytes> disk;
    std::optional<Bytes> output;
    std::optional<Bytes> egress;              ///< the same as network.budget.bytes
    std::optional<std::uint64_t> tokens;      ///< of model APIs, in and out together
    std::optional<double> cost;               ///< US dollars by the built-in price table
    std::optional<std::uint64_t> requests;    ///< to model APIs
    std::optional<std::uint64_t> token_rate;  ///< tokens a minute: more is an anomaly
    std::optional<AnomalyAction> on_token_rate;
    bool operator==(const Limits&) const = default;
  } limits;

  struct Prepare {
    std::optional<std::string> run;
    std::optional<std::vector<HostGrant>> allow;
    std::optional<std::vector<std::string>> inputs;
    std::optional<std::vector<std::string>> keep;
    bool operator==(const Prepare&) const = default;
  } prepare;

  struct Tools {
    std::vector<ToolRule> rules;  ///< allow, deny, ask, report lists and [[tools.rule]], in order
    std::optional<std::vector<std::string>> packs;
    std::optional<ToolMatch> on_match;
    std::optional<ToolMatch> on_unclear;
    std::optional<ToolAction> otherwise;
    std::optional<PromptDetail> prompts;
    std::optional<bool> bypass_permissions;
    std::optional<bool> unhooked;
    std::optional<std::vector<std::string>> programs_absent;
    std::optional<AnomalyResponse> on_anomaly;
    std::optional<std::uint64_t> repeated_failures;
    std::optional<std::uint64_t> exec_rate;
    std::optional<std::uint64_t> call_rate;
    std::optional<std::uint64_t> request_rate;
    std::optional<Bytes> output_rate;
    bool operator==(const Tools&) const = default;
  } tools;

  AuditLayer audit;

  struct Container {
    std::optional<ContainerEngine> engine;
    std::optional<std::string> runtime;
    std::optional<std::string> image;
    bool operator==(const Container&) const = default;
  } container;

  struct Microvm {
    std::optional<VirtualMachineMonitor> vmm;
    std::optional<bool> emulation;
    std::optional<bool> containers;
    bool operator==(const Microvm&) const = default;
  } microvm;

  KubernetesLayer kubernetes;

  LintLayer lint;  ///< of the file it stands in alone: sources are not merged

  bool operator==(const PolicyLayer&) const = default;
};

/// The merged policy: every question has an answer. Two equal policies give the same plan.
struct Policy {
  AgentKind profile = AgentKind::none;
  TierChoice tier = TierChoice::automatic;
  std::vector<Requirement> require;

  WorkspaceMode mode = WorkspaceMode::overlay;
  std::string ref;
  std::vector<Glob> write;  ///< Empty list = nothing is writable.
  std::vector<Glob> hide;   ///< Without the built-in list, which the plan adds.
  GitHistory git = GitHistory::full;
  OnSuccess on_success;

  std::vector<Glob> allow_changes;
  std::vector<ProtectClass> protect;
  std::uint64_t max_files = 200;
  Bytes max_size{8ULL << 20};
  SecretsAction secrets = SecretsAction::refuse;

  std::vector<std::string> read_paths;
  std::vector<std::string> write_paths;

  std::vector<std::string> env_pass;
  std::map<std::string, std::string> env_set;

  NetworkMode network = NetworkMode::allow;
  std::vector<HostGrant> allow_hosts;
  std::vector<HostGrant> deny_hosts;
  std::vector<HostGrant> internal_hosts;
  std::vector<HostGrant> opaque_hosts;
  std::vector<NetworkRule> network_rules;
  NetworkBudget network_budget;
  NetworkBudget network_per_host;
  bool learn = false;  ///< a flag of the command line, never of a file
  bool ask = false;    ///< somebody at the terminal is asked about a host that nothing grants
  std::map<std::string, CredentialGrant> credentials;

  Bytes memory{4ULL << 30};
  double cpus = 2.0;
  std::uint64_t processes = 512;
  std::uint64_t open_files = 4096;
  Milliseconds time{30 * 60 * 1000};
  Milliseconds idle{0};  ///< 0 = no idle limit.
  Bytes disk{4ULL << 30};
  Bytes output{64ULL << 20};
  ModelBudget model_budget;
  ToolPolicy tools;
  AuditPolicy audit;
  ContainerPolicy container;
  MicrovmPolicy microvm;
  KubernetesPolicy kubernetes;

  bool operator==(const Policy&) const = default;
};

/// The name of a credential or a limit in messages, e.g. "limits.memory".
inline constexpr std::string_view kAllLayers[] = {"filesystem", "network",    "processes",
                                                  "syscalls",   "privileges", "resources"};

}  // namespace berm
