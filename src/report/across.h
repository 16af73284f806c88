// src/report/across.h: many runs in one report: how they ended, what was refused, what it cost,
// what the policy grants that no run needed.
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "report/facts.h"

namespace berm::report {

struct Phase {
  std::uint64_t runs = 0, total_ns = 0, longest_ns = 0;
  std::string slowest;  ///< the run
};

struct Grant {
  std::uint64_t granted = 0;  ///< runs
  std::uint64_t needed = 0;   ///< of them
};

/// A record that does not tell the whole of its run.
struct BrokenRecord {
  std::string path, why;
};

class AcrossRuns {
 public:
  void add(const std::string& path, const RunFacts& facts);
  /// A record that could not be read at all.
  void cannot_read(const std::string& path, std::string why);

  [[nodiscard]] nlohmann::json to_json() const;  ///< berm.report/1
  [[nodiscard]] std::string to_text() const;     ///< for a terminal, escaped
  [[nodiscard]] std::string to_markdown() const;
  /// The policy that would have done: a berm.toml; "" if the records do not tell what was granted,
  /// or there is nothing to take away.
  [[nodiscard]] std::string tightened_policy() const;
  [[nodiscard]] std::uint64_t runs() const { return runs_; }

 private:
  std::uint64_t runs_ = 0;
  std::map<std::string, std::uint64_t> verdicts_, denied_rules_, denied_hosts_, denied_kinds_,
      agents_;
  std::map<std::string, ModelUse> models_;
  std::uint64_t tokens_ = 0, requests_ = 0, micro_usd_ = 0, wall_ms_ = 0;
  std::map<std::string, Phase> phases_;
  std::uint64_t telling_ = 0;  ///< runs whose record tells the grants
  std::map<std::string, Grant> network_, write_, read_;
  std::map<std::string, std::uint64_t> places_;  ///< that changes were in
  std::vector<BrokenRecord> broken_;
  std::uint64_t broken_left_out_ = 0;
};

}  // namespace berm::report
