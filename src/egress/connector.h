// src/egress/connector.h: from an admitted destination to a connected socket.
#pragma once

#include <functional>
#include <string>

#include "egress/gate.h"
#include "egress/loop.h"
#include "net/resolve.h"

namespace berm {

struct Dialled {
  UniqueFd fd;  ///< connected, non-blocking; the loop may still watch it: see watch_instead()
  std::string address;  ///< what was dialled, for the record: "192.0.2.7", or the upstream proxy
};

/// Resolves once, asks the gate about every address, and dials exactly what the gate let through:
/// several addresses with 250 ms between their starts, the first that answers wins (RFC 8305 §5).
/// Where the host itself must go through a proxy, that proxy is asked for the name instead.
class Connector {
 public:
  using Done = std::function<void(Result<Dialled>)>;

  Connector(Loop& loop, Gate& gate, Resolver& resolver)
      : loop_(loop), gate_(gate), resolver_(resolver) {}

  /// Calls `done` on the loop's thread, within about twenty seconds. Refusals are recorded by then.
  void connect(const Admission& admission, Done done);

 private:
  void dial(const Admission& admission, Result<std::vector<IpAddress>> found, const Done& done);
  void ask_proxy(const Admission& admission, const UpstreamProxy& proxy, const Done& done);
  void dial_proxy(const Admission& admission, const UpstreamProxy& proxy, const Done& done);

  Loop& loop_;
  Gate& gate_;
  Resolver& resolver_;
};

}  // namespace berm
