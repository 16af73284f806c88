#include "remote/transfer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/error.hpp>
#include <cerrno>
#include <thread>

#include "pod/line.h"
#include "record/sha256.h"

namespace berm {
namespace {

using nlohmann::json;

constexpr std::size_t kPiece = 64 << 10;
// One call's worth: what a broken connection costs at most.
constexpr std::uint64_t kPart = 32 << 20;
constexpr int kMostFailures = 20;
constexpr std::chrono::milliseconds kAgain{500};
constexpr std::chrono::seconds kSilence{60};

Result<std::uint64_t> size_of(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return os_error("look at a file");
  return static_cast<std::uint64_t>(status.st_size);
}

Result<void> send_part(PodChannel& channel, int file, std::uint64_t offset, std::uint64_t size) {
  const std::unique_ptr<ByteStream> stream =
      BERM_TRY(channel.open({{"call", "input"}, {"offset", offset}, {"size", size}}));
  stream->set_timeout(kSilence);
  std::string piece(kPiece, '\0');
  for (std::uint64_t left = size; left > 0;) {
    const ssize_t got = ::pread(file, piece.data(), std::min<std::uint64_t>(left, kPiece),
                                static_cast<off_t>(offset + size - left));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return os_error("read the workspace's bundle");
    BERM_TRY(pod::write_bytes(*stream, {piece.data(), static_cast<std::size_t>(got)}));
    left -= static_cast<std::uint64_t>(got);
  }
  BERM_TRY(read_answer(*stream));
  return {};
}

Result<void> fetch_part(PodChannel& channel, int file, std::uint64_t& have, std::uint64_t size) {
  const std::unique_ptr<ByteStream> stream =
      BERM_TRY(channel.open({{"call", "fetch"}, {"offset", have}}));
  BERM_TRY(read_answer(*stream));
  stream->set_timeout(kSilence);
  std::array<char, kPiece> piece;
  boost::system::error_code error;
  while (have < size && !error) {
    const std::size_t most = std::min<std::uint64_t>(size - have, piece.size());
    const std::size_t got = stream->read_bytes({piece.data(), most}, error);
    BERM_TRY(write_all(file, {piece.data(), got}));
    have += got;
  }
  if (error) return failure(Errc::kernel, "fetch the changes: " + error.message());
  return {};
}

}  // namespace

Result<std::string> sha256_of_file(const std::string& path) {
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

Result<void> send_file(PodChannel& channel, const std::string& path, const TransferWatch& watch) {
  const UniqueFd file = BERM_TRY(open_file(path, O_RDONLY));
  const std::uint64_t size = BERM_TRY(size_of(file.get()));
  std::uint64_t have = 0;
  bool known = false;  // how much is there, by the pod's own word
  for (int failures = 0;;) {
    BERM_TRY(watch(have, size));
    Result<void> done;
    if (!known) {
      const Result<json> status = channel.ask({{"call", "status"}});
      if (status) have = pod::number_in(*status, "input");
      if (!status) done = tl::unexpected(status.error());
      known = status.has_value();
    }
    if (have > size) return failure(Errc::denied, "send the workspace: another is there");
    if (known && have == size) return {};
    if (known) {
      const std::uint64_t part = std::min(kPart, size - have);
      done = send_part(channel, file.get(), have, part);
      if (done) have += part;
    }
    if (done) continue;
    known = false;
    if (++failures > kMostFailures) return in_context("sending the workspace", done);
    std::this_thread::sleep_for(kAgain);
  }
}

namespace {

Result<void> fetch_whole(PodChannel& channel, const std::string& path, std::uint64_t size,
                         const TransferWatch& watch) {
  const UniqueFd file = BERM_TRY(open_file(path, O_WRONLY | O_CREAT | O_TRUNC));
  std::uint64_t have = 0;
  for (int failures = 0; have < size;) {
    const std::uint64_t before = have;
    BERM_TRY(watch(have, size));
    const Result<void> fetched = fetch_part(channel, file.get(), have, size);
    if (fetched) continue;
    failures = have > before ? 0 : failures + 1;
    if (failures > kMostFailures) return in_context("fetching the changes", fetched);
    std::this_thread::sleep_for(kAgain);
  }
  return {};
}

}  // namespace

Result<void> fetch_file(PodChannel& channel, const std::string& path, std::uint64_t size,
                        const std::string& sha256, std::uint64_t most, const TransferWatch& watch) {
  if (size > most) return failure(Errc::denied, "fetch the changes: they are too large");
  Result<void> fetched = fetch_whole(channel, path, size, watch);
  if (fetched && BERM_TRY(sha256_of_file(path)) != sha256) {
    fetched = failure(Errc::denied, "fetch the changes: they are not what the pod said they are");
  }
  if (!fetched) (void)::unlink(path.c_str());
  return fetched;
}

Result<void> send_secret(PodChannel& channel, std::size_t credential, const Secret& value) {
  const std::unique_ptr<ByteStream> stream = BERM_TRY(
      channel.open({{"call", "secret"}, {"index", credential}, {"size", value.reveal().size()}}));
  BERM_TRY(pod::write_bytes(*stream, value.reveal()));
  BERM_TRY(read_answer(*stream));
  return {};
}

}  // namespace berm
