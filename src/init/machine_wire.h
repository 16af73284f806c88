// src/init/machine_wire.h: what the monitor's side and the guest's side of a virtual machine say to
// each other over one virtio-serial port. Both are berm-init, of the same build.
//
// The guest is hostile once its kernel is taken over: the monitor's side checks every length and
// kind, and does no more for a guest than what an agent in the sandbox around it could do itself.
#pragma once

#include <cstdint>

namespace berm::init::machine {

inline constexpr char kPortName[] = "org.berm.run";
inline constexpr char kProgram[] = "/run/berm/guest";  ///< wire::Program of the agent
inline constexpr char kInit[] = "/run/berm/berm-init";
inline constexpr int kPortFd = 10;  ///< the port: in QEMU, and in the second stage of the guest
inline constexpr int kHookSocketFd = 11;  ///< in the second stage: hooks of the agent connect to it
inline constexpr int kWritableFd = 12;    ///< in the second stage: the root, as it may be written
inline constexpr int kEngineSocketFd = 13;  ///< in the second stage: clients of the engine connect
inline constexpr char kEngineSocket[] = "/run/berm/engine.sock";
inline constexpr std::uint32_t kMostPayload = 32768;
inline constexpr std::uint32_t kInputWindow = 65536;  ///< bytes of input that may be unread
inline constexpr int kMostChannels = 16;              ///< hooks at the same time

enum class Kind : std::uint8_t {
  booted = 1,  ///< guest: the second stage runs
  started,     ///< guest: everything holds, the next call is execve
  failed,      ///< guest: Failure
  out,         ///< guest: bytes of the agent's standard output (of its terminal)
  err,         ///< guest: bytes of its standard error
  exited,      ///< guest: std::int32_t, the wait status; the file systems are synchronised
  taken,       ///< guest: std::uint32_t, bytes of input that the agent has taken
  question,    ///< guest: bytes of a hook on `channel`, which begins with the first of them
  hang_up,     ///< both: nothing more comes on `channel`
  input,       ///< monitor: bytes for the agent's standard input; empty = its end
  signal,      ///< monitor: std::int32_t
  window,      ///< monitor: struct winsize
  answer,      ///< monitor: bytes for the hook on `channel`
};

struct Frame {
  Kind kind;
  std::uint8_t channel;
  std::uint16_t zero;
  std::uint32_t size;  ///< of what follows
};
struct Failure {
  std::uint32_t step;  ///< wire::Step
  std::int32_t error;
};

/// Writes all of it, or returns false.
bool write_all(int fd, const void* from, std::size_t size);
bool send_frame(int port, Kind kind, std::uint8_t channel, const void* payload, std::size_t size);

/// Collects bytes until frames are whole.
class FrameReader {
 public:
  /// Reads once. False at the end of the stream, on an error or on a frame that makes no sense.
  bool read_from(int port);
  /// The next whole frame; `payload` is valid until the next call of either.
  bool next(Frame& frame, const char*& payload);

 private:
  char buffer_[2 * (sizeof(Frame) + kMostPayload)];
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool broken_ = false;
};

}  // namespace berm::init::machine
