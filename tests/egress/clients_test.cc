// Real clients against real servers (tests/egress/services.py), as people use them: what is granted
// works unchanged, with the proxy variables that berm sets and without them; an inspected host is
// trusted by every client; and what befalls egress befalls the run in the safe direction.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <sstream>
#include <thread>

#include "harness.h"
#include "world.h"

namespace berm::test {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

/// Does the client know of the proxy?
enum class Way { announced, transparent };

constexpr seconds kPatience{20};

[[maybe_unused]] bool within(seconds patience, const std::function<bool()>& holds) {
  const Clock::time_point deadline = Clock::now() + patience;
  while (!holds()) {
    if (Clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

std::string text_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::size_t count_of(const std::string& text, const std::string& what) {
  std::size_t count = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) {
    ++count;
  }
  return count;
}

// The world with its services, and one repository for each identity.
class Arena {
 public:
  Arena() : world(kEgressSources + "/services.py") {
    for (const As as : identities()) {
      auto site = std::make_unique<Site>(as);
      for (const char* name : {"stream.js", "websocket.py", "Fetch.java"}) {
        site->write(name, text_of(kEgressSources + "/clients/" + name));
      }
      if (world.works()) site->write("deploy", text_of(world.directory() + "/ssh/client"));
      site->write("clients.toml", granted());
      site->write("inspected.toml", inspected());
      sites.emplace(as, std::move(site));
    }
  }

  World world;
  std::map<As, std::unique_ptr<Site>> sites;

 private:
  [[nodiscard]] std::string granted() const {
    const std::string trust = world.directory() + "/trust";
    std::string out = "version = 1\n[files]\nread = [\"" + trust + "\"]\n[env.set]\n";
    for (const char* name : {"SSL_CERT_FILE", "GIT_SSL_CAINFO", "NODE_EXTRA_CA_CERTS", "PIP_CERT",
                             "REQUESTS_CA_BUNDLE"}) {
      out += std::string(name) + " = \"" + trust + "/ca.pem\"\n";
    }
    return out + R"sh([network]
allow = ["*.good.example", "ssh.good.example:22", "peer.good.example:4443",
         "stream.good.example:8444"]
)sh";
  }
  // No trust of the test's own: the run's must do.
  [[nodiscard]] static std::string inspected() {
    return R"sh(version = 1
[[network.rule]]
host = "read.good.example"
methods = ["GET", "HEAD"]
paths = ["/hello", "/big", "/repositories/project.git/info/refs"]
[[network.rule]]
host = "read.good.example"
methods = ["POST"]
paths = ["/sum", "/repositories/project.git/git-upload-pack"]
)sh";
  }
};

Arena& arena() {
  static Arena one;
  return one;
}

constexpr const char* kUnset =
    "unset HTTPS_PROXY https_proxy HTTP_PROXY http_proxy NO_PROXY no_proxy\n";

class EgressTest : public testing::TestWithParam<As> {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) BERM_SKIP_OR_FAIL("a network of its own needs root");
    ASSERT_TRUE(arena().world.works()) << "the world of network namespaces could not be made";
  }
  [[nodiscard]] const World& world() const { return arena().world; }
  [[nodiscard]] const Site& site() const { return *arena().sites.at(GetParam()); }

  [[nodiscard]] std::vector<std::string> run_of(
      const std::string& policy, const std::vector<std::string>& argv,
      const std::vector<std::string>& options = {}) const {
    std::vector<std::string> all = {site().program(), "run", "--policy", policy};
    all.insert(all.end(), options.begin(), options.end());
    all.emplace_back("--");
    all.insert(all.end(), argv.begin(), argv.end());
    return all;
  }
};

class ClientTest : public testing::TestWithParam<std::tuple<As, Way>> {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) BERM_SKIP_OR_FAIL("a network of its own needs root");
    ASSERT_TRUE(arena().world.works()) << "the world of network namespaces could not be made";
  }
  [[nodiscard]] const World& world() const { return arena().world; }

  /// A bash script in a run; fails the test unless it succeeds. @return its stdout
  std::string run(const std::string& script, const std::string& policy = "clients.toml") const {
    const auto& [as, way] = GetParam();
    const Site& site = *arena().sites.at(as);
    const std::string head = "set -euo pipefail\n";
    const Finished finished =
        world().on_host(site, {site.program(), "run", "--policy", policy, "--", "/bin/bash", "-c",
                               head + (way == Way::transparent ? kUnset : "") + script});
    EXPECT_EQ(finished.code, 0) << script << "\n" << finished.out << finished.err;
    return finished.out;
  }
  /// A name that no other case of this process uses.
  [[nodiscard]] static std::string own_name() {
    std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
    std::replace(name.begin(), name.end(), '/', '-');
    return name;
  }
  void expect_pushed(const std::string& branch) const {
    const Finished log = run_as(As::root,
                                {"git", "-C", world().directory() + "/repositories/project.git",
                                 "log", "--format=%an: %s", branch},
                                arena().sites.begin()->second->environment(), "/", "");
    EXPECT_EQ(log.out, "Agent: from inside\nWorld: the first commit\n") << log.err;
  }
};

constexpr const char* kCommitAndPush = R"sh(
cd /tmp/project
test "$(cat README)" = "a project of the world's"
test "$(stat -c %s big)" = 1048576
head -c 3000000 /dev/urandom > more
git add more
git -c user.name=Agent -c user.email=agent@good.example commit -q -m 'from inside'
git push -q origin HEAD:refs/heads/$branch
)sh";

TEST_P(ClientTest, GitClonesAndPushesOverHttps) {
  run("branch=" + own_name() +
      "\ngit clone -q https://code.good.example/repositories/project.git /tmp/project\n" +
      kCommitAndPush);
  expect_pushed(own_name());
}

TEST_P(ClientTest, GitClonesAndPushesOverSsh) {
  const std::string directory = world().directory();
  run("branch=" + own_name() + "\ninstall -m 600 deploy /tmp/deploy\n" +
      "export GIT_SSH_COMMAND='ssh -i /tmp/deploy -o BatchMode=yes -o StrictHostKeyChecking=yes "
      "-o UserKnownHostsFile=" +
      directory + "/trust/known_hosts'\ngit clone -q ssh://root@ssh.good.example" + directory +
      "/repositories/project.git /tmp/project\n" + kCommitAndPush);
  expect_pushed(own_name());
}

TEST_P(ClientTest, NpmInstallsFromItsRegistry) {
  EXPECT_EQ(
      run(R"sh(mkdir /tmp/app && cd /tmp/app && echo '{"name": "app", "version": "1.0.0"}' > package.json
printf 'registry=https://npm.good.example/\ncafile=%s\nfetch-retries=0\n' "$SSL_CERT_FILE" > ~/.npmrc
npm install --no-audit --no-fund --loglevel=error tiny >&2
node -e 'console.log(require("tiny"))')sh"),
      "tiny from npm\n");
}

TEST_P(ClientTest, PipDownloadsFromItsIndex) {
  EXPECT_EQ(run(R"sh(cd /tmp
/usr/bin/python3 -m pip download -q --no-deps --disable-pip-version-check --index-url https://pypi.good.example/simple/ tiny >&2
PYTHONPATH=/tmp/tiny-1.0.0-py3-none-any.whl /usr/bin/python3 -c 'import tiny; print(tiny.said)')sh"),
            "tiny from pip\n");
}

TEST_P(ClientTest, CurlSpeaksEveryHttp) {
  EXPECT_EQ(run(R"sh(
curl -sSf http://web.good.example/hello
curl -sSf --http1.1 -w '%{http_version}\n' https://web.good.example/hello
curl -sSf --http2 -w '%{http_version}\n' https://web.good.example/hello
curl -sSf --proxy "$BERM_SOCKS_PROXY" -w '%{http_version}\n' https://web.good.example/hello
curl -sSf --proxy "$BERM_SOCKS_PROXY" http://web.good.example/hello
)sh"),
            "hello from nginx\nhello from nginx\n1.1\nhello from nginx\n2\nhello from nginx\n2\n"
            "hello from nginx\n");
}

TEST_P(ClientTest, CurlUploads) {
  const std::string out = run(R"sh(
head -c 5242880 /dev/urandom > /tmp/up
echo "PUT 5242880 $(sha256sum < /tmp/up | cut -d' ' -f1)"
curl -sSf -T /tmp/up https://web.good.example/sum
curl -sSf -T /tmp/up http://web.good.example/sum
curl -sSf -T - http://web.good.example/sum < /tmp/up
)sh");
  std::istringstream lines(out);
  std::string expected, line;
  std::getline(lines, expected);
  int same = 0;
  while (std::getline(lines, line)) same += line == expected ? 1 : 0;
  EXPECT_EQ(same, 3) << out;
}

TEST_P(ClientTest, CurlAndWgetDownloadMuchAndKeepTheirConnection) {
  const std::size_t before =
      count_of(world().log("nginx.log"), "web.good.example GET /hello HTTP/1.1 2");
  const std::string sum = run(R"sh(
curl -sSf --http1.1 https://web.good.example/big | sha256sum | cut -d' ' -f1
curl -sSf http://web.good.example/big | sha256sum | cut -d' ' -f1
wget -q --ca-certificate="$SSL_CERT_FILE" -O - https://web.good.example/big | sha256sum | cut -d' ' -f1
curl -sSf --http1.1 https://web.good.example/hello https://web.good.example/hello
curl -sSf http://web.good.example/hello http://web.good.example/hello
wget -q -O - http://web.good.example/pieces
curl -sSfN https://web.good.example/pieces
)sh");
  const Finished real = run_as(As::root, {"sha256sum", world().directory() + "/www/big"},
                               {{"PATH", "/usr/bin:/bin"}}, "/", "");
  const std::string digest = real.out.substr(0, 64) + "\n";
  const std::string hello = "hello from nginx\n";
  const std::string pieces = "piece 0\npiece 1\npiece 2\npiece 3\npiece 4\n";
  EXPECT_EQ(sum, digest + digest + digest + hello + hello + hello + hello + pieces + pieces);
  // The second of two requests came by the first one's connection, both through a tunnel and where
  // egress speaks HTTP itself.
  EXPECT_EQ(count_of(world().log("nginx.log"), "web.good.example GET /hello HTTP/1.1 2"),
            before + 2);
}

TEST_P(ClientTest, NodeFetches) {
  EXPECT_EQ(run(R"sh(node -e '
(async () => {
  const got = await fetch("https://web.good.example/hello");
  console.log(got.status, (await got.text()).trim());
  const sent = await fetch("https://web.good.example/sum", {method: "POST", body: "hello"});
  console.log((await sent.text()).trim());
})()')sh"),
            "200 hello from nginx\nPOST 5 "
            "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\n");
}

TEST_P(ClientTest, NodeStreamsBothWaysOverHttp2) {
  EXPECT_EQ(run("node stream.js"), "echo one\necho two\necho three\ngrpc-status 0\n");
}

TEST_P(ClientTest, AWebsocketOverTlsEchoes) {
  EXPECT_EQ(run("/usr/bin/python3 websocket.py web.good.example"),
            "websocket: echoed and closed\n");
}

TEST_P(ClientTest, PythonsClientsFetch) {
  EXPECT_EQ(run(R"sh(/usr/bin/python3 -c '
import requests, urllib.request
for url in ("http://web.good.example/hello", "https://web.good.example/hello"):
    print(urllib.request.urlopen(url).read().decode(), end="")
    print(requests.get(url).text, end="")
    chunks = urllib.request.Request(url.replace("hello", "sum"), data=iter([b"he", b"llo"]), method="POST")
    print(urllib.request.urlopen(chunks).read().decode()[:12])
    print(requests.post(url.replace("hello", "sum"), data="hello").text[:12])
')sh"),
            "hello from nginx\nhello from nginx\nPOST 5 2cf24\nPOST 5 2cf24\n"
            "hello from nginx\nhello from nginx\nPOST 5 2cf24\nPOST 5 2cf24\n");
}

TEST_P(ClientTest, OpensslAndBashTalkToTheirPeers) {
  EXPECT_EQ(run(R"sh(
printf 'hello\nCLOSE\n' | openssl s_client ${HTTPS_PROXY:+-proxy ${HTTPS_PROXY#http://}} -connect peer.good.example:4443 \
  -servername peer.good.example -CAfile "$SSL_CERT_FILE" -verify_return_error -quiet -ign_eof 2> /tmp/said || { cat /tmp/said >&2; false; }
exec 3<>/dev/tcp/web.good.example/80
printf 'GET /hello HTTP/1.1\r\nHost: web.good.example\r\n\r\n' >&3
while read -r line <&3 && [ "$line" != $'\r' ]; do :; done
read -r line <&3 && echo "$line"
)sh"),
            "olleh\nhello from nginx\n");
}

TEST_P(ClientTest, AConnectionThatTheClientWantsClosedIsClosed) {
  // As `Connection: close` says it, and as HTTP/1.0 means it: such a client reads to the end.
  EXPECT_EQ(run(R"sh(
for head in 'HTTP/1.1\r\nConnection: close' 'HTTP/1.0'; do
  exec 3<>/dev/tcp/web.good.example/80
  printf "GET /hello $head\r\nHost: web.good.example\r\n\r\n" >&3
  timeout 3 tail -n 1 <&3 || echo 'still open'
  exec 3>&-
  if [ -n "${http_proxy:-}" ]; then
    exec 3<>/dev/tcp/127.0.0.1/8118
    printf "GET http://web.good.example/hello $head\r\nHost: web.good.example\r\n\r\n" >&3
    timeout 3 tail -n 1 <&3 || echo 'still open'
    exec 3>&-
  fi
done
)sh"),
            std::get<1>(GetParam()) == Way::announced
                ? "hello from nginx\nhello from nginx\nhello from nginx\nhello from nginx\n"
                : "hello from nginx\nhello from nginx\n");
}

// --- hosts that are inspected
// ----------------------------------------------------------------------

TEST_P(ClientTest, AnInspectedHostIsTrustedByEveryClient) {
  EXPECT_EQ(run(R"sh(
curl -sSf https://read.good.example/hello
wget -q -O - https://read.good.example/hello
/usr/bin/python3 -c 'import requests, urllib.request
print(urllib.request.urlopen("https://read.good.example/hello").read().decode(), end="")
print(requests.get("https://read.good.example/hello").text, end="")'
node -e 'fetch("https://read.good.example/hello").then((got) => got.text()).then((text) => process.stdout.write(text))'
openssl s_client ${HTTPS_PROXY:+-proxy ${HTTPS_PROXY#http://}} -connect read.good.example:443 -servername read.good.example \
  -verify_return_error < /dev/null 2>&1 | grep 'Verify return code'
curl -sSf https://read.good.example/big | wc -c
curl -sS -o /dev/null -w '%{http_code}\n' https://read.good.example/pieces
curl -sS -X PUT -d x -o /dev/null -w '%{http_code}\n' https://read.good.example/hello
)sh",
                "inspected.toml"),
            "hello from nginx\nhello from nginx\nhello from nginx\nhello from nginx\nhello from "
            "nginx\nVerify return code: 0 (ok)\n104857600\n403\n403\n");
}

TEST_P(ClientTest, JavaTrustsAnInspectedHost) {
  const std::string out = run(R"sh(
keytool -list -keystore /run/berm/trust/trust.jks -storepass changeit 2> /dev/null | grep -c trustedCertEntry
java Fetch.java https://read.good.example/hello https://read.good.example/sum 2> /tmp/said || { cat /tmp/said >&2; false; }
)sh",
                              "inspected.toml");
  EXPECT_EQ(out,
            "2\n200 hello from nginx\n200 POST 5 "
            "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824\n")
      << "two roots: the world's and the run's";
}

TEST_P(ClientTest, GitFetchesFromAnInspectedHostAndMayNotPush) {
  const std::string out = run(R"sh(
git clone -q https://read.good.example/repositories/project.git /tmp/project
cd /tmp/project
cat README
git -c user.name=Agent -c user.email=agent@good.example commit -q --allow-empty -m 'from inside'
if git push origin HEAD:refs/heads/never > /tmp/said 2>&1; then echo pushed; fi
grep -o 'HTTP 403' /tmp/said || cat /tmp/said
)sh",
                              "inspected.toml");
  EXPECT_EQ(out, "a project of the world's\nHTTP 403\n");
  EXPECT_FALSE(fs::exists(world().directory() + "/repositories/project.git/refs/heads/never"));
}

std::string name_of(const std::tuple<As, Way>& parameter) {
  return name_of(std::get<0>(parameter)) +
         (std::get<1>(parameter) == Way::announced ? "_by_proxy" : "_unaware");
}

INSTANTIATE_TEST_SUITE_P(As, ClientTest,
                         testing::Combine(testing::ValuesIn(identities()),
                                          testing::Values(Way::announced, Way::transparent)),
                         [](const auto& suite) { return name_of(suite.param); });

}  // namespace
}  // namespace berm::test
