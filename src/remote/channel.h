// src/remote/channel.h: calls to berm in the pods of a run, by way of the API server and the egress
// pod (pod/line.h).
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "cluster/client.h"
#include "net/link.h"
#include "net/tls_stream.h"

namespace berm {

/// Any thread may call.
class PodChannel {
 public:
  [[nodiscard]] static Result<PodChannel> create(ClusterClient& cluster, std::string name_space,
                                                 std::string egress_pod, const LinkEnd& own);

  /// Sends a call; what is written and read next is the call's own.
  [[nodiscard]] Result<std::unique_ptr<ByteStream>> open(const nlohmann::json& call);
  /// Sends a call and reads its answer.
  /// @return Errc::denied with the pod's own words where it says no
  [[nodiscard]] Result<nlohmann::json> ask(const nlohmann::json& call);

 private:
  PodChannel(ClusterClient& cluster, std::string name_space, std::string egress_pod,
             SslContext context)
      : cluster_(&cluster),
        name_space_(std::move(name_space)),
        egress_pod_(std::move(egress_pod)),
        context_(std::move(context)) {}
  ClusterClient* cluster_;
  std::string name_space_;
  std::string egress_pod_;
  SslContext context_;
};

/// The answer to a call; see ask(). Errc::kernel: the agent's pod was not reached.
[[nodiscard]] Result<nlohmann::json> read_answer(ByteStream& stream);

}  // namespace berm
