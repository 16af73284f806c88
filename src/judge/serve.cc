#include "judge/serve.h"

#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "judge/connection.h"
#include "plan/tools.h"
#include "record/sha256.h"
#include "supervise/connection_broker.h"
#include "sys/confine.h"
#include "sys/frames.h"
#include "tiers/namespace/seccomp/filters.h"

namespace berm {
namespace {

using nlohmann::json;
using Clock = Connection::Clock;

#if defined(__x86_64__)
constexpr auto& kFilter = seccomp::kJudgeX86_64;
#elif defined(__aarch64__)
constexpr auto& kFilter = seccomp::kJudgeAarch64;
#endif

constexpr int kControlFd = 0;
constexpr std::chrono::seconds kPatience{10};
constexpr std::chrono::seconds kSlowestQuestion{10};
constexpr std::size_t kMostConnections = 128;
constexpr std::size_t kMostHeld = 64U << 20;  // of questions that are not judged yet
// What of an input, a prompt or a reason stands in an event; the digest covers all of it.
constexpr std::size_t kMostRecorded = 4096;

std::string dumped(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string digest(std::string_view text) { return sha256_hex(text); }

std::string shortened(std::string_view text) {
  if (text.size() <= kMostRecorded) return std::string(text);
  return std::string(text.substr(0, kMostRecorded)) + "…";
}

json commands_of(const ToolCall& call) {
  json out = json::array();
  if (!call.runs_shell) return out;
  for (const SimpleCommand& command : understand_shell(call.command).commands) {
    if (out.size() == 32) break;
    out.push_back(command.words.empty() ? command.source : command.words.front().text);
  }
  return out;
}

// Who is behind a connection.
struct Asker {
  pid_t pid = 0;
  std::optional<bool> hook = {};  ///< the supervisor has looked already
};

// Where the supervisor makes the connections of the run, it says by the socket's name for whom.
std::optional<Asker> named_asker(const sockaddr_un& name, socklen_t size) {
  constexpr std::size_t kBefore = offsetof(sockaddr_un, sun_path) + 1;
  if (size <= kBefore || name.sun_path[0] != '\0') return std::nullopt;
  const std::string_view text(name.sun_path + 1, size - kBefore);
  if (!text.starts_with(kHookName)) return std::nullopt;
  const std::vector<std::string_view> parts = split(text.substr(kHookName.size()), '/');
  Asker asker;
  if (parts.size() != 3) return std::nullopt;
  std::from_chars(parts[1].data(), parts[1].data() + parts[1].size(), asker.pid);
  asker.hook = parts[0] == "hook";
  return asker;
}

class Judge {
 public:
  Judge(ToolRules rules, PromptDetail prompts, std::string workspace, uid_t peer, bool brokered,
        UniqueFd listener)
      : rules_(std::move(rules)),
        prompts_(prompts),
        workspace_(std::move(workspace)),
        peer_(peer),
        brokered_(brokered),
        listener_(std::move(listener)) {}

  // Until the supervisor is gone.
  void run() {
    while (wait_once()) {
    }
  }

 private:
  bool wait_once();
  void accept_some();
  void judge(Connection& connection);
  bool hear_supervisor();
  void drop_slow();
  [[nodiscard]] json event_of(const Connection& connection) const;

  ToolRules rules_;
  PromptDetail prompts_;
  std::string workspace_;
  uid_t peer_;
  bool brokered_;
  UniqueFd listener_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::uint64_t next_id_ = 1;
};

bool Judge::wait_once() {
  const std::size_t held = [&] {
    std::size_t sum = 0;
    for (const auto& connection : connections_) sum += connection->held();
    return sum;
  }();
  // Whoever finds the house full waits in the queue of the socket, and gives up there: undecided is
  // refused.
  const bool room = connections_.size() < kMostConnections && held < kMostHeld;
  std::vector<pollfd> fds = {{kControlFd, POLLIN, 0}, {room ? listener_.get() : -1, POLLIN, 0}};
  for (const auto& connection : connections_) {
    const bool writes = connection->state() == Connection::State::writing;
    fds.push_back({connection->fd(), static_cast<short>(writes ? POLLOUT : POLLIN), 0});
  }
  const int timeout = connections_.empty() ? -1 : 1000;
  if (::poll(fds.data(), fds.size(), timeout) < 0) return errno == EINTR;
  if (fds[0].revents != 0 && !hear_supervisor()) return false;
  const std::size_t present = fds.size() - 2;  // accept_some() adds more
  for (std::size_t i = 0; i < present; ++i) {
    Connection& connection = *connections_[i];
    if (fds[i + 2].revents == 0) continue;
    connection.go_on();
    if (connection.state() == Connection::State::asked) judge(connection);
  }
  if (fds[1].revents != 0) accept_some();
  drop_slow();
  std::erase_if(connections_, [](const auto& connection) {
    return connection->state() == Connection::State::over;
  });
  return true;
}

void Judge::accept_some() {
  sockaddr_un name{};
  socklen_t length = sizeof name;
  UniqueFd fd(::accept4(listener_.get(), reinterpret_cast<sockaddr*>(&name), &length,
                        SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd) return;
  ucred peer{};
  socklen_t size = sizeof peer;
  const bool known = ::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
                     peer.uid == peer_ && peer.pid > 0;
  if (!known) return;  // hung up on: its hook refuses
  const std::optional<Asker> asker = brokered_ ? named_asker(name, length) : Asker{.pid = peer.pid};
  if (!asker) return;
  connections_.push_back(
      std::make_unique<Connection>(std::move(fd), next_id_++, asker->pid, Clock::now()));
  connections_.back()->set_hook(asker->hook);
}

void Judge::drop_slow() {
  const Clock::time_point now = Clock::now();
  for (const auto& connection : connections_) {
    const bool ours = connection->state() == Connection::State::waiting;
    if (!ours && now - connection->since() > kSlowestQuestion) connection->close();
  }
}

json Judge::event_of(const Connection& connection) const {
  const ToolDecision& decision = connection.decision();
  json event = {{"id", connection.id()},
                {"pid", connection.pid()},
                {"agent", spelling(connection.agent())},
                {"decision", spelling(decision.action)},
                {"rule", shortened(decision.rule)},
                {"reason", shortened(decision.reason)}};
  if (connection.hook()) event["hook"] = *connection.hook();
  if (!decision.reported.empty()) event["reported"] = decision.reported;
  if (!connection.input()) return event;
  const HookInput& input = *connection.input();
  event["event"] = input.event;
  event["kind"] = name_of(input.kind);
  const auto add = [&](const char* key, const std::string& value) {
    if (!value.empty()) event[key] = shortened(value);
  };
  add("session", input.session);
  add("prompt_id", input.prompt_id);
  add("tool_use_id", input.tool_use_id);
  add("agent_id", input.agent_id);
  add("agent_type", input.agent_type);
  add("permission_mode", input.permission_mode);
  add("about", input.about);
  add("error", input.error);
  add("rewrite", decision.rewrite);
  if (input.duration_ms) event["duration_ms"] = *input.duration_ms;
  if (!input.prompt.empty()) {
    event["prompt_sha256"] = digest(input.prompt);
    if (prompts_ == PromptDetail::text) add("prompt", input.prompt);
  }
  if (input.call.tool.empty()) return event;
  event["tool"] = shortened(input.call.tool);
  event["cwd"] = input.call.cwd;
  event["input_sha256"] = digest(input.input);
  if (input.kind != HookKind::before_tool) return event;
  add("input", input.input);
  if (input.call.runs_shell) event["commands"] = commands_of(input.call);
  return event;
}

// What cannot be read is refused, and told like every other question.
void Judge::judge(Connection& connection) {
  Result<HookInput> input = read_hook(connection.agent(), connection.question(), workspace_);
  if (!input) {
    connection.wait_with(std::nullopt, {.action = ToolAction::deny,
                                        .rule = "hook",
                                        .reason = "the hook's question was not understood: " +
                                                  printable(input.error().what),
                                        .rewrite = {},
                                        .reported = {}});
  } else {
    ToolDecision decision;
    if (input->kind == HookKind::before_tool) decision = rules_.decide(input->call);
    connection.wait_with(*std::move(input), std::move(decision));
  }
  if (!write_frame(kControlFd, dumped(event_of(connection)))) ::_exit(0);
}

// {id, action, reason}: what stands on the record now.
bool Judge::hear_supervisor() {
  const Result<std::string> frame = read_frame(kControlFd, kPatience);
  if (!frame) return false;
  const json said = json::parse(*frame, nullptr, false);
  if (!said.is_object()) return false;
  if (said.contains("alive")) return write_frame(kControlFd, dumped(said)).has_value();
  const auto found = std::ranges::find_if(connections_, [&](const auto& connection) {
    return said.value("id", std::uint64_t{0}) == connection->id();
  });
  if (found == connections_.end()) return true;  // it hung up meanwhile
  Connection& connection = **found;
  if (connection.state() != Connection::State::waiting) return true;
  ToolDecision decision = connection.decision();
  const bool allowed = said.value("allow", false);
  if (!allowed) {
    decision.action = ToolAction::deny;
    if (const std::string why = said.value("reason", ""); !why.empty()) decision.reason = why;
  } else if (decision.action == ToolAction::ask || decision.action == ToolAction::deny) {
    // A rewrite of the policy holds for what the user let through, too.
    decision.action = decision.rewrite.empty() ? ToolAction::allow : ToolAction::rewrite;
  }
  connection.answer(connection.input() ? answer_hook(*connection.input(), decision)
                                       : refuse_hook(decision.reason));
  return true;
}

struct Equipment {
  ToolRules rules;
  PromptDetail prompts;
  std::string workspace;
  uid_t peer;
  bool brokered;
};

Result<Equipment> equip() {
  const json in = json::parse(BERM_TRY(read_frame(kControlFd, kPatience)), nullptr, false);
  try {
    const ToolPolicy policy = tool_policy_from_json(in.at("policy"));
    const std::string workspace = in.at("workspace");
    ToolRules rules =
        BERM_TRY(ToolRules::compile(policy, {.workspace = workspace, .home = in.at("home")}));
    (void)rules.decide(ToolCall{.tool = "Bash",
                                .command = "true",
                                .runs_shell = true,
                                .paths = {},
                                .urls = {},
                                .cwd = workspace});
    (void)digest("");  // OpenSSL makes itself ready while files can be opened
    // A judge that outgrows this is under attack: it ends, and with it the run.
    const rlimit memory{1ULL << 30, 1ULL << 30};
    ::setrlimit(RLIMIT_AS, &memory);
    BERM_TRY(confine_process(kFilter, in.at("uid")));
    return Equipment{std::move(rules), policy.prompts, workspace, in.at("peer_uid"),
                     in.at("brokered")};
  } catch (const json::exception&) {
    return failure(Errc::internal, "understand the configuration of the judge");
  }
}

}  // namespace

int serve_judge() {
  Result<Equipment> made = equip();
  if (!made) {
    (void)write_frame(kControlFd, dumped({{"ok", false}, {"what", sentence(made.error())}}));
    return 125;
  }
  if (!write_frame(kControlFd, dumped({{"ok", true}}))) return 125;
  Result<std::vector<UniqueFd>> fds = receive_descriptors(kControlFd);
  if (!fds || fds->size() != 1) return 125;
  Judge judge(std::move(made->rules), made->prompts, made->workspace, made->peer, made->brokered,
              std::move(fds->front()));
  judge.run();
  return 0;
}

}  // namespace berm
