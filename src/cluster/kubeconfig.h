// src/cluster/kubeconfig.h: which API server, and who we are there, as kubectl reads it. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"

namespace berm {

/// A program that is asked for credentials (client.authentication.k8s.io/v1, v1beta1).
struct CredentialPlugin {
  std::string api_version;
  std::string command;
  std::vector<std::string> arguments;
  std::map<std::string, std::string> env;
  bool wants_cluster = false;
};

/// Bytes that stand in the file, or a file that has them.
struct FileOrData {
  std::string file;
  std::string data;
  [[nodiscard]] bool empty() const { return file.empty() && data.empty(); }
};

/// One context with its cluster and its user.
struct ClusterContext {
  std::string name;
  std::string server;  ///< "https://…"
  FileOrData authority;
  std::string name_space;  ///< "" = it names none
  FileOrData certificate;
  std::string key_file;
  Secret key;  ///< PEM, if it stands in the file
  std::string token_file;
  Secret token;
  std::optional<CredentialPlugin> plugin;
};

/// @param context  "" = the current one
/// @return Errc::usage for what is no kubeconfig, or has no such context; Errc::unsupported for
///         what is not done here: a certificate that is not checked, basic authentication.
[[nodiscard]] Result<ClusterContext> read_kubeconfig(std::string_view text, std::string_view file,
                                                     std::string_view context);

}  // namespace berm
