#include "report/html.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "base/text.h"
#include "record/canonical.h"
#include "record/chain.h"
#include "record/record_test_support.h"
#include "record/sha256.h"
#include "record/verify.h"
#include "report/html_assets.h"
#include "report/html_value.h"

namespace berm {
namespace {

using nlohmann::json;

class Recorded {
 public:
  Recorded& add(const std::string& type, const json& data) {
    const SealedEvent sealed = seal_event({.run = run,
                                           .sequence = count_++,
                                           .time = "2026-11-23T01:01:23.099020925Z",
                                           .monotonic_ns = mono += 1'000'000,
                                           .source = "supervisor",
                                           .type = type},
                                          canonical(data), head);
    head = sealed.hash;
    text += sealed.line + '\n';
    return *this;
  }
  std::string run = "r-1";
  std::string head = genesis_hash();
  std::string text;
  std::int64_t mono = 5'000'000'000;

 private:
  std::uint64_t count_ = 0;
};

const std::string kDiffs = R"({"b":"-a\n+b"})";

Recorded whole_run() {
  Recorded run;
  run.add("run.start", {{"agent", "claude"}, {"argv", {"claude", "-p", "fix"}}})
      .add("exec",
           {{"pid", 7}, {"ppid", 1}, {"executable", "/bin/sh"}, {"argv", {"sh", "-c", "x"}}})
      .add("net.denied", {{"host", "a.example"}, {"port", 443}, {"rule", "network.allow"}})
      .add("net.closed", {{"host", "b.example"}, {"port", 443}, {"sent", 5}, {"received", 9}})
      .add("changes",
           {{"files", {{{"path", "b"}, {"kind", "modified"}}, {{"path", "a"}, {"kind", "added"}}}},
            {"diffs_sha256", sha256_hex(kDiffs)},
            {"refs", json::array()}})
      .add("guard", {{"findings", json::array()}, {"refused", false}})
      .add("verdict", {{"status", "success"}, {"exit_code", 0}, {"reasons", json::array()}})
      .add("run.end", {{"events", 8}});
  return run;
}

std::string between(std::string_view page, std::string_view begin, std::string_view end) {
  const std::size_t from = page.find(begin);
  if (from == std::string_view::npos) return "";
  page.remove_prefix(from + begin.size());
  return std::string(page.substr(0, page.find(end)));
}
json data_of(std::string_view page) {
  return json::parse(between(page, R"(id="report-data">)", "</script>"), nullptr, false);
}
std::string details_of(std::string_view page) {
  return between(page, R"(id="report-details">)", "</script>");
}
std::size_t times(std::string_view page, std::string_view wanted) {
  std::size_t found = 0;
  for (std::size_t at = page.find(wanted); at != std::string_view::npos;
       at = page.find(wanted, at + 1)) {
    ++found;
  }
  return found;
}
std::string source_of(std::string_view content) {
  const std::string hex = sha256_hex(content);
  std::string bytes;
  for (std::size_t at = 0; at < hex.size(); at += 2) {
    bytes += static_cast<char>(std::stoi(hex.substr(at, 2), nullptr, 16));
  }
  return "'sha256-" + base64(bytes) + "'";
}

TEST(HtmlReport, ThePolicyAllowsItsOwnScriptAndStyleAndNothingElse) {
  const std::string page = html_report(whole_run().text, "");
  const std::string policy = between(page, R"(Content-Security-Policy" content=")", "\"");
  const std::string style = between(page, "<style>", "</style>");
  const std::string script = between(page, "<script>", "</script>");
  EXPECT_GT(style.size(), 1000U);
  EXPECT_GT(script.size(), 1000U);
  EXPECT_EQ(policy, "default-src 'none'; script-src " + source_of(script) + "; style-src " +
                        source_of(style) +
                        "; base-uri 'none'; form-action 'none'; require-trusted-types-for "
                        "'script'; trusted-types 'none'");
}

TEST(HtmlReport, NothingOfThePageIsElsewhere) {
  const std::string page = html_report("", "");
  for (const char* reference : {"http:", "https:", "src=", "url(", "@import", "<link", "<iframe",
                                "<img", "fetch(", "XMLHttpRequest", "WebSocket", "sendBeacon"}) {
    EXPECT_EQ(page.find(reference), std::string::npos) << reference;
  }
}

TEST(HtmlReport, TheScriptNeverMakesMarkupOfText) {
  for (const char* sink : {"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write",
                           "eval(", "new Function", "setTimeout(\"", "createContextualFragment"}) {
    EXPECT_EQ(html::kScript.find(sink), std::string_view::npos) << sink;
  }
}

TEST(HtmlReport, ItTellsWhatTheRecordTells) {
  const Recorded run = whole_run();
  const json data = data_of(html_report(run.text, run.head));
  ASSERT_TRUE(data.is_object());
  EXPECT_EQ(data["head"]["command"], "claude -p fix");
  EXPECT_EQ(data["head"]["status"], "success");
  EXPECT_EQ(data["denials"]["network"][0][3], R"(allow = ["a.example:443"])");
  EXPECT_EQ(data["hosts"][0], json({"a.example:443", 0, 1, 0, 0, 0, false, "network.allow"}));
  EXPECT_EQ(data["hosts"][1], json({"b.example:443", 0, 0, 0, 5, 9, false, ""}));
  EXPECT_EQ(data["changes"]["files"][0][0], "a") << "added before modified";
  EXPECT_EQ(data["tree"]["event"], json({-1, 1})) << "a group and its process";
  EXPECT_EQ(data["events"]["t"][2], 2000);
  EXPECT_EQ(data["events"]["tone"][2], 2);
}

TEST(HtmlReport, EveryEventHasALineOfItsData) {
  const std::string page = html_report(whole_run().text, "");
  std::size_t lines = 0;
  const std::string details = details_of(page);
  for (const std::string_view line : split(details, '\n')) {
    if (line.empty()) continue;
    ++lines;
    EXPECT_TRUE(json::parse(line, nullptr, false).is_array()) << line;
  }
  EXPECT_EQ(lines, 8U);
}

TEST(HtmlReport, ACallLastsUntilItsEndIsToldAndAConnectionAsLongAsItSays) {
  Recorded run;
  run.add("tool.call", {{"kind", "before-tool"}, {"tool_use_id", "t"}, {"decision", "allow"}})
      .add("net.closed", {{"host", "a"}, {"port", 1}, {"ms", 1}})
      .add("tool.call", {{"kind", "after-tool"}, {"tool_use_id", "t"}});
  EXPECT_EQ(data_of(html_report(run.text, ""))["events"]["d"], json({2000, -1000, 0}));
}

TEST(HtmlReport, ADiffIsShownIfTheRecordNamesItsDigest) {
  const json told = data_of(html_report(whole_run().text, "", kDiffs))["changes"]["files"];
  EXPECT_EQ(told[1].back(), json({"-a", "+b"}));
  const json forged = data_of(html_report(whole_run().text, "", R"({"b":"+c"})"));
  EXPECT_EQ(forged["changes"]["files"][1].back(), json::array());
}

class HostileText : public testing::TestWithParam<std::string> {};

TEST_P(HostileText, StaysInsideItsBlock) {
  Recorded run;
  const std::string& text = GetParam();
  run.run = text;
  for (const char* type : {"run.start", "exec", "tool.call", "net.denied", "net.closed", "changes",
                           "guard", "enforcement", "verdict", "limit.hit", "unknown"}) {
    json data = {{text, text}, {"nested", {{text, json::array({text})}}}};
    for (const char* key : {"agent", "host", "tool", "rule", "reason", "status", "address", "limit",
                            "executable", "kind", "input", "decision", "prompt", "tool_use_id"}) {
      data[key] = text;
    }
    data["argv"] = {text, text};
    data["reasons"] = {text};
    data["files"] = {{{"path", text}, {"kind", text}}};
    data["diffs_sha256"] = sha256_hex(canonical({{text, text}}));
    data["findings"] = {{{"path", text}, {"message", text}, {"rule", text}, {"severity", text}}};
    data["layers"] = {{{"layer", text}, {"strength", text}, {"how", text}}};
    run.add(type, data);
  }
  run.add(text, {{text, text}});
  const std::string diffs = canonical({{text, text}});
  const std::string page = html_report(run.text, text, diffs);
  const std::string plain = html_report("", "");
  for (const char* wanted : {"<script", "</script", "<!--", "<"}) {
    EXPECT_EQ(times(page, wanted), times(plain, wanted)) << wanted;
  }
  EXPECT_TRUE(data_of(page).is_object());
  EXPECT_EQ(data_of(page)["events"]["t"].size(), 12U);
  const std::string blocks = between(page, "report-data\">", "<script>");
  for (const char* raw : {"\x1b", "\xe2\x80\xae", "\xe2\x80\xa8", "\xe2\x80\xa9", "\x01", "&"}) {
    EXPECT_EQ(blocks.find(raw), std::string::npos) << html::shown(raw, 9);
  }
}
INSTANTIATE_TEST_SUITE_P(
    All, HostileText,
    testing::Values("</script><script>alert(1)</script>", "<!--<script>", "--></script>", "]]>",
                    "</ScRiPt\n>", "\"><img src=x onerror=alert(1)>", "'\"`&<>", "&lt;script&gt;",
                    "{{script}}", "{{data}}", "\x1b]52;c;x\x07",
                    "a\xe2\x80\xae"
                    "b",
                    "\xe2\x80\xa8", "\xe2\x80\xa9", "</title><script>", "\x01\x02",
                    "\\u003c/script\\u003e", "</style><style>*{}", "\\", "javascript:alert(1)"));

TEST(HtmlReport, ControlAndBidiCharactersAreShown) {
  Recorded run;
  run.add("exec", {{"argv",
                    {"a\x1b[31m\xe2\x80\xae"
                     "b"}},
                   {"pid", 1}});
  const json data = data_of(html_report(run.text, ""));
  EXPECT_EQ(data["events"]["text"][0], R"(a\e[31m\u{202E}b  (pid 1))");
}

// Any type under any key: whatever it says, there is a page, and its data is JSON.
TEST(HtmlReport, AnyTypeUnderAnyKeyGivesAPage) {
  json deep = 1;
  for (int i = 0; i < 58; ++i) deep = json::array({deep});
  const json values[] = {nullptr,
                         true,
                         -1,
                         1e308,
                         9007199254740993U,
                         "",
                         "x",
                         json::array(),
                         json::object(),
                         {1, "a"},
                         {{"a", {{"b", 1}}}},
                         deep,
                         -9223372036854775807LL - 1};
  for (const json& value : values) {
    Recorded run;
    for (const char* type :
         {"run.start", "enforcement", "run.outcome", "exec", "tool.call", "net.allowed",
          "net.denied", "net.closed", "net.attempt", "http.request", "model.request", "limit.hit",
          "changes", "guard", "import", "verdict", "resources", "checkpoint", "run.end"}) {
      json data = json::object();
      for (const char* key :
           {"agent",       "argv",    "base",  "policy",   "notes",    "layers", "limits",
            "weaknesses",  "outcome", "usage", "pid",      "ppid",     "kind",   "tool",
            "tool_use_id", "input",   "host",  "port",     "ms",       "sent",   "received",
            "rule",        "files",   "refs",  "findings", "refused",  "status", "exit_code",
            "reasons",     "memory",  "limit", "decision", "commands", "prompt", "size"}) {
        data[key] = value;
      }
      run.add(type, data);
      run.add(type, value);
      data["files"] = data["findings"] = data["layers"] = data["policy"] =
          data["refs"] = {value, data};
      run.add(type, data);
    }
    const json data = data_of(html_report(run.text, ""));
    ASSERT_TRUE(data.is_object()) << value;
    EXPECT_EQ(data["events"]["t"].size(), 57U) << value;
  }
}

TEST(HtmlReport, LinesWithEveryHeaderOfAnotherTypeGiveAPage) {
  std::string record;
  for (const char* value : {"null", "1", "-5", "1e400", "\"x\"", "[]", "{}", "[[[[1]]]]", "true"}) {
    for (const char* key :
         {"data", "hash", "mono", "prev", "run", "seq", "source", "time", "type"}) {
      record += "{\"" + std::string(key) + "\":" + value + "}\n";
    }
  }
  const json data = data_of(html_report(record, "x"));
  ASSERT_TRUE(data.is_object());
  EXPECT_EQ(data["integrity"]["state"], "broken");
}

TEST(HtmlReport, AnEmptyRecordIsSaidToBeBroken) {
  const json data = data_of(html_report("", ""));
  EXPECT_EQ(data["integrity"]["state"], "broken");
  EXPECT_EQ(data["head"]["judged"], false);
  EXPECT_EQ(data["changes"]["told"], false);
  EXPECT_EQ(data["events"]["t"], json::array());
}

TEST(HtmlReport, ARecordWithoutItsEndIsIncompleteAndACutOneBroken) {
  RecordWriter run("r-1");
  run.append("run.end", json::object());
  const std::string endless = run.lines()[0] + "\n" + run.lines()[1] + "\n";
  run.checkpoint();
  const std::string text = endless + run.lines()[2] + "\n" + run.lines()[3] + "\n";
  const json whole = data_of(html_report(text, run.head()));
  EXPECT_EQ(whole["integrity"]["state"], "intact");
  EXPECT_EQ(whole["integrity"]["anchored"], true);
  EXPECT_EQ(data_of(html_report(endless, ""))["integrity"]["state"], "incomplete");
  EXPECT_EQ(data_of(html_report(endless, run.head()))["integrity"]["state"], "broken");
  const json data = data_of(html_report(text.substr(0, text.size() - 40), ""));
  EXPECT_EQ(data["integrity"]["state"], "broken");
  EXPECT_EQ(data["events"]["t"].size(), 3U) << "what can be read is shown";
}

TEST(HtmlReport, AnEditedRecordIsBrokenAtItsLine) {
  Recorded run = whole_run();
  run.text.replace(run.text.find("claude"), 6, "cl4ude");
  const json data = data_of(html_report(run.text, ""));
  EXPECT_EQ(data["integrity"]["state"], "broken");
  EXPECT_EQ(data["integrity"]["problems"][0][0], 1);
}

// Two events with one number: a process must not be shown by the words of another.
TEST(HtmlReport, AProcessWhoseEventIsNotItsOwnIsShownByItsOwnWords) {
  Recorded run;
  run.add("exec", {{"pid", 7}, {"argv", {"good"}}});
  std::string twin = run.text;
  twin.replace(twin.find("good"), 4, "evil");
  twin.replace(twin.find("\"pid\":7"), 7, "\"pid\":8");
  const json tree = data_of(html_report(run.text + twin, ""))["tree"];
  EXPECT_EQ(tree["label"], json({"Processes", "", "evil"}));
}

TEST(HtmlReport, WhatIsLongIsCut) {
  Recorded run;
  run.add("odd", {{"text", std::string(100'000, 'x')}, {"list", std::vector<int>(100'000, 7)}});
  const std::string page = html_report(run.text, "");
  EXPECT_LT(details_of(page).size(), 20'000U);
  EXPECT_NE(details_of(page).find("…"), std::string::npos);
}

}  // namespace
}  // namespace berm
