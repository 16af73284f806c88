#include "record/chain.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "record/canonical.h"
#include "record/sha256.h"

namespace berm {
namespace {

using nlohmann::json;

constexpr int kMaxDepth = 64;

// Checks one event against its predecessor; returns what is wrong, or "".
class ChainChecker {
 public:
  std::string check(std::string_view line) {
    json event = parse_event(line);
    if (!event.is_object()) return "not a JSON object";
    const std::string hash = text(event, "hash");
    event.erase("hash");
    const std::string wrong = compare(event, hash, line);
    // Go on from what the line claims, so that one edit is one problem and not all that follow.
    previous_ = hash;
    sequence_ = static_cast<std::uint64_t>(number(event, "seq")) + 1;
    monotonic_ = number(event, "mono");
    type_ = text(event, "type");
    if (run_.empty()) run_ = text(event, "run");
    return wrong;
  }

  [[nodiscard]] const std::string& head() const { return previous_; }
  [[nodiscard]] bool ended() const { return type_ == "run.end"; }

 private:
  // A hostile record may hold any type under any key.
  static std::string text(const json& event, const char* key) {
    const auto found = event.find(key);
    return found != event.end() && found->is_string() ? found->get<std::string>() : std::string();
  }
  static std::int64_t number(const json& event, const char* key) {
    const auto found = event.find(key);
    return found != event.end() && found->is_number_integer() ? found->get<std::int64_t>() : -1;
  }

  std::string compare(const json& event, const std::string& hash, std::string_view line) const {
    if (number(event, "v") != kEventVersion) return "unknown version";
    if (sha256_hex(canonical(event)) != hash) return "edited: the hash does not fit the content";
    json whole = event;
    whole["hash"] = hash;
    if (canonical(whole) != line) return "edited: not in canonical form";
    if (static_cast<std::uint64_t>(number(event, "seq")) != sequence_) {
      return fmt::format("dropped or reordered: expected event {}, found {}", sequence_,
                         number(event, "seq"));
    }
    if (text(event, "prev") != previous_) {
      return "the chain is broken: 'prev' is not the hash of the line before";
    }
    if (!run_.empty() && text(event, "run") != run_) return "an event of another run";
    if (number(event, "mono") < monotonic_) return "the clock goes back";
    if (ended()) return "an event after the end of the run";
    return "";
  }

  std::string previous_ = genesis_hash();
  std::uint64_t sequence_ = 0;  // unsigned: what a hostile line claims may overflow
  std::int64_t monotonic_ = 0;
  std::string run_;
  std::string type_;
};

}  // namespace

json parse_event(std::string_view line) {
  bool too_deep = false;
  const auto shallow = [&](int depth, json::parse_event_t, const json&) {
    too_deep = too_deep || depth > kMaxDepth;
    return !too_deep;
  };
  json event = json::parse(line, shallow, false);
  if (too_deep || !event.is_object()) return {};
  return event;
}

std::string genesis_hash() { return std::string(64, '0'); }

// The members in their order, with a place for the hash behind the data.
SealedEvent seal_event(const EventHeader& header, std::string_view data,
                       std::string_view previous_hash) {
  SealedEvent sealed;
  std::string& line = sealed.line;
  line.reserve(data.size() + 512);
  CanonicalWriter writer(line);
  writer.open_object();
  writer.key("data");
  line += data;
  const std::size_t hash_at = line.size();
  writer.key("mono");
  writer.number(header.monotonic_ns);
  writer.key("prev");
  writer.text(previous_hash);
  writer.key("run");
  writer.text(header.run);
  writer.key("seq");
  writer.number(header.sequence);
  writer.key("source");
  writer.text(header.source);
  writer.key("time");
  writer.text(header.time);
  writer.key("type");
  writer.text(header.type);
  writer.key("v");
  writer.number(kEventVersion);
  writer.close_object();
  sealed.hash = sha256_hex(line);
  line.insert(hash_at, R"(,"hash":")" + sealed.hash + '"');
  return sealed;
}

RecordCheck check_record(std::string_view text, std::string_view expected_head) {
  RecordCheck check;
  ChainChecker checker;
  std::size_t number = 0;
  while (!text.empty()) {
    ++number;
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) {
      check.problems.push_back({number, "truncated: the last line has no end"});
      break;
    }
    const std::string wrong = checker.check(text.substr(0, end));
    if (!wrong.empty()) check.problems.push_back({number, wrong});
    ++check.events;
    text.remove_prefix(end + 1);
  }
  check.head = checker.head();
  check.complete = checker.ended();
  if (check.events == 0 && check.problems.empty()) check.problems.push_back({0, "empty"});
  if (!expected_head.empty() && check.head != expected_head) {
    check.problems.push_back(
        {number, "truncated or replaced: the last hash is not the one the run ended with"});
  }
  return check;
}

}  // namespace berm
