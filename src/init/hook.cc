// src/init/hook.cc: the hook of every agent, run by the agent inside: one question to the judge of
// tool calls outside, one answer. Static and small, because it starts twice for each tool call.
//
// Clients let the tool run when their hook exits with anything but 2 (Claude Code, "Hooks"; Codex;
// Gemini CLI). So every failure ends in 2: no judge, a slow judge, a broken answer, a signal.
#include "init/hook.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <initializer_list>

#include "init/hook_wire.h"

namespace berm::init {
namespace {

constexpr int kBlock = 2;
constexpr long kPatience = 20'000;       // ms; the client's own limit is longer
constexpr long kTellPatience = 5'000;    // of an event that decides nothing
constexpr long kMostPatience = 900'000;  // where somebody is asked

[[noreturn]] void refuse(const char* why) {
  constexpr char kHead[] = "berm: this call was not decided, so it is refused: ";
  [[maybe_unused]] ssize_t put = ::write(2, kHead, sizeof kHead - 1);
  put = ::write(2, why, ::strlen(why));
  put = ::write(2, "\n", 1);
  ::_exit(kBlock);
}

void on_signal(int) { refuse("the hook was interrupted"); }

long now_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

// Waits for `events`; refuses when the time is over.
void await(int fd, short events, long deadline, const char* what) {
  for (;;) {
    const long left = deadline - now_ms();
    if (left <= 0) refuse(what);
    pollfd wanted{fd, events, 0};
    const int ready = ::poll(&wanted, 1, static_cast<int>(left));
    if (ready > 0) return;
    if (ready < 0 && errno != EINTR) refuse("poll failed");
  }
}

std::uint32_t read_question(char* to, std::uint32_t room, long deadline) {
  std::uint32_t size = 0;
  for (;;) {
    await(0, POLLIN, deadline, "the client did not finish its question");
    const ssize_t got = ::read(0, to + size, room - size);
    if (got == 0) return size;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) refuse("the client's question cannot be read");
    size += static_cast<std::uint32_t>(got);
    if (size == room) refuse("the question is larger than 16 MiB");
  }
}

int connect_judge(long deadline) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) refuse("no socket can be made");
  // A judge whose queue is full lets connect(2) wait; not for ever.
  const long left = deadline - now_ms();
  const timeval patience{left / 1000, (left % 1000) * 1000 + 1000};
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  ::memcpy(address.sun_path, wire::kToolSocket, sizeof wire::kToolSocket);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    refuse("berm does not listen");
  }
  return fd;
}

void send_all(int fd, const void* from, std::size_t size, long deadline) {
  const char* at = static_cast<const char*>(from);
  while (size > 0) {
    await(fd, POLLOUT, deadline, "berm did not take the question in time");
    const ssize_t sent = ::send(fd, at, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (sent <= 0) refuse("berm hung up");
    at += sent;
    size -= static_cast<std::size_t>(sent);
  }
}

void receive_all(int fd, void* to, std::size_t size, long deadline) {
  char* at = static_cast<char*>(to);
  while (size > 0) {
    await(fd, POLLIN, deadline, "berm did not answer in time");
    const ssize_t got = ::recv(fd, at, size, MSG_DONTWAIT);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0) refuse("berm hung up");
    at += got;
    size -= static_cast<std::size_t>(got);
  }
}

void print(int fd, const char* from, std::size_t size) {
  while (size > 0) {
    const ssize_t put = ::write(fd, from, size);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) ::_exit(kBlock);  // half an answer must not pass for one
    from += put;
    size -= static_cast<std::size_t>(put);
  }
}

void catch_signals() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  for (const int signal : {SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGALRM, SIGUSR1, SIGUSR2, SIGSEGV,
                           SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF}) {
    ::sigaction(signal, &action, nullptr);
  }
  ::signal(SIGPIPE, SIG_IGN);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

int agent_number(const char* name) {
  // In the order of AgentKind (policy/policy.h); hook_test.cc holds the two together.
  constexpr const char* kAgents[] = {"none", "claude", "codex", "gemini", "opencode"};
  for (int i = 0; i < 5; ++i) {
    if (::strcmp(name, kAgents[i]) == 0) return i;
  }
  return -1;
}

// In the sandbox around a virtual machine: the bytes of a hook inside, as they are. What it has to
// refuse, the hook inside refuses.
[[noreturn]] void carry(long deadline) {
  const int judge = connect_judge(deadline);
  pollfd ends[2] = {{0, POLLIN, 0}, {judge, POLLIN, 0}};
  for (;;) {
    const long left = deadline - now_ms();
    if (left <= 0) ::_exit(kBlock);
    if (::poll(ends, 2, static_cast<int>(left)) < 0 && errno != EINTR) ::_exit(kBlock);
    for (int i = 0; i < 2; ++i) {
      if (ends[i].revents == 0) continue;
      char buffer[16384];
      const ssize_t got = ::read(ends[i].fd, buffer, sizeof buffer);
      if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (got <= 0) ::_exit(0);
      if (i == 0) send_all(judge, buffer, static_cast<std::size_t>(got), deadline);
      if (i == 1) print(1, buffer, static_cast<std::size_t>(got));
    }
  }
}

}  // namespace

int answer_hook(int argc, char** argv) {
  catch_signals();
  if (argc == 1 && ::strcmp(argv[0], "--relay") == 0) carry(now_ms() + kMostPatience);
  const int agent = argc >= 1 ? agent_number(argv[0]) : -1;
  if (agent < 0) refuse("berm-init hook needs the name of the agent");
  long patience = kPatience;
  if (argc >= 2 && ::strcmp(argv[1], "--ask") == 0) patience = kMostPatience;
  if (argc >= 2 && ::strcmp(argv[1], "--tell") == 0) patience = kTellPatience;
  const long deadline = now_ms() + patience;

  constexpr std::size_t kRoom = wire::kMostHookInput + 1;
  void* memory = ::mmap(nullptr, kRoom, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) refuse("no memory");
  char* text = static_cast<char*>(memory);
  const std::uint32_t size = read_question(text, kRoom, deadline);

  const int fd = connect_judge(deadline);
  const wire::HookQuestion question{wire::kHookMagic, static_cast<std::uint32_t>(agent), size};
  send_all(fd, &question, sizeof question, deadline);
  send_all(fd, text, size, deadline);
  wire::HookAnswer answer{};
  receive_all(fd, &answer, sizeof answer, deadline);
  const bool sound = answer.magic == wire::kHookMagic &&
                     (answer.exit_code == 0 || answer.exit_code == kBlock) &&
                     answer.out <= wire::kMostHookAnswer && answer.err <= wire::kMostHookAnswer;
  if (!sound) refuse("berm's answer makes no sense");
  const std::size_t room = std::size_t{answer.out} + answer.err + 1;
  memory = ::mmap(nullptr, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) refuse("no memory");
  char* said = static_cast<char*>(memory);
  receive_all(fd, said, std::size_t{answer.out} + answer.err, deadline);
  print(1, said, answer.out);
  print(2, said + answer.out, answer.err);
  return static_cast<int>(answer.exit_code);
}

}  // namespace berm::init
