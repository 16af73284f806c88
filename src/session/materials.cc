#include "session/materials.h"

#include <nlohmann/json.hpp>

#include "record/sha256.h"
#include "sys/fd.h"

namespace berm {

nlohmann::json lock_files_in(const std::string& directory) {
  static constexpr const char* kNames[] = {
      "package-lock.json", "npm-shrinkwrap.json", "yarn.lock",        "pnpm-lock.yaml",
      "bun.lock",          "Cargo.lock",          "go.sum",           "poetry.lock",
      "uv.lock",           "Pipfile.lock",        "requirements.txt", "Gemfile.lock",
      "composer.lock",     "gradle.lockfile",     "mix.lock",         "flake.lock"};
  nlohmann::json out = nlohmann::json::array();
  for (const char* name : kNames) {
    const Result<std::string> text = read_plain_file(directory + "/" + name);
    if (text) out.push_back({{"path", name}, {"sha256", sha256_hex(*text)}});
  }
  return out;
}

}  // namespace berm
