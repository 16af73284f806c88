// src/cluster/client.h: questions to an API server of Kubernetes.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/result.h"
#include "cluster/kubeconfig.h"
#include "net/https_client.h"

namespace berm {

/// What the server said.
struct ClusterAnswer {
  unsigned status = 0;
  std::string body;     ///< JSON
  std::string message;  ///< of a Status that is no success: printable
};

/// One API server, as one user. Blocks.
class ClusterClient {
 public:
  /// The kubeconfig of $KUBECONFIG or ~/.kube/config; without one, the account of the pod in which
  /// we run. Files are read and an exec plugin is asked here, once.
  /// @param context  "" = the current one
  [[nodiscard]] static Result<ClusterClient> open(std::string_view context);

  [[nodiscard]] Result<ClusterAnswer> get(const std::string& path);
  [[nodiscard]] Result<ClusterAnswer> post(const std::string& path, const nlohmann::json& body);

  [[nodiscard]] const std::string& server() const { return server_; }
  [[nodiscard]] const std::string& name_space() const { return name_space_; }  ///< "" = none named

 private:
  ClusterClient() = default;
  static Result<ClusterClient> from(ClusterContext context, const std::string& directory);
  static Result<ClusterClient> of_this_pod();
  Result<ClusterAnswer> ask(HttpsRequest request);

  std::string server_;
  std::string name_space_;
  Secret token_;
  std::unique_ptr<HttpsClient> https_;
};

}  // namespace berm
