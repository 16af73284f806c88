// src/egress/gate.h: the one place where a destination is decided, counted and recorded.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "egress/budget.h"
#include "egress/configuration.h"
#include "egress/events.h"
#include "egress/name_pool.h"

namespace berm {

/// By which way somebody inside came. Stands in the events.
enum class Via : std::uint8_t { http, socks, transparent, dns, model };
[[nodiscard]] std::string_view name_of(Via via);

/// A destination that was decided, with everything its connection needs to go on.
struct Admission {
  Destination to;
  Grant grant;
  Via via = Via::http;
  Account account;
};

/// Shared by all threads of egress; every method is thread safe.
class Gate {
 public:
  Gate(EgressConfiguration configuration, EventSink& events, const IpNetwork& pool,
       std::vector<IpAddress> own_addresses);

  /// Decides and counts one connection. A refusal is recorded here.
  /// @return Errc::denied with the rule in `fix` and the line for the agent in `what`.
  [[nodiscard]] Result<Admission> admit(const Destination& to, Via via);

  /// True if `to` is to be asked about: nothing speaks of it, and nobody has answered yet.
  [[nodiscard]] bool must_ask(const Destination& to);
  /// Asks, once however many wait; `again` is called when there is an answer, from any thread.
  void ask(const Destination& to, std::function<void()> again);
  /// The answer for `host` and `port`. Once is for one connection.
  void answer(const std::string& host, std::uint16_t port, HostAnswer said);

  /// The addresses of `found` that may be dialled for this admission; a refusal (none) is recorded.
  [[nodiscard]] Result<std::vector<IpAddress>> dialable(const Admission& admission,
                                                        const std::vector<IpAddress>& found);

  /// Records that something was refused after its admission: SNI, a request, a budget.
  void deny(const Admission& admission, std::string_view rule, const std::string& why);
  /// Records a refusal before there was a destination to speak of.
  void deny_unreadable(Via via, const std::string& asked, const std::string& why);
  void opened(const Admission& admission, const std::string& address);
  void closed(const Admission& admission, std::uint64_t sent, std::uint64_t received,
              std::chrono::milliseconds time);

  /// For what the budgets of the network do not count: the model API.
  [[nodiscard]] Account unlimited() const;

  /// What the run's DNS server says of `name`.
  [[nodiscard]] std::optional<IpAddress> look_up(const std::string& name);
  /// What a client that connected to `address` means; nullopt if that was never an answer and no
  /// address is granted there.
  [[nodiscard]] std::optional<Destination> meant_by(const IpAddress& address, std::uint16_t port);

  [[nodiscard]] const EgressConfiguration& configuration() const { return configuration_; }
  [[nodiscard]] EventSink& events() { return events_; }

 private:
  const EgressConfiguration configuration_;
  EventSink& events_;
  Budgets budgets_;
  NamePool names_;
  IpNetwork pool_;
  std::vector<IpAddress> own_;
  [[nodiscard]] bool use_answer(const Destination& to);

  std::mutex mutex_;                           ///< of what follows
  std::map<std::string, HostAnswer> answers_;  ///< by "host:port"
  std::map<std::string, std::vector<std::function<void()>>> waiting_;
  std::set<std::string> refused_names_;  ///< asked of DNS and told once
};

}  // namespace berm
