// src/net/authority.h: the certificate authority of one run, which no other run trusts.
#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <string>

#include "net/openssl.h"

namespace berm {

/// A CA that lives as long as the process that holds it and can speak for the granted hosts only.
/// Its keys are made in memory and never leave it: no file, no argument, no pipe.
///
/// What the agent's programs trust for one run is therefore worth nothing elsewhere: the
/// certificate is critically constrained to the granted names, excludes every address and expires
/// with the run.
class RunAuthority {
 public:
  /// Makes the key and the self-signed certificate.
  ///
  /// @param hosts  Granted patterns: "a.b", "*.b", "**.b"; a ":port" is ignored. Bundles ("@name")
  ///               must have been expanded. Name constraints know whole subtrees only, so the
  ///               certificate permits "b" and all below for each form; server_context() is exact.
  /// @param valid  From now on; the certificates start an hour back, for clocks that differ.
  /// @return  Errc::invalid_policy  a pattern is none, or there is none at all: a CA without
  ///                                constraints could speak for every host.
  [[nodiscard]] static Result<RunAuthority> create(std::span<const std::string> hosts,
                                                   std::chrono::seconds valid);
  RunAuthority(RunAuthority&&) noexcept;
  RunAuthority& operator=(RunAuthority&&) noexcept;
  ~RunAuthority();

  /// What a client inside must trust. PEM, one certificate.
  [[nodiscard]] std::string certificate_pem() const;

  /// A server that is `host` to a client that trusts certificate_pem(): TLS 1.2 or later, HTTP/1.1
  /// by ALPN, no tickets, no renegotiation. A client that names another host (SNI) is refused with
  /// unrecognized_name, one that offers ALPN without http/1.1 with no_application_protocol. One
  /// that names no host, or no protocol, is served: TlsStream::server_name() tells.
  ///
  /// Mints the leaf at the first call for a host and keeps the last 256. Any thread may call.
  /// @return  Errc::denied  no granted pattern covers `host`, or it is not a plain host name.
  [[nodiscard]] Result<SslContext> server_context(const std::string& host);

 private:
  struct State;
  explicit RunAuthority(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;  ///< a mutex cannot move
};

}  // namespace berm
