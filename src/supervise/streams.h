// src/supervise/streams.h: the agent's standard streams, carried between it and us without
// blocking.
#pragma once

#include <poll.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "redact/stream.h"
#include "sys/fd.h"

namespace berm {

enum class Passing : std::uint8_t {
  exact,          ///< byte for byte: the other end is a file, a pipe, a program
  terminal_safe,  ///< the other end is a terminal: escape sequences but colours are shown, not done
};

/// How agent output goes to `fd`: exactly, unless it is a terminal.
[[nodiscard]] Passing passing_to(int fd);

[[nodiscard]] UniqueFd duplicate(int fd);

/// An open file description of our own for a terminal or pipe, so that it can be non-blocking
/// without making the shell's own descriptor so: a reader that stops (Ctrl-S, a full pipe) must not
/// stop us. A file is only duplicated: it keeps its offset and O_APPEND.
[[nodiscard]] UniqueFd writable_copy(int fd);

/// One direction of one stream. Holds at most one buffer, so a slow reader slows the writer.
class StreamPump {
 public:
  StreamPump() = default;
  /// `from` and `to` are borrowed or owned by the caller's choice: an owned one closes at the end.
  StreamPump(UniqueFd from, UniqueFd to, Passing passing)
      : from_(std::move(from)), to_(std::move(to)), passing_(passing) {}

  [[nodiscard]] bool done() const { return !from_ && pending_.empty(); }
  /// What this pump waits for now; fd -1 when nothing.
  [[nodiscard]] pollfd waits_for() const;
  /// Moves one buffer. `revents` from poll(2) for waits_for().
  void pump(short revents);
  /// Hides the secrets of `known` in what passes; before the first byte. `known` outlives the pump.
  void hide(const KnownSecrets& known, Patterns patterns) {
    hiding_ = std::make_unique<RedactingStream>(known, patterns);
  }
  /// The stream has been quiet for a while: what is held back as the possible beginning of a secret
  /// goes on. A prompt must be seen before it is answered.
  void pass_held(std::chrono::milliseconds quiet);
  [[nodiscard]] bool holds() const { return hiding_ && hiding_->held() > 0 && pending_.empty(); }
  /// Stops: what is still unread is lost.
  void close();
  [[nodiscard]] bool is_terminal() const { return passing_ == Passing::terminal_safe; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  /// A terminal was left in the middle of a line.
  [[nodiscard]] bool in_line() const {
    return passing_ == Passing::terminal_safe && bytes_ > 0 && last_ != '\n';
  }

 private:
  void read_some();
  void write_some();
  void end();

  UniqueFd from_;
  UniqueFd to_;
  Passing passing_ = Passing::exact;
  std::unique_ptr<RedactingStream> hiding_;
  std::chrono::steady_clock::time_point read_at_;
  std::string pending_;
  std::uint64_t bytes_ = 0;
  char last_ = '\n';
};

/// Our terminal in raw mode while this object lives.
class RawTerminal {
 public:
  RawTerminal() = default;
  [[nodiscard]] static Result<RawTerminal> enter(int fd);
  RawTerminal(RawTerminal&& other) noexcept;
  RawTerminal& operator=(RawTerminal&& other) noexcept;
  ~RawTerminal();

 private:
  int fd_ = -1;
  std::string saved_;  ///< struct termios
};

/// Copies the size of terminal `from` to `to`.
void copy_window_size(int from, int to);

}  // namespace berm
