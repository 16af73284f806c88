// src/egress/client.h: a connection from inside until it is known where it wants to go.
#pragma once

#include <string>

#include "egress/worker.h"

namespace berm {

/// Reads the head of an HTTP proxy request, a SOCKS handshake or a DNS message, or asks the socket
/// itself where it was connected to; has the destination admitted; and hands the connection on: to
/// a relay, or to a thread that speaks HTTP.
class Client : public Loop::Handler, public std::enable_shared_from_this<Client> {
 public:
  Client(Worker& worker, std::uint64_t id, UniqueFd fd, const Listener& listener)
      : worker_(worker), id_(id), fd_(std::move(fd)), listener_(listener) {}

  void start();
  void on_ready(unsigned slot, std::uint32_t events) override;
  void close();  ///< when the worker has dropped it
  [[nodiscard]] std::uint64_t id() const { return id_; }
  [[nodiscard]] Loop::Clock::time_point since() const { return since_; }

 private:
  void begin();
  /// The listeners lie where everybody of this machine may connect: who does not begin with the
  /// run's token is sent away. @return false while bytes of it are missing
  [[nodiscard]] bool take_token();
  void begin_transparent();
  void step();
  void step_http();
  void step_connect(std::string_view head);
  void step_socks();
  void step_dns();
  void admit(const Destination& to, Via via);
  void wait_for_answer(const Destination& to, Via via);
  void connect(Admission admission);
  void on_connected(const Admission& admission, Result<Dialled> dialled);
  void hand_to_http(HttpTask task);
  /// Tells the client that its way is open, in its protocol.
  [[nodiscard]] bool accept_request();
  void refuse(const Error& error, bool unreachable);
  void refuse_http(std::string_view status, std::string_view rule, std::string_view why);
  void put(std::string_view bytes);
  void end();

  Worker& worker_;
  const std::uint64_t id_;
  UniqueFd fd_;
  Listener listener_;
  std::string buffer_;
  bool known_ = false;    ///< needs no token, or has shown it
  bool greeted_ = false;  ///< SOCKS: the method is agreed on
  bool waiting_ = false;  ///< for a connection: nothing is read meanwhile
  bool watched_ = false;  ///< by the loop
  bool ended_ = false;
  const Loop::Clock::time_point since_ = Loop::Clock::now();
};

}  // namespace berm
