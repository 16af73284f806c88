// src/lint/rules/rules.h: the rules, one a file. Pure.
#pragma once

#include "lint/kubernetes.h"
#include "lint/rule.h"

namespace berm::lint {

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
