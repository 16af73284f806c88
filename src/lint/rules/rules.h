// src/lint/rules/rules.h: the rules, one a file. Pure.
#pragma once

#include "lint/kubernetes.h"
#include "lint/rule.h"

namespace berm::lint {

extern const Rule agent_lethal_mix;
extern const Rule agent_no_actor_gate;
extern const Rule agent_mention_only_gate;
extern const Rule agent_open_to_non_writers;
extern const Rule agent_head_checkout;
extern const Rule head_code_executed;
extern const Rule untrusted_artifact;
extern const Rule agent_fork_pipeline;
extern const Rule untrusted_text_in_prompt;
extern const Rule prompt_via_env;
extern const Rule pipeline_text_in_prompt;
extern const Rule cli_fetch_of_untrusted;
extern const Rule log_text_to_agent;
extern const Rule template_injection;
extern const Rule macro_injection;
extern const Rule agent_write_permission;
extern const Rule agent_identity_token;
extern const Rule permissions_write_all;
extern const Rule permissions_missing;
extern const Rule persist_credentials;
extern const Rule secret_scope_too_wide;
extern const Rule agent_step_secret;
extern const Rule pat_as_token;
extern const Rule static_model_key;
extern const Rule secrets_inherit;
extern const Rule all_secrets_to_step;
extern const Rule literal_secret;
extern const Rule env_scrub_disabled;
extern const Rule agent_broad_tools;
extern const Rule agent_subshell_tool;
extern const Rule agent_web_tool;
extern const Rule agent_cache_write;
extern const Rule agent_output_executed;
extern const Rule agent_auto_merge;
extern const Rule guard_not_fatal;
extern const Rule agent_docker_in_docker;
extern const Rule agent_not_last;
extern const Rule agent_read_write_same_job;
extern const Rule agent_self_hosted;
extern const Rule verbose_agent_output;
extern const Rule unpinned_action;
extern const Rule unpinned_include;
extern const Rule unpinned_image;
extern const Rule unpinned_agent_install;
extern const Rule pipe_to_shell;
extern const Rule agent_no_time_limit;
extern const Rule agent_no_concurrency;
extern const Rule no_egress_control;
extern const Rule agent_not_contained;
extern const Rule agent_no_policy_hook;
extern const Rule install_scripts;
extern const Rule container_privileged;
extern const Rule container_engine_socket;
extern const Rule container_host_namespace;
extern const Rule container_host_mount;
extern const Rule container_capabilities;
extern const Rule container_confinement_off;
extern const Rule container_env_flood;
extern const Rule container_device;
extern const Rule container_root_user;
extern const Rule container_writable_root;
extern const Rule container_no_limits;
extern const Rule secret_in_image;
extern const Rule repo_devcontainer_code;
extern const Rule repo_agent_code;
extern const Rule repo_endpoint;
extern const Rule repo_mcp_command;
extern const Rule mcp_unpinned;
extern const Rule repo_permission_mode;
extern const Rule repo_sandbox_off;
extern const Rule repo_hidden_text;
extern const Rule repo_instructions;
extern const Rule berm_policy;
extern const Rule k8s_privileged;
extern const Rule k8s_host_namespace;
extern const Rule k8s_host_path;
extern const Rule k8s_host_port;
extern const Rule k8s_proc_mount;
extern const Rule k8s_root_user;
extern const Rule k8s_privilege_escalation;
extern const Rule k8s_capabilities;
extern const Rule k8s_seccomp;
extern const Rule k8s_writable_root;
extern const Rule k8s_limits;
extern const Rule k8s_deadline;
extern const Rule k8s_image;
extern const Rule k8s_service_account_token;
extern const Rule k8s_rbac;
extern const Rule k8s_key_in_agent;
extern const Rule k8s_literal_key;
extern const Rule k8s_egress;
extern const Rule agent_permission_bypass;
extern const Rule unreadable;
extern const Rule suppression_unused;
extern const Rule suppression_without_reason;

/// A field of a container's security context, added or changed.
[[nodiscard]] Fix set_security(const Source& file, const PodContainer& container,
                               std::string_view field, std::string_view value);

}  // namespace berm::lint
