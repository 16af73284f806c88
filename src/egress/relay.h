// src/egress/relay.h: bytes from one socket to another and back, as they come (splice(2)).
#pragma once

#include <string>
#include <vector>

#include "egress/gate.h"
#include "egress/loop.h"

namespace berm {

/// Pipes for splice(2), lent to a direction while it carries much. Idle tunnels hold none.
class PipePool {
 public:
  [[nodiscard]] Pipe take();  ///< without descriptors if the process has none left
  void give_back(Pipe pipe);  ///< an empty one
 private:
  static constexpr std::size_t kMostKept = 32;
  std::vector<Pipe> free_;
};

/// A tunnel. On its way from the client the first bytes are read: TLS must ask for the name that
/// was admitted (RFC 6066 server_name), so that the name in the policy is the name that the server
/// serves. Then nothing is looked at any more.
class Relay : public Loop::Handler, public std::enable_shared_from_this<Relay> {
 public:
  using Ended = std::function<void(Relay&)>;
  struct Ends {
    UniqueFd client;  ///< both non-blocking
    UniqueFd server;
  };

  /// @param early  what the client has sent already
  Relay(Loop& loop, Gate& gate, PipePool& pipes, Ends ends, std::string early, Admission admission,
        Ended ended);
  ~Relay() override;

  /// Carries until it ends by itself; `ended` is called once, also if it cannot begin.
  void start();
  void on_ready(unsigned slot, std::uint32_t events) override;

  /// Closes a tunnel that has said nothing for too long, or whose client never began.
  void close_if_idle(Loop::Clock::time_point now);

 private:
  /// What is still read on its way, and why.
  enum class Looking : std::uint8_t {
    hello,   ///< the client's first bytes: which server does it ask for?
    answer,  ///< the server's first: does it want another hello (HelloRetryRequest)?
    second,  ///< that hello, which must ask for the same server
    done,
  };
  enum class Pumped : std::uint8_t { waits, goes_on, over, refused };
  struct Direction {
    int from = -1;
    int to = -1;
    std::string pending;  ///< read, not yet written
    Pipe pipe;
    std::size_t in_pipe = 0;
    std::uint64_t moved = 0;
    bool bulk = false;
    bool ended = false;    ///< `from` has no more
    bool shut = false;     ///< and `to` has been told
    bool due = true;       ///< something may move: set by readiness, once for each edge
    bool hung_up = false;  ///< the end of `from` may stand behind what is read next
    [[nodiscard]] bool waiting() const { return !pending.empty() || in_pipe > 0; }
  };

  void pump_both();
  [[nodiscard]] Pumped pump(Direction& direction, bool upload);
  [[nodiscard]] Pumped flush(Direction& direction);
  [[nodiscard]] Pumped try_again_soon();
  [[nodiscard]] Pumped read_some(Direction& direction, bool upload);
  [[nodiscard]] Pumped look_at_hello();
  void look_at_answer(std::string_view bytes);
  [[nodiscard]] std::string judge_hello(std::string_view bytes, bool& decided);
  void refuse(std::string_view rule, const std::string& why);
  void close();

  Loop& loop_;
  Gate& gate_;
  PipePool& pipes_;
  UniqueFd client_;
  UniqueFd server_;
  Admission admission_;
  Ended ended_;
  Direction up_;
  Direction down_;
  Looking looking_ = Looking::hello;
  std::string answer_;        ///< the server's first bytes
  std::string held_;          ///< what the client sent behind its first hello
  bool client_gone_ = false;  ///< it has said that it sends no more
  bool closed_ = false;
  Loop::Clock::time_point opened_ = Loop::Clock::now();
  Loop::Clock::time_point last_ = opened_;
};

}  // namespace berm
