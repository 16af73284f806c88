// src/drill/scenarios/entries.h: one function a scenario.
#pragma once

#include "drill/scenarios/scenario.h"

namespace berm::drill {

[[nodiscard]] Scenario poisoned_readme();
[[nodiscard]] Scenario issue_text_comment_control();
[[nodiscard]] Scenario settings_hooks();
[[nodiscard]] Scenario mcp_server();
[[nodiscard]] Scenario api_key_helper();
[[nodiscard]] Scenario base_url_theft();
[[nodiscard]] Scenario bash_env();
[[nodiscard]] Scenario disable_all_hooks();
[[nodiscard]] Scenario codex_project_config();
[[nodiscard]] Scenario codex_home_dotenv();
[[nodiscard]] Scenario install_script();
[[nodiscard]] Scenario git_hooks();
[[nodiscard]] Scenario forged_worktree();
[[nodiscard]] Scenario symlink_out();
[[nodiscard]] Scenario symlink_write();
[[nodiscard]] Scenario ci_variable_files();
[[nodiscard]] Scenario workflow_edit();
[[nodiscard]] Scenario hidden_unicode();
[[nodiscard]] Scenario editor_task();
[[nodiscard]] Scenario direnv();
[[nodiscard]] Scenario own_settings_created();
[[nodiscard]] Scenario foreign_key_exfiltration();
[[nodiscard]] Scenario http_exfiltration();
[[nodiscard]] Scenario dns_exfiltration();
[[nodiscard]] Scenario metadata_service();
[[nodiscard]] Scenario git_push();
[[nodiscard]] Scenario host_loopback();
[[nodiscard]] Scenario kill_berm();
[[nodiscard]] Scenario disable_sandbox_flag();
[[nodiscard]] Scenario docker_socket();
[[nodiscard]] Scenario nested_namespaces();
[[nodiscard]] Scenario destructive_command();
[[nodiscard]] Scenario download_execute();
[[nodiscard]] Scenario credential_in_change();
[[nodiscard]] Scenario unknown_tool();
[[nodiscard]] Scenario malformed_broken_sse();
[[nodiscard]] Scenario malformed_half_json();
[[nodiscard]] Scenario malformed_huge_output();
[[nodiscard]] Scenario malformed_wrong_length();
[[nodiscard]] Scenario malformed_wrong_status();
[[nodiscard]] Scenario malformed_never_ending();
[[nodiscard]] Scenario malformed_many_calls();
[[nodiscard]] Scenario malformed_unicode_garbage();
[[nodiscard]] Scenario malformed_deep_json();
[[nodiscard]] Scenario malformed_not_http();
[[nodiscard]] Scenario malformed_empty_body();
[[nodiscard]] Scenario endless_tool_loop();

}  // namespace berm::drill
