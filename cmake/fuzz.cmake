# One fuzzer a parser, each with one property. clang only; run by hand or outside of CI, and where
# there is a corpus, from it: build/fuzz/fuzz-dns new-finds/ fuzz/corpus/dns/
foreach(name policy git_config record text registries dns client_hello socks host http_head sigv4 residue model_request usage_meter credential_source issuer_answer hook telemetry tool_rules shell aws_xml token_answer report html_report sink_answer export held)
  add_executable(fuzz-${name} fuzz/${name}_fuzz.cc)
  target_link_options(fuzz-${name} PRIVATE -fsanitize=fuzzer)
  target_link_libraries(fuzz-${name} PRIVATE berm_policy berm_record berm_workspace berm_host berm_rules_egress berm_rules_aws berm_rules_model berm_rules_hooks berm_audit_sinks berm_credentials berm_report)
endforeach()
add_executable(fuzz-machine_wire fuzz/machine_wire_fuzz.cc src/init/machine_wire.cc)
target_link_options(fuzz-machine_wire PRIVATE -fsanitize=fuzzer)
add_executable(fuzz-kubeconfig fuzz/kubeconfig_fuzz.cc)
target_link_options(fuzz-kubeconfig PRIVATE -fsanitize=fuzzer)
target_link_libraries(fuzz-kubeconfig PRIVATE berm_cluster)
