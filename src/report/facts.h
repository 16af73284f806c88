// src/report/facts.h: what a report tells of a run, gathered event by event.
//
// Pure, and bounded whatever the record holds: a record may be a GiB and may come from anybody.
// Every text here but `raw_path` went through printable() and is cut.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/glob.h"
#include "record/asked_for.h"

namespace berm::report {

/// The first rows, and how many more there were.
template <class Row>
struct Rows {
  std::vector<Row> rows;
  std::uint64_t left_out = 0;
  void add(Row row, std::size_t most) {
    if (rows.size() < most) {
      rows.push_back(std::move(row));
    } else {
      ++left_out;
    }
  }
};

/// What somebody inside tried and was refused.
struct Denial {
  std::string kind;  ///< "tool-call", "program", "connection", "attempt"
  std::string what;  ///< the command, the program, "host:port"
  std::string rule;
  std::string reason;
  std::string grant;  ///< "api.example.com:443": network.allow with it would permit it; "" = none
  std::uint64_t times = 0;
};

struct ToolCall {
  std::string tool, what, decision, rule;
};

struct Host {
  std::string name;  ///< "host:port"
  std::uint64_t reached = 0, sent = 0, received = 0;
  bool model = false;  ///< the agent's model
};

struct ChangedFile {
  std::string kind, path, type;
  bool ignored = false;
};

struct GuardFinding {
  std::string rule, path, message;
  std::string raw_path;  ///< as recorded, at most 4096 bytes
  std::uint64_t line = 0;
  bool refused = true;
};

struct Limit {
  std::string name, culprit;
};
struct Layer {
  std::string name, strength, how;
};
struct Prompt {
  std::string sha256, text;
};
struct ModelUse {
  std::uint64_t requests = 0, input = 0, output = 0, cache_read = 0, cache_write = 0, micro_usd = 0;
};
struct Usage {
  std::uint64_t wall_ms = 0, cpu_ms = 0, memory_peak = 0, output = 0, disk = 0, connections = 0,
                denied = 0, tokens = 0, requests = 0, micro_usd = 0;
};

/// What the policy granted, as run.start tells it, and whether it was of use.
struct Grants {
  bool known = false;                    ///< older records do not tell
  std::map<std::string, bool> network;   ///< entries of network.allow
  std::map<std::string, bool> write;     ///< globs of workspace.write
  std::map<std::string, bool> read;      ///< files.read: true = something named it, no more
  std::set<std::string> changed_places;  ///< "src/**": top-level places of changed files; capped
};

/// Whether the record can be believed, as far as its reader looked.
struct Integrity {
  std::uint64_t events = 0;
  std::uint64_t problems = 0;
  std::string first_problem;  ///< "line 17: …"
  std::string head;           ///< hash of the last event
  bool complete = false;      ///< ends with the run's end
  [[nodiscard]] bool intact() const { return problems == 0 && events > 0; }
};

struct RunFacts {
  std::string run, berm, agent, repository, base, branch, plan_sha256, command;
  std::string started, ended;  ///< wall time, RFC 3339, of the first and the last event
  Rows<std::string> policies;  ///< "berm.toml at HEAD: <sha256>"
  Rows<Prompt> prompts;
  std::map<std::string, ModelUse> models;
  std::uint64_t tool_calls = 0;
  std::map<std::string, std::uint64_t> tools;
  Rows<ToolCall> calls;
  std::uint64_t programs_started = 0;
  std::map<std::string, std::uint64_t> programs;
  std::vector<Host> hosts;
  std::vector<Denial> denials;
  std::uint64_t denied_acts = 0;  ///< all of them, also those that found no place above
  std::vector<AskedFor> asked_for;
  Rows<Limit> limits;
  Rows<std::string> anomalies;  ///< "repeated-failure: …"
  Rows<std::string> losses;     ///< parts of the boundary that were lost: "egress.lost"
  std::map<std::string, std::uint64_t> changes;  ///< by kind
  Rows<ChangedFile> files;
  Rows<std::string> refs;
  std::string changes_sha256;
  Rows<GuardFinding> findings;
  std::uint64_t refused_findings = 0;
  bool judged = false;  ///< the guard came to its end
  Usage usage;
  std::vector<std::pair<std::string, std::string>> configured;  ///< limits of the plan
  std::vector<Layer> layers;
  Rows<std::string> weaknesses;
  std::string status;  ///< of the verdict; "" = there is none
  std::int64_t exit_code = 0;
  Rows<std::string> reasons;
  std::string imported;
  std::vector<std::pair<std::string, std::uint64_t>> phases;  ///< name, nanoseconds
  Grants grants;
  Integrity integrity;
};

/// Hears the events of one run, in their order; survives any.
class FactsCollector {
 public:
  void add(const nlohmann::json& event);
  /// @param integrity  what the reader found
  [[nodiscard]] RunFacts take(Integrity integrity);

 private:
  using Heard = void (FactsCollector::*)(const nlohmann::json& data);
  struct Listener;
  void on_start(const nlohmann::json& data);
  void on_enforcement(const nlohmann::json& data);
  void on_call(const nlohmann::json& data);
  void on_exec(const nlohmann::json& data);
  void on_allowed(const nlohmann::json& data);
  void on_closed(const nlohmann::json& data);
  void on_denied(const nlohmann::json& data);
  void on_attempt(const nlohmann::json& data);
  void on_usage(const nlohmann::json& data);
  void on_limit(const nlohmann::json& data);
  void on_anomaly(const nlohmann::json& data);
  void on_outcome(const nlohmann::json& data);
  void on_changes(const nlohmann::json& data);
  void on_guard(const nlohmann::json& data);
  void on_import(const nlohmann::json& data);
  void on_verdict(const nlohmann::json& data);
  void on_loss(const nlohmann::json& data);
  void mark(const char* phase);
  void deny(Denial denial);
  Host* host(const nlohmann::json& data);
  void see_read(std::string_view text);

  RunFacts facts_;
  std::string type_;
  std::int64_t mono_ = 0, marked_ = 0;
  bool any_ = false;
  std::unordered_map<std::string, std::size_t> denials_, hosts_;
  std::map<std::string, AskedFor> asked_;
  std::vector<std::pair<std::string, Glob>> write_;
};

/// Text, number or part of `value` under `key`, whatever `value` is. Texts are as recorded.
[[nodiscard]] std::string_view raw_text(const nlohmann::json& value, const char* key);
[[nodiscard]] std::uint64_t count_of(const nlohmann::json& value, const char* key);
[[nodiscard]] const nlohmann::json& part_of(const nlohmann::json& value, const char* key);
/// printable(), cut to `most` bytes of it.
[[nodiscard]] std::string shown(std::string_view text, std::size_t most = 512);
[[nodiscard]] std::string shown(const nlohmann::json& value, const char* key,
                                std::size_t most = 512);

}  // namespace berm::report
