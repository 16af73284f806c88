// src/audit/ship/receiver.h: the connection to a sink.
#pragma once

#include <functional>
#include <map>
#include <memory>

#include "audit/sinks/sink.h"
#include "sys/fd.h"

namespace berm {

/// Waits that long, or until the process must end: then false.
using Wait = std::function<bool(Milliseconds)>;

/// One thread. Everything that must be opened is open when it is made: the process is confined
/// then.
class Receiver {
 public:
  virtual ~Receiver() = default;
  /// Sends, and waits for what the protocol has of an answer. Never a step "next".
  [[nodiscard]] virtual SinkStep deliver(const SinkBatch& batch, const Wait& wait) = 0;
  [[nodiscard]] virtual bool ends_batch(const ShippedEvent&) const { return false; }
  [[nodiscard]] virtual bool waits_for_end() const { return false; }
  /// How long a connection must live on before what it took counts: a protocol without answers.
  [[nodiscard]] virtual Milliseconds settles_after() const { return Milliseconds(0); }
  /// The connection is still there, as far as one can know without sending.
  [[nodiscard]] virtual bool is_alive() { return true; }
  /// Ends the connection so that the other side has read everything. @return false: it may not.
  [[nodiscard]] virtual bool settle() { return true; }
  /// Secrets were renewed.
  virtual void renew(std::map<std::string, Secret>) {}
};

/// What a receiver is made of.
struct ReceiverSettings {
  SinkGrant grant;
  std::string run;
  std::map<std::string, Secret> secrets;
  UniqueFd descriptor;  ///< of a sink "fd"
};
[[nodiscard]] Result<std::unique_ptr<Receiver>> make_receiver(ReceiverSettings settings);

// One file each.
[[nodiscard]] Result<std::unique_ptr<Receiver>> make_file_receiver(ReceiverSettings settings);
[[nodiscard]] Result<std::unique_ptr<Receiver>> make_http_receiver(ReceiverSettings settings);
[[nodiscard]] Result<std::unique_ptr<Receiver>> make_syslog_receiver(ReceiverSettings settings);

}  // namespace berm
