// src/report/report_test_support.h: records in which every text is hostile.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "record/chain.h"
#include "report/record_reader.h"

namespace berm::report {

/// Stands in every payload. Where it is, text of others is.
inline constexpr const char* kMark = "PWN";

/// What would break out of Markdown, XML, JSON, a workflow's log, a terminal.
inline std::vector<std::string> payloads() {
  return {
      "PWN @team/security",
      "@octocat PWN",
      "PWN #1",
      "GH-1 PWN",
      "octo/repo#1 PWN",
      "PWN !1 %2 $3 ~4",
      "[PWN](https://evil.example)",
      "![PWN](https://evil.example/x.png)",
      "<https://evil.example/PWN>",
      "https://evil.example/PWN",
      "www.evil.example/PWN",
      "PWN@evil.example",
      "<img src=x onerror=PWN>",
      "<script>PWN</script>",
      "</details><h1>PWN",
      "<!-- PWN",
      "&lt;PWN&gt; &#64;team",
      "`PWN`",
      "``PWN",
      "` PWN @team `",
      "```\nPWN\n```",
      "a | PWN | b",
      "\\| PWN \\\\| @team",
      "|PWN|---|",
      "\\PWN\\",
      "\nPWN\n# heading",
      "\r\n::set-output name=x::PWN",
      "::error title=x::PWN",
      "  ::stop-commands::PWN",
      "##[add-mask]PWN",
      "###[PWN]",
      "##vso[task.setvariable variable=PWN]1",
      "##teamcity[PWN]",
      "PWN%0A::error::x",
      "PWN,title=x:y",
      "]]>PWN",
      "\"PWN'><&",
      "PWN\"/><failure/>",
      "\x1b[31mPWN\x1b]52;c;x\x07",
      "PWN\xE2\x80\xAEtxt",
      "PWN\xE2\x80\x8B",
      "PWN\xEF\xBF\xBE",
      "\xFFPWN\xC0\xAF",
      std::string("PWN\0x", 5),
      "../../PWN",
      "/etc/PWN",
      "a b%20?PWN#frag",
      "$`PWN`$",
      "PWN **bold** _it_ ~~x~~",
      "- PWN\n- [ ] x",
      "> PWN",
      "    PWN",
      " PWN ",
      "\tPWN",
      "[^1] PWN [ref]: x",
      "javascript:PWN",
      "\xC2\x85PWN\xC2\x9B",
      "berm-00 PWN\nberm-00\nverdict<<x",
      "\xF0\x9F\x92\xA3PWN",
      ":tada: PWN",
      "/close PWN",
      "${{ PWN }}",
      "PWN" + std::string(5000, '`'),
  };
}

/// An event of each type, `p` under every key that holds text.
inline std::vector<nlohmann::json> hostile_events(const std::string& p) {
  using nlohmann::json;
  const json texts = {p, p, {{p, p}}, 7};
  const auto with = [&](json known) {
    for (const char* key :
         {"host", "rule", "reason", "what", "why", "detail", "culprit", "limit", "tool",
          "executable", "address", "via", "call", "note", "failed", "model", "agent"}) {
      if (!known.contains(key)) known[key] = p;
    }
    return known;
  };
  std::vector<std::pair<const char*, json>> all = {
      {"run.start", with({{"argv", texts},
                          {"repository", p},
                          {"berm", p},
                          {"plan_sha256", p},
                          {"base", {{"head", p}, {"branch", p}}},
                          {"policy", {{{"source", p}, {"sha256", p}}, p}},
                          {"grants", {{"network", texts}, {"write", texts}, {"read", texts}}}})},
      {"enforcement",
       {{"layers", {{{"layer", p}, {"strength", p}, {"how", p}}, p}},
        {"limits", {{p, p}, {"memory", 7}}},
        {"weaknesses", texts}}},
      {"agent.start", with({})},
      {"tool.call", with({{"kind", "prompt"}, {"prompt", p}, {"prompt_sha256", p}})},
      {"tool.call", with({{"kind", "before-tool"},
                          {"decision", "deny"},
                          {"input", json{{"command", p}}.dump(-1, ' ', false,
                                                              json::error_handler_t::replace)}})},
      {"tool.call", with({{"kind", "before-tool"}, {"decision", p}, {"input", p}})},
      {"exec", with({{"argv", texts}, {"decision", "deny"}})},
      {"exec", with({{"argv", texts}, {"decision", "allow"}})},
      {"net.allowed", with({{"port", 443U}})},
      {"net.allowed", with({{"port", 443U}, {"rule", "network.allow \"" + p + "\""}})},
      {"net.closed", with({{"port", 443U}, {"sent", UINT64_MAX}, {"received", -1}})},
      {"net.denied", with({{"port", 443U}})},
      {"net.denied", with({{"port", 443U}, {"rule", "network.allow"}})},
      {"net.attempt", with({{"pid", 1}})},
      {"model.usage", with({{"input", UINT64_MAX}, {"micro_usd", UINT64_MAX}})},
      {"limit.hit", with({})},
      {"anomaly", with({})},
      {"egress.lost", with({})},
      {"run.outcome",
       with({{"usage", {{"wall_ms", UINT64_MAX}, {"memory_peak", UINT64_MAX}, {"disk", p}}}})},
      {"changes",
       {{"sha256", p},
        {"refs", {{{"name", p}}, p}},
        {"files",
         {{{"path", p}, {"kind", p}, {"type", p}, {"ignored", p}},
          p,
          {{"path", "src/" + p}, {"kind", "added"}, {"type", "file"}, {"ignored", true}}}}}},
      {"guard",
       {{"findings",
         {{{"rule", p}, {"path", p}, {"message", p}, {"severity", "refuse"}},
          {{"rule", "protected-file"},
           {"path", "dir/" + p},
           {"message", "line 7 holds " + p},
           {"severity", "report"}},
          p}}}},
      {"import", with({})},
      {"verdict", with({{"status", p}, {"exit_code", 120}, {"reasons", texts}})},
      {"run.end", {{"events", 1}}},
      {p.c_str(), p},
  };
  std::vector<json> out;
  for (auto& [type, data] : all)
    out.push_back({{"type", type}, {"run", p}, {"time", p}, {"data", data}});
  return out;
}

/// Sealed lines of these events, as a run writes them.
inline std::string sealed(std::vector<nlohmann::json> events, const std::string& run = "r-1") {
  std::string out;
  std::string previous = genesis_hash();
  std::uint64_t sequence = 0;
  for (const nlohmann::json& event : events) {
    const EventHeader header{.run = run,
                             .sequence = sequence,
                             .time = "2026-11-23T01:37:30.13Z",
                             .monotonic_ns = static_cast<std::int64_t>(1'000'000'000 * sequence),
                             .source = "supervisor",
                             .type = event.value("type", "x")};
    ++sequence;
    const SealedEvent line = seal_event(
        header, event["data"].dump(-1, ' ', false, nlohmann::json::error_handler_t::replace),
        previous);
    previous = line.hash;
    out += line.line + "\n";
  }
  return out;
}

inline RunFacts hostile_facts(const std::string& p) {
  FactsCollector facts;
  for (const nlohmann::json& event : hostile_events(p)) facts.add(event);
  Integrity integrity{.events = 3, .problems = 1};
  integrity.first_problem = "line 1: " + shown(p);
  return facts.take(integrity);
}

}  // namespace berm::report
