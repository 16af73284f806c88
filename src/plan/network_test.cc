#include "plan/network.h"

#include <gtest/gtest.h>

#include <random>

#include "policy/merge.h"
#include "policy/parse.h"
#include "rules/egress/request.h"

namespace berm {
namespace {

// Random [network] sections over few names, so that they meet.
class RandomNetwork {
 public:
  explicit RandomNetwork(unsigned seed) : random_(seed) {}

  PolicyLayer layer() {
    PolicyLayer out;
    if (one_in(3)) {
      out.network.mode = pick<NetworkMode>({NetworkMode::allow, NetworkMode::open});
    }
    if (one_in(2)) out.network.allow = hosts();
    if (one_in(4)) out.network.deny = hosts();
    while (one_in(2)) out.network.rules.push_back(rule());
    return out;
  }

 private:
  bool one_in(unsigned n) { return random_() % n == 0; }
  template <class T>
  T pick(std::initializer_list<T> from) {
    return *(from.begin() + random_() % from.size());
  }
  std::vector<HostGrant> hosts() {
    std::vector<HostGrant> out;
    for (const char* text : {"a.example.com", "*.example.com", "a.example.com:80",
                             "b.example.com:22", "**.example.com:*", "c.example.org"}) {
      if (one_in(3)) out.push_back(*parse_host_grant(text));
    }
    return out;
  }
  NetworkRule rule() {
    return {.host = pick<std::string>({"a.example.com", "*.example.com", "c.example.org"}),
            .methods = {pick<std::string>({"GET", "POST"})},
            .paths = {pick<std::string>({"/**", "/v1/**", "/v1/x"})}};
  }
  std::mt19937 random_;
};

// What an agent could do to one destination: nothing, some requests, or anything.
bool may(const EgressRules& rules, const Destination& to, const RequestFacts& request) {
  const Grant grant = decide(rules, to);
  if (!grant.allowed) return false;
  return !grant.inspected || decide_request(rules.inspect, to.host, request).allowed;
}

// Independent of how the merge compares: the two policies are asked the same questions.
TEST(NetworkPlan, NoMergeReachesMoreThanItsCeilingAlone) {
  int answered = 0;
  for (unsigned seed = 0; seed < 20000; ++seed) {
    RandomNetwork random(seed);
    const PolicyLayer ceiling = random.layer();
    const bool bounded = ceiling.network.allow || !ceiling.network.rules.empty();
    const Result<MergedPolicy> alone = merge_policy({{"ceiling", ceiling}}, {"none", {}});
    const Result<MergedPolicy> merged =
        merge_policy({{"file", random.layer()}, {"flags", random.layer()}}, {"ceiling", ceiling});
    if (!merged || !alone || !bounded) continue;
    const EgressRules inner = egress_rules(merged->policy);
    const EgressRules outer = egress_rules(alone->policy);
    for (const char* to : {"a.example.com:443", "a.example.com:80", "b.example.com:443",
                           "b.example.com:22", "c.example.org:443", "d.example.net:443"}) {
      for (const char* method : {"GET", "POST"}) {
        for (const char* path : {"/v1/x", "/v1/y", "/z"}) {
          const RequestFacts request{.method = method, .path = path};
          if (!may(inner, *parse_authority(to), request)) continue;
          ++answered;
          ASSERT_TRUE(may(outer, *parse_authority(to), request))
              << "seed " << seed << ": " << method << " " << to << path << "\n"
              << to_toml(ceiling);
        }
      }
    }
  }
  EXPECT_GT(answered, 1000) << "the generator must reach merges that grant something";
}

}  // namespace
}  // namespace berm
