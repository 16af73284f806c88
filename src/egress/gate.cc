#include "egress/gate.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace berm {
namespace {

using nlohmann::json;

std::string shown(std::string_view text) { return printable(text.substr(0, 260)); }

}  // namespace

std::string_view name_of(Via via) {
  switch (via) {
    case Via::http:
      return "http";
    case Via::socks:
      return "socks";
    case Via::transparent:
      return "transparent";
    case Via::dns:
      return "dns";
    case Via::model:
      break;
  }
  return "model";
}

Gate::Gate(EgressConfiguration configuration, EventSink& events, const IpNetwork& pool,
           std::vector<IpAddress> own_addresses)
    : configuration_(std::move(configuration)),
      events_(events),
      budgets_(configuration_.budget, configuration_.per_host),
      names_(pool),
      pool_(pool),
      own_(std::move(own_addresses)) {}

Result<Admission> Gate::admit(const Destination& to, Via via) {
  Admission admission{
      .to = to, .grant = decide(configuration_.rules, to), .via = via, .account = {}};
  if (!admission.grant.allowed && use_answer(to)) {
    admission.grant.allowed = admission.grant.exact = true;
    admission.grant.rule = "asked";
  }
  if (!admission.grant.allowed) {
    deny(admission, admission.grant.rule, admission.grant.why);
    return failure(Errc::denied, admission.grant.why, admission.grant.rule);
  }
  // Only now: a name that is refused leaves nothing behind, however many there are.
  admission.account = budgets_.account(to.host);
  std::string full = admission.account.exhausted();
  if (full.empty()) full = admission.account.take_connection();
  if (full.empty()) return admission;
  deny(admission, "network.budget", full);
  return failure(Errc::denied, full, "network.budget");
}

namespace {

constexpr std::size_t kMostAsked = 16;
constexpr std::size_t kMostWaiting = 16;

std::string key_of(const std::string& host, std::uint16_t port) {
  return fmt::format("{}:{}", host, port);
}

}  // namespace

bool Gate::must_ask(const Destination& to) {
  const EgressRules& rules = configuration_.rules;
  if (!rules.ask || to.address) return false;
  const Grant grant = decide(rules, to);
  // Denied by name is denied; only silence is a question.
  if (grant.allowed || grant.rule != "network.allow") return false;
  const std::lock_guard lock(mutex_);
  const std::string key = key_of(to.host, to.port);
  if (answers_.contains(key)) return false;
  // Who asks about everything, or all the time, is refused like anybody else.
  const auto waiting = waiting_.find(key);
  return waiting == waiting_.end() ? waiting_.size() < kMostAsked
                                   : waiting->second.size() < kMostWaiting;
}

void Gate::ask(const Destination& to, std::function<void()> again) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    std::vector<std::function<void()>>& waiting = waiting_[key_of(to.host, to.port)];
    first = waiting.empty();
    waiting.push_back(std::move(again));
  }
  if (first) events_.say({{"type", "net.ask"}, {"host", shown(to.host)}, {"port", to.port}});
}

void Gate::answer(const std::string& host, std::uint16_t port, HostAnswer said) {
  std::vector<std::function<void()>> waiting;
  {
    const std::lock_guard lock(mutex_);
    waiting = std::exchange(waiting_[key_of(host, port)], {});
    waiting_.erase(key_of(host, port));
    // Once is for one of those who wait now.
    if (said != HostAnswer::once || !waiting.empty()) answers_[key_of(host, port)] = said;
  }
  for (const std::function<void()>& again : waiting) again();
}

bool Gate::use_answer(const Destination& to) {
  const std::lock_guard lock(mutex_);
  const auto found = answers_.find(key_of(to.host, to.port));
  if (found == answers_.end() || found->second == HostAnswer::no) return false;
  if (found->second == HostAnswer::once) answers_.erase(found);  // the next one is asked about
  return true;
}

Result<std::vector<IpAddress>> Gate::dialable(const Admission& admission,
                                              const std::vector<IpAddress>& found) {
  std::vector<IpAddress> out;
  std::string why = "the name has no address";
  for (const IpAddress& address : found) {
    const std::string_view forbidden =
        why_not_dial(configuration_.rules, admission.grant, admission.to, address, own_);
    if (forbidden.empty()) {
      out.push_back(address);
    } else {
      why = fmt::format("{} resolves to {}, which is {}", admission.to.host, to_text(address),
                        forbidden);
    }
  }
  if (!out.empty()) return out;
  deny(admission, "address", why);
  return failure(Errc::denied, why, "address");
}

void Gate::deny(const Admission& admission, std::string_view rule, const std::string& why) {
  events_.say({{"type", "net.denied"},
               {"decision", "deny"},
               {"host", shown(admission.to.host)},
               {"port", admission.to.port},
               {"via", name_of(admission.via)},
               {"rule", shown(rule)},
               {"reason", shown(why)}});
}

void Gate::deny_unreadable(Via via, const std::string& asked, const std::string& why) {
  events_.say({{"type", "net.denied"},
               {"decision", "deny"},
               {"host", shown(asked)},
               {"port", 0},
               {"via", name_of(via)},
               {"rule", "malformed"},
               {"reason", shown(why)}});
}

void Gate::opened(const Admission& admission, const std::string& address) {
  events_.say({{"type", "net.allowed"},
               {"decision", "allow"},
               {"host", admission.to.host},
               {"port", admission.to.port},
               {"via", name_of(admission.via)},
               {"rule", shown(admission.grant.rule)},
               {"address", address}});
}

void Gate::closed(const Admission& admission, std::uint64_t sent, std::uint64_t received,
                  std::chrono::milliseconds time) {
  events_.say({{"type", "net.closed"},
               {"host", admission.to.host},
               {"port", admission.to.port},
               {"via", name_of(admission.via)},
               {"sent", sent},
               {"received", received},
               {"ms", time.count()}});
}

Account Gate::unlimited() const {
  const auto nothing = std::make_shared<Budget>(NetworkBudget{}, "");
  return {nothing, nothing};
}

std::optional<IpAddress> Gate::look_up(const std::string& name) {
  if (may_resolve(configuration_.rules, name)) return names_.address_of(name);
  {
    const std::lock_guard lock(mutex_);
    constexpr std::size_t kMostTold = 1024;
    if (refused_names_.size() >= kMostTold || !refused_names_.insert(name).second) {
      return std::nullopt;
    }
  }
  const Destination to{.host = name, .address = {}, .port = 443};
  deny({.to = to, .grant = {}, .via = Via::dns, .account = {}}, "network.allow",
       decide(configuration_.rules, to).why);
  return std::nullopt;
}

std::optional<Destination> Gate::meant_by(const IpAddress& address, std::uint16_t port) {
  if (pool_.contains(address)) {
    const std::optional<std::string> name = names_.name_of(address);
    if (!name) return std::nullopt;
    return make_destination(*name, port);
  }
  return make_destination(to_text(address), port);
}

}  // namespace berm
