// src/cluster/client.h: questions to an API server of Kubernetes.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

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

/// One API server, as one user. Blocks; any thread may ask. A server that is busy (429, 503), has
/// failed (5xx), or was not reached is asked again, for a minute: nothing that is sent here does
/// more when it is done twice; after that an Error is Errc::busy. A credential that has expired
/// (401) is read anew, once.
class ClusterClient {
 public:
  /// The kubeconfig of $KUBECONFIG or ~/.kube/config; without one, the account of the pod in which
  /// we run. Files are read and an exec plugin is asked here, once.
  /// @param context  "" = the current one
  [[nodiscard]] static Result<ClusterClient> open(std::string_view context);

  [[nodiscard]] Result<ClusterAnswer> get(const std::string& path);
  [[nodiscard]] Result<ClusterAnswer> post(const std::string& path, const nlohmann::json& body);
  /// Server-side apply, as the field manager "berm": makes the object, or makes it what is said.
  [[nodiscard]] Result<ClusterAnswer> apply(const std::string& path, const nlohmann::json& object);
  [[nodiscard]] Result<ClusterAnswer> remove(const std::string& path);
  /// A watch: each line as it comes, and an empty one each second.
  /// @param take  returns false to hear no more
  [[nodiscard]] Result<ClusterAnswer> watch(const std::string& path,
                                            const std::function<bool(std::string_view)>& take,
                                            std::chrono::milliseconds silence);
  /// A connection that speaks `protocol` from now on.
  [[nodiscard]] Result<HttpsUpgraded> upgrade(const std::string& path,
                                              std::vector<HttpsHeader> headers,
                                              const std::string& protocol);
  /// For how long a busy server is asked again. [1 minute]
  void set_patience(std::chrono::seconds patience) { patience_ = patience; }
  /// How often the server was asked, the answers that asked for patience included.
  [[nodiscard]] std::uint64_t requests() const { return requests_->load(); }

  [[nodiscard]] const std::string& server() const { return server_; }
  [[nodiscard]] const std::string& name_space() const { return name_space_; }  ///< "" = none named

 private:
  ClusterClient() = default;
  struct Identity;
  static Result<ClusterClient> from(ClusterContext context, const std::string& directory);
  static Result<ClusterClient> of_this_pod();
  Result<ClusterAnswer> ask(HttpsRequest& request);
  Result<ClusterAnswer> ask_once(HttpsRequest& request, std::chrono::seconds& again);
  Result<std::shared_ptr<Identity>> identity();
  Result<void> renew(const std::shared_ptr<Identity>& old);

  std::string server_;
  std::string name_space_;
  std::string context_name_;
  std::chrono::seconds patience_{60};
  std::unique_ptr<std::mutex> mutex_ = std::make_unique<std::mutex>();  ///< of identity_
  std::shared_ptr<Identity> identity_;
  std::unique_ptr<std::atomic<std::uint64_t>> requests_ =
      std::make_unique<std::atomic<std::uint64_t>>(0);
};

}  // namespace berm
