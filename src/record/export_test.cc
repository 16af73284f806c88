#include "record/export.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "record/canonical.h"
#include "record/chain.h"
#include "record/export_test_support.h"
#include "record/sha256.h"

namespace berm {
namespace {

using nlohmann::json;

constexpr EventFormat kAll[] = {EventFormat::ocsf, EventFormat::ecs, EventFormat::cef};

std::string line_of(const std::string& type, const json& data, std::uint64_t sequence = 7) {
  return seal_event({.run = "r-20261123-28d0549a",
                     .sequence = sequence,
                     .time = "2026-11-23T01:01:23.099020925Z",
                     .monotonic_ns = 5,
                     .source = "supervisor",
                     .type = type},
                    canonical(data), sequence == 0 ? genesis_hash() : std::string(64, 'a'))
      .line;
}

json ocsf(const std::string& type, const json& data) {
  return json::parse(formatted(EventFormat::ocsf, line_of(type, data)));
}
json ecs(const std::string& type, const json& data) {
  return json::parse(formatted(EventFormat::ecs, line_of(type, data)));
}
CefLine cef(const std::string& type, const json& data) {
  return read_cef(formatted(EventFormat::cef, line_of(type, data))).value_or(CefLine());
}

const json kExec = {{"argv", {"touch", ".git/hooks/a b"}},
                    {"argv_left_out", 0},
                    {"cwd", "/r"},
                    {"decision", "allow"},
                    {"executable", "/usr/bin/touch"},
                    {"object", {{"sha256", std::string(64, 'c')}, {"size", 5}}},
                    {"pid", 3},
                    {"ppid", 2},
                    {"reason", ""},
                    {"rule", ""}};

json with(json data, const char* key, json value) {
  data[key] = std::move(value);
  return data;
}

struct TypeCase {
  std::string type;
  json data;
  std::int64_t ocsf;  ///< type_uid
  std::string category;
  std::string ecs_type;
  std::string severity;  ///< of CEF
};

std::vector<TypeCase> type_cases() {
  const json host = {{"host", "h"}, {"port", 443}, {"via", "http"}};
  const json request = {{"host", "h"},   {"port", 443}, {"method", "POST"}, {"path", "/a"},
                        {"status", 200}, {"sent", 1},   {"received", 2}};
  const json call = {
      {"agent", "claude"}, {"kind", "before-tool"}, {"tool", "Bash"}, {"decision", "allow"}};
  const json finding = {{{"rule", "git-hook"}, {"path", "p"}, {"severity", "refuse"}}};
  const json lease = {{"name", "api"}, {"issuer", "aws-sts"}};
  const char* detect = "intrusion_detection";
  return {
      {"run.start", {{"agent", "claude"}}, 600203, "session", "start", "2"},
      {"enforcement", {{"weaknesses", json::array()}}, 200301, "configuration", "info", "2"},
      {"enforcement", {{"weaknesses", {"w"}}}, 200301, "configuration", "info", "3"},
      {"agent.start", {{"argv", {"a"}}}, 600203, "process", "start", "2"},
      {"agent.version", {{"version", "2"}}, 600299, "process", "info", "2"},
      {"pod.start", {{"agent", "p"}}, 600203, "session", "start", "2"},
      {"pod.end", {{"reason", ""}}, 600204, "session", "end", "2"},
      {"run.attach", {{"events", 9}}, 600203, "session", "start", "2"},
      {"record.key", {{"public", "k"}}, 100806, "", "", "2"},
      {"checkpoint", {{"size", 9}}, 100899, "", "", "2"},
      {"exec", kExec, 100701, "process", "start", "2"},
      {"exec", with(kExec, "decision", "deny"), 100701, "process", "denied", "5"},
      {"net.allowed", host, 400101, "network", "connection", "2"},
      {"net.closed", host, 400102, "network", "end", "2"},
      {"net.denied", host, 400105, "network", "denied", "5"},
      {"net.attempt", {{"address", "192.0.2.1:22"}}, 400104, "network", "denied", "5"},
      {"net.ask", host, 400101, "network", "connection", "2"},
      {"net.asked", with(host, "answer", "once"), 400101, "network", "connection", "2"},
      {"net.asked", with(host, "answer", "no"), 400101, "network", "denied", "2"},
      {"net.unwatched", {{"why", "w"}}, 200401, detect, "info", "5"},
      {"http.request", request, 400206, "web", "access", "2"},
      {"model.request", with(request, "method", "GET"), 400203, "web", "access", "2"},
      {"egress.start", {{"workers", 2}}, 600203, "network", "start", "2"},
      {"egress.lost", json::object(), 200401, detect, "denied", "8"},
      {"egress.error", {{"what", "w"}}, 99, "network", "info", "3"},
      {"tool.call", call, 600399, "api", "access", "2"},
      {"tool.call", with(call, "decision", "deny"), 600399, "api", "denied", "5"},
      {"model.tool_result", {{"name", "Bash"}}, 600399, "api", "end", "2"},
      {"model.usage", {{"model", "claude-x"}}, 600399, "api", "info", "2"},
      {"model.limit", {{"limit", "l"}}, 200401, detect, "denied", "5"},
      {"model.anomaly", {{"limit", "l"}}, 200401, detect, "denied", "8"},
      {"agent.telemetry", {{"name", "n"}}, 99, "", "", "2"},
      {"anomaly", {{"what", "call-storm"}}, 200401, detect, "info", "8"},
      {"hooks.silent", {{"why", "w"}}, 200401, detect, "denied", "8"},
      {"hooks.missed", {{"tool", "t"}}, 200401, detect, "info", "5"},
      {"judge.lost", json::object(), 200401, detect, "denied", "8"},
      {"limit.hit", {{"limit", "memory"}}, 200401, detect, "denied", "5"},
      {"signal", {{"signal", "INT"}}, 600299, "process", "info", "2"},
      {"run.outcome", {{"outcome", {{"kind", "exited"}}}}, 600204, "process", "end", "2"},
      {"changes", {{"files", json::array()}}, 100103, "file", "change", "2"},
      {"import", {{"failed", ""}}, 100103, "file", "change", "2"},
      {"guard", {{"findings", json::array()}, {"refused", false}}, 200301, detect, "info", "2"},
      {"guard", {{"findings", finding}, {"refused", true}}, 200401, detect, "denied", "8"},
      {"guard.failed", {{"what", "w"}}, 200401, detect, "denied", "8"},
      {"verdict", {{"status", "success"}}, 200301, "session", "info", "2"},
      {"verdict", {{"status", "violation"}}, 200301, "session", "info", "8"},
      {"credential.mint", lease, 300201, "authentication", "start", "2"},
      {"credential.exchange", {{"credential", "c"}}, 300201, "authentication", "start", "2"},
      {"credential.renew", lease, 300299, "authentication", "info", "2"},
      {"credential.renewal_failed", lease, 300299, "authentication", "info", "5"},
      {"credential.refused", lease, 300201, "authentication", "start", "5"},
      {"credential.revoke", with(lease, "end", "revoked"), 300202, "authentication", "end", "2"},
      {"credential.revoke", with(lease, "end", "failed"), 300202, "authentication", "end", "3"},
      {"credential.disable", with(lease, "done", true), 300299, "authentication", "info", "5"},
      {"credential.memory", {{"note", "n"}}, 300299, "authentication", "info", "3"},
      {"sink.state", {{"state", "failing"}}, 100899, "", "", "5"},
      {"sink.blocked", {{"lag_bytes", 7}}, 100899, "", "", "5"},
      {"sink.behind", {{"what", "w"}}, 100899, "", "", "5"},
      {"audit.test", {{"note", "n"}}, 100899, "", "", "2"},
      {"run.end", {{"events", 9}}, 600204, "session", "end", "2"},
      {"resource.sample", {{"memory", 1}, {"pids", 4}}, 99, "host", "info", "2"},
      {"another.one", {{"a", 1}}, 99, "", "", "2"},
  };
}

TEST(Export, EveryTypeHasItsPlaceInEverySchema) {
  for (const auto& [type, data, type_uid, category, ecs_type, severity] : type_cases()) {
    SCOPED_TRACE(type + " " + data.dump());
    const json told = ocsf(type, data);
    EXPECT_EQ(told["type_uid"], type_uid);
    EXPECT_EQ(told["class_uid"], type_uid / 100);
    EXPECT_EQ(told["category_uid"], type_uid / 100'000);
    const json event = ecs(type, data)["event"];
    EXPECT_EQ(event.value("category", json::array({""}))[0], category);
    EXPECT_EQ(event.value("type", json::array({""}))[0], ecs_type);
    EXPECT_EQ(event["action"], type);
    const CefLine line = cef(type, data);
    ASSERT_EQ(line.header.size(), 7U);
    EXPECT_EQ(line.header[0], "CEF:0");
    EXPECT_EQ(line.header[4], type);
    EXPECT_EQ(line.header[6], severity);
  }
}

TEST(Export, TheLineIsThereAndItsHashIsWhatIsAttested) {
  const std::string line = line_of("exec", kExec);
  const json told = json::parse(formatted(EventFormat::ocsf, line));
  EXPECT_EQ(told["raw_data"], line);
  const json attestation = told["attestation_list"][0];
  json native = json::parse(told["raw_data"].get<std::string>());
  const std::string hash = native["hash"];
  native.erase("hash");
  EXPECT_EQ(attestation["fingerprint"]["value"], hash);
  EXPECT_EQ(sha256_hex(canonical(native)), hash);
  EXPECT_EQ(attestation["prev_event"]["uid"], "r-20261123-28d0549a-6");
  EXPECT_EQ(attestation["prev_event"]["fingerprint"]["value"], std::string(64, 'a'));
  const json document = json::parse(formatted(EventFormat::ecs, line));
  EXPECT_EQ(document["event"]["original"], line);
  EXPECT_EQ(document["event"]["hash"], hash);
  EXPECT_EQ(cef("exec", kExec).fields.at("cs5"), hash);
}

TEST(Export, TheFirstEventHasNoneBefore) {
  const json told = json::parse(formatted(EventFormat::ocsf, line_of("run.start", {{"x", 1}}, 0)));
  EXPECT_FALSE(told["attestation_list"][0].contains("prev_event"));
  EXPECT_EQ(told["metadata"]["uid"], "r-20261123-28d0549a-0");
}

TEST(Export, TimeIsInMilliseconds) {
  EXPECT_EQ(ocsf("run.end", {})["time"], 1795395683099);
  EXPECT_EQ(cef("run.end", {}).fields.at("rt"), "1795395683099");
  EXPECT_EQ(ecs("run.end", {})["@timestamp"], "2026-11-23T01:01:23.099020925Z");
  for (const char* time :
       {"", "x", "2026-02-30T01:01:23Z", "2026-11-23T24:01:23Z", "2026-11-23T01:01:23",
        "2026-11-23T01:01:23.Z", "2026-11-23T01:01:23.1234567890Z", "2026-11-23 01:01:23Z"}) {
    SCOPED_TRACE(time);
    const std::string line = json{{"type", "exec"}, {"time", time}}.dump();
    EXPECT_EQ(json::parse(formatted(EventFormat::ocsf, line))["time"], 0);
    // Without one, a data stream would take no document at all.
    EXPECT_EQ(json::parse(formatted(EventFormat::ecs, line))["@timestamp"], "1970-01-01T00:00:00Z");
  }
}

TEST(Export, ARefusedProgramIsALaunchThatWasBlocked) {
  json data = with(kExec, "decision", "deny");
  data["rule"] = "pack filesystem";
  data["reason"] = "no";
  const json told = ocsf("exec", data);
  EXPECT_EQ(told["action_id"], 2);
  EXPECT_EQ(told["disposition_id"], 2);
  EXPECT_EQ(told["status_id"], 2);
  EXPECT_EQ(told["is_alert"], true);
  EXPECT_EQ(told["policy"]["name"], "pack filesystem");
  EXPECT_EQ(told["status_detail"], "no");
  EXPECT_EQ(told["process"]["cmd_line"], "touch '.git/hooks/a b'");
  EXPECT_EQ(told["actor"]["process"]["pid"], 2);
  const json document = ecs("exec", data);
  EXPECT_EQ(document["event"]["kind"], "alert");
  EXPECT_EQ(document["event"]["category"], json({"process", "intrusion_detection"}));
  EXPECT_EQ(document["event"]["outcome"], "failure");
  EXPECT_EQ(document["process"]["args"], json({"touch", ".git/hooks/a b"}));
  EXPECT_EQ(document["process"]["parent"]["pid"], 2);
  const CefLine line = cef("exec", data);
  EXPECT_EQ(line.fields.at("act"), "denied");
  EXPECT_EQ(line.fields.at("cs1"), "pack filesystem");
  EXPECT_EQ(line.fields.at("cs1Label"), "rule");
  EXPECT_EQ(line.fields.at("dproc"), "touch");
}

TEST(Export, AddressesAreAddressesAndNamesAreNames) {
  struct Case {
    json data;
    std::string name, ip, key;
  };
  const Case kCases[] = {
      {{{"host", "h"}, {"address", "192.0.2.1:443"}}, "h", "192.0.2.1", "dst"},
      {{{"host", "192.0.2.9"}}, "", "192.0.2.9", "dst"},
      {{{"address", "[2001:db8::1]:22"}}, "", "2001:db8::1", "c6a3"},
      {{{"host", "h"}, {"address", "999.0.2.1:443"}}, "h", "", ""},  // an index would refuse it
  };
  for (const auto& [data, name, ip, key] : kCases) {
    SCOPED_TRACE(data.dump());
    const json to = ocsf("net.allowed", data)["dst_endpoint"];
    EXPECT_EQ(to.value("hostname", ""), name);
    EXPECT_EQ(to.value("ip", ""), ip);
    const json destination = ecs("net.allowed", data)["destination"];
    EXPECT_EQ(destination.value("domain", ""), name);
    EXPECT_EQ(destination.value("ip", ""), ip);
    const CefLine line = cef("net.allowed", data);
    EXPECT_EQ(key.empty() ? "" : line.fields.at(key), ip);
  }
}

TEST(Export, WhatNoFieldTakesIsTheRest) {
  const json data = {{"host", "h"}, {"port", "443"}, {"via", "http"}, {"more", {{"a", 1}}}};
  const json rest = {{"more", {{"a", 1}}}, {"port", "443"}, {"via", "http"}};
  EXPECT_EQ(ocsf("net.allowed", data)["unmapped"], rest);
  EXPECT_EQ(ecs("net.allowed", data)["berm"]["data"], rest);
  EXPECT_EQ(json::parse(cef("net.allowed", data).fields.at("cs4")),
            json({{"more", {{"a", 1}}}, {"port", "443"}}));
}

TEST(Export, ALargeOrDeepRestIsInTheLineAlone) {
  json deep = 1;
  for (int i = 0; i < 20; ++i) deep = json::array({deep});
  for (const json& value : {deep, json(std::string(70'000, 'x'))}) {
    EXPECT_FALSE(ocsf("exec", with(kExec, "more", value)).contains("unmapped"));
    EXPECT_FALSE(ecs("exec", with(kExec, "more", value))["berm"].contains("data"));
  }
}

TEST(Export, CefEscapesComeBack) {
  const std::string hostile = "a|b\\c=d e=f\ng\rh cs1=x \\n \\";
  json data = kExec;
  data["rule"] = hostile;
  data["cwd"] = "\x1b]0;x\x07 \xC2\x85";
  const CefLine line = cef("exec", data);
  EXPECT_EQ(line.fields.at("cs1"), hostile);
  EXPECT_EQ(line.fields.at("cs3"), "\\e]0;x\\x07 \\xc2\\x85");  // shown, not done
  const std::string type = "a|b\\c=d";
  EXPECT_EQ(cef(type, data).header.at(4), type);
}

TEST(Export, ACefValueMayEndLikeTheHeader) {
  const std::optional<CefLine> line = read_cef(formatted(EventFormat::cef, "text|"));
  ASSERT_TRUE(line);
  EXPECT_EQ(line->fields.at("cs4"), "text|");
  EXPECT_EQ(line->fields.at("cs4Label"), "line");
}

TEST(Export, CefKeepsItsLimits) {
  json data = {{"host", std::string(5000, 'h')},
               {"rule", std::string(9000, 'r')},
               {"via", std::string(100, 'v')},
               {"sent", std::int64_t{1} << 40},
               {"reason", std::string(9000, '=')}};
  const CefLine line = cef("net.denied", data);
  EXPECT_EQ(line.fields.at("dhost").size(), 1023U);
  EXPECT_EQ(line.fields.at("cs1").size(), 4000U);
  EXPECT_EQ(line.fields.at("app").size(), 31U);
  EXPECT_EQ(line.fields.at("reason").size(), 1023U);
  EXPECT_LE(line.fields.at("msg").size(), 1023U);
  EXPECT_FALSE(line.fields.contains("out"));  // a number that would be wrong
  // No half of a character.
  data["host"] = std::string(1022, 'h') + "\xC3\xA4";
  EXPECT_EQ(cef("net.denied", data).fields.at("dhost").size(), 1022U);
}

// Each member of each event as anything, and lines that are no events.
std::vector<std::string> hostile_lines() {
  json deep = 1;
  for (int i = 0; i < 50; ++i) deep = json::array({deep});
  const std::vector<json> values = {nullptr,
                                    true,
                                    -1,
                                    UINT64_MAX,
                                    1e300,
                                    "",
                                    json::array({"x"}),
                                    json::object(),
                                    deep,
                                    std::string("\0\x1b[2J\xC2\x85\x7F|=\\\n\xE2\x80\xAE", 16)};
  std::vector<std::string> out = {
      "",
      "{}",
      "[]",
      "null",
      "{\"a\":",
      "x|y=z\\",
      "\"",
      "\xFF\xFE\n",
      "{\"data\":" + std::string(100, '[') + std::string(100, ']') + "}",
      std::string(10'000, '{')};
  const auto add_each = [&](const json& event) {
    for (const auto& [key, value] : event.items()) {
      for (const json& one : values) out.push_back(with(event, key.c_str(), one).dump());
    }
  };
  for (const TypeCase& one : type_cases()) {
    const json event = json::parse(line_of(one.type, one.data));
    add_each(event);
    for (const auto& [key, value] : one.data.items()) {
      for (const json& other : values) {
        out.push_back(line_of(one.type, with(one.data, key.c_str(), other)));
      }
    }
  }
  return out;
}

TEST(Export, AnyLineIsOneCleanLineOfTheFormat) {
  for (const std::string& line : hostile_lines()) {
    SCOPED_TRACE(line);
    for (const EventFormat format : kAll) {
      const std::string told = formatted(format, line);
      ASSERT_TRUE(is_one_clean_line(told)) << told;
      if (format == EventFormat::cef) {
        ASSERT_TRUE(read_cef(told)) << told;
      } else {
        ASSERT_TRUE(json::parse(told, nullptr, false).is_object()) << told;
      }
    }
  }
}

TEST(Export, WhatIsNoEventIsCarriedAsText) {
  const json told = json::parse(formatted(EventFormat::ocsf, "no \x1b event"));
  EXPECT_EQ(told["class_uid"], 0);
  EXPECT_EQ(told["severity_id"], 0);
  EXPECT_EQ(told["raw_data"], "no \x1b event");
  EXPECT_FALSE(told.contains("attestation_list"));
  const json document = json::parse(formatted(EventFormat::ecs, "no event"));
  EXPECT_EQ(document["event"]["kind"], "pipeline_error");
  EXPECT_EQ(document["event"]["original"], "no event");
  const std::optional<CefLine> line = read_cef(formatted(EventFormat::cef, "no event"));
  ASSERT_TRUE(line);
  EXPECT_EQ(line->header.at(4), "unreadable");
  EXPECT_EQ(line->fields.at("cs4"), "no event");
}

TEST(Export, NativeIsTheLine) {
  EXPECT_EQ(formatted(EventFormat::native, "any\x1bthing"), "any\x1bthing");
  EXPECT_EQ(event_format_of("ecs"), EventFormat::ecs);
  EXPECT_FALSE(event_format_of("OCSF"));
  EXPECT_FALSE(event_format_of(""));
}

}  // namespace
}  // namespace berm
