#include "net/relay.h"

#include <poll.h>

#include <array>
#include <boost/asio/error.hpp>
#include <boost/beast/core/error.hpp>
#include <string>

namespace berm {
namespace {

constexpr std::size_t kMostHeld = 64 << 10;

/// One direction.
struct Way {
  ByteStream& from;
  ByteStream& to;
  std::string held = {};
  bool ended = false;
  bool told = false;

  [[nodiscard]] bool unsent() const { return !held.empty() || to.has_unsent(); }
  [[nodiscard]] bool reads() const { return !ended && held.size() < kMostHeld; }

  /// @return false when the connection is broken.
  bool move() {
    boost::system::error_code error;
    if (reads()) {
      std::array<char, 16 << 10> bytes;
      from.set_timeout({});
      const std::size_t got = from.read_bytes(bytes, error);
      held.append(bytes.data(), got);
      if (error == boost::asio::error::eof) ended = true;
      if (error && !ended && error != boost::beast::error::timeout) return false;
    }
    if (unsent()) {
      held.erase(0, to.try_write(held, error));
      if (error) return false;
    }
    if (ended && !unsent() && !told) {
      to.finish();
      told = true;
    }
    return true;
  }
};

}  // namespace

void relay(ByteStream& one, ByteStream& other) {
  Way there{one, other};
  Way back{other, one};
  while (!there.told || !back.told) {
    const auto events = [](const Way& in, const Way& out) {
      return static_cast<short>((in.reads() ? POLLIN : 0) | (out.unsent() ? POLLOUT : 0));
    };
    const bool ready =
        (there.reads() && one.has_pending()) || (back.reads() && other.has_pending());
    pollfd fds[2] = {{one.fd(), events(there, back), 0}, {other.fd(), events(back, there), 0}};
    // A side that has said all and was told all would wake us with its hang-up again and again.
    if (there.ended && back.told) fds[0].fd = -1;
    if (back.ended && there.told) fds[1].fd = -1;
    if (::poll(fds, 2, ready ? 0 : -1) < 0) continue;
    for (const pollfd& fd : fds) {
      // Nothing was asked of it, and it is gone.
      if (fd.events == 0 && (fd.revents & (POLLHUP | POLLERR)) != 0) return;
    }
    if (!there.move() || !back.move()) return;
  }
}

}  // namespace berm
