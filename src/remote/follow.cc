#include "remote/follow.h"

#include <array>
#include <boost/asio/error.hpp>
#include <boost/beast/core/error.hpp>

namespace berm {
namespace {

constexpr std::chrono::milliseconds kAgain{500};
constexpr std::chrono::milliseconds kLook{500};

enum class Heard { all, broken, unwanted };

Heard follow_once(PodChannel& channel, const std::string& what, std::uint64_t& offset, int to,
                  const std::atomic<bool>& stopped) {
  const Result<std::unique_ptr<ByteStream>> stream =
      channel.open({{"call", "follow"}, {"what", what}, {"offset", offset}});
  if (!stream || !read_answer(**stream)) return Heard::broken;
  (*stream)->set_timeout(kLook);
  std::array<char, 64 << 10> piece;
  boost::system::error_code error;
  while (!stopped) {
    const std::size_t got = (*stream)->read_bytes(piece, error);
    if (got > 0 && !write_all(to, {piece.data(), got})) return Heard::unwanted;
    offset += got;
    // Only an end that TLS vouches for is one.
    if (error == boost::asio::error::eof) return Heard::all;
    if (error && error != boost::beast::error::timeout) return Heard::broken;
  }
  return Heard::unwanted;
}

}  // namespace

Result<UniqueFd> RunFollower::begin(PodChannel& channel, std::string what) {
  Pipe pipe = BERM_TRY(make_pipe());
  threads_.emplace_back([this, &channel, what = std::move(what),
                         to = std::move(pipe.write)]() mutable {
    std::uint64_t offset = 0;
    while (!stopped_ && follow_once(channel, what, offset, to.get(), stopped_) == Heard::broken) {
      std::this_thread::sleep_for(kAgain);
    }
    to.reset();
  });
  return std::move(pipe.read);
}

Result<RunFollower::Pipes> RunFollower::start(PodChannel& channel) {
  return Pipes{.record = BERM_TRY(begin(channel, "record")),
               .out = BERM_TRY(begin(channel, "stdout")),
               .err = BERM_TRY(begin(channel, "stderr"))};
}

RunFollower::~RunFollower() {
  stopped_ = true;
  for (std::thread& thread : threads_) thread.join();
}

}  // namespace berm
