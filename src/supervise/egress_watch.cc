#include "supervise/egress_watch.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "record/chain.h"

namespace berm {
namespace {

using nlohmann::json;

constexpr std::chrono::milliseconds kRest{2};
constexpr std::chrono::milliseconds kModelGrace{5000};
constexpr std::size_t kLongestEvent = 1 << 20;
constexpr std::uint64_t kMostEvents =
    500'000;  // about 250 MB of record: then it is an attack on it

// "limits.tokens" is "tokens" among the limits of a run.
std::string limit_name(const json& key) {
  const std::string text = key.is_string() ? key.get<std::string>() : "limits.model";
  return text.starts_with("limits.") ? text.substr(7) : text;
}

}  // namespace

int EgressWatch::fd() const {
  const bool hears = egress_ != nullptr && egress_->events && !rests_until();
  return hears ? egress_->events.get() : -1;
}

std::optional<EgressWatch::Clock::time_point> EgressWatch::rests_until() const {
  if (Clock::now() >= next_) return std::nullopt;
  return next_;
}

EgressWatch::Heard EgressWatch::hear() {
  next_ = Clock::now() + kRest;
  char buffer[64 << 10];  // a whole pipe
  const ssize_t got = ::read(egress_->events.get(), buffer, sizeof buffer);
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return Heard::events;
  if (got <= 0) {
    egress_->events.reset();
    return Heard::ended;
  }
  line_.append(buffer, static_cast<std::size_t>(got));
  if (line_.size() > kLongestEvent) return Heard::nonsense;
  const std::uint64_t before = count_;
  std::size_t from = 0;
  for (std::size_t newline = line_.find('\n'); newline != std::string::npos;
       newline = line_.find('\n', from)) {
    ++count_;
    take(parse_event(std::string_view(line_).substr(from, newline - from)));
    from = newline + 1;
  }
  line_.erase(0, from);
  return before < kMostEvents && count_ >= kMostEvents ? Heard::flood : Heard::events;
}

void EgressWatch::hear_the_rest(std::chrono::milliseconds patience) {
  while (egress_ != nullptr && egress_->events) {
    pollfd fd{egress_->events.get(), POLLIN, 0};
    if (::poll(&fd, 1, static_cast<int>(patience.count())) <= 0 || hear() == Heard::nonsense)
      return;
  }
}

void EgressWatch::take(json event) {
  if (!event.is_object()) return;
  const std::string type = event.contains("type") && event["type"].is_string()
                               ? event["type"].get<std::string>()
                               : "net";
  event.erase("type");
  if (type == "net.denied") ++usage_.denied;
  if (type == "net.allowed") ++usage_.connections;
  record_.append("egress", type, event);
  if (tell_) tell_(type, event);
  if (type == "model.usage") note_usage(event);
  if (type == "model.limit" || type == "model.anomaly") begin_model_end(type, event);
}

void EgressWatch::note_usage(const json& event) {
  const auto number = [&](const char* key) {
    return event.contains(key) && event[key].is_number_unsigned() ? event[key].get<std::uint64_t>()
                                                                  : std::uint64_t{0};
  };
  usage_.model_tokens = number("total_tokens");
  usage_.model_requests = number("total_requests");
  usage_.model_micro_usd += number("micro_usd");
}

// The client gets its 403 and may say why it stops; then the run ends in any case.
void EgressWatch::begin_model_end(const std::string& type, const json& event) {
  if (model_end_) return;
  model_end_ = ModelEnd{.at = Clock::now() + kModelGrace,
                        .limit = limit_name(event.value("limit", json())),
                        .disable_key = type == "model.anomaly" && event.contains("disable_key") &&
                                       event["disable_key"] == true};
}

}  // namespace berm
