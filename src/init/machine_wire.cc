#include "init/machine_wire.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

namespace berm::init::machine {

bool write_all(int fd, const void* from, std::size_t size) {
  const char* at = static_cast<const char*>(from);
  while (size > 0) {
    const ssize_t wrote = ::write(fd, at, size);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0 && errno == EAGAIN) {
      pollfd room{fd, POLLOUT, 0};
      ::poll(&room, 1, -1);
      continue;
    }
    if (wrote <= 0) return false;
    at += wrote;
    size -= static_cast<std::size_t>(wrote);
  }
  return true;
}

bool send_frame(int port, Kind kind, std::uint8_t channel, const void* payload, std::size_t size) {
  if (size > kMostPayload) return false;
  // In one piece: a port that is a character device takes each write as a buffer of its own.
  static char whole[sizeof(Frame) + kMostPayload];
  const Frame frame{kind, channel, 0, static_cast<std::uint32_t>(size)};
  ::memcpy(whole, &frame, sizeof frame);
  if (size > 0) ::memcpy(whole + sizeof frame, payload, size);
  return write_all(port, whole, sizeof frame + size);
}

bool FrameReader::read_from(int port) {
  if (broken_) return false;
  if (begin_ > 0) {
    ::memmove(buffer_, buffer_ + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  ssize_t got = -1;
  do {
    got = ::read(port, buffer_ + end_, sizeof buffer_ - end_);
  } while (got < 0 && errno == EINTR);
  if (got < 0 && errno == EAGAIN) return true;
  if (got <= 0) return false;
  end_ += static_cast<std::size_t>(got);
  return true;
}

bool FrameReader::next(Frame& frame, const char*& payload) {
  if (end_ - begin_ < sizeof frame) return false;
  ::memcpy(&frame, buffer_ + begin_, sizeof frame);
  broken_ = frame.size > kMostPayload || frame.zero != 0 || frame.channel >= kMostChannels;
  if (broken_ || end_ - begin_ - sizeof frame < frame.size) return false;
  payload = buffer_ + begin_ + sizeof frame;
  begin_ += sizeof frame + frame.size;
  return true;
}

}  // namespace berm::init::machine
