#include "report/across.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "policy/parse.h"

namespace berm::report {
namespace {

constexpr std::size_t kMostKeys = 20'000;
constexpr std::size_t kMostBroken = 1000;
constexpr std::size_t kMostPlaces = 12;

template <class Map>
auto* entry(Map& map, const std::string& key) {
  const auto found = map.find(key);
  if (found != map.end()) return &found->second;
  return map.size() < kMostKeys ? &map[key] : nullptr;
}

void count(std::map<std::string, std::uint64_t>& counts, const std::string& key,
           std::uint64_t times = 1) {
  if (std::uint64_t* sum = entry(counts, key))
    *sum = times > UINT64_MAX - *sum ? UINT64_MAX : *sum + times;
}

void add_to(std::uint64_t& sum, std::uint64_t more) {
  sum = more > UINT64_MAX - sum ? UINT64_MAX : sum + more;
}

void add_grants(std::map<std::string, Grant>& all, const std::map<std::string, bool>& of_run) {
  for (const auto& [text, used] : of_run) {
    if (Grant* grant = entry(all, text)) {
      ++grant->granted;
      if (used) ++grant->needed;
    }
  }
}

bool any_unneeded(const std::map<std::string, Grant>& grants) {
  return std::ranges::any_of(grants, [](const auto& g) { return g.second.needed == 0; });
}

}  // namespace

void AcrossRuns::add(const std::string& path, const RunFacts& f) {
  ++runs_;
  count(verdicts_, f.status.empty() ? "none" : f.status);
  count(agents_, f.agent.empty() ? "none" : f.agent);
  for (const Denial& d : f.denials) {
    count(denied_kinds_, d.kind, d.times);
    count(denied_rules_, d.rule.empty() ? d.kind : d.rule, d.times);
    if (d.kind == "connection" || d.kind == "attempt") count(denied_hosts_, d.what, d.times);
  }
  for (const auto& [name, use] : f.models) {
    if (ModelUse* sum = entry(models_, name)) {
      add_to(sum->requests, use.requests);
      add_to(sum->input, use.input);
      add_to(sum->output, use.output);
      add_to(sum->cache_read, use.cache_read);
      add_to(sum->cache_write, use.cache_write);
      add_to(sum->micro_usd, use.micro_usd);
    }
  }
  add_to(tokens_, f.usage.tokens);
  add_to(requests_, f.usage.requests);
  add_to(micro_usd_, f.usage.micro_usd);
  add_to(wall_ms_, f.usage.wall_ms);
  for (const auto& [name, taken] : f.phases) {
    Phase& phase = phases_[name];
    ++phase.runs;
    add_to(phase.total_ns, taken);
    if (taken >= phase.longest_ns) {
      phase.longest_ns = taken;
      phase.slowest = f.run;
    }
  }
  if (f.grants.known) {
    ++telling_;
    add_grants(network_, f.grants.network);
    add_grants(write_, f.grants.write);
    add_grants(read_, f.grants.read);
    for (const std::string& place : f.grants.changed_places) count(places_, place);
  }
  if (!f.integrity.intact()) {
    cannot_read(path, f.integrity.events == 0 ? "no event in it" : f.integrity.first_problem);
  } else if (!f.integrity.complete) {
    cannot_read(path, "has no end: the run was cut off, or goes on");
  }
}

void AcrossRuns::cannot_read(const std::string& path, std::string why) {
  if (broken_.size() < kMostBroken) {
    broken_.push_back({shown(path, 4096), shown(why)});
  } else {
    ++broken_left_out_;
  }
}

// Only what a policy file could say: a grant that a record claims and no policy holds is left out.
std::string AcrossRuns::tightened_policy() const {
  if (telling_ == 0 || !(any_unneeded(network_) || any_unneeded(write_) || write_.contains("**")))
    return "";
  PolicyLayer layer;
  layer.network.allow.emplace();
  for (const auto& [text, grant] : network_) {
    if (grant.needed == 0) continue;
    if (const Result<HostGrant> parsed = parse_host_grant(text))
      layer.network.allow->push_back(*parsed);
  }
  std::vector<Glob> write;
  const auto add_glob = [&](std::string_view text) {
    if (Result<Glob> glob = Glob::parse(text)) write.push_back(*std::move(glob));
  };
  for (const auto& [text, grant] : write_) {
    if (grant.needed > 0 && text != "**") add_glob(text);
  }
  // "**" grants everything: what was changed is narrower, if it can be said in a few words.
  const auto everything = write_.find("**");
  if (everything != write_.end() && everything->second.needed > 0) {
    write.clear();
    if (places_.size() > kMostPlaces) add_glob("**");
    // Names of others are no patterns: one with a glob's characters would grant more.
    const bool plain = std::ranges::all_of(places_, [](const auto& place) {
      const std::string_view name(place.first);
      const std::string_view stem = name.ends_with("/**") ? name.substr(0, name.size() - 3) : name;
      return is_printable_ascii(stem) && stem.find_first_of("*?[]\\") == std::string_view::npos;
    });
    if (places_.size() <= kMostPlaces) {
      for (const auto& [place, times] : places_) add_glob(plain ? std::string_view(place) : "**");
    }
    std::ranges::sort(write);
    write.erase(std::unique(write.begin(), write.end()), write.end());
  }
  if (!write.empty()) layer.workspace.write = std::move(write);
  return fmt::format(
             "# From {} run{}: what they were granted, without what none of them needed.\n"
             "# Read every line before you use it: another task may need more, and what was\n"
             "# reached is not what was needed.\n",
             telling_, telling_ == 1 ? "" : "s") +
         to_toml(layer);
}

}  // namespace berm::report
