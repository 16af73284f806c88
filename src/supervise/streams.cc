#include "supervise/streams.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/text.h"

namespace berm {

Passing passing_to(int fd) { return ::isatty(fd) == 1 ? Passing::terminal_safe : Passing::exact; }

UniqueFd duplicate(int fd) { return UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, 3)); }

UniqueFd writable_copy(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) == 0 && (S_ISCHR(status.st_mode) || S_ISFIFO(status.st_mode))) {
    UniqueFd own(::open(fmt::format("/proc/self/fd/{}", fd).c_str(),
                        O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (own) return own;
  }
  return duplicate(fd);
}

pollfd StreamPump::waits_for() const {
  if (!pending_.empty()) return {to_.get(), POLLOUT, 0};
  return {from_.get(), POLLIN, 0};
}

void StreamPump::read_some() {
  char buffer[65536];
  const ssize_t got = ::read(from_.get(), buffer, sizeof buffer);
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (got <= 0) {  // EIO: the last process closed the terminal
    end();
    return;
  }
  bytes_ += static_cast<std::uint64_t>(got);
  if (hiding_) read_at_ = std::chrono::steady_clock::now();
  last_ = buffer[got - 1];
  std::string text(buffer, static_cast<std::size_t>(got));
  if (hiding_) text = hiding_->feed(text);
  pending_ = passing_ == Passing::exact ? std::move(text) : terminal_safe(text);
}

void StreamPump::end() {
  from_.reset();
  if (hiding_) pending_ = hiding_->finish();
  if (passing_ == Passing::terminal_safe) pending_ = terminal_safe(pending_);
  if (pending_.empty()) to_.reset();
}

void StreamPump::pass_held(std::chrono::milliseconds quiet) {
  if (!holds() || std::chrono::steady_clock::now() - read_at_ < quiet) return;
  pending_ = hiding_->flush();
  if (passing_ == Passing::terminal_safe) pending_ = terminal_safe(pending_);
}

void StreamPump::write_some() {
  // poll(2) promises room for PIPE_BUF bytes in a pipe; more could block us, and with us the
  // limits.
  constexpr std::size_t kAtomic = 4096;
  const ssize_t wrote = ::write(to_.get(), pending_.data(), std::min(pending_.size(), kAtomic));
  if (wrote > 0) {
    pending_.erase(0, static_cast<std::size_t>(wrote));
    if (pending_.empty() && !from_) to_.reset();
  } else if (wrote < 0 && errno != EINTR && errno != EAGAIN) {
    close();  // the reader is gone: the writer shall see it too
  }
}

void StreamPump::pump(short revents) {
  if (revents == 0) return;
  if (pending_.empty()) {
    if (from_) read_some();
  } else if ((revents & POLLOUT) != 0) {
    write_some();
  } else {
    close();
  }
}

void StreamPump::close() {
  pending_.clear();
  from_.reset();
  to_.reset();
}

Result<RawTerminal> RawTerminal::enter(int fd) {
  termios settings{};
  if (::tcgetattr(fd, &settings) != 0) return os_error("read the terminal's settings");
  RawTerminal terminal;
  terminal.saved_.assign(reinterpret_cast<const char*>(&settings), sizeof settings);
  ::cfmakeraw(&settings);
  if (::tcsetattr(fd, TCSANOW, &settings) != 0) return os_error("set the terminal to raw mode");
  terminal.fd_ = fd;
  return terminal;
}

RawTerminal::RawTerminal(RawTerminal&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), saved_(std::move(other.saved_)) {}

RawTerminal& RawTerminal::operator=(RawTerminal&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(saved_, other.saved_);
  return *this;
}

RawTerminal::~RawTerminal() {
  if (fd_ < 0) return;
  termios settings{};
  std::memcpy(&settings, saved_.data(), sizeof settings);
  ::tcsetattr(fd_, TCSAFLUSH, &settings);
}

void copy_window_size(int from, int to) {
  winsize size{};
  if (::ioctl(from, TIOCGWINSZ, &size) == 0) ::ioctl(to, TIOCSWINSZ, &size);
}

}  // namespace berm
