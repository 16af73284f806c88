#include "report/facts.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "record/story_events.h"
#include "report/facts_values.h"

namespace berm::report {

using nlohmann::json;

namespace {

// More than a person reads, less than a hostile record can make of them.
constexpr std::size_t kMostRows = 500;
constexpr std::size_t kMostKeys = 5000;
constexpr std::size_t kMostGrants = 2000;

template <class Map>
auto* entry(Map& map, const std::string& key) {
  const auto found = map.find(key);
  if (found != map.end()) return &found->second;
  return map.size() < kMostKeys ? &map[key] : nullptr;
}

void count(std::map<std::string, std::uint64_t>& counts, std::string key) {
  if (std::uint64_t* times = entry(counts, key)) ++*times;
}

void add_saturating(std::uint64_t& sum, std::uint64_t more) {
  sum = more > UINT64_MAX - sum ? UINT64_MAX : sum + more;
}

void texts_into(Rows<std::string>& rows, const json& list, std::size_t most) {
  if (!list.is_array()) return;
  for (const json& text : list) {
    if (text.is_string()) rows.add(shown(text.get_ref<const std::string&>(), most), kMostRows);
  }
}

void grants_into(std::map<std::string, bool>& grants, const json& list) {
  if (!list.is_array()) return;
  for (const json& text : list) {
    if (!text.is_string() || grants.size() >= kMostGrants) continue;
    grants.try_emplace(shown(text.get_ref<const std::string&>(), 1024), false);
  }
}

}  // namespace

struct FactsCollector::Listener {
  std::string_view type;
  Heard heard;
};

void FactsCollector::add(const json& event) {
  static constexpr Listener kListeners[] = {
      {"run.start", &FactsCollector::on_start},
      {"enforcement", &FactsCollector::on_enforcement},
      {"tool.call", &FactsCollector::on_call},
      {"exec", &FactsCollector::on_exec},
      {"net.allowed", &FactsCollector::on_allowed},
      {"net.closed", &FactsCollector::on_closed},
      {"net.denied", &FactsCollector::on_denied},
      {"net.attempt", &FactsCollector::on_attempt},
      {"model.usage", &FactsCollector::on_usage},
      {"limit.hit", &FactsCollector::on_limit},
      {"model.limit", &FactsCollector::on_limit},
      {"anomaly", &FactsCollector::on_anomaly},
      {"model.anomaly", &FactsCollector::on_anomaly},
      {"run.outcome", &FactsCollector::on_outcome},
      {"changes", &FactsCollector::on_changes},
      {"guard", &FactsCollector::on_guard},
      {"import", &FactsCollector::on_import},
      {"verdict", &FactsCollector::on_verdict},
      {"egress.lost", &FactsCollector::on_loss},
      {"judge.lost", &FactsCollector::on_loss},
      {"hooks.silent", &FactsCollector::on_loss},
      {"hooks.missed", &FactsCollector::on_loss},
      {"net.unwatched", &FactsCollector::on_loss},
      {"guard.failed", &FactsCollector::on_loss},
  };
  if (!event.is_object()) return;
  const json& mono = part_of(event, "mono");
  mono_ = mono.is_number_integer() ? mono.get<std::int64_t>() : mono_;
  if (!any_) {
    facts_.run = shown(event, "run", 64);
    facts_.started = shown(event, "time", 40);
    marked_ = mono_;
    any_ = true;
  }
  facts_.ended = shown(event, "time", 40);
  type_ = raw_text(event, "type");
  const auto* listener = std::ranges::find(kListeners, type_, &Listener::type);
  if (listener != std::end(kListeners)) (this->*listener->heard)(part_of(event, "data"));
  if (type_ == "agent.start") mark("set-up");
  if (type_ == "run.outcome") mark("agent");
  if (type_ == "guard") mark("judging");
  if (type_ == "import") mark("import");
}

RunFacts FactsCollector::take(Integrity integrity) {
  facts_.integrity = std::move(integrity);
  for (auto& [destination, one] : asked_) facts_.asked_for.push_back(std::move(one));
  std::ranges::stable_sort(facts_.asked_for, std::ranges::greater{}, &AskedFor::times);
  return std::move(facts_);
}

// A record's clock may claim anything.
void FactsCollector::mark(const char* phase) {
  const auto taken = static_cast<std::uint64_t>(mono_) - static_cast<std::uint64_t>(marked_);
  const bool before =
      std::ranges::any_of(facts_.phases, [&](const auto& p) { return p.first == phase; });
  if (!before) facts_.phases.emplace_back(phase, mono_ >= marked_ ? taken : 0);
  marked_ = mono_;
}

void FactsCollector::on_start(const json& data) {
  facts_.berm = shown(data, "berm", 32);
  facts_.agent = shown(data, "agent", 64);
  facts_.repository = shown(data, "repository");
  facts_.base = shown(part_of(data, "base"), "head", 64);
  facts_.branch = shown(part_of(data, "base"), "branch", 256);
  facts_.plan_sha256 = shown(data, "plan_sha256", 64);
  facts_.command = words(part_of(data, "argv"), 2048);
  const json& policies = part_of(data, "policy");
  for (const json& policy : list_of(policies)) {
    facts_.policies.add(shown(policy, "source", 256) + ": " + shown(policy, "sha256", 64), 20);
  }
  const json& grants = part_of(data, "grants");
  facts_.grants.known = grants.is_object();
  grants_into(facts_.grants.network, part_of(grants, "network"));
  grants_into(facts_.grants.write, part_of(grants, "write"));
  grants_into(facts_.grants.read, part_of(grants, "read"));
  for (const auto& [text, used] : facts_.grants.write) {
    if (write_.size() >= 64) break;
    if (Result<Glob> glob = Glob::parse(text)) write_.emplace_back(text, *std::move(glob));
  }
}

void FactsCollector::on_enforcement(const json& data) {
  const json& layers = part_of(data, "layers");
  for (const json& layer : list_of(layers)) {
    if (facts_.layers.size() >= 32) break;
    facts_.layers.push_back(
        {shown(layer, "layer", 64), shown(layer, "strength", 32), shown(layer, "how")});
  }
  const json& limits = part_of(data, "limits");
  for (const auto& [key, value] : limits.items()) {
    // Of an array, items() gives the places.
    if (!limits.is_object()) break;
    if (facts_.configured.size() >= 64 || value.is_structured()) continue;
    facts_.configured.emplace_back(
        shown(key, 64),
        shown(value.is_string() ? value.get_ref<const std::string&>() : value.dump(), 64));
  }
  texts_into(facts_.weaknesses, part_of(data, "weaknesses"), 512);
}

void FactsCollector::see_read(std::string_view text) {
  for (auto& [path, used] : facts_.grants.read) {
    if (!used && !path.empty()) used = text.find(path) != std::string_view::npos;
  }
}

void FactsCollector::on_call(const json& data) {
  const std::string_view kind = raw_text(data, "kind");
  if (kind == "prompt") {
    facts_.prompts.add({shown(data, "prompt_sha256", 64), shown(data, "prompt", 4096)}, 20);
  }
  if (kind != "before-tool") return;
  ++facts_.tool_calls;
  const std::string tool = shown(data, "tool", 128);
  count(facts_.tools, tool);
  const std::string text(raw_text(data, "input"));
  see_read(text);
  const story::ToolInput input(text);
  std::string what =
      input.first_of({"command", "cmd", "script", "file_path", "notebook_path", "filePath",
                      "absolute_path", "pattern", "url", "query", "path", "description"});
  what = shown(what.empty() ? text : what);
  const std::string decision = shown(data, "decision", 32);
  const std::string rule = shown(data, "rule", 128);
  facts_.calls.add({tool, what, decision, rule}, kMostRows);
  if (decision == "deny") {
    deny({.kind = "tool-call",
          .what = tool + ": " + what,
          .rule = rule,
          .reason = shown(data, "reason"),
          .grant = {}});
  }
}

void FactsCollector::on_exec(const json& data) {
  const std::string executable = shown(data, "executable", 256);
  if (!facts_.grants.read.empty()) {
    see_read(raw_text(data, "executable"));
    see_read(words(part_of(data, "argv"), 4096));
  }
  if (raw_text(data, "decision") == "deny") {
    deny({.kind = "program",
          .what = words(part_of(data, "argv"), 512),
          .rule = shown(data, "rule", 128),
          .reason = shown(data, "reason"),
          .grant = {}});
    return;
  }
  ++facts_.programs_started;
  count(facts_.programs, executable);
}

Host* FactsCollector::host(const json& data) {
  const std::string name = endpoint(data);
  if (hosts_.size() >= kMostKeys && !hosts_.contains(name)) return nullptr;
  const auto [found, fresh] = hosts_.try_emplace(name, facts_.hosts.size());
  if (fresh) facts_.hosts.push_back({.name = name});
  return &facts_.hosts[found->second];
}

void FactsCollector::on_allowed(const json& data) {
  if (Host* reached = host(data)) {
    ++reached->reached;
    reached->model = reached->model || raw_text(data, "via") == "model";
  }
  // network.allow "api.example.com:443": the grant that let it through, by name.
  std::string_view rule = raw_text(data, "rule");
  constexpr std::string_view kAllow = "network.allow \"";
  if (rule.starts_with(kAllow) && rule.ends_with('"') && rule.size() > kAllow.size()) {
    rule.remove_prefix(kAllow.size());
    rule.remove_suffix(1);
    const auto grant = facts_.grants.network.find(std::string(rule));
    if (grant != facts_.grants.network.end()) grant->second = true;
  }
  if (raw_text(data, "rule") == "learn") on_denied(data);
}

void FactsCollector::on_closed(const json& data) {
  if (Host* reached = host(data)) {
    add_saturating(reached->sent, count_of(data, "sent"));
    add_saturating(reached->received, count_of(data, "received"));
  }
}

void FactsCollector::on_denied(const json& data) {
  const std::vector<AskedFor> asked = asked_for({json{{"type", type_}, {"data", data}}});
  for (const AskedFor& one : asked) {
    if (AskedFor* known = entry(asked_, one.destination)) {
      known->destination = one.destination;
      known->times += one.times;
      known->learned = known->learned || one.learned;
    }
  }
  if (type_ != "net.denied") return;
  deny({.kind = "connection",
        .what = endpoint(data),
        .rule = shown(data, "rule", 128),
        .reason = shown(data, "reason"),
        .grant = asked.empty() ? "" : asked.front().destination});
}

void FactsCollector::on_attempt(const json& data) {
  deny({.kind = "attempt",
        .what = shown(data, "address", 260),
        .rule = "network",
        .reason = fmt::format("{} by {} met the wall of the sandbox", shown(data, "call", 32),
                              shown(data, "executable", 256)),
        .grant = {}});
}

void FactsCollector::deny(Denial denial) {
  ++facts_.denied_acts;
  const std::string key = denial.kind + '\0' + denial.what + '\0' + denial.rule;
  const auto found = denials_.find(key);
  if (found != denials_.end()) {
    ++facts_.denials[found->second].times;
    return;
  }
  if (denials_.size() >= kMostRows) return;
  denials_.emplace(key, facts_.denials.size());
  denial.times = 1;
  facts_.denials.push_back(std::move(denial));
}

void FactsCollector::on_usage(const json& data) {
  ModelUse* use = entry(facts_.models, shown(data, "model", 128));
  if (use == nullptr) return;
  ++use->requests;
  add_saturating(use->input, count_of(data, "input"));
  add_saturating(use->output, count_of(data, "output"));
  add_saturating(use->cache_read, count_of(data, "cache_read"));
  add_saturating(use->cache_write, count_of(data, "cache_write"));
  add_saturating(use->micro_usd, count_of(data, "micro_usd"));
}

void FactsCollector::on_limit(const json& data) {
  const std::string culprit = shown(data, "culprit");
  facts_.limits.add({shown(data, "limit", 64), culprit.empty() ? shown(data, "reason") : culprit},
                    50);
}

void FactsCollector::on_anomaly(const json& data) {
  const std::string what = shown(data, "what", 64);
  facts_.anomalies.add((what.empty() ? type_ : what) + ": " + shown(data, "detail"), 50);
}

void FactsCollector::on_loss(const json& data) {
  std::string why = shown(data, "why");
  if (why.empty()) why = shown(data, "what");
  if (why.empty()) why = shown(data, "tool", 128);
  facts_.losses.add(type_ + (why.empty() ? "" : ": " + why), 50);
}

void FactsCollector::on_outcome(const json& data) {
  const json& usage = part_of(data, "usage");
  const json& model = part_of(usage, "model");
  facts_.usage = {.wall_ms = count_of(usage, "wall_ms"),
                  .cpu_ms = count_of(usage, "cpu_ms"),
                  .memory_peak = count_of(usage, "memory_peak"),
                  .output = count_of(usage, "output"),
                  .disk = count_of(usage, "disk"),
                  .connections = count_of(usage, "connections"),
                  .denied = count_of(usage, "denied"),
                  .tokens = count_of(model, "tokens"),
                  .requests = count_of(model, "requests"),
                  .micro_usd = count_of(model, "micro_usd")};
}

void FactsCollector::on_changes(const json& data) {
  facts_.changes_sha256 = shown(data, "sha256", 64);
  const json& files = part_of(data, "files");
  for (const json& file : list_of(files)) {
    const std::string_view path = raw_text(file, "path");
    const json& ignored = part_of(file, "ignored");
    const bool is_ignored = ignored.is_boolean() && ignored.get<bool>();
    count(facts_.changes, is_ignored ? "ignored by git" : shown(file, "kind", 32));
    facts_.files.add({shown(file, "kind", 32), shown(path), shown(file, "type", 32), is_ignored},
                     kMostRows);
    if (is_ignored || path.size() > 4096) continue;
    for (const auto& [text, glob] : write_) {
      bool& used = facts_.grants.write[text];
      used = used || glob.covers(path);
    }
    const std::size_t slash = path.find('/');
    const std::string place(slash == std::string_view::npos ? path : path.substr(0, slash));
    if (facts_.grants.changed_places.size() < 200) {
      facts_.grants.changed_places.insert(slash == std::string_view::npos ? place : place + "/**");
    }
  }
  const json& refs = part_of(data, "refs");
  for (const json& ref : list_of(refs)) {
    facts_.refs.add(shown(ref, "name", 256), 100);
  }
}

void FactsCollector::on_guard(const json& data) {
  facts_.judged = true;
  const json& findings = part_of(data, "findings");
  for (const json& finding : list_of(findings)) {
    const bool refused = raw_text(finding, "severity") != "report";
    if (refused) ++facts_.refused_findings;
    const std::string_view path = raw_text(finding, "path");
    facts_.findings.add({.rule = shown(finding, "rule", 64),
                         .path = shown(path),
                         .message = shown(finding, "message", 1024),
                         .raw_path = path.size() <= 4096 ? std::string(path) : std::string(),
                         .line = line_in(raw_text(finding, "message")),
                         .refused = refused},
                        1000);
  }
}

void FactsCollector::on_import(const json& data) {
  facts_.imported = shown(data, "note");
  const std::string failed = shown(data, "failed");
  if (!failed.empty()) facts_.imported = "failed: " + failed;
}

void FactsCollector::on_verdict(const json& data) {
  facts_.status = shown(data, "status", 64);
  const json& code = part_of(data, "exit_code");
  facts_.exit_code = code.is_number_integer() ? code.get<std::int64_t>() : -1;
  texts_into(facts_.reasons, part_of(data, "reasons"), 1024);
}

}  // namespace berm::report
