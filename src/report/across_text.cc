// The report over many runs: JSON, terminal, Markdown.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "base/units.h"
#include "report/across.h"
#include "report/markdown_text.h"

namespace berm::report {
namespace {

using nlohmann::json;
using Counts = std::map<std::string, std::uint64_t>;

constexpr std::size_t kMostRows = 20;

std::string duration(std::uint64_t ns) {
  return to_text(Milliseconds(static_cast<std::int64_t>(ns / 1'000'000)));
}
std::string dollars(std::uint64_t micro) {
  return fmt::format("${}.{:04}", micro / 1000000, micro % 1000000 / 100);
}

std::vector<std::pair<std::string, std::uint64_t>> most_first(const Counts& counts) {
  std::vector<std::pair<std::string, std::uint64_t>> out(counts.begin(), counts.end());
  std::ranges::stable_sort(out, std::ranges::greater{}, [](const auto& one) { return one.second; });
  return out;
}

json grants_to_json(const std::map<std::string, Grant>& grants) {
  json out = json::array();
  for (const auto& [text, grant] : grants) {
    out.push_back({{"grant", text}, {"runs", grant.granted}, {"needed", grant.needed}});
  }
  return out;
}

std::vector<std::string> unneeded(const std::map<std::string, Grant>& grants) {
  std::vector<std::string> out;
  for (const auto& [text, grant] : grants) {
    if (grant.needed == 0) out.push_back(fmt::format("{} (granted to {})", text, grant.granted));
  }
  return out;
}

// The sections that text and Markdown share: a title and rows of a name and a value.
struct Section {
  std::string title;
  std::vector<std::pair<std::string, std::string>> rows;
  std::size_t left_out = 0;
  void add(std::string name, std::string value) {
    if (rows.size() < kMostRows) {
      rows.emplace_back(std::move(name), std::move(value));
    } else {
      ++left_out;
    }
  }
};

Section section_of(std::string title, const Counts& counts) {
  Section out{.title = std::move(title)};
  for (const auto& [name, times] : most_first(counts)) out.add(name, fmt::format("{}", times));
  return out;
}

Section section_of(std::string title, const std::vector<std::string>& names) {
  Section out{.title = std::move(title)};
  for (const std::string& name : names) out.add(name, "");
  return out;
}

Section of_phases(const std::map<std::string, Phase>& phases) {
  std::vector<std::pair<std::string, Phase>> sorted(phases.begin(), phases.end());
  std::ranges::stable_sort(sorted, std::ranges::greater{},
                           [](const auto& one) { return one.second.longest_ns; });
  Section out{.title = "slowest phases"};
  for (const auto& [name, phase] : sorted) {
    out.add(name, fmt::format("longest {} ({}), mean {}", duration(phase.longest_ns), phase.slowest,
                              duration(phase.total_ns / std::max<std::uint64_t>(phase.runs, 1))));
  }
  return out;
}

Section of_models(const std::map<std::string, ModelUse>& models) {
  Section out{.title = "models"};
  for (const auto& [name, use] : models) {
    out.add(name, fmt::format("{} requests, {} tokens in, {} out, {} from cache, {}", use.requests,
                              use.input, use.output, use.cache_read, dollars(use.micro_usd)));
  }
  return out;
}

Section of_broken(const std::vector<BrokenRecord>& broken, std::uint64_t left_out) {
  Section out{.title = "records that are not whole"};
  for (const BrokenRecord& one : broken) out.add(one.path, one.why);
  out.left_out += left_out;
  return out;
}

std::string as_text(const Section& section) {
  if (section.rows.empty()) return "";
  std::string out = fmt::format("  {}\n", section.title);
  for (const auto& [name, value] : section.rows) {
    out +=
        fmt::format("    {}{}{}\n", printable(name), value.empty() ? "" : "  ", printable(value));
  }
  return section.left_out == 0
             ? out
             : out + fmt::format("    … and {} more (--json)\n", section.left_out);
}

std::string as_markdown(const Section& section) {
  if (section.rows.empty()) return "";
  std::string out = fmt::format("### {}\n\n", section.title) + table({"", ""});
  for (const auto& [name, value] : section.rows) {
    out += row({code(name), value.empty() ? "" : code(value)});
  }
  return section.left_out == 0 ? out + "\n"
                               : out + fmt::format("\n… and {} more\n\n", section.left_out);
}

}  // namespace

json AcrossRuns::to_json() const {
  json models = json::object();
  for (const auto& [name, use] : models_) {
    models[name] = {{"requests", use.requests},       {"input", use.input},
                    {"output", use.output},           {"cache_read", use.cache_read},
                    {"cache_write", use.cache_write}, {"micro_usd", use.micro_usd}};
  }
  json phases = json::object();
  for (const auto& [name, phase] : phases_) {
    phases[name] = {{"runs", phase.runs},
                    {"total_ms", phase.total_ns / 1'000'000},
                    {"longest_ms", phase.longest_ns / 1'000'000},
                    {"slowest", phase.slowest}};
  }
  json broken = json::array();
  for (const BrokenRecord& one : broken_)
    broken.push_back({{"record", one.path}, {"why", one.why}});
  return {
      {"schema", "berm.report/1"},
      {"runs", runs_},
      {"verdicts", verdicts_},
      {"agents", agents_},
      {"denied", {{"kinds", denied_kinds_}, {"rules", denied_rules_}, {"hosts", denied_hosts_}}},
      {"usage",
       {{"tokens", tokens_},
        {"requests", requests_},
        {"micro_usd", micro_usd_},
        {"wall_ms", wall_ms_}}},
      {"models", std::move(models)},
      {"phases", std::move(phases)},
      {"grants",
       {{"runs", telling_},
        {"network", grants_to_json(network_)},
        {"write", grants_to_json(write_)},
        {"read", grants_to_json(read_)}}},
      {"proposal", tightened_policy()},
      {"broken", std::move(broken)},
      {"broken_left_out", broken_left_out_}};
}

namespace {

std::string grants_note(std::uint64_t telling, std::uint64_t runs) {
  return telling == runs
             ? ""
             : fmt::format("{} of {} records do not tell what was granted", runs - telling, runs);
}

}  // namespace

std::string AcrossRuns::to_text() const {
  std::string out = fmt::format("{} run{}, {} wall, {} tokens, {}\n", runs_, runs_ == 1 ? "" : "s",
                                duration(std::min<std::uint64_t>(wall_ms_, 1ULL << 40) * 1'000'000),
                                tokens_, dollars(micro_usd_));
  out += as_text(section_of("verdicts", verdicts_));
  out += as_text(section_of("refused, by rule", denied_rules_));
  out += as_text(section_of("refused, by host", denied_hosts_));
  out += as_text(of_models(models_));
  out += as_text(of_phases(phases_));
  out += as_text(section_of("network grants that no run needed", unneeded(network_)));
  out += as_text(section_of("write grants under which no run changed anything", unneeded(write_)));
  out += as_text(
      section_of("read grants that no program or tool call named (it may still have been read)",
                 unneeded(read_)));
  const std::string note = grants_note(telling_, runs_);
  if (!note.empty()) out += "  note: " + note + "\n";
  out += as_text(of_broken(broken_, broken_left_out_));
  const std::string policy = tightened_policy();
  if (!policy.empty()) out += "  a tightened policy\n" + code_block(policy);
  return out;
}

std::string AcrossRuns::to_markdown() const {
  std::string out =
      fmt::format("## berm: {} run{}\n\n{} wall, {} tokens, {}\n\n", runs_, runs_ == 1 ? "" : "s",
                  duration(std::min<std::uint64_t>(wall_ms_, 1ULL << 40) * 1'000'000), tokens_,
                  dollars(micro_usd_));
  out += as_markdown(section_of("Verdicts", verdicts_));
  out += as_markdown(section_of("Refused, by rule", denied_rules_));
  out += as_markdown(section_of("Refused, by host", denied_hosts_));
  out += as_markdown(of_models(models_));
  out += as_markdown(of_phases(phases_));
  out += as_markdown(section_of("Network grants that no run needed", unneeded(network_)));
  out +=
      as_markdown(section_of("Write grants under which no run changed anything", unneeded(write_)));
  out += as_markdown(section_of("Read grants that nothing named", unneeded(read_)));
  const std::string note = grants_note(telling_, runs_);
  if (!note.empty()) out += note + "\n\n";
  out += as_markdown(of_broken(broken_, broken_left_out_));
  const std::string policy = tightened_policy();
  if (!policy.empty()) out += "### A tightened policy\n\n" + code_block(policy);
  return out;
}

}  // namespace berm::report
