#include "egress/http_session.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "egress/http_conversation.h"
#include "egress/refusal.h"
#include "egress/telemetry.h"
#include "rules/egress/client_hello.h"

namespace berm {

using boost::system::error_code;
using std::chrono::milliseconds;
using std::chrono::seconds;

void HttpConversation::serve() {
  while (serve_one()) continue;
  if (!broken_) return client_->finish();
  // An orderly end would make half an answer look like a whole one.
  const linger now{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(client_->fd(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

bool HttpConversation::serve_one() {
  if (!read_head()) return false;
  std::optional<Refusal> refusal = aim();
  if (!refusal) refusal = judge();
  if (!refusal) refusal = prepare_body();
  if (refusal) {
    refuse(*refusal);
    return false;
  }
  if (const Result<void> reached = reach_server(); !reached) {
    end_metering(false);
    const Error& error = reached.error();
    if (error.code == Errc::denied) {
      refuse({http::status::forbidden, error.fix.empty() ? "tls" : error.fix, error.what});
    } else {
      refuse({http::status::bad_gateway, "unreachable", sentence(error)});
    }
    return false;
  }
  return forward();
}

void HttpConversation::refuse(const Refusal& refusal) {
  const auto number = static_cast<unsigned>(refusal.status);
  std::string text = http_refusal(
      fmt::format("{} {}", number, std::string_view(http::obsolete_reason(refusal.status))),
      refusal.rule, refusal.why);
  error_code error;
  client_->set_timeout(seconds(5));
  while (!text.empty() && !error) {
    text.erase(0, client_->write_some(boost::asio::buffer(text), error));
  }
  // The rest of the request is read and thrown away: a reset would eat the answer.
  client_->finish();
  client_->set_timeout(milliseconds(300));
  char rest[kPiece];
  for (int i = 0; i < 64 && !error; ++i) (void)client_->read_bytes(rest, error);
}

namespace {

constexpr seconds kHandshake{15};

// Reads the ClientHello, compares its name, and answers it as the host.
Result<std::unique_ptr<ByteStream>> terminate(const HttpContext& context, UniqueFd fd,
                                              std::string early, const Admission& admission) {
  SocketStream raw(std::move(fd), kHandshake);
  HelloResult hello;
  for (;;) {
    hello = parse_client_hello({reinterpret_cast<const std::uint8_t*>(early.data()), early.size()});
    if (hello.state != HelloState::need_more) break;
    char bytes[4096];
    error_code error;
    const std::size_t got = raw.read_bytes(bytes, error);
    if (error) return failure(Errc::kernel, "read the ClientHello: " + error.message());
    early.append(bytes, got);
  }
  const std::optional<std::string> name = canonical_host(hello.hello.server_name);
  if (hello.state != HelloState::complete || name != admission.to.host) {
    const std::string why =
        hello.state != HelloState::complete
            ? "what the client says to an inspected host is not TLS"
            : fmt::format("the ClientHello asks for '{}', not for {}",
                          printable(hello.hello.server_name.substr(0, 100)), admission.to.host);
    context.gate.deny(admission, "tls", why);
    return failure(Errc::denied, why, "tls");
  }
  const SslContext server = BERM_TRY(context.upstream.authority->server_context(admission.to.host));
  TlsStream stream =
      BERM_TRY(TlsStream::accept(server.get(), raw.release(), std::move(early), kHandshake));
  return std::make_unique<TlsStream>(std::move(stream));
}

void serve(const HttpContext& context, UniqueFd client, std::string early, HttpTask task) {
  if (task.kind == HttpTask::Kind::telemetry) {
    return serve_telemetry(context, std::move(client), std::move(early));
  }
  if (task.kind != HttpTask::Kind::inspected) {
    auto stream = std::make_unique<SocketStream>(std::move(client));
    HttpConversation(context, std::move(stream), std::move(early), std::move(task)).serve();
    return;
  }
  Result<std::unique_ptr<ByteStream>> stream =
      terminate(context, std::move(client), std::move(early), *task.admission);
  if (stream) HttpConversation(context, *std::move(stream), "", std::move(task)).serve();
}

}  // namespace

void serve_http(const HttpContext& context, UniqueFd client, std::string early, HttpTask task) {
  // Beast throws only where no error_code is taken; a stray one ends this connection alone.
  try {
    serve(context, std::move(client), std::move(early), std::move(task));
  } catch (const std::exception& error) {
    context.gate.events().say({{"type", "egress.error"}, {"what", printable(error.what())}});
  }
}

}  // namespace berm
