// src/pod/place.h: where berm's programs in a pod find what was put there for them.
#pragma once

#include <string>

#include "net/link.h"
#include "sys/fd.h"

namespace berm::pod {

/// Of the agent's pod. Whoever made it has given it nothing but these.
struct AgentPlace {
  std::string channel = "/run/channel";  ///< ca.crt, tls.crt, tls.key
  std::string root = "/berm";            ///< everything that is written
  std::string listen = "0.0.0.0:7443";

  [[nodiscard]] std::string input() const { return root + "/input.tree"; }
  [[nodiscard]] std::string source() const { return root + "/source"; }
  [[nodiscard]] std::string job() const { return source() + "/job"; }
  [[nodiscard]] std::string workspace() const { return source() + "/tree"; }
  [[nodiscard]] std::string state() const { return root + "/state"; }
  [[nodiscard]] std::string output(const std::string& name) const { return root + "/out-" + name; }
  [[nodiscard]] std::string record(const std::string& run) const {
    return state() + "/berm/runs/" + run + "/record.jsonl";
  }
  [[nodiscard]] std::string result() const { return root + "/result.tree"; }
  [[nodiscard]] std::string report() const { return root + "/report.json"; }
  [[nodiscard]] std::string socket() const { return root + "/channel.sock"; }
};

/// Of the egress pod.
struct EgressPlace {
  std::string channel = "/run/channel";  ///< both links, configuration.json, credential-N
  std::string scratch = "/tmp";
  std::string listen = "0.0.0.0:7444";
};

/// ca.crt, tls.crt, tls.key below `directory`, with `prefix` before their names.
[[nodiscard]] Result<LinkEnd> read_link_end(const std::string& directory,
                                            const std::string& prefix);
/// The same as the files of a Secret.
inline constexpr const char* kCallerPrefix = "caller-";
inline constexpr const char* kAgentPrefix = "agent-";

/// Listens on "ADDRESS:PORT".
[[nodiscard]] Result<UniqueFd> listen_on(const std::string& at);

}  // namespace berm::pod
