#include "policy/policy.h"

namespace berm {
namespace {

constexpr std::pair<std::string_view, AgentKind> kAgents[] = {
    {"none", AgentKind::none},     {"claude", AgentKind::claude},     {"codex", AgentKind::codex},
    {"gemini", AgentKind::gemini}, {"opencode", AgentKind::opencode},
};
constexpr std::pair<std::string_view, ContainerEngine> kEngines[] = {
    {"auto", ContainerEngine::automatic},
    {"docker", ContainerEngine::docker},
    {"podman", ContainerEngine::podman},
};
constexpr std::pair<std::string_view, VirtualMachineMonitor> kMonitors[] = {
    {"auto", VirtualMachineMonitor::automatic},
    {"qemu", VirtualMachineMonitor::qemu},
    {"firecracker", VirtualMachineMonitor::firecracker},
    {"cloud-hypervisor", VirtualMachineMonitor::cloud_hypervisor},
};
constexpr std::pair<std::string_view, KubernetesWorkload> kWorkloads[] = {
    {"job", KubernetesWorkload::job}, {"sandbox", KubernetesWorkload::sandbox}};
constexpr std::pair<std::string_view, TierChoice> kTiers[] = {
    {"auto", TierChoice::automatic},       {"process", TierChoice::process},
    {"namespace", TierChoice::namespaces}, {"container", TierChoice::container},
    {"microvm", TierChoice::microvm},      {"kubernetes", TierChoice::kubernetes},
};
constexpr std::pair<std::string_view, Layer> kLayers[] = {
    {"filesystem", Layer::filesystem}, {"network", Layer::network},
    {"processes", Layer::processes},   {"syscalls", Layer::syscalls},
    {"privileges", Layer::privileges}, {"resources", Layer::resources},
};
constexpr std::pair<std::string_view, WorkspaceMode> kModes[] = {
    {"overlay", WorkspaceMode::overlay},
    {"worktree", WorkspaceMode::worktree},
    {"clone", WorkspaceMode::clone},
    {"direct", WorkspaceMode::direct},
};
constexpr std::pair<std::string_view, GitHistory> kHistories[] = {
    {"none", GitHistory::none}, {"head", GitHistory::head}, {"full", GitHistory::full}};
constexpr std::pair<std::string_view, ProtectClass> kClasses[] = {
    {"ci", ProtectClass::ci},
    {"git", ProtectClass::git},
    {"agent", ProtectClass::agent},
    {"editor", ProtectClass::editor},
    {"shell", ProtectClass::shell},
    {"packages", ProtectClass::packages},
    {"ownership", ProtectClass::ownership},
};
constexpr std::pair<std::string_view, SecretsAction> kSecrets[] = {
    {"refuse", SecretsAction::refuse}, {"report", SecretsAction::report}};
constexpr std::pair<std::string_view, NetworkMode> kNetworks[] = {
    {"none", NetworkMode::none}, {"allow", NetworkMode::allow}, {"open", NetworkMode::open}};
constexpr std::pair<std::string_view, ToolMatch> kMatches[] = {
    {"deny", ToolMatch::deny}, {"ask", ToolMatch::ask}, {"report", ToolMatch::report}};
constexpr std::pair<std::string_view, ToolAction> kActions[] = {{"allow", ToolAction::allow},
                                                                {"report", ToolAction::report},
                                                                {"rewrite", ToolAction::rewrite},
                                                                {"ask", ToolAction::ask},
                                                                {"deny", ToolAction::deny}};
constexpr std::pair<std::string_view, PromptDetail> kPrompts[] = {{"digest", PromptDetail::digest},
                                                                  {"text", PromptDetail::text}};
constexpr std::pair<std::string_view, AnomalyResponse> kResponses[] = {
    {"ignore", AnomalyResponse::ignore},
    {"report", AnomalyResponse::report},
    {"end", AnomalyResponse::end}};
constexpr std::pair<std::string_view, Carrier> kCarriers[] = {{"header", Carrier::header},
                                                              {"query", Carrier::query},
                                                              {"basic", Carrier::basic},
                                                              {"sigv4", Carrier::sigv4},
                                                              {"exchanged", Carrier::exchanged}};
constexpr std::pair<std::string_view, HostedTools> kHostedTools[] = {
    {"strip", HostedTools::strip}, {"refuse", HostedTools::refuse}, {"allow", HostedTools::allow}};
constexpr std::pair<std::string_view, AnomalyAction> kAnomalies[] = {
    {"end", AnomalyAction::end}, {"disable-key", AnomalyAction::disable_key}};
constexpr std::pair<std::string_view, RecordSync> kSyncs[] = {
    {"event", RecordSync::event},
    {"checkpoint", RecordSync::checkpoint},
    {"never", RecordSync::never}};
constexpr std::pair<std::string_view, SinkType> kSinks[] = {
    {"file", SinkType::file},
    {"fd", SinkType::fd},
    {"syslog", SinkType::syslog},
    {"http", SinkType::http},
    {"otlp", SinkType::otlp},
    {"splunk-hec", SinkType::splunk_hec},
    {"elasticsearch", SinkType::elasticsearch},
    {"loki", SinkType::loki},
    {"cloudwatch-logs", SinkType::cloudwatch_logs},
    {"s3", SinkType::s3}};
constexpr std::pair<std::string_view, OverflowAction> kOverflows[] = {
    {"end", OverflowAction::end}, {"block", OverflowAction::block}};

}  // namespace

EnumNames<AgentKind> names(AgentKind) { return kAgents; }
EnumNames<TierChoice> names(TierChoice) { return kTiers; }
EnumNames<ContainerEngine> names(ContainerEngine) { return kEngines; }
EnumNames<VirtualMachineMonitor> names(VirtualMachineMonitor) { return kMonitors; }
EnumNames<KubernetesWorkload> names(KubernetesWorkload) { return kWorkloads; }
EnumNames<Layer> names(Layer) { return kLayers; }
EnumNames<WorkspaceMode> names(WorkspaceMode) { return kModes; }
EnumNames<GitHistory> names(GitHistory) { return kHistories; }
EnumNames<ProtectClass> names(ProtectClass) { return kClasses; }
EnumNames<SecretsAction> names(SecretsAction) { return kSecrets; }
EnumNames<NetworkMode> names(NetworkMode) { return kNetworks; }
EnumNames<ToolAction> names(ToolAction) { return kActions; }
EnumNames<PromptDetail> names(PromptDetail) { return kPrompts; }
EnumNames<AnomalyResponse> names(AnomalyResponse) { return kResponses; }
EnumNames<ToolMatch> names(ToolMatch) { return kMatches; }
EnumNames<Carrier> names(Carrier) { return kCarriers; }
EnumNames<HostedTools> names(HostedTools) { return kHostedTools; }
EnumNames<AnomalyAction> names(AnomalyAction) { return kAnomalies; }
EnumNames<RecordSync> names(RecordSync) { return kSyncs; }
EnumNames<SinkType> names(SinkType) { return kSinks; }
EnumNames<OverflowAction> names(OverflowAction) { return kOverflows; }

}  // namespace berm
