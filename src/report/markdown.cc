#include "report/markdown.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/units.h"
#include "report/markdown_text.h"

namespace berm::report {
namespace {

constexpr std::size_t kMostShown = 50;  // rows of one table

std::string more(std::uint64_t left_out) {
  return left_out > 0 ? fmt::format("\n… and {} more: `berm show`, `berm log`\n", left_out) : "";
}

std::string plural(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string bytes(std::uint64_t count) { return to_text(Bytes{count}); }
std::string milliseconds(std::uint64_t count) {
  return to_text(
      Milliseconds(static_cast<std::int64_t>(std::min<std::uint64_t>(count, 1ULL << 50))));
}
std::string dollars(std::uint64_t micro) {
  return fmt::format("${}.{:04}", micro / 1000000, micro % 1000000 / 100);
}

// Rows of a table, at most kMostShown of them.
template <class List, class MakeRow>
std::string rows(const List& list, std::uint64_t left_out, MakeRow make) {
  std::string out;
  std::size_t shown_rows = 0;
  for (const auto& one : list) {
    if (++shown_rows > kMostShown) continue;
    out += row(make(one));
  }
  return out + more(left_out + (shown_rows > kMostShown ? shown_rows - kMostShown : 0));
}

std::string verdict(const RunFacts& f) {
  std::string out =
      fmt::format("## berm: {}\n\n", f.status.empty() ? "no verdict" : code(f.status));
  if (f.status.empty()) out += "The record has no verdict: the run was cut off, or goes on.\n\n";
  for (std::size_t i = 0; i < std::min<std::size_t>(f.reasons.rows.size(), 10); ++i) {
    out += "- " + code(f.reasons.rows[i]) + "\n";
  }
  if (f.reasons.rows.size() > 10)
    out += fmt::format("- … and {} more\n", f.reasons.rows.size() - 10);
  if (!f.reasons.rows.empty()) out += "\n";
  out += fmt::format(
      "{} changed, {}, {}, {} refused; exit code {}.\n",
      plural(f.files.rows.size() + f.files.left_out, "file"), plural(f.tool_calls, "tool call"),
      plural(f.programs_started, "started program"), plural(f.denied_acts, "act"), f.exit_code);
  return out;
}

std::string integrity(const RunFacts& f) {
  const Integrity& i = f.integrity;
  const std::string state = !i.intact()  ? "**NOT INTACT**: " + code(i.first_problem)
                            : i.complete ? "chain intact"
                                         : "chain intact, **incomplete**: it has no end";
  return fmt::format("Record: {}, {}, head {}. Signatures: `berm verify`.\n",
                     plural(i.events, "event"), state, code(i.head));
}

std::string asked(const RunFacts& f) {
  std::string out = "### What was asked\n\n";
  std::string models;
  for (const auto& [model, use] : f.models) {
    if (models.size() < 512) models += (models.empty() ? "" : ", ") + code(model);
  }
  out += table({"", ""});
  out += row({"Run", code(f.run)});
  out += row({"Agent", code(f.agent)});
  if (!models.empty()) out += row({"Model", models});
  out += row({"Command", code(f.command)});
  out += row({"Repository", code(f.repository) + " at " + code(f.base)});
  out += row({"Time", code(f.started) + " to " + code(f.ended)});
  for (const std::string& policy : f.policies.rows) out += row({"Policy", code(policy)});
  out += row({"Plan", code(f.plan_sha256)});
  for (std::size_t i = 0; i < std::min<std::size_t>(f.prompts.rows.size(), 5); ++i) {
    const Prompt& prompt = f.prompts.rows[i];
    out +=
        row({"Prompt", prompt.text.empty() ? "SHA-256 " + code(prompt.sha256) : code(prompt.text)});
  }
  const std::uint64_t prompts = f.prompts.rows.size() + f.prompts.left_out;
  return out + (prompts > 5 ? more(prompts - 5) : "");
}

std::string guard(const RunFacts& f) {
  if (f.findings.rows.empty()) return "";
  std::string out = "### Findings of the guard\n\n" + table({"", "Rule", "File", "Finding"});
  std::vector<GuardFinding> sorted = f.findings.rows;
  std::ranges::stable_sort(sorted, std::ranges::greater{}, &GuardFinding::refused);
  return out + rows(sorted, f.findings.left_out, [](const GuardFinding& one) {
           return std::vector<std::string>{one.refused ? "**refused**" : "note", code(one.rule),
                                           code(one.path), code(one.message)};
         });
}

std::string denials(const RunFacts& f) {
  if (f.denials.empty()) return "";
  std::uint64_t told = 0;
  for (const Denial& denial : f.denials) told += denial.times;
  std::string out = "### What was refused\n\n" + table({"", "What", "Rule", "Why", "Times"});
  out += rows(f.denials, 0, [](const Denial& one) {
    return std::vector<std::string>{one.kind, code(one.what), code(one.rule), code(one.reason),
                                    fmt::format("{}", one.times)};
  });
  if (told < f.denied_acts)
    out += fmt::format("\n… and {} further acts of other kinds\n", f.denied_acts - told);
  std::string lines;
  std::size_t shown_lines = 0;
  for (const AskedFor& one : f.asked_for) {
    if (++shown_lines > 20) break;
    lines +=
        fmt::format("allow = [\"{}\"]  # {}, {}\n", one.destination,
                    one.learned ? "let through by --learn" : "refused", plural(one.times, "time"));
  }
  if (lines.empty()) return out;
  return out + "\nTo permit it, below `[network]` of the policy (asked for is not needed):\n\n" +
         code_block(lines);
}

std::string changes(const RunFacts& f) {
  if (f.files.rows.empty() && f.refs.rows.empty()) return "### Changes\n\nNone.\n";
  std::string out = "### Changes\n\n" + table({"Kind", "Files"});
  for (const auto& [kind, times] : f.changes) out += row({code(kind), fmt::format("{}", times)});
  out += "\n<details><summary>Files</summary>\n\n" + table({"", "File", "Type"});
  out += rows(f.files.rows, f.files.left_out, [](const ChangedFile& one) {
    return std::vector<std::string>{one.ignored ? "ignored by git" : code(one.kind), code(one.path),
                                    code(one.type)};
  });
  out += "\n</details>\n\n";
  for (std::size_t i = 0; i < std::min<std::size_t>(f.refs.rows.size(), 20); ++i) {
    out += "- reference " + code(f.refs.rows[i]) + "\n";
  }
  out += "\nSHA-256 of the changes: " + code(f.changes_sha256) + "\n";
  if (!f.imported.empty()) out += "\nImport: " + code(f.imported) + "\n";
  return out;
}

std::string acts(const RunFacts& f) {
  std::string out = "### What it did\n\n";
  if (f.tool_calls > 0) {
    out += table({"Tool", "Call", "Decision"});
    out += rows(f.calls.rows, f.calls.left_out, [](const ToolCall& one) {
      return std::vector<std::string>{
          code(one.tool), code(one.what),
          one.decision == "allow" ? "allow" : code(one.decision + " " + one.rule)};
    });
    out += "\n";
  }
  if (!f.hosts.empty()) {
    std::vector<Host> hosts = f.hosts;
    std::erase_if(hosts, [](const Host& host) { return host.reached == 0; });
    std::ranges::stable_sort(hosts, std::ranges::greater{}, &Host::reached);
    out += table({"Host reached", "Times", "Up", "Down"});
    out += rows(hosts, 0, [](const Host& one) {
      return std::vector<std::string>{code(one.name) + (one.model ? " (model)" : ""),
                                      fmt::format("{}", one.reached), bytes(one.sent),
                                      bytes(one.received)};
    });
    out += "\n";
  }
  std::vector<std::pair<std::string, std::uint64_t>> programs(f.programs.begin(), f.programs.end());
  std::ranges::stable_sort(programs, std::ranges::greater{},
                           [](const auto& p) { return p.second; });
  if (!programs.empty()) {
    out += "<details><summary>Started programs</summary>\n\n" + table({"Program", "Times"});
    out += rows(programs, 0, [](const auto& one) {
      return std::vector<std::string>{code(one.first), fmt::format("{}", one.second)};
    });
    out += "\n</details>\n\n";
  }
  return f.tool_calls == 0 && f.hosts.empty() && programs.empty() ? out + "Nothing on the record.\n"
                                                                  : out;
}

std::string limits(const RunFacts& f) {
  std::string out = "### Limits and usage\n\n";
  for (const Limit& limit : f.limits.rows) {
    out += "- **limit " + code(limit.name) + " hit** by " + code(limit.culprit) + "\n";
  }
  for (const std::string& anomaly : f.anomalies.rows) out += "- anomaly " + code(anomaly) + "\n";
  for (const std::string& loss : f.losses.rows) out += "- **lost** " + code(loss) + "\n";
  const Usage& u = f.usage;
  if (!out.ends_with("\n\n")) out += "\n";
  out += table({"Wall", "CPU", "Memory", "Output", "Disk", "Connections", "Tokens", "Cost"});
  out += row({milliseconds(u.wall_ms), milliseconds(u.cpu_ms), bytes(u.memory_peak),
              bytes(u.output), bytes(u.disk), fmt::format("{}", u.connections),
              fmt::format("{}", u.tokens), dollars(u.micro_usd)});
  std::string configured;
  for (const auto& [name, value] : f.configured) {
    configured += (configured.empty() ? "" : ", ") + code(name + " = " + value);
  }
  return out + (configured.empty() ? "" : "\nLimits: " + configured + "\n");
}

std::string enforcement(const RunFacts& f) {
  if (f.layers.empty()) return "";
  std::string out = "### Enforcement\n\n" + table({"Layer", "Strength", "How"});
  for (const Layer& layer : f.layers) {
    out += row({code(layer.name), layer.strength == "absent" ? "**absent**" : code(layer.strength),
                code(layer.how)});
  }
  for (const std::string& weakness : f.weaknesses.rows) out += "\n- weaker: " + code(weakness);
  return out + (f.weaknesses.rows.empty() ? "" : "\n");
}

}  // namespace

std::string markdown(const RunFacts& facts, const MarkdownOptions& options) {
  struct Section {
    const char* name;
    std::string (*write)(const RunFacts&);
  };
  static constexpr Section kSections[] = {
      {"what was asked", asked}, {"findings of the guard", guard}, {"what was refused", denials},
      {"changes", changes},      {"limits and usage", limits},     {"enforcement", enforcement},
      {"what it did", acts},
  };
  std::string out = verdict(facts) + "\n" + integrity(facts);
  constexpr std::size_t kForTheNote = 300;
  std::string left_out;
  for (const Section& section : kSections) {
    const std::string text = section.write(facts);
    if (text.empty()) continue;
    if (out.size() + text.size() + kForTheNote <= options.most) {
      out += "\n" + text;
    } else {
      left_out += (left_out.empty() ? "" : ", ") + std::string(section.name);
    }
  }
  if (!left_out.empty()) {
    out += fmt::format(
        "\n_Left out, because the report may have {} bytes: {}. All of it: `berm show`._\n",
        options.most, left_out);
  }
  return out.size() <= options.most ? out : "## berm: the report does not fit\n";
}

}  // namespace berm::report
