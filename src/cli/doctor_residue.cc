// berm doctor --residue, berm run --sweep: what agents without a sandbox left on this machine.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/console.h"
#include "cli/doctor_parts.h"
#include "host/residue.h"
#include "redact/patterns.h"

namespace berm {
namespace {

using nlohmann::json;

ResidueSearch search_here() {
  ResidueSearch search;
  const char* home = ::getenv("HOME");
  if (home != nullptr && *home == '/') search.home = home;
  search.tmp = "/tmp";
  char here[4096];
  if (::getcwd(here, sizeof here) != nullptr) search.workspace = here;
  search.credential_in = [](std::string_view line) { return credential_in(line); };
  return search;
}

json to_json(const Residue& one, const std::string& done) {
  return {{"path", printable(one.path)},
          {"kind", one.kind},
          {"what", one.what},
          {"age_days", one.age_days},
          {"size", one.size},
          {"remedy", name_of(one.remedy)},
          {"how", one.how},
          {"done", done}};
}

// "" if it stays as it is.
std::string removed(const Residue& one, bool sweep) {
  const bool may = one.remedy == Remedy::automatic || (!sweep && one.remedy == Remedy::on_request);
  if (!may) return "";
  const Result<Removal> done = remove_residue(one);
  return done ? fmt::format("removed ({} entries)", done->entries)
              : "not removed: " + sentence(done.error());
}

}  // namespace

int doctor_residue(bool remove, bool as_json) {
  const ResidueReport report = find_residue(search_here());
  json rows = json::array();
  std::size_t left = 0;
  for (const Residue& one : report.found) {
    const std::string done = remove ? removed(one, false) : "";
    if (!done.starts_with("removed")) ++left;
    rows.push_back(to_json(one, done));
    if (as_json) continue;
    put(fmt::format("{:<22} {}\n", one.kind, printable(one.path)));
    put(fmt::format("                       {}, {} days old, {} bytes\n", one.what, one.age_days,
                    one.size));
    put(fmt::format("                       {}\n", done.empty() ? one.how : done));
  }
  if (as_json) {
    put_json({{"schema", "berm.residue/1"},
              {"found", std::move(rows)},
              {"not_looked_at", report.not_looked_at}});
    return left == 0 ? kDone : kNo;
  }
  for (const std::string& skipped : report.not_looked_at) put("not looked at: " + skipped + "\n");
  put(left == 0
          ? "Nothing is left by earlier agents.\n"
          : fmt::format("{} things are left{}\n", left,
                        remove ? "" : "; berm doctor --residue --remove removes what it may"));
  return left == 0 ? kDone : kNo;
}

std::vector<std::string> sweep_residue() {
  std::vector<std::string> out;
  for (const Residue& one : find_residue(search_here()).found) {
    const std::string done = removed(one, true);
    out.push_back(fmt::format("{}: {} {}", one.kind, printable(one.path),
                              done.empty() ? "stays: " + one.how : done));
  }
  return out;
}

}  // namespace berm
