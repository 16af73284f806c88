find_package(GTest REQUIRED)
include(GoogleTest)

# Unit tests lie beside the code they test.
add_executable(unit-tests
  src/base/base_test.cc
  src/policy/policy_test.cc
  src/policy/audit_test.cc
  src/audit/ship/ship_test.cc src/audit/ship/shipper_test.cc
  src/policy/bundles_test.cc
  src/rules/changes/guard_test.cc src/rules/changes/line_diff_test.cc
  src/rules/egress/destination_test.cc
  src/record/canonical_test.cc
  src/record/export_test.cc
  src/record/merkle_test.cc
  src/record/signature_test.cc
  src/record/verdict_test.cc
  src/record/verify_test.cc src/record/held_test.cc
  src/workspace/git_config_test.cc src/workspace/tree_stream_test.cc
  src/net/link_test.cc
  src/remote/remote_test.cc
  src/batch/batch_test.cc
  src/lint/lint_test.cc
  src/workspace/hidden_test.cc
  src/host/doctor_test.cc
  src/agents/agents_test.cc
  src/plan/plan_test.cc
  src/plan/network_test.cc
  src/tiers/namespace/native_test.cc
  src/tiers/container/container_test.cc src/tiers/container/harden_test.cc
  src/rules/egress/access_test.cc
  src/rules/egress/http_head_test.cc
  src/rules/egress/request_test.cc
  src/egress/budget_test.cc
  src/egress/configuration_test.cc
  src/egress/relay_test.cc
  src/egress/http_session_test.cc
  src/rules/egress/dns_test.cc
  src/rules/egress/client_hello_test.cc
  src/rules/egress/socks_test.cc
  src/net/authority_test.cc
  src/net/tls_stream_test.cc
  src/net/tls_peers_test.cc
  src/net/upstream_trust_test.cc
  src/net/trust_files_test.cc
  src/sys/child_test.cc
  src/sys/process_memory_test.cc
  src/supervise/exec_log_test.cc
  src/host/registries_test.cc
  src/rules/model/call_test.cc
  src/rules/model/hosted_tools_test.cc
  src/rules/model/ledger_test.cc
  src/rules/model/request_test.cc
  src/rules/model/tool_results_test.cc
  src/rules/model/usage_test.cc
  src/redact/known_secrets_test.cc
  src/redact/keyword_filter_test.cc
  src/redact/patterns_test.cc
  src/redact/scanner_test.cc
  src/redact/stream_test.cc
  src/policy/credentials_test.cc
  src/rules/egress/credential_test.cc
  src/rules/egress/token_answer_test.cc
  src/host/residue_test.cc
  src/host/residue_settings_test.cc
  src/rules/aws/access_keys_test.cc
  src/rules/aws/aws_key_test.cc
  src/rules/aws/key_services_test.cc
  src/rules/aws/sigv4_parse_test.cc
  src/rules/aws/sigv4_sign_test.cc
  src/rules/hooks/hook_test.cc
  src/supervise/anomaly_test.cc
  src/policy/tools_test.cc
  src/rules/tools/decide_test.cc
  src/rules/shell/shell_test.cc
  src/rules/shell/shell_corpus_test.cc
  src/record/story_test.cc
  src/report/facts_test.cc
  src/report/markdown_test.cc
  src/report/findings_test.cc
  src/report/across_test.cc
  src/report/html_test.cc
  src/drill/agent/drill_test.cc src/drill/host/judge_test.cc
  src/init/machine_wire.cc src/init/machine_wire_test.cc src/tiers/microvm/initramfs_test.cc src/plan/microvm_test.cc)
set_source_files_properties(src/rules/tools/decide_test.cc src/rules/shell/shell_corpus_test.cc src/rules/shell/shell_test.cc
  PROPERTIES COMPILE_DEFINITIONS BERM_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
target_link_libraries(unit-tests PRIVATE berm_batch berm_lint berm_session berm_report berm_drill_agent berm_drill_host GTest::gtest_main)
gtest_discover_tests(unit-tests DISCOVERY_TIMEOUT 60)

# Shell commands against another reader of them (shfmt).
add_executable(shell-words tests/shell/words_main.cc)
target_link_libraries(shell-words PRIVATE berm_rules_shell)
add_test(NAME shell-against-shfmt COMMAND /usr/bin/python3 ${CMAKE_SOURCE_DIR}/tests/shell/shfmt_check.py $<TARGET_FILE:shell-words>
  ${CMAKE_SOURCE_DIR}/tests/fixtures/shell)
set_tests_properties(shell-against-shfmt PROPERTIES TIMEOUT 300)

# The sources of credentials against stand-ins of their issuers. One process for all: its authority's keys
# are made once.
add_executable(credential-keeper tests/credentials/keeper_main.cc)
target_link_libraries(credential-keeper PRIVATE berm_credentials)
add_executable(issuer-tests src/credentials/aws_age_test.cc src/credentials/source_test.cc src/credentials/static_sources_test.cc src/credentials/https_client_test.cc
  src/credentials/providers_test.cc src/credentials/broker_test.cc src/credentials/crash_test.cc src/sys/locked_memory_test.cc)
target_compile_definitions(issuer-tests PRIVATE BERM_SOURCE_DIR="${CMAKE_SOURCE_DIR}" BERM_TEST_KEEPER="$<TARGET_FILE:credential-keeper>")
target_link_libraries(issuer-tests PRIVATE berm_credentials GTest::gtest_main)
add_dependencies(issuer-tests credential-keeper)
add_test(NAME issuer-tests COMMAND issuer-tests)
set_tests_properties(issuer-tests PROPERTIES TIMEOUT 600)

# AWS signatures against botocore's.
add_executable(sigv4-resign tests/credentials/sigv4_resign.cc)
target_link_libraries(sigv4-resign PRIVATE berm_rules_aws)
add_test(NAME sigv4-against-botocore COMMAND /usr/bin/python3 ${CMAKE_SOURCE_DIR}/tests/credentials/sigv4_check.py $<TARGET_FILE:sigv4-resign> 2000)

# Kernels that lack a system call, for the tests of odd hosts.
add_executable(deny-syscall tests/support/deny_syscall.cc)
target_compile_options(deny-syscall PRIVATE -fno-sanitize=all)
target_link_options(deny-syscall PRIVATE -static -fno-sanitize=all)
target_link_libraries(deny-syscall PRIVATE seccomp)

add_library(black-box-harness STATIC tests/support/harness.cc)
target_compile_options(black-box-harness PUBLIC "SHELL:-iquote ${CMAKE_SOURCE_DIR}/tests/support")
target_compile_definitions(black-box-harness PUBLIC BERM_BINARY_DIR="${CMAKE_BINARY_DIR}" BERM_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
target_link_libraries(black-box-harness PUBLIC berm_base GTest::gtest_main)

function(berm_black_box_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE black-box-harness)
  add_dependencies(${name} berm berm-init deny-syscall)
  # One process for the whole file: its cases share one arena of runs.
  add_test(NAME ${name} COMMAND ${name})
  # Alone: they measure what a run leaves behind on the host, and when it acts.
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} RUN_SERIAL TRUE)
endfunction()

# Starts programs in every odd way; static, so that it runs in any root.
add_executable(exec-probe tests/tools/exec_probe.cc)
target_compile_options(exec-probe PRIVATE -fno-sanitize=all)
target_link_options(exec-probe PRIVATE -static -fno-sanitize=all)
berm_black_box_test(tool-tests TIMEOUT 900 SOURCES tests/tools/exec_test.cc tests/tools/ask_test.cc
  tests/tools/anomaly_test.cc tests/tools/ceiling_test.cc)
add_dependencies(tool-tests exec-probe)
berm_black_box_test(drill-tests TIMEOUT 300 SOURCES tests/drill/host_drill_test.cc)
target_link_libraries(drill-tests PRIVATE berm_drill_acts)
berm_black_box_test(bomb-tests TIMEOUT 600 SOURCES tests/escape/bomb_test.cc)
berm_black_box_test(integration-tests TIMEOUT 900 SOURCES tests/integration/run_test.cc tests/integration/record_test.cc tests/integration/changes_test.cc
  tests/integration/git_test.cc tests/integration/modes_test.cc tests/integration/hosts_test.cc tests/integration/process_tier_test.cc tests/integration/reports_test.cc
  tests/integration/hostile_repository_test.cc)
berm_black_box_test(agent-tests TIMEOUT 1200 SOURCES tests/agents/claude_test.cc tests/agents/claude_tools_test.cc
  tests/agents/claude_mcp_test.cc tests/agents/claude_background_test.cc tests/agents/stand_in_test.cc
  tests/agents/codex_test.cc tests/agents/gemini_test.cc tests/agents/opencode_test.cc)
target_compile_options(agent-tests PRIVATE "SHELL:-iquote ${CMAKE_SOURCE_DIR}/tests/agents")
berm_black_box_test(drill-agent-tests TIMEOUT 900 SOURCES tests/drill/agent_drill_test.cc)
target_compile_options(drill-agent-tests PRIVATE "SHELL:-iquote ${CMAKE_SOURCE_DIR}/tests/agents")
berm_black_box_test(credentials-tests TIMEOUT 900 SOURCES tests/credentials/credentials_test.cc tests/credentials/model_test.cc
  tests/credentials/model_clients_test.cc tests/credentials/aws_test.cc
  tests/credentials/registry_test.cc)
berm_black_box_test(leak-tests TIMEOUT 900 SOURCES tests/credentials/leak_test.cc tests/credentials/leak_guard_test.cc
  tests/credentials/revoke_test.cc tests/credentials/age_test.cc)
target_link_libraries(leak-tests PRIVATE berm_sys)
berm_black_box_test(egress-tests TIMEOUT 600 SOURCES tests/egress/egress_test.cc tests/egress/network_test.cc tests/egress/clients_test.cc)

# The kernel of the microvm tier, from the distribution's package; and what runs on it.
add_test(NAME machine-image COMMAND berm image build --microvm)
set_tests_properties(machine-image PROPERTIES TIMEOUT 300 FIXTURES_SETUP machine
  ENVIRONMENT XDG_CACHE_HOME=${CMAKE_BINARY_DIR}/machine)
berm_black_box_test(microvm-tests TIMEOUT 900 SOURCES tests/microvm/microvm_test.cc)
set(BERM_MACHINE BERM_TEST_MACHINE=${CMAKE_BINARY_DIR}/machine/berm/microvm)
# The real client's hooks, through the machine's own berm-init and the one around it.
add_test(NAME agent-tests-microvm COMMAND agent-tests
  "--gtest_filter=*ClaudeTools.WhatIsAllowed*/user:*Claude.AnInjectedAttack*/user")
set_tests_properties(agent-tests-microvm PROPERTIES TIMEOUT 600 RUN_SERIAL TRUE FIXTURES_REQUIRED machine
  ENVIRONMENT "${BERM_MACHINE};BERM_TEST_TIER=microvm")
set_tests_properties(microvm-tests drill-tests PROPERTIES FIXTURES_REQUIRED machine ENVIRONMENT "${BERM_MACHINE}")

# What the other suites prove, once more without a namespace.
function(berm_in_process_tier name filter)
  add_test(NAME ${name}-process COMMAND ${name} --gtest_filter=${filter})
  set_tests_properties(${name}-process PROPERTIES TIMEOUT 300 RUN_SERIAL TRUE ENVIRONMENT BERM_TEST_TIER=process)
endfunction()
berm_in_process_tier(bomb-tests "*/*-*.ScratchIsASmallFileSystemOfItsOwn/*")
berm_in_process_tier(tool-tests "*Exec.IsRecordedWithPathArgumentsAndDigest/*:*Exec.ARefusedProgramNeverRuns*/*")
berm_in_process_tier(leak-tests "*Leaks.ASecretIsInTheMemory*/user")
berm_in_process_tier(egress-tests "*EgressTest.KilledIt*/user:*EgressTest.StoppedIt*/user")
berm_in_process_tier(agent-tests "*Claude.AnInjected*/user:*Claude.ARepositoryThatOwns*/user:*ClaudeTools.WhatIsAllowed*/user:*ClaudeTools.ARewrite*/user:*ClaudeTools.AHostile*/user:*ClaudeTools.AFlood*/user:*ClaudeTools.AQuestion*/user:*JudgeGone.*/user:*ClaudeBackground.*/user:*ClaudeMcp.TheRepositorysServers*/user:*Hooks.AResultThatNoHook*/user:*Hooks.AQuestionThatWas*/user-*OthersHooks*")
# And where container engines' own profiles stand around it: no pidfd_getfd(2), no clone3(2).
add_test(NAME agent-tests-engine-filters COMMAND deny-syscall clone3:38 pidfd_getfd:1 process_vm_readv:1 -- $<TARGET_FILE:agent-tests>
  "--gtest_filter=*ClaudeTools.WhatIsAllowed*/user:*Claude.AnInjected*/user")
set_tests_properties(agent-tests-engine-filters PROPERTIES TIMEOUT 120 RUN_SERIAL TRUE ENVIRONMENT BERM_TEST_TIER=process)
berm_in_process_tier(integration-tests "*ChangesOf.*/*:*Git.*/*:*Inner.*/*:*HostileRepository.*/*:*Reports.*/*:*Run.HiddenFiles*/*:*Run.TheEnvironment*/*:*Run.KillingBerm*/*:*Run.ThePolicyOf*/*:*Run.InCi*/*:*Mode.WhatTheHostMoved*/*:*Mode.ACopyLeaves*/*-*.TheAlternatesAreReadOnly/*:*.TheyWorkInACloneAndInALiveTree/*")

# Every event that those wrote fits the published schema.
add_test(NAME record-schema COMMAND /usr/bin/env node ${CMAKE_SOURCE_DIR}/tests/reports/record_schema.mjs
  ${CMAKE_SOURCE_DIR}/docs/record.schema.json ${CMAKE_BINARY_DIR}/records $<TARGET_FILE:berm>)
set_tests_properties(record-schema PROPERTIES TIMEOUT 120
  DEPENDS "integration-tests;tool-tests;agent-tests;credentials-tests;egress-tests;leak-tests;audit-sinks;audit-peers;audit-host;audit-hold;kubernetes-run")

# berm lint on its fixtures.
add_test(NAME lint COMMAND /usr/bin/env BERM=$<TARGET_FILE:berm> node --test ${CMAKE_SOURCE_DIR}/tests/lint/lint_test.mjs)
set_tests_properties(lint PROPERTIES TIMEOUT 120)
add_test(NAME lint-formats COMMAND /usr/bin/env BERM=$<TARGET_FILE:berm> node --test ${CMAKE_SOURCE_DIR}/tests/lint/formats_test.mjs)
set_tests_properties(lint-formats PROPERTIES TIMEOUT 120)
# On a corpus that says itself what is wrong with it.
add_test(NAME lint-precision COMMAND /usr/bin/env BERM=$<TARGET_FILE:berm> node ${CMAKE_SOURCE_DIR}/tests/lint/precision.mjs --least 0.95)
set_tests_properties(lint-precision PROPERTIES TIMEOUT 120)

# The objects of a run on a cluster, before the published schemas and Pod Security's standard.
add_test(NAME kubernetes-objects COMMAND /usr/bin/env BERM=$<TARGET_FILE:berm> node --test
  ${CMAKE_SOURCE_DIR}/tests/kubernetes/objects_test.mjs)
# What a platform team installs, through the real kubectl and helm.
set(BERM_CLUSTER_TOOLS ${CMAKE_SOURCE_DIR}/tests/kubernetes/node_modules/.tools)
add_test(NAME kubernetes-cluster COMMAND /usr/bin/env BERM=$<TARGET_FILE:berm> KUBECTL=${BERM_CLUSTER_TOOLS}/kubectl/kubectl
  HELM=${BERM_CLUSTER_TOOLS}/helm/helm node --test ${CMAKE_SOURCE_DIR}/tests/kubernetes/cluster_test.mjs)
add_test(NAME kubernetes-doctor COMMAND /usr/bin/env BERM=$<TARGET_FILE:berm> node --test ${CMAKE_SOURCE_DIR}/tests/kubernetes/doctor_test.mjs)
# Runs on a stand-in cluster whose nodes start both pods; then pods that are apart as on a real one.
add_test(NAME kubernetes-run COMMAND /usr/bin/env BERM=$<TARGET_FILE:berm> node --test ${CMAKE_SOURCE_DIR}/tests/kubernetes/run_test.mjs)
add_test(NAME kubernetes-batch COMMAND /usr/bin/env BERM=$<TARGET_FILE:berm> node --test ${CMAKE_SOURCE_DIR}/tests/kubernetes/batch_test.mjs)
add_test(NAME kubernetes-network COMMAND /usr/bin/env BERM=$<TARGET_FILE:berm> node --test ${CMAKE_SOURCE_DIR}/tests/kubernetes/network_run_test.mjs)
set_tests_properties(kubernetes-objects kubernetes-cluster kubernetes-doctor PROPERTIES TIMEOUT 120)
set_tests_properties(kubernetes-run kubernetes-batch kubernetes-network PROPERTIES TIMEOUT 240)

# The report in a real browser; 77 where there is none.
add_test(NAME report-in-a-browser COMMAND /usr/bin/env node ${CMAKE_SOURCE_DIR}/tests/report/report_test.mjs $<TARGET_FILE:berm>)
set_tests_properties(report-in-a-browser PROPERTIES TIMEOUT 900 SKIP_RETURN_CODE 77)
# The record on its way: to receivers of every type, through faults and kills; to receivers that are not who they
# say or mean harm; to the machine's own rsyslog, files and disk; and a run that waits for its sinks.
foreach(name sinks peers host hold)
  add_test(NAME audit-${name} COMMAND /usr/bin/python3 ${CMAKE_SOURCE_DIR}/tests/audit/${name}_test.py $<TARGET_FILE:berm>)
  set_tests_properties(audit-${name} PROPERTIES TIMEOUT 600 LABELS audit RESOURCE_LOCK runs)
endforeach()
# Starts a dockerd of its own, and podman with storage of its own.
berm_black_box_test(container-tests TIMEOUT 600 SOURCES tests/container/container_test.cc)
