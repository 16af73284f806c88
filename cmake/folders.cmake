# PURE folders: no system call (scripts/check-layers reads this list).
set(BERM_PURE lint tiers/kubernetes base policy plan rules/changes rules/egress rules/model rules/aws rules/shell rules/tools redact record report audit/sinks)

berm_library(base SOURCES result.cc text.cc base64.cc ip.cc wall_time.cc host_name.cc path.cc glob.cc units.cc fmt.cc)
berm_library(policy SOURCES names.cc grants.cc reader.cc parse.cc parse_network.cc parse_credentials.cc parse_tools.cc parse_audit.cc parse_kubernetes.cc parse_lint.cc sink_options.cc tool_rule.cc credential_presets.cc credential_source.cc print.cc merge.cc merge_network.cc merge_tools.cc merge_audit.cc bundles.cc
  LINKS berm_base ${BERM_PSL})
berm_library(rules/changes SOURCES guard.cc line_diff.cc outside_allow.cc protected_file.cc too_many_files.cc too_large.cc binary.cc
  special_mode.cc special_file.cc hard_link.cc escaping_symlink.cc case_collision.cc submodule.cc git_directory.cc
  hidden_unicode.cc file_name.cc inner_commits.cc install_script.cc credential.cc LINKS berm_policy berm_redact)
berm_library(rules/egress SOURCES destination.cc address.cc access.cc http_head.cc request.cc dns.cc client_hello.cc socks.cc credential.cc token_answer.cc
  LINKS berm_policy)
berm_library(rules/model SOURCES anthropic.cc call.cc gemini.cc json_scanner.cc ledger.cc openai_chat.cc openai_common.cc openai_responses.cc prices.cc request.cc sse.cc strict_json.cc tool_results.cc usage.cc LINKS berm_policy)
berm_library(rules/aws SOURCES access_keys.cc aws_key.cc canonical.cc key_services.cc sigv4_parse.cc sigv4_sign.cc xml.cc LINKS berm_base OpenSSL::Crypto)
# What looks like a secret, and what is one of the run's.
berm_library(redact SOURCES credentials.cc forms.cc keyword_filter.cc keywords.cc known_secrets.cc needles.cc patterns.cc public_text.cc redactor.cc scanner.cc stream.cc LINKS berm_base re2)
berm_library(plan SOURCES make_plan.cc process.cc ladder.cc container.cc microvm.cc kubernetes.cc pod_policy.cc mounts.cc network.cc credentials.cc sinks.cc tools.cc print.cc explain.cc LINKS berm_policy berm_rules_changes berm_rules_egress berm_rules_tools)
# Shell commands as bash would read them, and what the policy says of tool calls and started programs.
berm_library(rules/shell SOURCES ansi_c.cc braces.cc command.cc command_text.cc compound.cc containers.cc coverage.cc environment.cc expansion.cc git_options.cc here_document.cc inline_code.cc interpreters.cc lexer.cc literal_output.cc options.cc print.cc program_options.cc reader.cc shell.cc shells.cc started.cc stream_editors.cc syntax.cc variables.cc wrapper_table.cc wrappers.cc
  LINKS berm_base tree-sitter-bash tree-sitter)
berm_library(rules/tools SOURCES decide.cc file_uses.cc invocation.cc pack_rules.cc packs/cloud.cc packs/containers.cc packs/core.cc packs/database.cc packs/download_execute.cc packs/filesystem.cc packs/git.cc packs/packages.cc packs/packs.cc packs/persistence.cc patterns.cc places.cc scene.cc user_rules.cc
  LINKS berm_policy berm_rules_shell)
# What agents tell their hooks, and what they hear.
berm_library(rules/hooks SOURCES read.cc answer.cc telemetry.cc LINKS berm_rules_tools berm_rules_model)
berm_library(record SOURCES attestation.cc canonical.cc chain.cc checkpoint.cc export.cc export/cef.cc export/ecs.cc export/event.cc export/json_out.cc export/kinds.cc export/ocsf.cc export/ocsf_finding.cc export/ocsf_subject.cc fields.cc held.cc merkle.cc proof.cc signature.cc verify.cc sha256.cc verdict.cc asked_for.cc story.cc story_calls.cc story_events.cc story_json.cc story_processes.cc story_text.cc story_tree.cc story_words.cc LINKS berm_base OpenSSL::Crypto)
# A run told from its record: for people, for CI systems, across runs.
berm_library(report SOURCES facts.cc facts_values.cc record_reader.cc markdown.cc markdown_text.cc violations.cc sarif.cc junit.cc ci_text.cc across.cc across_text.cc html.cc html_events.cc html_network.cc html_parts.cc html_tree.cc html_value.cc
  LINKS berm_record berm_rules_changes)
berm_library(sys SOURCES fd.cc confine.cc self.cc frames.cc locked_memory.cc socket_address.cc beneath.cc child.cc mount.cc cgroup.cc process_memory.cc borrow.cc LINKS berm_base)
berm_library(host SOURCES probe.cc namespaces.cc tier_matrix.cc engines.cc microvm.cc doctor.cc registries.cc registries/reader.cc registries/formats.cc registries/documents.cc
  registries/npm.cc registries/pip.cc registries/cargo.cc registries/go.cc registries/maven.cc registries/nuget.cc
  registries/gem.cc registries/composer.cc registries/system.cc registries/others.cc residue.cc residue/classes.cc residue/contents.cc residue/docker.cc
  residue/git_settings.cc residue/look.cc residue/remove.cc LINKS berm_plan berm_sys)
berm_library(workspace SOURCES repository.cc hidden.cc checkout.cc git_config.cc git.cc private_git.cc prepare.cc file_state.cc tree_stream.cc walk.cc
  import.cc git_import.cc LINKS berm_plan berm_sys berm_rules_changes berm_record)
berm_library(agents SOURCES agent.cc client.cc claude.cc claude_mcp.cc codex.cc gemini.cc opencode.cc LINKS berm_plan berm_sys berm_record)
# What receivers of the record are told, and what their answers mean.
berm_library(audit/sinks SOURCES answers.cc aws.cc cloudwatch_logs.cc elasticsearch.cc http.cc loki.cc otlp.cc s3.cc sink.cc splunk_hec.cc syslog.cc
  LINKS berm_policy berm_record berm_rules_aws)
berm_library(audit SOURCES record_file.cc run_key.cc LINKS berm_policy berm_record berm_redact berm_sys)
berm_library(tiers SOURCES tier.cc LINKS berm_plan berm_sys)
berm_library(tiers/namespace SOURCES native.cc encode.cc launch.cc LINKS berm_tiers)
berm_library(tiers/process SOURCES launch.cc LINKS berm_tiers_namespace)
berm_library(tiers/container SOURCES arguments.cc engine_errors.cc seccomp_profile.cc skeleton.cc harden.cc stage.cc launch.cc LINKS berm_rules_shell berm_tiers_namespace berm_host)
berm_library(tiers/microvm SOURCES image.cc initramfs.cc launch.cc LINKS berm_tiers_namespace berm_host)
# Which tier a plan's sandbox comes from.
berm_library(tiers/kubernetes SOURCES run_objects.cc network_objects.cc to_json.cc yaml.cc LINKS berm_plan)
berm_library(tiers/registry SOURCES start.cc LINKS berm_tiers_container berm_tiers_microvm berm_tiers_namespace berm_tiers_process)
berm_library(supervise SOURCES supervisor.cc connection_broker.cc path_broker.cc run_descriptors.cc anomaly.cc asker.cc tool_desk.cc tool_watch.cc egress_watch.cc attempts.cc notifications.cc run_root.cc exec_log.cc streams.cc sample.cc sink_watch.cc janitor.cc LINKS berm_tiers_registry berm_audit berm_rules_tools)
# What speaks to the world outside: names, addresses, TLS, the host's own proxy.
berm_library(net SOURCES openssl.cc certificate.cc authority.cc link.cc tls_stream.cc root_store.cc upstream_trust.cc trust_files.cc resolve.cc dial.cc
  upstream_proxy.cc https_client.cc relay.cc websocket.cc LINKS berm_sys berm_rules_egress OpenSSL::SSL cares)
# The process that ships the record while the run lasts: it reads what is written and speaks to the sinks.
berm_library(audit/ship SOURCES configuration.cc file_receiver.cc http_receiver.cc progress_file.cc receiver.cc record_reader.cc serve.cc shipper.cc start.cc syslog_receiver.cc
  LINKS berm_supervise berm_audit_sinks berm_net)
berm_library(credentials SOURCES age.cc aws_age.cc broker.cc broker_child.cc issuer.cc journal.cc jwt.cc keeper.cc mint.cc program.cc protocol.cc providers/anthropic_wif.cc providers/aws_oidc.cc providers/azure_wif.cc providers/command.cc providers/env.cc providers/fd.cc providers/file.cc providers/gcp_wif.cc providers/github_app.cc providers/keyring.cc providers/vault.cc recover.cc
  LINKS berm_policy berm_net berm_rules_aws)
berm_library(egress SOURCES start.cc sidecar.cc serve.cc confine.cc configuration.cc events.cc loop.cc budget.cc name_pool.cc gate.cc
  connector.cc relay.cc refusal.cc client.cc dns_server.cc worker.cc http_session.cc http_aim.cc http_credentials.cc http_model.cc http_aws.cc http_exchange.cc http_forward.cc
  model_route.cc model_meter.cc secret_store.cc telemetry.cc tool_result_log.cc LINKS berm_supervise berm_net berm_rules_model berm_rules_aws berm_rules_hooks)
# The process that judges tool calls: hostile JSON and shell text stay out of the supervisor.
berm_library(judge SOURCES start.cc serve.cc connection.cc LINKS berm_supervise berm_rules_hooks)
# The API of a cluster: blocking questions over the same streams as issuers are asked.
berm_library(cluster SOURCES kubeconfig.cc client.cc examine.cc port_forward.cc watch.cc LINKS berm_net berm_host yaml)
# berm in the pods of a run on a cluster: the agent's and egress'.
berm_library(pod SOURCES line.cc place.cc accept.cc agent.cc agent_pod.cc egress.cc egress_pod.cc bridge.cc LINKS berm_egress)
# A run whose agent is a pod, as its caller sees it.
berm_library(remote SOURCES channel.cc fate.cc follow.cc objects.cc pod_record.cc report.cc run.cc transfer.cc
  LINKS berm_cluster berm_pod berm_tiers_kubernetes berm_redact)
berm_library(session SOURCES attach_file.cc audit_key.cc materials.cc run_directory.cc policy_sources.cc run_session.cc stored_run.cc report.cc secrets.cc static_secret.cc sinks.cc team_policy.cc prepare_run.cc pod_changes.cc pod_session.cc abandoned.cc import_on_success.cc change_diffs.cc tool_answers.cc record_stream.cc
  LINKS berm_agents berm_audit_ship berm_credentials berm_egress berm_pod berm_remote berm_judge berm_host berm_workspace berm_report)
# CI files, manifests and agent settings, before they run: what would give an agent too much.
berm_library(lint SOURCES
  source.cc node.cc read_yaml.cc read_toml.cc finding.cc agents.cc script.cc job.cc kubernetes.cc expression.cc workflow.cc reach.cc settings.cc container.cc dockerfile.cc pipeline.cc gitlab.cc circleci.cc azure.cc model.cc suppression.cc
  check.cc print_text.cc print_json.cc print_ci.cc
  rules/containers.cc rules/image_build.cc rules/repo_settings.cc rules/literal_secret.cc rules/berm_policy.cc rules/pipelines.cc rules/agent_output.cc rules/agent_lethal_mix.cc rules/agent_input.cc rules/agent_secrets.cc rules/agent_order.cc rules/agent_containment.cc rules/head_code_executed.cc
  rules/agent_broad_tools.cc rules/agent_cache.cc rules/agent_head_checkout.cc rules/agent_install.cc rules/agent_no_actor_gate.cc
  rules/agent_open_to_non_writers.cc rules/agent_permission_bypass.cc rules/agent_self_hosted.cc rules/agent_time_limit.cc
  rules/agent_verbose_output.cc rules/agent_write_permission.cc
  rules/k8s_capabilities.cc rules/k8s_deadline.cc rules/k8s_egress.cc rules/k8s_host_namespace.cc rules/k8s_host_path.cc rules/k8s_host_port.cc
  rules/k8s_image.cc rules/k8s_key_in_agent.cc rules/k8s_limits.cc rules/k8s_literal_key.cc rules/k8s_privilege_escalation.cc rules/k8s_privileged.cc
  rules/k8s_proc_mount.cc rules/k8s_rbac.cc rules/k8s_root_user.cc rules/k8s_seccomp.cc rules/k8s_service_account_token.cc rules/k8s_writable_root.cc
  rules/all_secrets.cc rules/files.cc rules/permissions_missing.cc rules/permissions_write_all.cc rules/persist_credentials.cc rules/rules.cc
  rules/secret_scope.cc rules/secrets_inherit.cc rules/template_injection.cc rules/unpinned_action.cc
  LINKS berm_base berm_record berm_policy berm_report berm_rules_shell yaml)
# Many runs, each a process of its own.
berm_library(batch SOURCES task.cc pace.cc results.cc batch.cc LINKS berm_session)
# The scripted model and what it makes a client try.
berm_library(drill/scenarios SOURCES list.cc poisoned_readme.cc issue_text_comment_control.cc settings_hooks.cc mcp_server.cc api_key_helper.cc base_url_theft.cc bash_env.cc disable_all_hooks.cc codex_project_config.cc codex_home_dotenv.cc install_script.cc git_hooks.cc forged_worktree.cc symlink_out.cc symlink_write.cc ci_variable_files.cc workflow_edit.cc hidden_unicode.cc editor_task.cc direnv.cc own_settings_created.cc foreign_key_exfiltration.cc http_exfiltration.cc dns_exfiltration.cc metadata_service.cc git_push.cc host_loopback.cc kill_berm.cc disable_sandbox_flag.cc docker_socket.cc nested_namespaces.cc destructive_command.cc download_execute.cc credential_in_change.cc unknown_tool.cc malformed_broken_sse.cc malformed_half_json.cc malformed_huge_output.cc malformed_wrong_length.cc malformed_wrong_status.cc malformed_never_ending.cc malformed_many_calls.cc malformed_unicode_garbage.cc malformed_deep_json.cc malformed_not_http.cc malformed_empty_body.cc endless_tool_loop.cc LINKS berm_base)
berm_library(drill/model SOURCES answer.cc malformed.cc server.cc LINKS berm_drill_scenarios berm_sys)
berm_library(drill/acts SOURCES run.cc files.cc left_behind.cc processes.cc kernel.cc privileges.cc network.cc credentials.cc resources.cc terminal.cc LINKS berm_base)
berm_library(drill/host SOURCES targets.cc run.cc judge.cc expected.cc print.cc LINKS berm_drill_acts berm_workspace berm_report)
berm_library(drill/agent SOURCES judge.cc print.cc run.cc stage.cc LINKS berm_drill_model berm_workspace berm_report)
berm_library(cli SOURCES console.cc batch.cc lint.cc lint_config.cc image.cc pod.cc render.cc run_options.cc run.cc plan.cc why.cc runs.cc changes.cc record.cc record_html.cc show_report.cc report.cc ci_report.cc attest.cc verify.cc verify_held.cc init.cc doctor.cc doctor_credentials.cc doctor_residue.cc doctor_cluster.cc
  egress.cc broker.cc judge.cc ship.cc audit.cc drill.cc LINKS berm_batch berm_lint berm_drill_agent berm_drill_host berm_tiers_kubernetes berm_cluster)
