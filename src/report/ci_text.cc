#include "report/ci_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "report/violations.h"

namespace berm::report {
namespace {

using nlohmann::json;

// actions/toolkit, packages/core/src/command.ts: escapeData, escapeProperty.
std::string escaped(std::string_view text, std::string_view also) {
  std::string out;
  for (const char c : text) {
    if (c == '%' || c == '\r' || c == '\n' || also.find(c) != std::string_view::npos) {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out;
}

// A value that holds the delimiter as a line would end early: it cannot be known, and is looked for
// all the same.
void put_output(std::string& out, std::string_view name, std::string_view value,
                std::string_view delimiter) {
  const bool holds = value.find(delimiter) != std::string_view::npos;
  out += fmt::format("{}<<{}\n{}\n{}\n", name, delimiter, holds ? "" : value, delimiter);
}

const char* command_of(Level level) {
  return level == Level::error ? "error" : level == Level::warning ? "warning" : "notice";
}
const char* severity_of(Level level) {
  return level == Level::error ? "critical" : level == Level::warning ? "minor" : "info";
}

}  // namespace

std::string workflow_command(std::string_view name,
                             const std::vector<std::pair<std::string, std::string>>& properties,
                             std::string_view text) {
  std::string out = fmt::format("::{}", name);
  const char* before = " ";
  for (const auto& [key, value] : properties) {
    out += fmt::format("{}{}={}", before, key, escaped(value, ":,"));
    before = ",";
  }
  return out + "::" + escaped(text, "") + "\n";
}

std::string github_annotations(const RunFacts& facts) {
  constexpr std::size_t kMostOfAKind = 10;
  std::vector<Violation> all = violations_of(facts);
  std::ranges::stable_sort(all, std::ranges::greater{}, &Violation::level);
  std::string out;
  std::size_t told[3] = {};
  for (const Violation& v : all) {
    if (++told[static_cast<std::size_t>(v.level)] > kMostOfAKind) continue;
    std::vector<std::pair<std::string, std::string>> properties;
    // The path is cut off a workflow's log by nobody: no control character, no hidden one.
    if (!relative_uri(v.path).empty()) {
      properties.emplace_back("file", shown(v.path, 1024));
      properties.emplace_back("line", fmt::format("{}", std::max<std::uint64_t>(v.line, 1)));
    }
    properties.emplace_back("title", fmt::format("berm {}", v.rule));
    out += workflow_command(command_of(v.level), properties, shown(v.message, 2048));
  }
  return out;
}

std::string github_outputs(const RunFacts& facts, std::string_view record,
                           std::string_view delimiter) {
  std::string out;
  put_output(out, "verdict", facts.status, delimiter);
  put_output(out, "exit-code", fmt::format("{}", facts.exit_code), delimiter);
  put_output(out, "run", facts.run, delimiter);
  put_output(out, "record", record, delimiter);
  return out;
}

json code_quality(const RunFacts& facts) {
  json out = json::array();
  for (const Violation& v : violations_of(facts)) {
    // GitLab shows no finding without a file: see kPolicyFile.
    const bool in_file = !relative_uri(v.path).empty();
    out.push_back({{"description", v.message.empty() ? v.rule : v.message},
                   {"check_name", v.rule},
                   {"fingerprint", fingerprint(v)},
                   {"severity", severity_of(v.level)},
                   {"location",
                    {{"path", in_file ? v.path : kPolicyFile},
                     {"lines", {{"begin", std::max<std::uint64_t>(in_file ? v.line : 1, 1)}}}}}});
  }
  return out;
}

std::string gitlab_section_start(std::int64_t seconds, std::string_view name,
                                 std::string_view title) {
  return fmt::format("\x1b[0Ksection_start:{}:{}[collapsed=true]\r\x1b[0K{}\n", seconds, name,
                     title);
}

std::string gitlab_section_end(std::int64_t seconds, std::string_view name) {
  return fmt::format("\x1b[0Ksection_end:{}:{}\r\x1b[0K\n", seconds, name);
}

}  // namespace berm::report
