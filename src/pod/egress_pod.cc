#include "pod/egress_pod.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/error.hpp>
#include <nlohmann/json.hpp>
#include <thread>

#include "net/dial.h"
#include "net/relay.h"
#include "pod/line.h"

namespace berm::pod {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kCallPatience{20};
constexpr seconds kDialPatience{5};
constexpr milliseconds kAgain{250};
// Enough for a burst: each that is taken is replaced at once.
constexpr int kIdle = 8;
constexpr std::size_t kPiece = 64 << 10;

void answer(ByteStream& stream, const Result<void>& done) {
  json out = {{"ok", done.has_value()}};
  if (!done) out["what"] = done.error().what;
  (void)write_line(stream, out);
}

}  // namespace

void EgressPod::serve(Stream stream) {
  const Result<json> call = read_line(*stream, kCallPatience);
  if (!call) return;
  const std::string what = text_in(*call, "call");
  if (what == "agent") {
    answer(*stream, learn_agent(*call));
  } else if (what == "secret") {
    answer(*stream, take_secret(*stream, *call));
  } else {
    hand_on(std::move(stream), *call);
    if (what == "end") end(0);
    return;
  }
  stream->finish();
}

// Where the agent's pod is, by whoever asked the cluster; that it is that pod, it proves itself.
Result<void> EgressPod::learn_agent(const json& call) {
  const std::optional<Destination> at = parse_authority(text_in(call, "address"));
  if (!at || !at->address) return failure(Errc::usage, "learn the agent's address");
  const std::lock_guard lock(mutex_);
  const bool first = !agent_;
  agent_ = *at;
  changed_.notify_all();
  if (!first) return {};
  for (int i = 0; i < kIdle; ++i) std::thread([this] { leave_connections(); }).detach();
  std::thread([this] { tell_events(); }).detach();
  return {};
}

Result<void> EgressPod::take_secret(ByteStream& stream, const json& call) {
  const std::uint64_t size = number_in(call, "size");
  if (size > kMostLine) return failure(Errc::usage, "take a secret of that size");
  Result<void> read;
  const Secret value = Secret::filled(size, [&](std::span<char> bytes) {
    boost::system::error_code error;
    while (!bytes.empty() && !error) bytes = bytes.subspan(stream.read_bytes(bytes, error));
    if (error) read = failure(Errc::kernel, "read a secret");
  });
  BERM_TRY(read);
  const std::lock_guard lock(mutex_);
  if (!egress_) return failure(Errc::usage, "take a secret: this run has no egress");
  return renew_secret(*egress_, number_in(call, "index"), value);
}

Result<EgressPod::Stream> EgressPod::connect_agent() {
  Destination at;
  {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kDialPatience, [this] { return agent_ || over_; });
    if (!agent_) return failure(Errc::usage, "connect to the agent's pod: nobody said where it is");
    at = *agent_;
  }
  const Deadline deadline = Deadline::in(kDialPatience);
  UniqueFd fd = BERM_TRY(dial({*at.address}, at, deadline));
  return std::make_unique<TlsStream>(
      BERM_TRY(TlsStream::connect(to_agent_.get(), std::move(fd), kAgentName, deadline.left())));
}

// A call that is the agent's pod's: the same line, then bytes both ways.
void EgressPod::hand_on(Stream caller, const json& call) {
  const Result<Stream> agent = connect_agent();
  if (!agent) {
    // Not its answer: it may be there the next time.
    (void)write_line(*caller, {{"ok", false}, {"away", true}, {"what", agent.error().what}});
    return;
  }
  if (write_line(**agent, call)) relay(*caller, **agent);
}

// Leaves a connection in the agent's pod; when it is taken, another thread leaves the next, and
// this one carries.
void EgressPod::leave_connections() {
  for (;;) {
    Result<Stream> way = connect_agent();
    {
      const std::lock_guard lock(mutex_);
      if (over_) return;
    }
    if (!way || !write_line(**way, {{"call", "idle"}})) {
      std::this_thread::sleep_for(kAgain);
      continue;
    }
    Stream stream = *std::move(way);
    const Result<json> open = read_line(*stream, std::chrono::hours(24));
    if (!open) continue;  // it broke where it lay
    // Detached on purpose, and counted by nobody: the agent's pod has no more than it can use.
    std::thread([this, open = *open, stream = std::move(stream)]() mutable {
      const std::uint64_t kind = number_in(open, "kind", ~0ULL);
      const std::uint64_t port = number_in(open, "port");
      const auto found = std::ranges::find_if(listeners_, [&](const LocalListener& one) {
        return static_cast<std::uint64_t>(one.listener.kind) == kind && one.listener.port == port;
      });
      if (found == listeners_.end()) return;
      Result<UniqueFd> fd = dial({*found->at.address}, found->at, Deadline::in(kDialPatience));
      if (!fd || !write_line(*stream, {{"ok", true}})) return;
      SocketStream local(*std::move(fd));
      relay(*stream, local);
    }).detach();
  }
}

void EgressPod::keep_events() {
  const Result<UniqueFd> file = open_file(events_file(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND);
  std::array<char, kPiece> piece;
  while (file && egress_) {
    const ssize_t got = ::read(egress_->events.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    if (!write_all(file->get(), {piece.data(), static_cast<std::size_t>(got)})) break;
    const std::lock_guard lock(mutex_);
    events_ += static_cast<std::uint64_t>(got);
    changed_.notify_all();
  }
  // What is not recorded does not happen: without events there is no egress.
  end(1);
}

// For as long as the agent's pod listens, from where it says that it has them.
void EgressPod::tell_events() {
  for (;;) {
    const Result<Stream> way = connect_agent();
    const Result<void> called =
        way ? write_line(**way, {{"call", "egress"}}) : tl::unexpected(way.error());
    const Result<json> asked =
        called ? read_line(**way, kCallPatience) : Result<json>(tl::unexpected(called.error()));
    const Result<UniqueFd> file = open_file(events_file(), O_RDONLY);
    bool goes_on = asked && file && write_line(**way, {{"ok", true}, {"ca", ca_}}).has_value();
    std::uint64_t sent = asked ? number_in(*asked, "from") : 0;
    std::string piece(kPiece, '\0');
    while (goes_on) {
      {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, seconds(1), [&] { return over_ || events_ > sent; });
        if (over_ && events_ <= sent) return;
      }
      const ssize_t got =
          ::pread(file->get(), piece.data(), piece.size(), static_cast<off_t>(sent));
      if (got > 0) {
        goes_on = write_bytes(**way, {piece.data(), static_cast<std::size_t>(got)}).has_value();
        sent += static_cast<std::uint64_t>(got);
      }
      // Nothing is ever said here: what can be read is its end.
      boost::system::error_code error;
      char byte = 0;
      (*way)->set_timeout({});
      if ((*way)->read_bytes({&byte, 1}, error) == 0 && error == boost::asio::error::eof) {
        goes_on = false;
      }
      (*way)->set_timeout(kCallPatience);
    }
    {
      const std::lock_guard lock(mutex_);
      if (over_) return;
    }
    std::this_thread::sleep_for(kAgain);
  }
}

void EgressPod::end(int code) {
  const std::lock_guard lock(mutex_);
  if (!over_) over_ = code;
  changed_.notify_all();
}

int EgressPod::wait_for_end() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return over_.has_value(); });
  return *over_;
}

}  // namespace berm::pod
