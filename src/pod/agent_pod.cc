#include "pod/agent_pod.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/error.hpp>
#include <boost/beast/core/error.hpp>
#include <thread>

#include "base/text.h"
#include "net/dial.h"
#include "net/relay.h"
#include "pod/line.h"
#include "record/sha256.h"
#include "sys/self.h"

namespace berm::pod {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr seconds kCallPatience{20};
constexpr seconds kDataPatience{120};
// Egress that is away for longer is lost: the run is cut off, and says so.
constexpr seconds kEgressPatience{60};
constexpr milliseconds kLook{25};
// A policy that drops is silence: longer than a connection takes, shorter than anybody minds.
constexpr milliseconds kProbePatience{1500};
constexpr std::size_t kPiece = 64 << 10;

std::uint64_t size_of(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
}

void answer(ByteStream& stream, const Result<void>& done) {
  if (done) {
    (void)write_line(stream, {{"ok", true}});
  } else {
    (void)write_line(stream, {{"ok", false},
                              {"what", done.error().what},
                              {"errno", done.error().os_errno},
                              {"fix", done.error().fix}});
  }
}

Result<std::string> digest_of_file(const std::string& path) {
  const UniqueFd file = BERM_TRY(open_file(path, O_RDONLY));
  Sha256 digest;
  std::array<char, kPiece> piece;
  for (;;) {
    const ssize_t got = ::read(file.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return os_error(fmt::format("read '{}'", path));
    if (got == 0) return digest.hex();
    digest.update({piece.data(), static_cast<std::size_t>(got)});
  }
}

}  // namespace

void AgentPod::serve(Stream stream) {
  const Result<json> call = read_line(*stream, kCallPatience);
  if (!call) return;
  stream->set_timeout(kDataPatience);
  const std::string what = text_in(*call, "call");
  if (what == "idle") return keep_idle(std::move(stream));
  if (what == "egress") return hear_egress(*stream);
  if (what == "status") (void)write_line(*stream, status());
  if (what == "input") take_input(*stream, *call);
  if (what == "probe") (void)write_line(*stream, probe(*call));
  if (what == "start") answer(*stream, start(*call));
  if (what == "follow") follow(*stream, *call);
  if (what == "fetch") send_result(*stream, number_in(*call, "offset"));
  if (what == "signal") {
    signal(static_cast<int>(number_in(*call, "number", SIGTERM)));
    answer(*stream, {});
  }
  if (what == "end") {
    answer(*stream, {});
    end();
  }
  stream->finish();
}

void AgentPod::end() {
  const std::lock_guard lock(mutex_);
  over_ = true;
  changed_.notify_all();
}

void AgentPod::wait_for_end() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return over_; });
}

bool AgentPod::has_ended() {
  const std::lock_guard lock(mutex_);
  return state_ == State::ended;
}

json AgentPod::status() {
  const std::lock_guard lock(mutex_);
  static constexpr const char* kNames[] = {"waiting", "running", "ended"};
  json out = {{"ok", true},
              {"state", kNames[static_cast<int>(state_)]},
              {"egress", egress_known_},
              {"input", size_of(place_.input())}};
  if (state_ == State::ended) out["ending"] = ending_;
  return out;
}

// Whether this pod may connect where its policy says that it may not. As berm, not as the agent,
// which could not try: what is asked is what the cluster holds.
json AgentPod::probe(const json& call) const {
  const std::optional<Destination> to = parse_authority(text_in(call, "address"));
  if (!to || !to->address) return {{"ok", false}, {"what", "try an address that is none"}};
  const Result<UniqueFd> reached = dial({*to->address}, *to, Deadline::in(kProbePatience));
  return {{"ok", true}, {"reached", reached.has_value()}};
}

// What is here already is not sent again: the caller asks, and goes on from there.
void AgentPod::take_input(ByteStream& stream, const json& call) {
  const std::uint64_t offset = number_in(call, "offset");
  std::uint64_t left = number_in(call, "size");
  if (offset != size_of(place_.input())) {
    return answer(stream, failure(Errc::denied, "take the workspace: that is not what is missing"));
  }
  const Result<UniqueFd> file = open_file(place_.input(), O_WRONLY | O_CREAT | O_APPEND);
  if (!file) return answer(stream, tl::unexpected(file.error()));
  std::array<char, kPiece> piece;
  boost::system::error_code error;
  while (left > 0) {
    const std::size_t got =
        stream.read_bytes({piece.data(), std::min<std::uint64_t>(left, piece.size())}, error);
    if (error) return;  // what came is kept
    const Result<void> written = write_all(file->get(), {piece.data(), got});
    if (!written) return answer(stream, written);
    left -= got;
  }
  answer(stream, {});
}

Result<void> AgentPod::start(const json& call) {
  {
    const std::lock_guard lock(mutex_);
    if (state_ != State::waiting) return {};  // the caller did not hear our answer
  }
  const std::string digest = BERM_TRY(digest_of_file(place_.input()));
  if (digest != text_in(call, "sha256")) {
    // It is sent once more, from its beginning.
    (void)::unlink(place_.input().c_str());
    return failure(Errc::denied, "start: the workspace is not what was sent");
  }
  const std::lock_guard lock(mutex_);
  if (state_ != State::waiting) return {};
  run_ = text_in(call, "run");
  BERM_TRY(start_session());
  state_ = State::running;
  return {};
}

// A process of its own: it forks a sandbox, and there are threads here.
Result<void> AgentPod::start_session() {
  const UniqueFd nothing = BERM_TRY(open_file("/dev/null", O_RDONLY));
  const UniqueFd out = BERM_TRY(open_file(place_.output("stdout"), O_WRONLY | O_CREAT | O_APPEND));
  const auto variable = [](const char* name) {
    const char* value = ::getenv(name);
    return std::string(name) + "=" + (value == nullptr ? "" : value);
  };
  session_ = BERM_TRY(
      start_self({"pod", "session", "--root", place_.root},
                 {variable("PATH"), "HOME=" + place_.root, "XDG_STATE_HOME=" + place_.state()},
                 nothing.get(), out.get()));
  std::thread([this, pid = session_.pid()] { watch_session(pid); }).detach();
  return {};
}

void AgentPod::watch_session(pid_t session) {
  siginfo_t info{};
  while (::waitid(P_PID, static_cast<id_t>(session), &info, WEXITED | WNOWAIT) != 0 &&
         errno == EINTR) {
  }
  json ending = {{"signaled", info.si_code != CLD_EXITED}, {"code", info.si_status}};
  if (const Result<std::string> digest = digest_of_file(place_.result())) {
    ending["result"] = {{"size", size_of(place_.result())}, {"sha256", *digest}};
  }
  if (const Result<std::string> report = read_file(place_.report(), 4 << 20)) {
    ending["report"] = json::parse(*report, nullptr, false);
  }
  const std::lock_guard lock(mutex_);
  (void)session_.wait();
  ending_ = std::move(ending);
  state_ = State::ended;
  changed_.notify_all();
}

void AgentPod::signal(int number) {
  const std::lock_guard lock(mutex_);
  if (state_ == State::running && session_) ::kill(session_.pid(), number);
}

// A file as it grows, until the session is over and all of it was sent.
void AgentPod::follow(ByteStream& stream, const json& call) {
  const std::string what = text_in(call, "what");
  std::uint64_t offset = number_in(call, "offset");
  std::string path = place_.output(what == "stderr" ? "stderr" : "stdout");
  if (what == "record") {
    const std::lock_guard lock(mutex_);
    path = place_.record(run_);
  }
  if (!write_line(stream, {{"ok", true}})) return;
  UniqueFd file;
  std::string piece(kPiece, '\0');
  for (;;) {
    const bool last = has_ended();  // before the read: nothing is written behind it
    if (!file) {
      if (Result<UniqueFd> opened = open_file(path, O_RDONLY)) file = *std::move(opened);
    }
    const ssize_t got =
        file ? ::pread(file.get(), piece.data(), piece.size(), static_cast<off_t>(offset)) : 0;
    if (got < 0 && errno != EINTR) return;
    if (got > 0) {
      if (!write_bytes(stream, {piece.data(), static_cast<std::size_t>(got)})) return;
      offset += static_cast<std::uint64_t>(got);
      continue;
    }
    if (last) return;
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kLook, [this] { return over_; });
    if (over_) return;
  }
}

void AgentPod::send_result(ByteStream& stream, std::uint64_t offset) {
  const Result<UniqueFd> file = open_file(place_.result(), O_RDONLY);
  if (!file) return answer(stream, tl::unexpected(file.error()));
  if (!write_line(stream, {{"ok", true}})) return;
  std::string piece(kPiece, '\0');
  for (;;) {
    const ssize_t got =
        ::pread(file->get(), piece.data(), piece.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return;
    if (!write_bytes(stream, {piece.data(), static_cast<std::size_t>(got)})) return;
    offset += static_cast<std::uint64_t>(got);
  }
}

// ------------------------------------------------------------------------------ the way out

void AgentPod::keep_idle(Stream stream) {
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(stream));
  changed_.notify_all();
}

AgentPod::Stream AgentPod::take_idle() {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, kCallPatience, [this] { return over_ || !idle_.empty(); })) {
    return nullptr;
  }
  if (idle_.empty()) return nullptr;
  Stream out = std::move(idle_.front());
  idle_.pop_front();
  return out;
}

// First what egress is, then its events as they happen; they are kept, so that a connection that
// breaks loses none.
void AgentPod::hear_egress(ByteStream& stream) {
  std::uint64_t from = 0;
  {
    const std::lock_guard lock(mutex_);
    from = egress_told_;
    ++egress_calls_;
  }
  const auto leave = [this] {
    const std::lock_guard lock(mutex_);
    --egress_calls_;
    changed_.notify_all();
  };
  const Result<json> ready = write_line(stream, {{"from", from}})
                                 ? read_line(stream, kCallPatience)
                                 : Result<json>(failure(Errc::kernel, "hear egress"));
  const Result<UniqueFd> file = open_file(place_.output("egress"), O_WRONLY | O_CREAT | O_APPEND);
  if (!ready || !file) return leave();
  {
    const std::lock_guard lock(mutex_);
    egress_known_ = true;
    egress_ca_ = text_in(*ready, "ca");
    changed_.notify_all();
  }
  std::array<char, kPiece> piece;
  boost::system::error_code error;
  stream.set_timeout(milliseconds::max());
  for (;;) {
    const std::size_t got = stream.read_bytes(piece, error);
    if (error) return leave();
    const std::lock_guard lock(mutex_);
    // Another connection has taken over, and asked from here on.
    if (egress_told_ != from || !write_all(file->get(), {piece.data(), got})) break;
    from = egress_told_ += got;
    changed_.notify_all();
  }
  leave();
}

void AgentPod::serve_local(Stream stream) {
  const Result<json> call = read_line(*stream, kCallPatience);
  if (!call) return;
  const std::string what = text_in(*call, "call");
  if (what == "ready") return tell_egress(*stream);
  if (what == "open") open_way_out(std::move(stream), *call);
}

// One that broke while it lay here is let go of, and the next is tried: nothing of the run was
// sent on it yet.
void AgentPod::open_way_out(Stream local, const json& call) {
  const json open = {{"kind", number_in(call, "kind")}, {"port", number_in(call, "port")}};
  for (int tries = 0; tries < 32; ++tries) {
    const Stream way = take_idle();
    if (!way) return;
    way->set_timeout(kCallPatience);
    if (!write_line(*way, open)) continue;
    const Result<json> opened = read_line(*way, kCallPatience);
    if (!opened) continue;
    return relay(*local, *way);
  }
}

// To the session: what egress is, and its events from the first on. Ends when egress is lost.
void AgentPod::tell_egress(ByteStream& local) {
  {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kEgressPatience, [this] { return over_ || egress_known_; });
    if (!egress_known_) return;
  }
  if (!write_line(local, {{"ok", true}, {"ca", egress_ca_}})) return;
  const std::string path = place_.output("egress");
  std::uint64_t sent = 0;
  std::string piece(kPiece, '\0');
  UniqueFd file;
  auto away_since = std::chrono::steady_clock::now();
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, seconds(1), [&] { return over_ || egress_told_ > sent; });
      const auto now = std::chrono::steady_clock::now();
      if (egress_calls_ > 0) away_since = now;
      if (over_ || now - away_since > kEgressPatience) return;
    }
    if (!file) {
      if (Result<UniqueFd> opened = open_file(path, O_RDONLY)) file = *std::move(opened);
    }
    const ssize_t got =
        file ? ::pread(file.get(), piece.data(), piece.size(), static_cast<off_t>(sent)) : 0;
    if (got > 0 && !write_bytes(local, {piece.data(), static_cast<std::size_t>(got)})) return;
    if (got > 0) sent += static_cast<std::uint64_t>(got);
  }
}

}  // namespace berm::pod
