// src/rules/changes/install_script.cc
//
// install-script: a package's manifest names commands that its manager runs as soon as somebody
// installs: on the developer's machine, in CI, with everything they hold (npm's "Scripts" page,
// "Life Cycle Operation Order"; Composer's "Scripts"). The way of Shai-Hulud and its kin, 2025.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "rules/changes/changes.h"

namespace berm {
namespace {

using nlohmann::json;

// What `npm install` runs in the package that it is called in.
constexpr std::string_view kNpmRuns[] = {"preinstall", "install", "postinstall", "prepublish",
                                         "preprepare", "prepare", "postprepare", "dependencies"};

bool runs_by_itself(std::string_view manifest, std::string_view script) {
  if (manifest == "package.json") return std::ranges::find(kNpmRuns, script) != std::end(kNpmRuns);
  return script.starts_with("pre-") || script.starts_with("post-");  // composer.json
}

// The scripts of a manifest; discarded where it is none. A byte-order mark is skipped, as npm does.
json scripts_of(std::string_view text) {
  constexpr std::string_view kMark = "\xef\xbb\xbf";
  if (text.starts_with(kMark)) text.remove_prefix(kMark.size());
  const json manifest = json::parse(text, nullptr, false, true);
  if (!manifest.is_object()) return json(json::value_t::discarded);
  const auto scripts = manifest.find("scripts");
  return scripts != manifest.end() && scripts->is_object() ? *scripts : json::object();
}

void check_manifest(const Change& change, std::string_view manifest,
                    std::vector<Finding>& findings) {
  const auto refuse = [&](std::string message) {
    findings.push_back({"install-script", change.path, std::move(message)});
  };
  if (change.after.size > change.text.size()) return refuse("is too large to be looked at");
  const json now = scripts_of(change.text);
  if (now.is_discarded()) return refuse("is no JSON: what it runs cannot be seen");
  const json before = scripts_of(change.base_text);
  for (const auto& [name, command] : now.items()) {
    if (!runs_by_itself(manifest, name)) continue;
    if (before.is_object() && before.contains(name) && before[name] == command) continue;
    refuse(fmt::format("sets the script '{}', which installing the package runs", printable(name)));
  }
}

void check(const Changes& changes, const GuardPolicy& policy, std::vector<Finding>& findings) {
  if (std::ranges::find(policy.protect, ProtectClass::packages) == policy.protect.end()) return;
  for_each_importable(changes, [&](const Change& change) {
    if (change.after.type != FileType::regular) return;
    const std::string name = lower(change.path.substr(change.path.rfind('/') + 1));
    if (name == "package.json" || name == "composer.json") check_manifest(change, name, findings);
  });
}

}  // namespace

const ChangeRule kInstallScript = {
    "install-script", "a command that runs when the package is installed (class packages)", check};

}  // namespace berm
