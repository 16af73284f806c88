#include "drill/scenarios/list.h"

#include "drill/scenarios/entries.h"

namespace berm::drill {

std::vector<Scenario> all_scenarios() {
  return {
      poisoned_readme(),
      issue_text_comment_control(),
      settings_hooks(),
      mcp_server(),
      api_key_helper(),
      base_url_theft(),
      bash_env(),
      disable_all_hooks(),
      codex_project_config(),
      codex_home_dotenv(),
      install_script(),
      git_hooks(),
      forged_worktree(),
      symlink_out(),
      symlink_write(),
      ci_variable_files(),
      workflow_edit(),
      hidden_unicode(),
      editor_task(),
      direnv(),
      own_settings_created(),
      foreign_key_exfiltration(),
      http_exfiltration(),
      dns_exfiltration(),
      metadata_service(),
      git_push(),
      host_loopback(),
      kill_berm(),
      disable_sandbox_flag(),
      docker_socket(),
      nested_namespaces(),
      destructive_command(),
      download_execute(),
      credential_in_change(),
      unknown_tool(),
      malformed_broken_sse(),
      malformed_half_json(),
      malformed_huge_output(),
      malformed_wrong_length(),
      malformed_wrong_status(),
      malformed_never_ending(),
      malformed_many_calls(),
      malformed_unicode_garbage(),
      malformed_deep_json(),
      malformed_not_http(),
      malformed_empty_body(),
      endless_tool_loop(),
  };
}

}  // namespace berm::drill
