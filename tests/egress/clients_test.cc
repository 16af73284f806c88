// Real clients against real servers (tests/egress/services.py), as people use them: what is granted
// works unchanged, with the proxy variables that berm sets and without them; an inspected host is
// trusted by every client; and what befalls egress befalls the run in the safe direction.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
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

bool within(seconds patience, const std::function<bool()>& holds) {
  const Clock::time_point deadline = Clock::now() + patience;
  while (!holds()) {
    if (Clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

std::string text_of(const std::string& path) {
  // Not a stream: libstdc++'s throws for a process that ends while its file is read (ESRCH).
  std::string text;
  std::FILE* file = std::fopen(path.c_str(), "re");
  if (file == nullptr) return text;
  char bytes[4096];
  for (std::size_t got = 0; (got = std::fread(bytes, 1, sizeof bytes, file)) > 0;) {
    text.append(bytes, got);
  }
  std::fclose(file);
  return text;
}

std::size_t count_of(const std::string& text, const std::string& what) {
  std::size_t count = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) {
    ++count;
  }
  return count;
}

/// A program of the world's host that goes on while the test watches it.
class Background {
 public:
  Background(const World& world, const Site& site, const std::vector<std::string>& argv)
      : output_(world.directory() + "/background-XXXXXX") {
    const std::vector<std::string> all = in_tier(world.entering(site, argv));
    std::vector<std::string> assignments;
    for (const auto& [name, value] : world.environment(site)) {
      assignments.push_back(name + "=" + value);
    }
    std::vector<char*> words, variables;
    for (const std::string& word : all) words.push_back(const_cast<char*>(word.c_str()));
    for (std::string& text : assignments) variables.push_back(text.data());
    words.push_back(nullptr);
    variables.push_back(nullptr);
    int in[2];
    const int out = ::mkostemp(output_.data(), O_CLOEXEC | O_APPEND);
    if (out < 0 || ::pipe2(in, O_CLOEXEC) != 0) std::abort();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(in[0], 0);
      ::dup2(out, 1);
      ::dup2(out, 2);
      ::execvpe(words[0], words.data(), variables.data());
      ::_exit(127);
    }
    ::close(in[0]);
    ::close(out);
    input_ = in[1];
  }
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;
  ~Background() {
    end_input();
    if (code_) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] std::string said() const { return text_of(output_); }
  [[nodiscard]] bool says(const std::string& what, std::size_t times = 1) const {
    return within(kPatience, [&] { return count_of(said(), what) >= times; });
  }
  /// Sends a line and waits for its echo.
  [[nodiscard]] bool echoes(const std::string& line) const {
    const std::string text = line + "\n";
    const bool sent =
        ::write(input_, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    return sent &&
           within(kPatience,
                  [&] {
                    const std::string all = said();
                    return all.ends_with("echo: " + line + "\n") || all.ends_with(" gone\n");
                  }) &&
           said().ends_with("echo: " + line + "\n");
  }
  void end_input() {
    if (input_ >= 0) ::close(input_);
    input_ = -1;
  }
  /// Its exit code; -1 if it does not end.
  [[nodiscard]] int wait() {
    int status = 0;
    if (!within(kPatience, [&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; })) return -1;
    code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return *code_;
  }

 private:
  std::string output_;
  pid_t pid_ = -1;
  int input_ = -1;
  std::optional<int> code_;
};

// "R", "S", "T" (stopped), "Z"; "" if there is no such process.
std::string state_of(pid_t pid) {
  const std::string stat = text_of("/proc/" + std::to_string(pid) + "/stat");
  const std::size_t end = stat.rfind(')');
  return end == std::string::npos ? "" : stat.substr(end + 2, 1);
}

/// The egress processes of the berm with this pid.
std::vector<pid_t> egress_of(pid_t berm) {
  std::vector<pid_t> out;
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const std::string command = text_of((entry.path() / "cmdline").string());
    const std::string status = text_of((entry.path() / "status").string());
    if (command.find(std::string("egress\0--child", 14)) != std::string::npos &&
        status.find("\nPPid:\t" + std::to_string(berm) + "\n") != std::string::npos) {
      out.push_back(std::stoi(name));
    }
  }
  return out;
}

std::int64_t now_in_nanoseconds() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// The world with its services, and one repository for each identity.
class Arena {
 public:
  Arena() : world(kEgressSources + "/services.py") {
    for (const As as : identities()) {
      auto site = std::make_unique<Site>(as);
      for (const char* name :
           {"stream.js", "websocket.py", "Fetch.java", "crowd.py", "tunnel.py"}) {
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

// Its index is a git repository, fetched by libgit2; the crate comes by curl.
TEST_P(ClientTest, CargoBuildsWithACrateOfItsRegistry) {
  EXPECT_EQ(run(R"sh(mkdir -p /tmp/app/src /tmp/cargo && cd /tmp/app
export CARGO_HOME=/tmp/cargo CARGO_HTTP_CAINFO="$SSL_CERT_FILE"
cat > /tmp/cargo/config.toml <<'END'
[source.crates-io]
replace-with = "world"
[source.world]
registry = "https://crates.good.example/repositories/index.git"
[net]
retry = 0
END
printf '[package]\nname = "app"\nversion = "1.0.0"\nedition = "2018"\n[dependencies]\ntiny = "1"\n' > Cargo.toml
echo 'fn main() { println!("{}", tiny::SAID); }' > src/main.rs
/usr/bin/cargo run -q)sh"),
            "tiny from cargo\n");
}

// Statically linked, with a resolver of its own that reads /etc/resolv.conf.
TEST_P(ClientTest, GoRunsWithAModuleOfItsProxy) {
  EXPECT_EQ(run(R"sh(mkdir /tmp/app && cd /tmp/app
export GOPROXY=https://modules.good.example GOSUMDB=off GOPATH=/tmp/go GOCACHE=/tmp/go-cache CGO_ENABLED=0
printf 'module app\n\ngo 1.18\n\nrequire modules.example/tiny v1.0.0\n' > go.mod
printf 'package main\n\nimport ("fmt"; "modules.example/tiny")\n\nfunc main() { fmt.Println(tiny.Said) }\n' > main.go
/usr/bin/go run -mod=mod .)sh"),
            "tiny from go\n");
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
curl -sSf --http1.1 https://web.good.example/hello https://web.good.example/hello
curl -sSf http://web.good.example/hello http://web.good.example/hello
wget -q -O - http://web.good.example/pieces
wget -q --ca-certificate="$SSL_CERT_FILE" -O - https://web.good.example/pieces
curl -sSfN https://web.good.example/pieces
)sh");
  const Finished real = run_as(As::root, {"sha256sum", world().directory() + "/www/big"},
                               {{"PATH", "/usr/bin:/bin"}}, "/", "");
  const std::string digest = real.out.substr(0, 64) + "\n";
  const std::string hello = "hello from nginx\n";
  const std::string pieces = "piece 0\npiece 1\npiece 2\npiece 3\npiece 4\n";
  EXPECT_EQ(sum, digest + digest + hello + hello + hello + hello + pieces + pieces + pieces);
  // The second of two requests came by the first one's connection, both through a tunnel and where
  // egress speaks HTTP itself.
  EXPECT_EQ(count_of(world().log("nginx.log"), "web.good.example GET /hello HTTP/1.1 2"),
            before + 2);
}

// Inside there is IPv4 alone; what egress dials may be either. A silent address costs a moment, not
// its time-out (RFC 8305).
TEST_P(ClientTest, AHostOfIpv6IsReachedAndASilentAddressIsOvertaken) {
  EXPECT_EQ(run(R"sh(
curl -sSf https://six.good.example/hello
curl -sSf --max-time 8 https://slow.good.example/hello
)sh"),
            "hello from nginx\nhello from nginx\n");
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

TEST_P(ClientTest, AnHttp10ClientIsSentNoChunks) {
  // RFC 9112 §6.1: it does not know them, and would take the sizes for content.
  EXPECT_EQ(run(R"sh(
exec 3<>/dev/tcp/web.good.example/80
printf 'GET /pieces HTTP/1.0\r\nHost: web.good.example\r\n\r\n' >&3
timeout 3 cat <&3 > /tmp/got || echo 'still open'
sed '1,/^\r$/d' /tmp/got
)sh"),
            "piece 0\npiece 1\npiece 2\npiece 3\npiece 4\n");
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

// --- the host's own proxy ------------------------------------------------------------------------

constexpr const char* kUpstream = "http://user:pass%2dword%2e1@11.1.1.3:3128";

TEST_P(EgressTest, AHostBehindAProxyIsReachedThroughItAlone) {
  const auto fetch = [&](const std::string& url, const std::map<std::string, std::string>& env) {
    return world().on_host(
        site(),
        run_of("clients.toml",
               {"/bin/bash", "-c", "curl -sSf " + url + "; " + kUnset + "curl -sSf " + url}),
        env);
  };
  const std::map<std::string, std::string> proxy = {{"HTTPS_PROXY", kUpstream}};
  const auto passed = [&](const std::string& authority) {
    return count_of(world().log("tinyproxy.log"), "CONNECT " + authority + " ");
  };
  const std::string twice = "hello from nginx\nhello from nginx\n";
  EXPECT_NE(fetch("https://behind.good.example/hello", {}).code, 0) << "there is no other way";
  const std::size_t before = passed("behind.good.example:443");
  const Finished finished = fetch("https://behind.good.example/hello", proxy);
  EXPECT_EQ(finished.out, twice) << finished.err;
  EXPECT_EQ(passed("behind.good.example:443"), before + 2);

  const std::size_t plain = passed("web.good.example:80");
  EXPECT_EQ(fetch("http://web.good.example/hello", proxy).out, twice);
  EXPECT_EQ(passed("web.good.example:80"), plain + 2);

  const Finished refused = fetch("https://behind.good.example/hello",
                                 {{"HTTPS_PROXY", "http://user:wrong@11.1.1.3:3128"}});
  EXPECT_NE(refused.code, 0);
  EXPECT_NE(refused.err.find("502"), std::string::npos) << refused.err;
}

TEST_P(EgressTest, NoProxyNamesWhatIsReachedDirectly) {
  const std::size_t before = count_of(world().log("tinyproxy.log"), "web.good.example");
  const Finished finished =
      world().on_host(site(),
                      run_of("clients.toml", {"/bin/bash", "-c",
                                              "curl -sSf https://web.good.example/hello && curl "
                                              "-sSf https://behind.good.example/hello"}),
                      {{"HTTPS_PROXY", kUpstream}, {"NO_PROXY", "localhost, .web.good.example"}});
  EXPECT_EQ(finished.out, "hello from nginx\nhello from nginx\n") << finished.err;
  EXPECT_EQ(count_of(world().log("tinyproxy.log"), "web.good.example"), before);
}

TEST_P(EgressTest, AnInspectedHostIsReachedThroughTheHostsProxyToo) {
  const std::size_t before =
      count_of(world().log("tinyproxy.log"), "CONNECT read.good.example:443 ");
  const Finished finished =
      world().on_host(site(),
                      run_of("inspected.toml",
                             {"/bin/bash", "-c", "curl -sSf https://read.good.example/hello; env"}),
                      {{"HTTPS_PROXY", kUpstream}});
  EXPECT_EQ(finished.out.substr(0, 17), "hello from nginx\n") << finished.err;
  EXPECT_EQ(finished.out.find("pass"), std::string::npos) << "the password stays outside";
  EXPECT_EQ(count_of(world().log("tinyproxy.log"), "CONNECT read.good.example:443 "), before + 1);
}

// --- what befalls egress -------------------------------------------------------------------------

// "ok" or "no", and when the attempt began.
constexpr const char* kAskAgainAndAgain = R"sh(
while :; do
  began=$(date +%s%N)
  if curl -sf --max-time 1 -o /dev/null http://web.good.example/hello; then echo "ok $began"; else echo "no $began"; fi
done)sh";

std::size_t attempts_since(const std::string& text, const std::string& result, std::int64_t since) {
  std::size_t count = 0;
  std::istringstream lines(text);
  std::string word;
  std::string began;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    if (words >> word >> began && word == result && std::stoll(began) > since) ++count;
  }
  return count;
}

TEST_P(EgressTest, KilledItEndsTheRunAndNothingIsReachable) {
  Background run(world(), site(), run_of("clients.toml", {"/bin/bash", "-c", kAskAgainAndAgain}));
  ASSERT_TRUE(run.says("ok ", 2)) << run.said();
  const std::vector<pid_t> found = egress_of(run.pid());
  ASSERT_EQ(found.size(), 1U);
  const pid_t egress = found.front();
  ::kill(egress, SIGKILL);
  ASSERT_TRUE(
      within(kPatience, [&] { return state_of(egress).empty() || state_of(egress) == "Z"; }));
  const std::int64_t died = now_in_nanoseconds();
  EXPECT_EQ(run.wait(), 122) << run.said();
  EXPECT_EQ(attempts_since(run.said(), "ok", died), 0U) << run.said();
}

TEST_P(EgressTest, StoppedItLetsNothingThroughAndTheRunEndsInTime) {
  Background run(world(), site(),
                 run_of("clients.toml", {"/bin/bash", "-c", kAskAgainAndAgain}, {"--time", "4s"}));
  ASSERT_TRUE(run.says("ok ", 2)) << run.said();
  const std::vector<pid_t> found = egress_of(run.pid());
  ASSERT_EQ(found.size(), 1U);
  const pid_t egress = found.front();
  ::kill(egress, SIGSTOP);
  ASSERT_TRUE(within(kPatience, [&] { return state_of(egress) == "T"; }));
  const std::int64_t stopped = now_in_nanoseconds();
  EXPECT_EQ(run.wait(), 124) << run.said();
  EXPECT_EQ(attempts_since(run.said(), "ok", stopped), 0U) << run.said();
  EXPECT_GE(attempts_since(run.said(), "no", stopped), 1U) << run.said();
  EXPECT_EQ(state_of(egress), "") << "a stopped process can still be killed";
}

TEST_P(EgressTest, TenThousandHalfOpenConnectionsKeepNobodyOut) {
  const Finished finished = world().on_host(
      site(),
      run_of("clients.toml", {"/usr/bin/python3", "crowd.py", "https://web.good.example/hello"}));
  EXPECT_EQ(finished.out, "10000\nhello from nginx\n") << finished.err;
}

// Some sandboxes of others (gVisor, pods without any right over their network) take no second
// address on lo.
TEST_P(EgressTest, WhereNoRouteCanBeAddedNamesStandForLoopbackAddresses) {
  std::vector<std::string> argv = {site().root() + "/bin/deny-syscall", "ioctl=0x8916:1", "--"};
  const std::string script = std::string(kUnset) + R"sh(
getent hosts web.good.example | cut -d' ' -f1
curl -sS https://web.good.example/hello
node -e 'fetch("https://web.good.example/hello").then(got => console.log(got.status))'
bash -c 'echo > /dev/tcp/127.64.77.77/443; head -c1 <&3' 3<>/dev/tcp/127.64.77.77/443 2>&1 | wc -c
)sh";
  for (std::string& word : run_of("clients.toml", {"/bin/bash", "-c", script})) {
    argv.push_back(std::move(word));
  }
  const Finished finished = world().on_host(site(), argv);
  EXPECT_EQ(finished.out, "127.64.1.0\nhello from nginx\n200\n0\n") << finished.err;
  // The control: with routes the same name has an address of the other pool.
  EXPECT_EQ(world()
                .on_host(site(), run_of("clients.toml",
                                        {"/bin/bash", "-c", "getent hosts web.good.example"}))
                .out.substr(0, 8),
            "198.18.1");
}

TEST_P(EgressTest, WithoutTheProxyVariablesNothingMoreIsOpen) {
  const Finished finished =
      world().on_host(site(), run_of("clients.toml", {"/bin/bash", "-c", std::string(kUnset) + R"sh(
code() { "$@" > /dev/null 2>&1 && echo reached || echo $?; }
code curl -sS --max-time 5 https://web.good.example/hello
code curl -sS --max-time 5 https://other.example/
code curl -sS --max-time 5 http://11.1.1.4/hello
code curl -sS --max-time 5 --resolve web.good.example:443:11.1.1.4 https://web.good.example/hello
code curl -sS --max-time 5 -x http://user:pass-word.1@11.1.1.3:3128 https://web.good.example/hello
code env -i /usr/bin/curl -sS --max-time 5 https://other.example/
)sh"}));
  // 6: no such name · 7: no way there.
  EXPECT_EQ(finished.out, "reached\n6\n7\n7\n7\n6\n") << finished.err;
}

// --- egress alone, beside somebody else's container
// ------------------------------------------------

constexpr const char* kOldPolicy =
    "version = 1\n[network]\nallow = [\"web.good.example\", \"echo.good.example:9999\"]\n";
constexpr const char* kNewPolicy = "version = 1\n[network]\nallow = [\"code.good.example\"]\n";

class SidecarTest : public EgressTest {
 protected:
  void SetUp() override {
    EgressTest::SetUp();
    if (HasFatalFailure() || IsSkipped()) return;
    // Ports of its own: what the case before has just killed may still hold its listeners.
    static int used = 0;
    proxy_ = std::to_string(18000 + ++used);
    health_ = std::to_string(19000 + used);
    site().write("sidecar.toml", kOldPolicy);
    sidecar_ = std::make_unique<Background>(
        world(), site(),
        std::vector<std::string>{site().program(), "egress", "--policy", "sidecar.toml", "--listen",
                                 "127.0.0.1:" + proxy_, "--health", "127.0.0.1:" + health_});
    ASSERT_TRUE(within(kPatience, [&] { return health() == "200"; })) << sidecar_->said();
  }
  [[nodiscard]] std::string health() const {
    return ask("http://127.0.0.1:" + health_ + "/health", "");
  }
  [[nodiscard]] std::string fetch(const std::string& host) const {
    return ask("https://" + host + "/hello", proxy());
  }
  [[nodiscard]] std::string proxy() const { return "http://127.0.0.1:" + proxy_; }
  [[nodiscard]] Background& sidecar() { return *sidecar_; }
  void signal(int number) { ::kill(sidecar_->pid(), number); }
  [[nodiscard]] std::unique_ptr<Background> tunnel() const {
    auto tunnel = std::make_unique<Background>(
        world(), site(), std::vector<std::string>{"/usr/bin/python3", "tunnel.py", proxy_});
    EXPECT_TRUE(tunnel->says("tunnel: HTTP/1.1 200")) << tunnel->said();
    return tunnel;
  }

 private:
  // The status of the answer: the proxy's if it refuses to connect.
  [[nodiscard]] std::string ask(const std::string& url, const std::string& by) const {
    return world()
        .on_host(site(), {"curl", "-s", "-o", "/dev/null", "--max-time", "3", "-x", by, "-w",
                          "%{http_code}", url})
        .out;
  }
  std::string proxy_;
  std::string health_;
  std::unique_ptr<Background> sidecar_;
};

TEST_P(SidecarTest, ServesItsPolicy) {
  EXPECT_EQ(fetch("web.good.example"), "200");
  EXPECT_TRUE(sidecar().says("\"host\":\"web.good.example\"")) << sidecar().said();
  const std::unique_ptr<Background> open = tunnel();
  EXPECT_TRUE(open->echoes("hello"));
  EXPECT_EQ(fetch("code.good.example"), "000")
      << "a tunnel that is refused has no answer of a host";
  EXPECT_TRUE(sidecar().says("\"type\":\"net.denied\"")) << sidecar().said();
}

TEST_P(SidecarTest, ANewPolicyTakesEffectWhileAnOldTunnelGoesOn) {
  const std::unique_ptr<Background> open = tunnel();
  ASSERT_TRUE(open->echoes("before"));
  site().write("sidecar.toml", kNewPolicy);
  signal(SIGHUP);
  EXPECT_TRUE(within(kPatience, [&] { return fetch("code.good.example") == "200"; }))
      << sidecar().said();
  EXPECT_EQ(fetch("web.good.example"), "000");
  EXPECT_EQ(health(), "200");
  EXPECT_TRUE(open->echoes("after")) << open->said();
}

TEST_P(SidecarTest, ABrokenPolicyChangesNothing) {
  site().write("sidecar.toml", "version = 1\n[network]\nalow = []\n");
  signal(SIGHUP);
  EXPECT_TRUE(sidecar().says("the old policy stays in force")) << sidecar().said();
  EXPECT_NE(sidecar().said().find("alow"), std::string::npos) << sidecar().said();
  EXPECT_EQ(fetch("web.good.example"), "200");
  EXPECT_EQ(fetch("code.good.example"), "000");
  EXPECT_EQ(health(), "200");
}

TEST_P(SidecarTest, SigtermDrains) {
  const std::unique_ptr<Background> open = tunnel();
  signal(SIGTERM);
  EXPECT_TRUE(within(kPatience, [&] { return health() == "503"; }));
  EXPECT_TRUE(open->echoes("while it drains")) << open->said();
  EXPECT_EQ(fetch("web.good.example"), "000") << "nobody new comes in";
  open->end_input();
  EXPECT_EQ(open->wait(), 0);
  EXPECT_EQ(sidecar().wait(), 0) << sidecar().said();
}

TEST_P(SidecarTest, WhileItDrainsANewClientIsRefusedAtOnce) {
  const std::unique_ptr<Background> open = tunnel();
  signal(SIGTERM);
  ASSERT_TRUE(within(kPatience, [&] { return health() == "503"; }));
  // 7: connection refused. A client that is left waiting (28) finds no other instance.
  EXPECT_EQ(world()
                .on_host(site(), {"curl", "-s", "--max-time", "3", "-x", proxy(),
                                  "https://web.good.example/hello"})
                .code,
            7);
}

TEST_P(SidecarTest, ATunnelOfAnOldPolicyIsDrainedToo) {
  const std::unique_ptr<Background> open = tunnel();
  site().write("sidecar.toml", kNewPolicy);
  signal(SIGHUP);
  ASSERT_TRUE(within(kPatience, [&] { return fetch("code.good.example") == "200"; }));
  ASSERT_EQ(egress_of(sidecar().pid()).size(), 2U);
  signal(SIGTERM);
  // The new policy's process has nothing to finish and ends, the old one's has.
  EXPECT_TRUE(within(kPatience, [&] { return egress_of(sidecar().pid()).size() < 2; }));
  EXPECT_FALSE(within(seconds(1), [&] { return egress_of(sidecar().pid()).empty(); }));
  EXPECT_TRUE(open->echoes("while it drains")) << open->said();
  open->end_input();
  EXPECT_EQ(sidecar().wait(), 0) << sidecar().said();
}

std::string name_of(const std::tuple<As, Way>& parameter) {
  return name_of(std::get<0>(parameter)) +
         (std::get<1>(parameter) == Way::announced ? "_by_proxy" : "_unaware");
}

INSTANTIATE_TEST_SUITE_P(As, ClientTest,
                         testing::Combine(testing::ValuesIn(identities()),
                                          testing::Values(Way::announced, Way::transparent)),
                         [](const auto& suite) { return name_of(suite.param); });

INSTANTIATE_TEST_SUITE_P(As, EgressTest, testing::ValuesIn(identities()),
                         [](const auto& suite) { return name_of(suite.param); });
INSTANTIATE_TEST_SUITE_P(As, SidecarTest, testing::ValuesIn(identities()),
                         [](const auto& suite) { return name_of(suite.param); });

}  // namespace
}  // namespace berm::test
