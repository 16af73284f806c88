// What the guard and the streams do once a secret is out, as a leak would have it.
#include <gtest/gtest.h>

#include <set>

#include "leaks.h"

namespace berm::test {
namespace {

// The secret as a leak would have it: a file that the run may read, made by the test.
class Guarded : public Leaks {
 protected:
  void SetUp() override {
    Leaks::SetUp();
    std::filesystem::create_directories(leak());
    std::ofstream(leak() + "/base64") << in_base64(site, secrets.at("api")) << "\n";
    std::ofstream(leak() + "/plain") << secrets.at("api");
  }
  std::string leak() const { return site.root() + "/leak"; }
  Finished run(const std::string& script) const {
    return finished(agent("leak=" + leak() + "\n" + script, {"--json", "--read", leak()}));
  }
  void expect_untold(const Finished& done) const {
    std::map<std::string, std::string> texts = told();
    texts.erase("diff.txt");  // shows the change as it is
    texts.erase("diff.json");
    texts["stdout"] = done.out;
    texts["stderr"] = done.err;
    texts["run"] = run_files();
    EXPECT_NE(texts["run"].find("run.start"), std::string::npos);
    EXPECT_EQ(hunt_texts(texts), json::array()) << done.out;
  }
};
INSTANTIATE_TEST_SUITE_P(As, Guarded, testing::ValuesIn(identities()),
                         [](const auto& suite) { return name_of(suite.param); });

TEST_P(Guarded, ASecretInAChangeIsRefusedByNameAndNeverShown) {
  const Finished harmless = run("cat \"$leak/base64\" | wc -c > src/size.txt");
  EXPECT_EQ(harmless.code, 0) << harmless.out << harmless.err;
  const std::string commit = "git -c user.name=A -c user.email=a@good.example commit -qm ";
  // clang-format off
  const std::pair<const char*, std::string> kWays[] = {
      {"a file",           "cat \"$leak/base64\" > src/config.txt"},
      {"a part of it",     "head -c 20 \"$leak/plain\" > src/config.txt"},
      {"a commit",         "cat \"$leak/base64\" > src/config.txt; git add -A; " + commit + "x"},
      {"a past commit",    "cat \"$leak/base64\" > src/config.txt; git add -A; " + commit + "x; git rm -qf src/config.txt; " + commit + "y"},
      {"a message",        "echo 1 > src/config.txt; git add -A; " + commit + "\"$(cat $leak/plain)\""},
      {"an author",        "echo 1 > src/config.txt; git add -A; git -c user.name=\"$(cat $leak/plain)\" -c user.email=a@good.example commit -qm x"},
      {"a branch",         "git branch \"$(cat $leak/plain)\"; echo 1 > src/config.txt; git add -A; " + commit + "x"},
      {"a file's name",    "echo 1 > \"src/$(cat $leak/plain)\""},
      {"a link",           "ln -s \"$(cat $leak/plain)\" src/link"},
      {"a binary file",    "{ printf 'a\\0b\\n'; cat $leak/plain; } > src/data.bin"},
      {"a long line",      "{ head -c 300000 /dev/zero | tr '\\0' x; cat $leak/plain; } > src/long.txt"},
  };
  // clang-format on
  for (const auto& [name, script] : kWays) {
    SCOPED_TRACE(name);
    const Finished done = run(script);
    EXPECT_EQ(done.code, 120) << done.out << done.err;
    const json report = done.json();
    const bool named =
        std::ranges::any_of(report.value("findings", json::array()), [](const json& finding) {
          return finding["severity"] == "refuse" &&
                 finding["message"].get<std::string>().find("'api'") != std::string::npos;
        });
    EXPECT_TRUE(named) << report["findings"];
    expect_untold(done);
  }
}

TEST_P(Guarded, WhatTheAgentPrintsOfASecretIsHidden) {
  const Finished done = finished(agent("leak=" + leak() + R"sh(
cat "$leak/base64"; cat "$leak/base64" >&2
head -c 20 "$leak/plain"; echo ' was a part'
{ head -c 15 "$leak/plain"; tail -c +16 "$leak/plain"; echo; } | dd bs=1 status=none
head -c 15 "$leak/plain" >&2; tail -c +16 "$leak/plain" >&2; echo >&2
head -c 6 "$leak/plain"; python3 -c 'import time; time.sleep(0.2)'; tail -c +7 "$leak/plain"; echo
echo the end
)sh",
                                       {"--read", leak()}));
  EXPECT_EQ(done.code, 0) << done.err;
  const auto count = [](const std::string& text, const std::string& what) {
    std::size_t out = 0;
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1))
      ++out;
    return out;
  };
  EXPECT_GE(count(done.out, "[redacted:api]"), 4U) << done.out;
  EXPECT_GE(count(done.err, "[redacted:api]"), 2U) << done.err;
  EXPECT_NE(done.out.find("[redacted:api] was a part\n"), std::string::npos) << done.out;
  EXPECT_NE(done.out.find("the end\n"), std::string::npos) << done.out;
  expect_untold(done);
}

}  // namespace
}  // namespace berm::test
