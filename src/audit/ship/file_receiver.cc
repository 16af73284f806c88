// file and fd: lines, each batch by as few writes as possible, on the disk before it counts.
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "audit/ship/receiver.h"
#include "audit/sinks/answers.h"

namespace berm {
namespace {

class File final : public Receiver {
 public:
  File(UniqueFd fd, bool is_regular) : fd_(std::move(fd)), is_regular_(is_regular) {}

  SinkStep deliver(const SinkBatch& batch, const Wait& wait) override {
    std::string text;
    if (must_end_line()) text += '\n';
    for (const ShippedEvent& event : batch.events) text += event.text() + "\n";
    const off_t before = size();
    std::size_t written = 0;
    while (written < text.size()) {
      const ssize_t put = ::write(fd_.get(), text.data() + written, text.size() - written);
      if (put > 0) written += static_cast<std::size_t>(put);
      if (put >= 0 || errno == EINTR) continue;
      const int why = errno;
      if (why == EAGAIN && wait_for_room(wait)) continue;
      take_back(before, written);
      return retry_because(sentence(os_error("write to it", why).value()));
    }
    if (is_regular_ && ::fdatasync(fd_.get()) != 0) {
      return retry_because(sentence(os_error("write it through to the disk").value()));
    }
    torn_ = false;
    return all_of(batch);
  }

 private:
  [[nodiscard]] off_t size() const {
    struct stat status {};
    return is_regular_ && ::fstat(fd_.get(), &status) == 0 ? status.st_size : 0;
  }

  // Half a line of ours, or of a berm that was killed in the middle: it must not swallow the next.
  [[nodiscard]] bool must_end_line() {
    if (torn_) return true;
    if (!is_regular_ || looked_) return false;
    looked_ = true;
    char last = '\n';
    const off_t end = size();
    return end > 0 && ::pread(fd_.get(), &last, 1, end - 1) == 1 && last != '\n';
  }

  // A full disk: what was written of the batch goes again, unless somebody else wrote behind it.
  void take_back(off_t before, std::size_t written) {
    if (written == 0) return;
    const bool alone = is_regular_ && size() == before + static_cast<off_t>(written);
    torn_ = !(alone && ::ftruncate(fd_.get(), before) == 0);
  }

  [[nodiscard]] bool wait_for_room(const Wait& wait) const {
    pollfd room{fd_.get(), POLLOUT, 0};
    while (::poll(&room, 1, 100) == 0) {
      if (!wait(Milliseconds(0))) return false;
    }
    return true;
  }

  UniqueFd fd_;
  bool is_regular_;
  bool torn_ = false;
  bool looked_ = false;
};

std::string with_run(std::string path, const std::string& run) {
  const std::size_t place = path.find("{run}");
  if (place != std::string::npos) path.replace(place, 5, run);
  return path;
}

// Evidence that another user can rewrite is none.
Result<void> refuse_others_file(const std::string& path, const struct stat& file) {
  const auto is_ours = [](const struct stat& status) {
    return status.st_uid == 0 || status.st_uid == ::geteuid();
  };
  if (!is_ours(file) || (file.st_mode & S_IWOTH) != 0) {
    return failure(Errc::denied,
                   fmt::format("append to '{}': another user owns it or may write it", path),
                   "name a file of your own");
  }
  struct stat directory {};
  const std::string above = path.substr(0, std::max<std::size_t>(path.rfind('/'), 1));
  if (::stat(above.c_str(), &directory) != 0) {
    return os_error(fmt::format("look at the directory '{}'", above));
  }
  // Where others may write without the sticky bit, they may put another file in its place.
  const bool open_to_all = (directory.st_mode & (S_IWOTH | S_ISVTX)) == S_IWOTH;
  if (is_ours(directory) && !open_to_all) return {};
  return failure(Errc::denied,
                 fmt::format("append to '{}': other users may replace files in '{}'", path, above),
                 "name a file in a directory of your own");
}

}  // namespace

Result<std::unique_ptr<Receiver>> make_file_receiver(ReceiverSettings settings) {
  UniqueFd fd = std::move(settings.descriptor);
  struct stat status {};
  if (settings.grant.type == SinkType::file) {
    const std::string path = with_run(setting(settings.grant, "path"), settings.run);
    // Read, too: whether its last line is whole. Not blocking: a fifo would wait for its reader.
    fd = BERM_TRY(
        open_file(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600));
    if (::fstat(fd.get(), &status) == 0 && S_ISREG(status.st_mode)) {
      BERM_TRY(refuse_others_file(path, status));
    }
  }
  if (::fstat(fd.get(), &status) != 0) return os_error("look at the sink's descriptor");
  return std::make_unique<File>(std::move(fd), S_ISREG(status.st_mode));
}

}  // namespace berm
