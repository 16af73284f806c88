#include "lint/rules/rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace berm::lint {
namespace {

// What every reader sees first stands first.
const std::array kAll = {
    &agent_lethal_mix,
    &agent_no_actor_gate,
    &agent_mention_only_gate,
    &agent_open_to_non_writers,
    &agent_head_checkout,
    &head_code_executed,
    &untrusted_artifact,
    &agent_fork_pipeline,
    &untrusted_text_in_prompt,
    &prompt_via_env,
    &pipeline_text_in_prompt,
    &cli_fetch_of_untrusted,
    &log_text_to_agent,
    &template_injection,
    &macro_injection,
    &agent_write_permission,
    &agent_identity_token,
    &permissions_write_all,
    &permissions_missing,
    &persist_credentials,
    &secret_scope_too_wide,
    &agent_step_secret,
    &pat_as_token,
    &static_model_key,
    &secrets_inherit,
    &all_secrets_to_step,
    &literal_secret,
    &env_scrub_disabled,
    &agent_broad_tools,
    &agent_subshell_tool,
    &agent_web_tool,
    &agent_cache_write,
    &agent_output_executed,
    &agent_auto_merge,
    &guard_not_fatal,
    &agent_docker_in_docker,
    &agent_not_last,
    &agent_read_write_same_job,
    &agent_self_hosted,
    &verbose_agent_output,
    &unpinned_action,
    &unpinned_include,
    &unpinned_image,
    &unpinned_agent_install,
    &pipe_to_shell,
    &agent_no_time_limit,
    &agent_no_concurrency,
    &no_egress_control,
    &agent_not_contained,
    &agent_no_policy_hook,
    &install_scripts,
    &container_privileged,
    &container_engine_socket,
    &container_host_namespace,
    &container_host_mount,
    &container_capabilities,
    &container_confinement_off,
    &container_env_flood,
    &container_device,
    &container_root_user,
    &container_writable_root,
    &container_no_limits,
    &secret_in_image,
    &repo_devcontainer_code,
    &repo_agent_code,
    &repo_endpoint,
    &repo_mcp_command,
    &mcp_unpinned,
    &repo_permission_mode,
    &repo_sandbox_off,
    &repo_hidden_text,
    &repo_instructions,
    &berm_policy,
    &k8s_privileged,
    &k8s_host_namespace,
    &k8s_host_path,
    &k8s_host_port,
    &k8s_proc_mount,
    &k8s_root_user,
    &k8s_privilege_escalation,
    &k8s_capabilities,
    &k8s_seccomp,
    &k8s_writable_root,
    &k8s_limits,
    &k8s_deadline,
    &k8s_image,
    &k8s_service_account_token,
    &k8s_rbac,
    &k8s_key_in_agent,
    &k8s_literal_key,
    &k8s_egress,
    &agent_permission_bypass,
    &unreadable,
    &suppression_unused,
    &suppression_without_reason,
};

}  // namespace

std::span<const Rule* const> all_rules() { return kAll; }

const Rule* rule_named(std::string_view id) {
  const auto found = std::ranges::find(kAll, id, [](const Rule* rule) { return rule->id; });
  return found == kAll.end() ? nullptr : *found;
}

Finding& Report::add(const Source& file, Span span, std::string message) {
  return out_.emplace_back(Finding{.rule = &rule_,
                                   .severity = rule_.severity,
                                   .confidence = rule_.confidence,
                                   .persona = rule_.persona,
                                   .message = std::move(message),
                                   .at = {&file, span, ""},
                                   .path = {},
                                   .fix = std::nullopt});
}

Fix set_security(const Source& file, const PodContainer& container, std::string_view field,
                 std::string_view value) {
  const std::string text = fmt::format("{}: {}", field, value);
  Fix out{.what = text, .safe = false, .edits = {}};
  const Node* context = get(container.node, "securityContext");
  const Node* old = get(context, field);
  if (old != nullptr) {
    out.edits.push_back({old->span, std::string(value)});
  } else if (is_mapping(context)) {
    out.edits.push_back(insert_entry(file, context, text));
  } else {
    out.edits.push_back(
        insert_entry(file, container.node, fmt::format("securityContext: {{{}}}", text)));
  }
  return out;
}

}  // namespace berm::lint
