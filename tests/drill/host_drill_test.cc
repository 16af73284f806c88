// tests/drill/host_drill_test.cc: the escape table: every act of `berm drill` in every tier, as
// root and as a user, each with its control and the layer that must have stopped it.
#include <gtest/gtest.h>

#include <memory>

#include "drill/acts/act.h"
#include "engines.h"

namespace berm::test {
namespace {

using nlohmann::json;

struct Place {
  std::string name;
  As as;
  std::vector<std::string> options;
};

std::vector<Place> places() {
  std::vector<Place> out;
  for (const As as : identities()) {
    out.push_back({"namespace", as, {"--tier", "namespace"}});
    out.push_back({"process", as, {"--tier", "process"}});
    out.push_back({"microvm", as, {"--tier", "microvm", "--emulate"}});
  }
  if (::geteuid() != 0) return out;
  for (const char* engine : {"docker", "podman"}) {
    out.push_back(
        {engine, As::root, {"--tier", "container", "--engine", engine, "--runtime", "runc"}});
  }
  return out;
}

using Card = std::map<std::string, json>;  // by act

Card card_of(const Finished& finished, const std::string& place) {
  Card out;
  const json report = finished.json();
  if (!report.is_object()) {
    ADD_FAILURE() << place << ": " << finished.out << finished.err;
    return out;
  }
  // The matrix of the machine that ran this.
  std::printf("[  matrix  ] %-20s contained %d, escaped %d, not applicable %d\n", place.c_str(),
              report["contained"].get<int>(), report["escaped"].get<int>(),
              report["not_applicable"].get<int>());
  EXPECT_EQ(finished.code, 0) << place;
  for (const json& one : report["acts"]) out[one["name"]] = one;
  return out;
}

// Each place is drilled once; the tests then look at its card.
class Cards {
 public:
  static const Card& of(const Place& place) {
    static Cards cards;
    const auto [at, is_new] = cards.cards_.try_emplace(place.name + " as " + name_of(place.as));
    if (is_new) at->second = cards.drill(place, at->first);
    return at->second;
  }

 private:
  Card drill(const Place& place, const std::string& title) {
    const Site site(place.as);
    std::vector<std::string> arguments = {"drill", "--json"};
    arguments.insert(arguments.end(), place.options.begin(), place.options.end());
    std::map<std::string, std::string> environment;
    if (place.options[1] == "container") {
      if (daemon_ == nullptr) daemon_ = std::make_unique<Dockerd>();
      environment = engine_environment(site, *daemon_);
      const Finished built = site.berm(Invocation{
          .arguments = {"image", "build", "--engine", place.options[3]}, .env = environment});
      EXPECT_EQ(built.code, 0) << built.err;
    }
    Card card = card_of(site.berm(Invocation{.arguments = arguments, .env = environment}), title);
    if (place.options[1] == "container") release_storage(site);
    return card;
  }

  std::map<std::string, Card> cards_;
  std::unique_ptr<Dockerd> daemon_;
};

struct Case {
  drill::Act act;
  Place place;
};
void PrintTo(const Case& one, std::ostream* out) {
  *out << one.act.name << " in " << one.place.name << " as " << name_of(one.place.as);
}
class Drill : public testing::TestWithParam<Case> {};

std::vector<Case> all_cases() {
  std::vector<Case> out;
  for (const Place& place : places()) {
    for (const drill::Group& group : drill::groups()) {
      for (const drill::Act& act : group.acts) out.push_back({act, place});
    }
  }
  return out;
}

TEST_P(Drill, IsContained) {
  const auto& [act, place] = GetParam();
  if (place.options[1] == "container" && !engines_installed()) {
    BERM_SKIP_OR_FAIL("docker.io and podman");
  }
  const Card& card = Cards::of(place);
  const auto at = card.find(std::string(act.name));
  ASSERT_NE(at, card.end()) << "it was not tried";
  const json& one = at->second;
  ASSERT_NE(one["inside_errno"], -1) << one.dump(2);
  EXPECT_NE(one["verdict"], "escaped") << "SANDBOX ESCAPE: " << one.dump(2);
  // What the tier does not promise stands in its documents; nothing else may be excused.
  if (one["why"].get<std::string>().starts_with("not in the ")) return;
  if (one["verdict"] == "contained") {
    EXPECT_TRUE(one["as_expected"]) << "denied, but not by the layer we think: " << one.dump(2);
    return;
  }
  // What a user cannot do outside is proven by root's control; root has no such excuse.
  ASSERT_EQ(place.as, As::user) << "the control does not work here: " << one.dump(2);
  EXPECT_NE(one["inside_errno"], 0) << one.dump(2);
}

INSTANTIATE_TEST_SUITE_P(Tiers, Drill, testing::ValuesIn(all_cases()), [](const auto& suite) {
  const Case& one = suite.param;
  return std::string(one.act.name) + "_in_" + one.place.name + "_as_" + name_of(one.place.as);
});

TEST(DrillSuite, HasAtLeastAHundredActsInTwelveGroups) {
  std::size_t acts = 0;
  for (const drill::Group& group : drill::groups()) {
    EXPECT_FALSE(group.acts.empty()) << group.name;
    acts += group.acts.size();
  }
  EXPECT_GE(acts, 100U);
}

TEST(DrillSuite, ActsThatWouldHarmTheHostAreRefusedOutsideOfASandbox) {
  const Site site(As::user);
  const Finished finished =
      run_as(As::user, {site.root() + "/bin/berm-init", "drill", "inside"},
             {{"BERM_DRILL_ROOT", site.root()}, {"BERM_DRILL_TOKEN", "x"}}, site.root(), "");
  EXPECT_EQ(finished.code, 2);
  EXPECT_NE(finished.err.find("works in a sandbox only"), std::string::npos) << finished.err;
}

TEST(DrillSuite, WithoutASandboxNothingIsTriedAndTheFixIsTold) {
  const Site site(As::user);
  const Finished finished =
      site.berm(Invocation{.arguments = {"drill", "--tier", "container", "--engine", "docker"},
                           .env = {{"DOCKER_HOST", "unix:///nonexistent"}}});
  EXPECT_EQ(finished.code, 125);
  EXPECT_NE(finished.err.find("berm doctor"), std::string::npos) << finished.err;
  EXPECT_EQ(site.berm({"drill", "--group", "nonsense"}).code, 2);
}

}  // namespace
}  // namespace berm::test
