// tests/credentials/model.h: runs with a key of a model API, and what arrives there.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "../egress/world.h"

namespace berm::test {
namespace fs = std::filesystem;
using nlohmann::json;

inline const std::string kCredentialSources = std::string(BERM_SOURCE_DIR) + "/tests/credentials";
// Nothing that a scanner would take for a key stands in this file.
inline const std::string kKey = "real-" + std::string("Wm4") + "xK9cVb2Nq7Rt5Zh8Jd3Lf6Ps1Gy0";

// What every script has: `call API [CURL…]` prints the status and which rule refused.
inline const std::string kCall = R"sh(
call() {
  local to=$1; shift
  curl -s -o /tmp/body -D /tmp/head -w '%{http_code}' -H "x-api-key: $ANTHROPIC_API_KEY" \
    -H "authorization: Bearer $OPENAI_API_KEY" -H "x-goog-api-key: $GEMINI_API_KEY" \
    -H 'content-type: application/json' "$@" "https://model.good.example$to"
  sed -n 's/\r$//; s/^x-berm-denied: */ /p' /tmp/head | tr -d '\n'; echo
}
message() { call /v1/messages --data "{\"model\":\"${1:-claude-opus-5}\",\"max_tokens\":${2:-100},\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]${3:+,$3}}"; }
)sh";

/// A run with a key of a model API, which tests/credentials/model_services.py answers for.
class Model : public testing::TestWithParam<As> {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) BERM_SKIP_OR_FAIL("a network of its own needs root");
    ASSERT_TRUE(world().works());
    says({});
  }
  static const World& world() {
    static const World kWorld(kCredentialSources + "/model_services.py");
    return kWorld;
  }

  /// What the APIs answer from now on; what they were asked is forgotten.
  static void says(json what) {
    what["key"] = kKey;
    std::ofstream(world().directory() + "/model.json") << what.dump();
    fs::remove(world().directory() + "/requests");
  }
  /// What arrived: the calls, or, with another method, the rest.
  static std::vector<json> arrived(const std::string& method = "POST") {
    std::vector<json> out;
    std::istringstream lines(world().log("requests"));
    for (std::string line; std::getline(lines, line);) {
      json one = json::parse(line);
      if (one["method"] == method) out.push_back(std::move(one));
    }
    return out;
  }
  static std::string header(const json& request, const std::string& name) {
    std::string out;
    for (const json& field : request["headers"]) {
      if (field[0] == name) out += (out.empty() ? "" : " & ") + field[1].get<std::string>();
    }
    return out;
  }
  /// No word that arrived, but the header that carries it, holds the key or a placeholder.
  static std::size_t times_of_key() {
    std::size_t count = 0;
    const std::string all = world().log("requests");
    for (std::size_t at = all.find(kKey); at != std::string::npos; at = all.find(kKey, at + 1)) {
      ++count;
    }
    return count;
  }

  static std::string policy(const std::string& preset, const std::string& rules = "",
                            const std::string& limits = "") {
    return "version = 1\n[limits]\n" + limits + "\n[credentials.model]\npreset = \"" + preset +
           "\"\nfrom = \"env:MODEL_SECRET\"\nhost = \"model.good.example\"\n" +
           "[credentials.model.model]\n" + rules + "\n";
  }
  struct Ran {
    int code = 0;
    std::string said;  ///< by what ran inside
    json report;
  };
  Ran run(const std::string& policy, const std::vector<std::string>& words,
          const std::map<std::string, std::string>& env = {}) const {
    site.write("policy.toml", policy);
    std::vector<std::string> argv = {site.program(), "run",    "--policy", "policy.toml",
                                     "--json",       "--time", "100s"};
    argv.insert(argv.end(), words.begin(), words.end());
    std::map<std::string, std::string> all = {{"MODEL_SECRET", kKey}};
    all.insert(env.begin(), env.end());
    const Finished finished = world().on_host(site, argv, all);
    EXPECT_EQ((finished.out + finished.err).find(kKey), std::string::npos);
    return {.code = finished.code, .said = finished.err, .report = finished.json()};
  }
  Ran script(const std::string& policy, const std::string& text) const {
    return run(policy, {"--", "/bin/bash", "-c", kCall + text});
  }
  /// The lines of `call` and `message`.
  static std::string answers(const Ran& ran) {
    std::string out;
    std::istringstream lines(ran.said);
    for (std::string line; std::getline(lines, line);) {
      if (!line.empty() && line[0] >= '0' && line[0] <= '9') out += line + "\n";
    }
    return out;
  }
  std::vector<json> events(const std::string& type) const {
    std::vector<json> out;
    std::istringstream lines(site.shell("cat " + site.root() + "/state/berm/runs/*/record.jsonl"));
    for (std::string line; std::getline(lines, line);) {
      const json event = json::parse(line, nullptr, false);
      if (event.is_object() && event["type"] == type) out.push_back(event["data"]);
    }
    return out;
  }

  Site site{GetParam()};
};

}  // namespace berm::test
