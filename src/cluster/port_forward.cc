#include "cluster/port_forward.h"

#include <fmt/format.h>
#include <sys/random.h>

#include <array>
#include <boost/asio/error.hpp>
#include <boost/beast/core/error.hpp>
#include <thread>

#include "base/base64.h"
#include "base/text.h"
#include "net/relay.h"
#include "net/websocket.h"
#include "sys/self.h"

namespace berm {
namespace {

constexpr const char* kProtocol = "v4.channel.k8s.io";
constexpr char kData = 0;  // of the first port; its errors come on the next
constexpr std::size_t kMostHeld = 128 << 10;

template <std::size_t size>
std::array<unsigned char, size> random_bytes() {
  std::array<unsigned char, size> out{};
  // A mask that somebody guesses is no loss: TLS is around it.
  if (::getrandom(out.data(), out.size(), 0) < 0) out.fill(0);
  return out;
}

// The bytes of one port, in messages of a WebSocket.
class ForwardStream final : public ByteStream {
 public:
  ForwardStream(std::unique_ptr<ByteStream> below, std::string early) : below_(std::move(below)) {
    reader_.feed(early);
  }

  std::size_t read_bytes(std::span<char> bytes, error_code& error) override {
    error = {};
    for (;;) {
      if (!take_frames(error)) return 0;
      if (!data_.empty()) break;
      std::array<char, 16 << 10> raw;
      below_->set_timeout(timeout());
      const std::size_t got = below_->read_bytes(raw, error);
      if (error) return 0;
      reader_.feed({raw.data(), got});
    }
    const std::size_t part = std::min(bytes.size(), data_.size());
    data_.copy(bytes.data(), part);
    data_.erase(0, part);
    return part;
  }

  std::size_t write_bytes(std::span<const char> bytes, error_code& error) override {
    frame(bytes);
    while (!held_.empty() && !error) {
      below_->set_timeout(timeout());
      held_.erase(0, below_->write_bytes(held_, error));
    }
    return error ? 0 : bytes.size();
  }

  std::size_t try_write(std::span<const char> bytes, error_code& error) override {
    error = {};
    const bool takes = held_.size() < kMostHeld;
    if (takes) frame(bytes);
    if (!held_.empty()) held_.erase(0, below_->try_write(held_, error));
    return takes && !error ? bytes.size() : 0;
  }

  [[nodiscard]] bool has_unsent() const override { return !held_.empty(); }

  void finish() override {
    error_code ignored;
    held_ +=
        websocket_frame(WebSocketOpcode::close, std::string_view("\x03\xe8", 2), random_bytes<4>());
    (void)below_->write_bytes(held_, ignored);
    below_->finish();
  }
  [[nodiscard]] int fd() const override { return below_->fd(); }
  [[nodiscard]] bool has_pending() const override {
    return !data_.empty() || below_->has_pending();
  }

 private:
  void frame(std::span<const char> bytes) {
    if (bytes.empty()) return;
    std::string payload(1, kData);
    payload.append(bytes.data(), bytes.size());
    held_ += websocket_frame(WebSocketOpcode::binary, payload, random_bytes<4>());
  }

  // What has come whole. @return false at the end, or where the server breaks its protocol.
  bool take_frames(error_code& error) {
    for (;;) {
      Result<std::optional<WebSocketFrame>> frame = reader_.next();
      if (!frame) error = boost::asio::error::connection_aborted;
      if (!frame) return false;
      if (!*frame) return true;
      if (!take(**frame)) {
        error = boost::asio::error::eof;
        return data_.empty() ? false : true;
      }
    }
  }

  bool take(const WebSocketFrame& frame) {
    if (frame.opcode == WebSocketOpcode::close) return false;
    if (frame.opcode == WebSocketOpcode::ping) {
      held_ += websocket_frame(WebSocketOpcode::pong, frame.payload, random_bytes<4>());
    }
    const bool begins =
        frame.opcode == WebSocketOpcode::binary || frame.opcode == WebSocketOpcode::text;
    if (!begins && frame.opcode != WebSocketOpcode::continuation) return true;
    std::string_view bytes = frame.payload;
    if (begins && bytes.empty()) return true;
    if (begins) {
      channel_ = bytes[0];
      bytes.remove_prefix(1);
      // The first message of each channel is the port's number.
      bool& told = channel_ == kData ? told_data_ : told_error_;
      const bool first = !std::exchange(told, true);
      if (first && bytes.size() >= 2) bytes.remove_prefix(2);
    }
    if (channel_ == kData) data_ += bytes;
    // The node's words: nobody listens in the pod, or it is gone.
    return channel_ == kData || bytes.empty();
  }

  std::unique_ptr<ByteStream> below_;
  WebSocketReader reader_;
  std::string data_;  ///< read, for whoever reads here
  std::string held_;  ///< framed, for the server
  char channel_ = kData;
  bool told_data_ = false;
  bool told_error_ = false;
};

}  // namespace

Result<UniqueFd> forward_port(ClusterClient& cluster, const std::string& name_space,
                              const std::string& pod, std::uint16_t port) {
  const std::array<unsigned char, 16> nonce = random_bytes<16>();
  const std::string key = base64({reinterpret_cast<const char*>(nonce.data()), nonce.size()});
  HttpsUpgraded opened = BERM_TRY(in_context(
      fmt::format("connecting to port {} of the pod '{}'", port, printable(pod)),
      cluster.upgrade(
          fmt::format("/api/v1/namespaces/{}/pods/{}/portforward?ports={}", name_space, pod, port),
          {{"Sec-WebSocket-Key", key},
           {"Sec-WebSocket-Version", "13"},
           {"Sec-WebSocket-Protocol", kProtocol}},
          "websocket")));
  if (opened.headers["sec-websocket-accept"] != websocket_accept(key) ||
      opened.headers["sec-websocket-protocol"] != kProtocol) {
    return failure(Errc::denied, "connect to a pod: the API server speaks another protocol there",
                   "a proxy on the way may not let WebSockets through");
  }
  SocketPair ends = BERM_TRY(make_socket_pair());
  std::thread([local = std::move(ends.theirs), stream = std::move(opened.stream),
               early = std::move(opened.early)]() mutable {
    SocketStream ours(std::move(local));
    ForwardStream theirs(std::move(stream), std::move(early));
    relay(ours, theirs);
  }).detach();
  return std::move(ends.ours);
}

}  // namespace berm
