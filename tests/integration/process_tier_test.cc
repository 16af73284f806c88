// tests/integration/process_tier_test.cc: the tier without namespaces, and the ladder that leads to
// it. What stands between the run and the host here is Landlock, seccomp and the supervisor's hand
// on every connection: each promise is tried from inside, beside the same act outside.
#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <regex>
#include <sstream>

#include "harness.h"

namespace berm::test {
namespace {

class ProcessTier : public testing::TestWithParam<As> {
 protected:
  // Python inside the run, under a policy without packs; what it printed.
  std::string python(const std::string& script, const std::vector<std::string>& options = {}) {
    site.write("script.py",
               "import os, socket, subprocess, sys\n"
               "def tried(f):\n"
               "  try:\n    f()\n    return 'worked'\n"
               "  except OSError as e:\n    return os.strerror(e.errno)\n" +
                   script);
    site.write("policy.toml", "version = 1\n[tools]\npacks = []\n");
    std::vector<std::string> arguments = {"run", "--tier", "process", "--policy", "policy.toml"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    arguments.insert(arguments.end(), {"--", "/usr/bin/python3", "script.py"});
    last = site.berm(arguments);
    return last.out;
  }
  [[nodiscard]] bool remains(const std::string& pattern) const {
    return !run_as(As::root, {"pgrep", "-f", pattern}, site.environment(), "/", "").out.empty();
  }

  Site site{GetParam()};
  Finished last;
};
INSTANTIATE_TEST_SUITE_P(As, ProcessTier, testing::ValuesIn(identities()),
                         [](const auto& suite) { return name_of(suite.param); });

// A listening socket of the host, of the test's own.
class HostListener {
 public:
  explicit HostListener(int family, const std::string& path = "") {
    fd_ = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (family == AF_INET) {
      sockaddr_in at{};
      at.sin_family = AF_INET;
      at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      socklen_t size = sizeof at;
      EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
      ::getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &size);
      port_ = ntohs(at.sin_port);
    } else {
      sockaddr_un at{};
      at.sun_family = AF_UNIX;
      const bool abstract = path.starts_with('@');
      ::memcpy(at.sun_path + (abstract ? 1 : 0), path.data() + (abstract ? 1 : 0),
               path.size() - (abstract ? 1 : 0));
      const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() +
                                               (abstract ? 0 : 1));
      EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&at), size), 0);
      if (!abstract) ::chmod(path.c_str(), 0666);
    }
    EXPECT_EQ(::listen(fd_, 16), 0);
  }
  ~HostListener() { ::close(fd_); }
  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] bool was_reached() const {
    pollfd waiting{fd_, POLLIN, 0};
    return ::poll(&waiting, 1, 0) == 1;
  }

 private:
  int fd_ = -1;
  int port_ = 0;
};

TEST_P(ProcessTier, ARunCommitsAndIsImportedAsInEveryTier) {
  const Finished finished =
      site.berm({"run", "--tier", "process", "--on-success", "apply", "--", "sh", "-c",
                 "git log --oneline | wc -l && echo new > new.txt && git add new.txt && git commit "
                 "-qm 'of the run' && git status --short"});
  ASSERT_EQ(finished.code, 0) << finished.out << finished.err;
  EXPECT_EQ(finished.out.substr(0, 2), "1\n");
  EXPECT_EQ(site.read("new.txt"), "new\n");
  EXPECT_EQ(site.shell("git for-each-ref --format='%(subject)' refs/berm"), "of the run\n");
}

TEST_P(ProcessTier, SocketsOfTheHostAreOutOfReachAndWereNot) {
  const std::string abstract = fmt::format("@berm-test-{}", ::getpid());
  const HostListener tcp(AF_INET);
  const HostListener named(AF_UNIX, site.root() + "/daemon.sock");
  const HostListener hidden(AF_UNIX, abstract);
  const std::string script = fmt::format(
      "def to(family, address):\n"
      "  s = socket.socket(family); s.settimeout(5); s.connect(address)\n"
      "print(tried(lambda: to(socket.AF_INET, ('127.0.0.1', {}))))\n"
      "print(tried(lambda: to(socket.AF_UNIX, '{}')))\n"
      "print(tried(lambda: to(socket.AF_UNIX, '\\0{}')))\n",
      tcp.port(), site.root() + "/daemon.sock", abstract.substr(1));
  site.write("outside.py",
             "import os, socket\ndef tried(f):\n  try:\n    f(); return 'worked'\n"
             "  except OSError as e: return os.strerror(e.errno)\n" +
                 script);
  EXPECT_EQ(python(script), "Connection refused\nPermission denied\nOperation not permitted\n")
      << last.err;
  EXPECT_FALSE(tcp.was_reached() || named.was_reached() || hidden.was_reached());
  EXPECT_EQ(site.command({"/usr/bin/python3", "outside.py"}).out, "worked\nworked\nworked\n");
  EXPECT_TRUE(tcp.was_reached() && named.was_reached() && hidden.was_reached());
}

TEST_P(ProcessTier, NothingLeavesByAnyOtherKindOfSocket) {
  const std::string said = python(
      "print(tried(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)))\n"
      "print(tried(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132)))\n"  // SCTP
      "print(tried(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)))\n"  // MPTCP
      "print(tried(lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)))\n"
      "print(tried(lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)))\n"
      "s = socket.socket()\n"
      "print(tried(lambda: s.sendto(b'x', 0x20000000, ('192.0.2.1', 443))))\n"  // MSG_FASTOPEN
      "print(tried(lambda: socket.create_connection(('192.0.2.1', 443), 5)))\n"
      "a, b = socket.socketpair(); a.send(b'x'); print(b.recv(1))\n");
  std::istringstream lines(said);
  std::string line;
  for (int i = 0; i < 6; ++i) {
    std::getline(lines, line);
    EXPECT_EQ(line, "Function not implemented") << i << "\n" << said << last.err;
  }
  std::getline(lines, line);
  EXPECT_EQ(line, "Network is unreachable");
  std::getline(lines, line);
  EXPECT_EQ(line, "b'x'") << "what stays inside works";
}

TEST_P(ProcessTier, AServerInsideListensOnTheLoopbackAndIsReachedFromInside) {
  const std::string said = python(
      "s = socket.socket(); s.bind(('0.0.0.0', 0)); s.listen(); at = s.getsockname()\n"
      "print(at[0])\n"
      "c = socket.create_connection(('127.0.0.1', at[1]), 5); p, _ = s.accept(); c.send(b'hi')\n"
      "print(p.recv(2))\n"
      "n = socket.socket(); n.listen(); print(n.getsockname()[0])\n"  // never bound
      "v = socket.socket(socket.AF_INET6); v.bind(('::', 0)); v.listen()\n"
      "d = socket.create_connection(('127.0.0.1', v.getsockname()[1]), 5); "
      "print(v.getsockname()[0])\n"
      "u = socket.socket(socket.AF_UNIX); u.bind('own.sock'); u.listen()\n"
      "w = socket.socket(socket.AF_UNIX); w.connect('own.sock'); print('local')\n"
      "print(tried(lambda: socket.socket().bind(('192.0.2.7', 0))))\n"
      "print(tried(lambda: socket.socket(socket.AF_UNIX).bind('/tmp/berm-test.sock')))\n");
  EXPECT_EQ(said,
            "127.0.0.1\nb'hi'\n127.0.0.1\n::ffff:127.0.0.1\nlocal\nCannot assign requested "
            "address\nPermission denied\n")
      << last.err;
}

TEST_P(ProcessTier, APortThatTheRunHasLeftIsNobodysOfTheRun) {
  const HostListener host(AF_INET);
  // The same port, closed by the run and taken by the host, cannot be had in a test; what decides
  // is who listens now, and here that is the host.
  const std::string said = python(fmt::format(
      "s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(); p = s.getsockname()[1]\n"
      "print(tried(lambda: socket.create_connection(('127.0.0.1', p), 5))); s.close()\n"
      "print(tried(lambda: socket.create_connection(('127.0.0.1', p), 5)))\n"
      "print(tried(lambda: socket.create_connection(('127.0.0.1', {}), 5)))\n",
      host.port()));
  EXPECT_EQ(said, "worked\nConnection refused\nConnection refused\n") << last.err;
}

TEST_P(ProcessTier, ProcessesOfTheHostAreNeitherSignalledNorRead) {
  const pid_t host = ::fork();
  if (host == 0) {
    if (GetParam() == As::user && ::geteuid() == 0) {
      (void)!::setgroups(0, nullptr);
      (void)!::setgid(kUserId);
      (void)!::setuid(kUserId);
    }
    ::execl("/bin/sleep", "sleep", "300", nullptr);
    ::_exit(1);
  }
  const std::string act = fmt::format(
      "print(tried(lambda: os.kill({0}, 0)))\n"
      "print(tried(lambda: open('/proc/{0}/environ').read()))\n",
      host);
  site.write("outside.py",
             "import os\ndef tried(f):\n  try:\n    f(); return 'worked'\n"
             "  except OSError as e: return os.strerror(e.errno)\n" +
                 act);
  EXPECT_EQ(python(act), "Operation not permitted\nPermission denied\n") << last.err;
  EXPECT_EQ(site.command({"/usr/bin/python3", "outside.py"}).out, "worked\nworked\n");
  ::kill(host, SIGKILL);
  ::waitpid(host, nullptr, 0);
}

// The process that holds the run is one of the host's: no PID 1 of a namespace, but the agent's
// parent.
TEST_P(ProcessTier, BermInitGivesNothingAway) {
  const std::string acts =
      "at = f'/proc/{os.getppid()}/'\n"
      "print(open(at + 'comm').read().strip())\n"
      "for name in 'environ', 'maps', 'mem':\n"
      "  print(tried(lambda: open(at + name, 'rb').close()))\n"
      "print(tried(lambda: os.listdir(at + 'fd')), tried(lambda: os.listdir(at + 'root')))\n"
      "print(tried(lambda: os.kill(os.getppid(), 0)))\n";
  EXPECT_EQ(python(acts),
            "berm-init\nPermission denied\nPermission denied\nPermission denied\nPermission denied "
            "Permission denied\nOperation not permitted\n")
      << last.err;
  site.write("outside.py",
             "import os\ndef tried(f):\n  try:\n    f(); return 'worked'\n"
             "  except OSError as e: return os.strerror(e.errno)\n" +
                 acts);
  EXPECT_EQ(site.command({"sh", "-c", "/usr/bin/python3 outside.py; true"}).out,
            "sh\nworked\nworked\nworked\nworked worked\nworked\n");
}

// The listeners of egress lie on the host's loopback, where everybody may connect: whoever does not
// begin with the run's token is hung up on, and the record tells.
TEST_P(ProcessTier, AnotherProgramOfTheHostGetsNothingFromTheRunsEgress) {
  site.write("policy.toml",
             "version = 1\n[tools]\npacks = []\n[network]\nallow = [\"a.example\"]\n");
  site.write("outside.py", R"(
import os, socket
# berm-init made them, as the run's user: that is how they are found among the host's.
own = lambda uid: uid >= 0x70000000 if os.getuid() == 0 else uid == os.getuid()
rows = [l.split() for l in open('/proc/net/tcp').readlines()[1:]]
ports = [int(r[1].split(':')[1], 16) for r in rows if r[3] == '0A' and own(int(r[7]))]
assert ports, 'no listener'
answers = []
for port in ports:
  s = socket.socket(); s.settimeout(5)
  try:
    s.connect(('127.0.0.1', port))
    s.sendall(b'CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n' + b'x' * 64)
    answers.append(s.recv(64))
  except OSError:
    answers.append(b'')
print('answered', any(answers))
)");
  site.write("ask.py", R"(
import os, socket, time
open('ready', 'w').close()
while not os.path.exists('go'): time.sleep(0.02)
s = socket.create_connection(('127.0.0.1', 8118))
s.sendall(b'CONNECT b.example:443 HTTP/1.1\r\nHost: b.example:443\r\n\r\n')
print(s.recv(12))
)");
  const Finished finished = site.command(
      {"sh", "-c",
       site.program() +
           " run --json --tier process --policy policy.toml -- /usr/bin/python3 ask.py & b=$!; "
           "until t=$(ls -d " +
           site.root() +
           "/state/berm/runs/*/changes/tree/ready 2>/dev/null); do sleep 0.05; done; "
           "/usr/bin/python3 outside.py >&2; touch $(dirname $t)/go; wait $b"});
  ASSERT_EQ(finished.code, 0) << finished.out << finished.err;
  EXPECT_NE(finished.err.find("answered False"), std::string::npos) << finished.err;
  EXPECT_NE(finished.err.find("b'HTTP/1.1 403"), std::string::npos)
      << "the run itself is answered: " << finished.err;
  const std::string record = site.shell("cat " + site.root() + "/state/berm/runs/*/record.jsonl");
  EXPECT_NE(record.find("without the run's token"), std::string::npos) << record;
}

// Landlock looks at neither modes nor times: the supervisor makes these calls, on the run's own.
TEST_P(ProcessTier, ModesTimesAndWatchesOfTheUsersOtherFilesAreOutOfReach) {
  site.write("../outside", "x");
  site.shell("chmod 644 ../outside; touch -d 2001-01-01 ../outside");
  const std::string acts = fmt::format(
      "import ctypes\n"
      "libc = ctypes.CDLL(None, use_errno=True)\n"
      "def watch(path):\n"
      "  if libc.inotify_add_watch(libc.inotify_init1(0), path.encode(), 0x100) < 0:\n"
      "    raise OSError(ctypes.get_errno(), '')\n"
      "def all(path):\n"
      "  return [tried(lambda: os.chmod(path, 0o777)), tried(lambda: os.utime(path, (1, 1))),\n"
      "          tried(lambda: watch(path)), tried(lambda: os.chown(path, -1, -1)),\n"
      "          tried(lambda: os.setxattr(path, 'user.x', b'x'))]\n"
      "print(all('{}/outside'))\n",
      site.root());
  const std::string inside =
      python(acts +
             "open('own', 'w').close(); os.symlink('own', 'link')\nprint(all('own')[:3])\n"
             "os.utime('link', (5, 5), follow_symlinks=False)\n"
             "f = open('own'); os.fchmod(f.fileno(), 0o640); os.utime(f.fileno(), (7, 7))\n"
             "print(oct(os.stat('own').st_mode), os.stat('own').st_mtime, "
             "os.lstat('link').st_mtime)\n");
  EXPECT_EQ(inside,
            "['Permission denied', 'Permission denied', 'Permission denied', 'Operation not "
            "permitted', 'Operation not supported']\n['worked', 'worked', 'worked']\n0o100640 7.0 "
            "5.0\n")
      << last.err;
  EXPECT_EQ(site.shell("stat -c '%a %Y' ../outside"), "644 978307200\n");
  site.write("outside.py",
             "import os\ndef tried(f):\n  try:\n    f(); return 'worked'\n"
             "  except OSError as e: return os.strerror(e.errno)\n" +
                 acts);
  EXPECT_EQ(site.command({"/usr/bin/python3", "outside.py"}).out,
            "['worked', 'worked', 'worked', 'worked', 'worked']\n");
}

TEST_P(ProcessTier, LimitsAndPrioritiesOfOtherProcessesAreOutOfReach) {
  const std::string act = fmt::format(
      "import resource\n"
      "print(tried(lambda: resource.prlimit({0}, resource.RLIMIT_NOFILE, (64, 64))))\n"
      "print(tried(lambda: os.sched_setaffinity({0}, {{0}})))\n"
      "print(tried(lambda: os.setpriority(os.PRIO_PROCESS, 0, 5)))\n",
      ::getpid());
  EXPECT_EQ(python(act), "Operation not permitted\nOperation not permitted\nworked\n") << last.err;
}

TEST_P(ProcessTier, WhatRunsOnInTheBackgroundEndsWithTheRun) {
  const Finished finished =
      site.berm({"run", "--tier", "process", "--", "sh", "-c",
                 "for i in 1 2 3; do (setsid sh -c 'setsid sleep 71717 & sleep 71717' &); done; "
                 "sleep 0.2; pgrep -cf 'sleep 71717'"});
  EXPECT_EQ(finished.code, 0) << finished.err;
  EXPECT_GE(std::atoi(finished.out.c_str()), 6) << "they ran" << finished.out;
  EXPECT_FALSE(remains("sleep 71717"));
}

TEST_P(ProcessTier, KilledAtAnyStepNothingIsLeft) {
  for (int step = 0; step < 30; ++step) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      if (GetParam() == As::user && ::geteuid() == 0 &&
          (::setgroups(0, nullptr) != 0 || ::setgid(kUserId) != 0 || ::setuid(kUserId) != 0)) {
        ::_exit(1);
      }
      if (::chdir(site.repository().c_str()) != 0) ::_exit(1);
      ::setenv("XDG_STATE_HOME", (site.root() + "/state").c_str(), 1);
      const int null_fd = ::open("/dev/null", O_RDWR);
      for (int fd = 0; fd <= 2; ++fd) ::dup2(null_fd, fd);
      ::execl(site.program().c_str(), "berm", "run", "--tier", "process", "--", "sleep", "72727",
              nullptr);
      ::_exit(1);
    }
    ::poll(nullptr, 0, step);
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
  for (int i = 0; i < 100 && remains("^sleep 72727"); ++i) ::poll(nullptr, 0, 50);
  EXPECT_FALSE(remains("^sleep 72727"));
}

// Whoever kills berm-init, from outside, frees nobody: the keeper ends what it has left.
TEST_P(ProcessTier, WithoutBermInitTheKeeperEndsTheRun) {
  site.write("policy.toml", "version = 1\n[tools]\npacks = []\n");
  const Finished finished = site.command(
      {"sh", "-c",
       site.program() +
           " run --json --tier process --policy policy.toml -- sh -c 'setsid sleep 73737 & sleep "
           "73737' & b=$!; until pgrep -xf 'sleep 73737' > /dev/null; do sleep 0.05; done; kill -9 "
           "$(pgrep -P $b -f '^berm-init --shared'); wait $b"});
  EXPECT_EQ(finished.code, 122) << finished.out << finished.err;
  EXPECT_EQ(finished.json()["outcome"]["kind"], "boundary_lost") << finished.out;
  EXPECT_FALSE(remains("^sleep 73737"));
}

TEST_P(ProcessTier, WhatItCannotHoldIsRefusedAndWhatItLacksIsNamed) {
  for (const char* mode : {"direct", "worktree"}) {
    const Finished finished = site.berm({"run", "--tier", "process", "--mode", mode, "--", "true"});
    EXPECT_EQ(finished.code, 125);
    EXPECT_NE(finished.err.find("--mode"), std::string::npos) << finished.err;
  }
  site.write("policy.toml", "version = 1\n[tools]\nprograms_absent = [\"curl\"]\n");
  const Finished absent =
      site.berm({"run", "--tier", "process", "--policy", "policy.toml", "--", "true"});
  EXPECT_EQ(absent.code, 125) << absent.err;
  const Finished plain = site.berm({"run", "--json", "--tier", "process", "--", "true"});
  const std::string weaknesses = plain.json()["weaknesses"].dump();
  for (const char* word : {"/proc shows", "no DNS", "names and sizes", "another path"}) {
    EXPECT_NE(weaknesses.find(word), std::string::npos) << weaknesses;
  }
  EXPECT_EQ(plain.json()["layers"].size(), 6U);
}

// A container's default seccomp profile, in its effect: no mount in a namespace of one's own.
TEST_P(ProcessTier, TheLadderTakesItWhereNamespacesAreForbiddenAndSaysWhy) {
  if (::geteuid() != 0) BERM_SKIP_OR_FAIL("changing the host needs root");
  const auto without = [&](const std::vector<std::string>& arguments) {
    std::vector<std::string> argv = {site.root() + "/bin/deny-syscall", "mount:1", "unshare:1",
                                     "--", site.program()};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return site.command(argv);
  };
  const Finished run = without({"run", "--json", "--", "sh", "-c", "echo x > made"});
  ASSERT_EQ(run.code, 0) << run.err;
  EXPECT_NE(run.json()["notes"].dump().find("the namespace tier was passed over"),
            std::string::npos)
      << run.out;
  EXPECT_NE(run.json()["layers"].dump().find("a keeper ends"), std::string::npos) << run.out;
  const Finished named = without({"run", "--tier", "namespace", "--", "true"});
  EXPECT_EQ(named.code, 125) << "never below what is named";
  EXPECT_NE(named.err.find("fix:"), std::string::npos) << named.err;
  const Finished doctor = without({"doctor"});
  EXPECT_NE(doctor.out.find("process"), std::string::npos) << doctor.out;
}

// What the default profiles of container engines do: clone3(2) is unknown, no namespace, and a
// descriptor of another process is CAP_SYS_PTRACE's. Sockets are then made outside: they must be as
// good as one's own, waited for before they are connected, closed for both, their ports given back.
constexpr const char* kSocketsOfAnotherMaker = R"(
import fcntl, os, select, socket
def free():
  with socket.socket() as s:
    s.bind(('127.0.0.1', 0))
    return s.getsockname()[1]
port = free()
server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(('127.0.0.1', port))
server.listen()
client, waits = socket.socket(), select.epoll()
waits.register(client.fileno(), select.EPOLLIN)
client.connect(('127.0.0.1', port))
peer, _ = server.accept()
peer.sendall(b'hello')
peer.close()
print(waits.poll(5) != [], client.recv(9), client.recv(9))
server.close()
again = socket.socket()
again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
again.bind(('127.0.0.1', port))
for i in range(1000): socket.socket().close()
local = socket.socket(socket.AF_UNIX)
local.bind(os.environ['HOME'] + '/local')
local.listen()
client = socket.socket(socket.AF_UNIX)
client.connect(os.environ['HOME'] + '/local')
local.accept()[0].send(b'local')
print(client.recv(9), socket.if_nameindex()[0][1], fcntl.fcntl(client, fcntl.F_GETFD))
os.fchmod(os.open('made', os.O_CREAT | os.O_WRONLY), 0o640)
print(oct(os.stat('made').st_mode))
for family, kind in (socket.AF_INET, socket.SOCK_DGRAM), (socket.AF_VSOCK, socket.SOCK_STREAM):
  try: socket.socket(family, kind)
  except OSError as e: print(e.errno)
try: socket.create_connection(('192.0.2.1', 80))
except OSError as e: print(e.strerror)
)";

TEST_P(ProcessTier, WorksUnderTheFiltersOfContainerEngines) {
  if (::geteuid() != 0) BERM_SKIP_OR_FAIL("changing the host needs root");
  const auto under = [&](const std::vector<std::string>& denied,
                         const std::vector<std::string>& command) {
    std::vector<std::string> argv = {site.root() + "/bin/deny-syscall"};
    argv.insert(argv.end(), denied.begin(), denied.end());
    argv.insert(argv.end(), {"--", site.program()});
    argv.insert(argv.end(), command.begin(), command.end());
    return site.command(argv);
  };
  const std::vector<std::string> run = {"run", "--", "python3", "-c", kSocketsOfAnotherMaker};
  const std::string made =
      "True b'hello' b''\nb'local' lo 1\n0o100640\n38\n38\nNetwork is unreachable\n";
  std::vector<std::string> denied = {"mount:1", "unshare:1", "clone3:38"};
  const Finished borrowed = under(denied, run);
  EXPECT_EQ(borrowed.out, made) << borrowed.err;
  denied.insert(denied.end(), {"pidfd_getfd:1", "process_vm_readv:1", "kcmp:1"});
  const Finished given = under(denied, run);
  EXPECT_EQ(given.out, made) << given.err;
  const Finished plan = under(denied, {"plan", "--", "true"});
  EXPECT_NE(plan.out.find("inotify watches are refused"), std::string::npos) << plan.out;
}

// An ordinary user cannot empty his bounding set; without new privileges nothing comes out of it.
TEST_P(ProcessTier, NoCapabilityIsLeft) {
  const Finished done = site.berm({"run", "--tier", "process", "--", "grep", "-E",
                                   "^(Cap(Inh|Prm|Eff|Bnd|Amb)|NoNewPrivs)", "/proc/self/status"});
  std::string wanted;
  for (const char* set : {"Inh", "Prm", "Eff", "Bnd", "Amb"}) {
    if (GetParam() == As::user && std::string_view(set) == "Bnd") continue;
    wanted += std::string("Cap") + set + ":\t0000000000000000\n";
  }
  const std::string seen = std::regex_replace(
      done.out, std::regex(GetParam() == As::user ? "CapBnd:[^\n]*\n" : "^$"), "");
  EXPECT_EQ(seen, wanted + "NoNewPrivs:\t1\n");
}

TEST_P(ProcessTier, AGrantAroundTheLiveRepositoryIsRefused) {
  for (const std::string& path : {site.root(), site.repository()}) {
    const Finished done = site.berm({"run", "--tier", "process", "--read", path, "--", "true"});
    EXPECT_EQ(done.code, 125) << path;
    EXPECT_NE(done.err.find("holds the live repository"), std::string::npos) << done.err;
  }
}

TEST_P(ProcessTier, WhereNoTierHoldsWhatIsRequiredNothingStarts) {
  if (::geteuid() != 0) BERM_SKIP_OR_FAIL("changing the host needs root");
  const Finished run = site.command({site.root() + "/bin/deny-syscall", "mount:1", "unshare:1",
                                     "landlock_create_ruleset:38", "--", site.program(), "run",
                                     "--on-success", "apply", "--", "sh", "-c", "echo x > made"});
  EXPECT_EQ(run.code, 125) << run.out << run.err;
  for (const char* tier : {"namespace: cannot", "container: cannot", "process: cannot", "fix:"}) {
    EXPECT_NE(run.err.find(tier), std::string::npos) << run.err;
  }
  EXPECT_FALSE(site.has("made"));
}

// Root in a container: the capabilities that engines leave, neither CAP_SYS_ADMIN nor
// CAP_SYS_PTRACE among them.
TEST(RootOfAContainer, RunsInTheProcessTierAsAnotherUser) {
  if (::geteuid() != 0) BERM_SKIP_OR_FAIL("needs root");
  const Site site(As::root);
  const Finished finished = site.command(
      {"setpriv", "--bounding-set",
       "-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,"
       "+net_bind_service,+sys_chroot,+mknod,+audit_write,+setfcap",
       site.program(), "run", "--json", "--on-success", "apply", "--", "sh", "-c",
       "id -u >&2; git log --oneline | wc -l; echo x > made; git add made; git commit -qm made"});
  ASSERT_EQ(finished.code, 0) << finished.out << finished.err;
  EXPECT_GE(std::atoi(finished.err.c_str()), 0x70000000) << finished.err;
  EXPECT_NE(finished.out.find("a keeper ends"), std::string::npos) << finished.out;
  EXPECT_EQ(site.read("made"), "x\n");
}

}  // namespace
}  // namespace berm::test
