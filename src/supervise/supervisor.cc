#include "supervise/supervisor.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "plan/make_plan.h"
#include "record/chain.h"
#include "supervise/egress_watch.h"
#include "supervise/janitor.h"
#include "supervise/notifications.h"
#include "supervise/sample.h"
#include "supervise/sink_watch.h"
#include "supervise/streams.h"
#include "supervise/tool_desk.h"
#include "tiers/tier.h"

namespace berm {
namespace {

using Clock = std::chrono::steady_clock;
using nlohmann::json;

constexpr Milliseconds kSampleEvery{100};
constexpr Milliseconds kSlowestTold{10'000};
constexpr Milliseconds kQuiet{10};
constexpr Milliseconds kDiskEvery{500};
constexpr Milliseconds kHitsRest{25};
constexpr Milliseconds kExecRest{25};  // programs are recorded in batches: waking up costs more
constexpr Milliseconds kDigestGrace{5000};
// Shorter than any client waits for its hook: one that waits in vain lets the tool run unasked.
constexpr Milliseconds kHooksHeld{15'000};
constexpr std::uint64_t kMostExecs = 500'000;  // about 300 MB of record: an attack on it

class Supervisor {
 public:
  Supervisor(const Plan& plan, RecordFile& record, const SuperviseOptions& options)
      : plan_(plan),
        record_(record),
        options_(options),
        egress_(options.egress, record, usage_),
        tools_(options.judge, plan, record, options.can_ask, options.write_to_policy,
               options.answer_host) {
    tools_.set_consent(options.on_consent);
    egress_.set_tell([this](const std::string& type, const json& event) {
      tools_.on_egress_event(type, event);
    });
  }

  Result<Supervision> run() {
    Result<void> started = start();
    if (!started) {
      outcome_ = SetupFailed{started.error()};
    } else {
      loop();
    }
    finish();
    return Supervision{.outcome = *std::move(outcome_),
                       .usage = usage_,
                       .disable_keys = egress_.model_end() && egress_.model_end()->disable_key};
  }

 private:
  Result<void> start();
  Result<void> start_streams(ChildStreams& child);
  void hide_secrets();
  void loop();
  void wait_once();
  void on_signal();
  void on_init_message();
  void on_egress_event();
  void start_watch(InitMessage& message);
  void note_ports(const std::vector<UniqueFd>& listeners);
  [[nodiscard]] std::optional<NotificationWatch::Shared> shared_watch() const;
  void record_attempts();
  void record_execs();
  void on_ended_init();
  void sample();
  void record_sample(Bytes memory);
  void check_limits();
  void check_hold();
  void check_hits();
  void show_status();
  void finish();
  void put_status(std::string_view text);
  void end(Outcome outcome);
  /// @param by  whoever is to be named; "": the process that needs most
  void hit(const std::string& limit, const json& detail, std::string by = "");
  // The process with the most memory when we last looked.
  [[nodiscard]] std::string culprit() const {
    return tree_.largest_name.empty()
               ? ""
               : fmt::format("{} (pid {})", tree_.largest_name, tree_.largest);
  }
  [[nodiscard]] Milliseconds elapsed() const {
    return std::chrono::duration_cast<Milliseconds>(Clock::now() - started_at_);
  }

  const Plan& plan_;
  RecordFile& record_;
  const SuperviseOptions& options_;

  RunCgroup cgroup_;
  std::unique_ptr<Sandbox> sandbox_;
  NotificationWatch watch_;
  std::vector<std::pair<std::uint16_t, std::uint16_t>> ports_;  ///< inside, outside
  Clock::time_point next_execs_;
  Clock::time_point next_hits_;
  std::string refused_;            ///< why the last program that was refused was
  std::vector<StreamPump> pumps_;  ///< [0] stdin, then stdout, stderr (or the terminal's two)
  RawTerminal raw_;
  UniqueFd signals_;
  std::vector<UniqueFd> scratch_;  ///< HOME, /tmp and /dev/shm of the run, to ask how full they are
  UniqueFd status_fd_;             ///< our stderr, non-blocking
  UniqueFd terminal_;              ///< master of the agent's terminal

  std::optional<Outcome> outcome_;
  bool agent_runs_ = false;
  bool init_ended_ = false;
  int interrupted_by_ = 0;
  int interrupts_ = 0;
  Usage usage_;
  EgressWatch egress_;  ///< after usage_, which it counts in
  ToolDesk tools_;
  TreeSample tree_;
  NamelessSample nameless_;
  Clock::time_point started_at_ = Clock::now();
  Clock::time_point last_output_ = Clock::now();
  Clock::time_point next_sample_ = Clock::now() + kSampleEvery;
  Clock::time_point next_told_;  ///< the first sample is
  Clock::duration told_rest_ = kSampleEvery * 2;
  Clock::time_point next_disk_ = Clock::now() + kDiskEvery;
  Clock::time_point next_status_ = Clock::now() + Milliseconds(500);
  Bytes free_at_start_;
  Bytes disk_at_start_;
  bool status_shown_ = false;
  bool held_ = false;  ///< by audit.overflow = "block"
  Clock::time_point held_since_;
  bool was_held_ = false;
};

Result<void> Supervisor::start_streams(ChildStreams& child) {
  if (plan_.terminal) {
    // The real streams come with the terminal's descriptor; until then the child has none.
    for (UniqueFd* end : {&child.in, &child.out, &child.err}) {
      *end = BERM_TRY(open_file("/dev/null", O_RDWR));
    }
    return {};
  }
  Pipe in = BERM_TRY(make_pipe());
  Pipe out = BERM_TRY(make_pipe());
  Pipe err = BERM_TRY(make_pipe());
  // Pipes, never our own descriptors: a file on stdout could be reopened for reading through
  // /proc/self/fd/1, and nobody could count what is written.
  pumps_.emplace_back(duplicate(0), std::move(in.write), Passing::exact);
  pumps_.emplace_back(std::move(out.read), writable_copy(options_.stdout_fd),
                      passing_to(options_.stdout_fd));
  pumps_.emplace_back(std::move(err.read), writable_copy(2), passing_to(2));
  hide_secrets();
  child = {.in = std::move(in.read), .out = std::move(out.write), .err = std::move(err.write)};
  return {};
}

// What the agent prints: known secrets everywhere; what only looks like one where people read. A
// program's output into a file or a pipe stays exact but for those.
void Supervisor::hide_secrets() {
  if (options_.known == nullptr) return;
  for (std::size_t i = 1; i < pumps_.size(); ++i) {
    const bool read_by_people = plan_.terminal || pumps_[i].is_terminal();
    if (!read_by_people && options_.known->empty()) continue;
    pumps_[i].hide(*options_.known, read_by_people ? Patterns::all : Patterns::none);
  }
}

Result<void> Supervisor::start() {
  sigset_t watched;
  ::sigemptyset(&watched);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGWINCH}) ::sigaddset(&watched, signal);
  ::sigprocmask(SIG_BLOCK, &watched, nullptr);
  signals_ = UniqueFd(::signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_) return os_error("watch for signals");

  const auto unkept = [](Strength by, const std::string& parent) {
    return by == Strength::kernel && parent.empty();
  };
  if (!plan_.container && (unkept(plan_.limits.memory_by, options_.cgroups.memory) ||
                           unkept(plan_.limits.processes_by, options_.cgroups.pids) ||
                           unkept(plan_.limits.cpus_by, options_.cgroups.cpu))) {
    return failure(
        Errc::internal,
        "hold a limit that the plan gives to the kernel: no control group was found for it");
  }
  if (plan_.limits.cgroup != CgroupKind::none) {
    remove_stale_cgroups(options_.cgroups);
    const std::string name = "berm-" + plan_.run_id;
    // Before the first group exists: a SIGKILL in between would leave it to nobody.
    const pid_t janitor =
        BERM_TRY(start_janitor(plan_.init.str(), RunCgroup::planned(options_.cgroups, name)));
    cgroup_ = BERM_TRY(RunCgroup::create(options_.cgroups, name,
                                         {.memory = plan_.limits.memory,
                                          .processes = plan_.limits.processes,
                                          .cpus = plan_.limits.cpus},
                                         janitor));
  }
  ChildStreams child;
  BERM_TRY(start_streams(child));
  free_at_start_ = free_space(plan_.run_directory.str());
  // A clone lies among the changes: what was copied is not what the agent wrote.
  if (plan_.workspace.mode == WorkspaceMode::clone) {
    disk_at_start_ = sample_disk((plan_.run_directory / "changes").str()).used;
  }
  sandbox_ = BERM_TRY(start_sandbox(plan_, std::move(child), cgroup_));
  // Before the first step: a cgroup namespace made earlier would show the agent the host's path.
  BERM_TRY(cgroup_.attach(sandbox_->pid()));
  if (plan_.container && plan_.limits.memory_by == Strength::kernel) {
    cgroup_ = RunCgroup::made_by_engine(sandbox_->pid());
  }
  BERM_TRY(sandbox_->release(wire::Step::await_id_maps));
  BERM_TRY(options_.while_building());
  return sandbox_->release(wire::Step::await_workspace);
}

void Supervisor::end(Outcome outcome) {
  if (!outcome_) outcome_ = std::move(outcome);
  if (sandbox_ && !init_ended_) sandbox_->kill();
}

void Supervisor::hit(const std::string& limit, const json& detail, std::string by) {
  if (outcome_) return;
  if (by.empty()) by = culprit();
  json data = {{"decision", "end"}, {"limit", limit}, {"culprit", by}};
  data.update(detail);
  record_.append("supervisor", "limit.hit", data);
  end(LimitHit{.limit = limit, .culprit = std::move(by)});
}

void Supervisor::on_init_message() {
  Result<std::optional<InitMessage>> received = sandbox_->receive();
  if (!received || !*received) {
    on_ended_init();
    return;
  }
  const wire::Message& message = (*received)->message;
  switch (message.kind) {
    case wire::MessageKind::listeners: {
      note_ports((*received)->fds);
      const Result<void> handed =
          options_.hand_over(std::move((*received)->fds), message.detail == 0);
      if (!handed) end(SetupFailed{handed.error()});
      break;
    }
    case wire::MessageKind::watch:
      start_watch(**received);
      break;
    case wire::MessageKind::tools: {
      Result<void> handed = failure(Errc::internal, "hand out the socket of the hooks");
      if ((*received)->fds.size() == 1 && options_.hand_over_tools) {
        handed = options_.hand_over_tools(std::move((*received)->fds[0]));
      }
      if (!handed) end(SetupFailed{handed.error()});
      if (handed) tools_.begin();
      break;
    }
    case wire::MessageKind::scratch:
      scratch_ = std::move((*received)->fds);
      break;
    case wire::MessageKind::terminal:
      if ((*received)->fds.size() != 1) break;
      terminal_ = std::move((*received)->fds[0]);
      ::fcntl(terminal_.get(), F_SETFL,
              O_NONBLOCK);  // POLLOUT on a terminal promises a byte, not a buffer
      copy_window_size(0, terminal_.get());
      pumps_.emplace_back(duplicate(0), duplicate(terminal_.get()), Passing::exact);
      pumps_.emplace_back(duplicate(terminal_.get()), writable_copy(1), Passing::exact);
      hide_secrets();
      if (Result<RawTerminal> raw = RawTerminal::enter(0)) raw_ = *std::move(raw);
      break;
    case wire::MessageKind::started:
      agent_runs_ = true;
      record_.append("supervisor", "agent.start", {{"argv", plan_.argv}, {"self_check", "passed"}});
      record_.make_key();
      break;
    case wire::MessageKind::failed: {
      agent_runs_ = false;
      Error error = sandbox_->explain(message);
      const bool at_exec = message.step == wire::Step::exec;
      if (at_exec && message.value == EPERM) {
        watch_.stop(kDigestGrace);
        record_execs();
        if (!refused_.empty()) error.code = Errc::denied, error.fix = refused_;
      }
      end(SetupFailed{.error = std::move(error), .at_exec = at_exec});
      break;
    }
    case wire::MessageKind::exited:
      if (outcome_) break;
      if (WIFEXITED(message.value)) {
        outcome_ = Exited{WEXITSTATUS(message.value)};
      } else if (plan_.microvm && WTERMSIG(message.value) == wire::kMachineLost) {
        outcome_ = BoundaryLost{"the virtual machine ended, or never was one"};
      } else if (interrupted_by_ != 0) {
        outcome_ = Interrupted{interrupted_by_};
      } else {
        outcome_ = Killed{WTERMSIG(message.value)};
      }
      break;
    default:
      break;
  }
}

// PID 1 is gone and with it every process of the run. Why?
void Supervisor::on_ended_init() {
  init_ended_ = true;
  const CgroupHits hits = cgroup_.hits();
  if (hits.oom_kills > 0) {
    // The kernel killed for memory: whatever the agent then said is not the whole story.
    record_.append("supervisor", "limit.hit",
                   {{"decision", "end"},
                    {"limit", "memory"},
                    {"culprit", culprit()},
                    {"by", "kernel"},
                    {"oom_kills", hits.oom_kills}});
    if (!outcome_ || std::holds_alternative<Exited>(*outcome_) ||
        std::holds_alternative<Killed>(*outcome_)) {
      outcome_ = LimitHit{.limit = "memory", .culprit = culprit()};
    }
  }
  if (hits.pids_max > 0 && (!outcome_ || std::holds_alternative<Exited>(*outcome_) ||
                            std::holds_alternative<Killed>(*outcome_))) {
    // A fork was refused between two samples; what the agent made of it is not the whole story.
    record_.append("supervisor", "limit.hit",
                   {{"decision", "end"},
                    {"limit", "processes"},
                    {"culprit", culprit()},
                    {"by", "kernel"},
                    {"refused_forks", hits.pids_max}});
    outcome_ = LimitHit{.limit = "processes", .culprit = culprit()};
  }
  if (!outcome_) outcome_ = BoundaryLost{"PID 1 of the sandbox ended unexpectedly"};
}

void Supervisor::on_signal() {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    const int signal = static_cast<int>(info.ssi_signo);
    if (signal == SIGWINCH) {
      if (terminal_) copy_window_size(0, terminal_.get());
      continue;
    }
    record_.append("supervisor", "signal", {{"signal", ::sigabbrev_np(signal)}});
    if (held_) cgroup_.freeze(false);  // a stopped process hears nothing
    interrupted_by_ = signal;
    // The agent gets a chance to end well; who insists, or whose agent has not started, is heard at
    // once.
    if (++interrupts_ >= 3 || !agent_runs_) {
      end(Interrupted{signal});
    } else {
      sandbox_->forward_signal(signal);
    }
  }
}

void Supervisor::on_egress_event() {
  switch (egress_.hear()) {
    case EgressWatch::Heard::events:
      return;
    case EgressWatch::Heard::ended:
      // No egress, no supervision of the network: the run is cut off and ends.
      if (outcome_) return;
      record_.append("supervisor", "egress.lost", json::object());
      return end(BoundaryLost{"the egress process ended"});
    case EgressWatch::Heard::nonsense:
      return end(BoundaryLost{"the egress process no longer speaks sense"});
    case EgressWatch::Heard::flood:
      return hit("events", {{"of", "egress"}});
  }
}

// Without a network namespace: the ports that stand outside for those that the run knows.
void Supervisor::note_ports(const std::vector<UniqueFd>& listeners) {
  if (plan_.tier != TierChoice::process) return;
  for (std::size_t i = 0; i < listeners.size() && i < plan_.egress.listeners.size(); ++i) {
    sockaddr_in at{};
    socklen_t size = sizeof at;
    if (::getsockname(listeners[i].get(), reinterpret_cast<sockaddr*>(&at), &size) != 0) continue;
    ports_.emplace_back(plan_.egress.listeners[i].port, ntohs(at.sin_port));
  }
}

// What the notifications of a run without namespaces are answered by.
std::optional<NotificationWatch::Shared> Supervisor::shared_watch() const {
  if (plan_.tier != TierChoice::process) return std::nullopt;
  const std::string berm = plan_.places.berm;
  NotificationWatch::Shared shared{
      .places = {.ports = ports_,
                 .tool_socket = plan_.tools.hooked ? berm + "/tool.sock" : "",
                 .hook_program = berm + "/berm-init",
                 .directories = {}},
      .token = options_.egress != nullptr ? options_.egress->token : nullptr,
      .identity = std::nullopt};
  for (const MountOp& op : plan_.mounts) {
    const auto* bind = std::get_if<Bind>(&op);
    if (bind == nullptr || bind->device || bind->access != Access::read_write) continue;
    // As the kernel names them: what is compared are the real paths of objects.
    std::error_code gone;
    const std::filesystem::path real = std::filesystem::canonical(bind->to.str(), gone);
    if (!gone) shared.places.directories.push_back(real);
  }
  if (plan_.identity.from_root) {
    shared.identity = {plan_.identity.host_uid, plan_.identity.host_gid};
  }
  return shared;
}

void Supervisor::start_watch(InitMessage& message) {
  Result<void> watched =
      message.fds.size() == 1
          ? watch_.start(std::move(message.fds[0]), sandbox_->pid(), options_.on_exec,
                         options_.known, shared_watch())
          : Result<void>(os_error("watch connections and started programs", message.message.value));
  if (watched) return;
  // Without a reader every connection and program inside would fail: that is no run that anybody
  // asked for. Nor is one whose rules on programs nobody asks.
  if (message.message.value == 0 || options_.on_exec || plan_.tier == TierChoice::process) {
    watched.error().code = Errc::unsupported;
    return end(SetupFailed{watched.error()});
  }
  // Telemetry, not a layer: a kernel without it, or with a watcher of its own, still runs.
  record_.append("supervisor", "net.unwatched", {{"why", sentence(watched.error())}});
}

void Supervisor::record_attempts() {
  for (const json& attempt : watch_.take_attempts()) {
    record_.append("supervisor", "net.attempt", attempt);
  }
}

void Supervisor::record_execs() {
  next_execs_ = Clock::now() + kExecRest;
  const std::uint64_t before = watch_.exec_count();
  std::vector<std::string> events;
  for (ExecEvent& exec : watch_.take_execs()) {
    events.push_back(std::move(exec.data));
    tools_.on_exec(Clock::now());
    if (exec.denied) refused_ = std::move(exec.reason);
  }
  record_.append_all("supervisor", "exec", events);
  if (watch_.lost()) {
    // Nothing could be started since: what the agent made of that is not the whole story.
    if (outcome_ && std::holds_alternative<Exited>(*outcome_)) outcome_.reset();
    end(BoundaryLost{"the watch over started programs ended"});
  }
  if (before < kMostExecs && watch_.exec_count() >= kMostExecs) hit("events", {{"of", "exec"}});
}

// Densely at first: most runs are short, and a long one must not fill its record with this.
void Supervisor::record_sample(Bytes memory) {
  record_.append("supervisor", "resource.sample",
                 {{"memory", memory.count},
                  {"processes", tree_.processes},
                  {"disk", usage_.disk.count},
                  {"output", usage_.output.count}});
  next_told_ = Clock::now() + told_rest_;
  told_rest_ = std::min<Clock::duration>(told_rest_ * 2, kSlowestTold);
}

void Supervisor::sample() {
  const Clock::time_point now = Clock::now();
  if (now >= next_sample_) {
    tree_ = sample_tree(sandbox_->pid());
    next_sample_ =
        Clock::now() + std::max<Clock::duration>(kSampleEvery, (Clock::now() - now) * 10);
    const Bytes held = std::max(cgroup_.memory_now(), tree_.memory);
    usage_.memory_peak = std::max(usage_.memory_peak, held);
    if (now >= next_told_) record_sample(held);
  }
  for (const UniqueFd& fd : scratch_) {
    // The kernel has said ENOSPC already; what the agent makes of it must not hide it.
    struct statfs file_system {};
    if (::fstatfs(fd.get(), &file_system) == 0 &&
        (file_system.f_bavail == 0 || file_system.f_ffree == 0)) {
      hit("disk", {{"what", "scratch"}, {"limit_bytes", plan_.limits.scratch.count}});
    }
  }
  if (now >= next_disk_) {
    DiskSample disk = sample_disk((plan_.run_directory / "changes").str());
    nameless_ = sample_nameless(tree_.pids);
    disk.used.count += nameless_.disk.count;
    disk.used.count -= std::min(disk.used.count, disk_at_start_.count);
    usage_.disk = std::max(usage_.disk, disk.used);
    const Bytes free = free_space(plan_.run_directory.str());
    // A directory that nobody may enter hides its size: then the file system's loss counts.
    const bool lost = disk.unreadable && free < free_at_start_ &&
                      free_at_start_.count - free.count > plan_.limits.disk.count;
    if (disk.used > plan_.limits.disk || lost) {
      hit("disk", {{"used", disk.used.count}, {"limit_bytes", plan_.limits.disk.count}});
    }
    next_disk_ = Clock::now() + std::max<Clock::duration>(kDiskEvery, (Clock::now() - now) * 10);
  }
}

void Supervisor::check_limits() {
  if (outcome_) return;
  if (options_.sinks != nullptr) {
    if (const std::optional<std::string> lost = options_.sinks->lost()) {
      return end(RecordLost{*lost});
    }
  }
  if (!held_) tools_.check(Clock::now(), usage_.output.count);
  if (const std::optional<Outcome>& why = tools_.end()) {
    const auto* limit = std::get_if<LimitHit>(&*why);
    return limit == nullptr ? end(*why) : hit(limit->limit, json::object(), limit->culprit);
  }
  if (egress_.model_end() && Clock::now() >= egress_.model_end()->at) {
    hit(egress_.model_end()->limit, json::object());
  } else if (elapsed() >= plan_.limits.time) {
    hit("time", {{"limit_ms", plan_.limits.time.count()}});
  } else if (plan_.limits.idle.count() > 0 && Clock::now() - last_output_ >= plan_.limits.idle) {
    hit("idle", {{"limit_ms", plan_.limits.idle.count()}});
  } else if (usage_.output > plan_.limits.output) {
    hit("output", {{"limit_bytes", plan_.limits.output.count}});
  } else if (plan_.limits.memory_by != Strength::kernel &&
             tree_.memory.count + nameless_.memory.count > plan_.limits.memory.count) {
    hit("memory", {{"used", tree_.memory.count}, {"by", "supervised"}});
  } else if (plan_.limits.processes_by != Strength::kernel &&
             tree_.processes >= plan_.limits.processes) {
    hit("processes", {{"count", tree_.processes}, {"by", "supervised"}});
  } else if (Clock::now() >= next_hits_) {
    next_hits_ = Clock::now() + kHitsRest;
    check_hits();
  }
}

// The record's sinks are further behind than the policy allows: whatever would make an event waits
// where it is. Egress writes its events before it acts, and stops when nobody reads them; programs
// and connections wait for their notification; where there is a group of ours, all of it stops.
// Signals, limits, sinks and renewals of their tokens are served, or it would never end.
void Supervisor::check_hold() {
  const Clock::time_point now = Clock::now();
  const bool holds = options_.sinks != nullptr && !outcome_ && options_.sinks->blocks();
  if (holds || held_) {
    last_output_ = now;  // it is not idle
    const bool late = holds && held_ && now - held_since_ > kHooksHeld;
    tools_.hold(now, late ? "the run waits until its record is where the policy wants it" : "");
  }
  if (holds == held_) return;
  held_ = holds;
  held_since_ = now;
  was_held_ = true;
  watch_.hold(holds);
  cgroup_.freeze(holds);
}

// What the kernel refused or killed for. A loop that turns for every started program does not ask
// every time: on_ended_init() asks once more.
void Supervisor::check_hits() {
  const CgroupHits hits = cgroup_.hits();
  if (hits.pids_max > 0) {
    hit("processes", {{"by", "kernel"}, {"refused_forks", hits.pids_max}});
  } else if (hits.oom_kills > 0) {
    sandbox_->kill();  // v1 has no oom.group: one victim ends the run (on_ended_init records it)
  }
}

// A courtesy: a terminal that does not take it changes nothing.
void Supervisor::put_status(std::string_view text) {
  if (!status_fd_) status_fd_ = writable_copy(2);
  [[maybe_unused]] const ssize_t put = ::write(status_fd_.get(), text.data(), text.size());
}

void Supervisor::show_status() {
  if (!options_.show_status || plan_.terminal || Clock::now() < next_status_) return;
  next_status_ = Clock::now() + Milliseconds(500);
  const std::string line = fmt::format(
      "\r\x1b[2K\x1b[2mberm {} · {}s · {} processes · {} · {} denied{}\x1b[0m", plan_.run_id,
      elapsed().count() / 1000, tree_.processes, to_text(usage_.memory_peak), usage_.denied,
      held_ ? " · held: waits for the record's sinks" : "");
  status_shown_ = true;
  put_status(line);
}

void Supervisor::wait_once() {
  const bool execs_rest = Clock::now() < next_execs_;
  const bool hooks_held = held_ && Clock::now() - held_since_ <= kHooksHeld;
  std::vector<pollfd> fds = {{signals_.get(), POLLIN, 0},
                             {init_ended_ ? -1 : sandbox_->control_fd(), POLLIN, 0},
                             {held_ ? -1 : egress_.fd(), POLLIN, 0},
                             {held_ ? -1 : watch_.attempts_fd(), POLLIN, 0},
                             {options_.broker_fd ? options_.broker_fd() : -1, POLLIN, 0},
                             tools_.waits_for()[0],
                             tools_.waits_for()[1],
                             {execs_rest || held_ ? -1 : watch_.execs_fd(), POLLIN, 0},
                             {options_.sinks != nullptr ? options_.sinks->fd() : -1, POLLIN, 0}};
  if (hooks_held) fds[5].fd = -1;
  const std::size_t others = fds.size();  // before the streams
  for (const StreamPump& pump : pumps_) fds.push_back(pump.waits_for());
  // While a question stands, what is typed is its answer.
  // And the agent prints nothing: it could draw over the question, or make the terminal answer it.
  for (std::size_t i = others; tools_.asks() && i < fds.size(); ++i) fds[i].fd = -1;
  auto until = std::min({next_sample_, next_disk_, started_at_ + plan_.limits.time});
  until = std::min(until, egress_.rests_until().value_or(until));
  if (execs_rest) until = std::min(until, next_execs_);
  if (std::ranges::any_of(pumps_, &StreamPump::holds))
    until = std::min(until, Clock::now() + kQuiet);
  const auto left = std::chrono::ceil<Milliseconds>(until - Clock::now()).count();
  const int timeout = static_cast<int>(std::clamp<std::int64_t>(left, 0, 1000));
  if (::poll(fds.data(), fds.size(), timeout) < 0) return;
  if (fds[0].revents != 0) on_signal();
  const std::uint64_t before = usage_.output.count;
  for (std::size_t i = 0; i < pumps_.size() && i + others < fds.size(); ++i) {
    if (status_shown_ && fds[i + others].revents != 0 && i > 0) {
      put_status("\r\x1b[2K");
      status_shown_ = false;
    }
    pumps_[i].pump(fds[i + others].revents);
    if (fds[i + others].revents == 0) pumps_[i].pass_held(kQuiet);
  }
  usage_.output.count = 0;
  for (std::size_t i = 1; i < pumps_.size(); ++i) usage_.output.count += pumps_[i].bytes();
  if (usage_.output.count != before) last_output_ = Clock::now();
  if (fds[1].revents != 0) on_init_message();
  if (fds[2].revents != 0) on_egress_event();
  // What ran so far comes before what its tool call says next.
  if ((fds[5].revents | fds[6].revents | fds[7].revents) != 0) record_execs();
  tools_.on_ready(fds[5].revents, fds[6].revents);
  if (tools_.take_interrupt()) ::kill(::getpid(), SIGINT);
  if (tools_.take_redraw() && terminal_) sandbox_->forward_signal(SIGWINCH);
  if (fds[3].revents != 0) record_attempts();
  if (fds[8].revents != 0) options_.sinks->hear();
  if (fds[4].revents != 0) {
    if (const Result<void> kept = options_.on_broker(); !kept) {
      end(BoundaryLost{"the keeper of the run's credentials: " + sentence(kept.error())});
    }
  }
}

void Supervisor::loop() {
  while (!init_ended_) {
    wait_once();
    if (init_ended_) break;
    sample();
    check_hold();
    check_limits();
    record_.tick();
    show_status();
  }
  // Every writer is dead: what is in the pipes is all there will be. The output limit still counts.
  const Clock::time_point drained = Clock::now() + Milliseconds(5000);
  if (!pumps_.empty()) pumps_[0].close();
  while (Clock::now() < drained) {
    std::vector<pollfd> fds;
    for (const StreamPump& pump : pumps_) fds.push_back(pump.waits_for());
    if (std::ranges::all_of(fds, [](const pollfd& p) { return p.fd < 0; })) break;
    if (::poll(fds.data(), fds.size(), 100) < 0 && errno != EINTR) break;
    for (std::size_t i = 0; i < pumps_.size(); ++i) pumps_[i].pump(fds[i].revents);
    if (terminal_ && std::ranges::all_of(fds, [](const pollfd& p) { return p.revents == 0; })) {
      break;
    }
  }
}

void Supervisor::finish() {
  usage_.wall = elapsed();
  if (status_shown_) put_status("\r\x1b[2K");
  if (std::ranges::any_of(pumps_, &StreamPump::in_line)) put_status("\n");
  raw_ = RawTerminal();
  if (sandbox_) {
    // After a failed start berm-init still waits for its release; nothing else would end it.
    if (!init_ended_) sandbox_->kill();
    if (const Result<ChildProcess::Ended> ended = sandbox_->wait()) {
      const auto ms = [](const timeval& t) { return t.tv_sec * 1000 + t.tv_usec / 1000; };
      usage_.cpu = Milliseconds(ms(ended->usage.ru_utime) + ms(ended->usage.ru_stime));
    }
  }
  usage_.memory_peak = std::max(usage_.memory_peak, cgroup_.memory_peak());
  usage_.tool_calls = tools_.calls();
  usage_.tool_denied = tools_.denied();
  watch_.stop(kDigestGrace);
  if (watch_.attempts_fd() >= 0) {
    record_attempts();
    record_execs();
  }
  egress_.hear_the_rest(Milliseconds(was_held_ ? 50 : 0));
  const bool by_itself = !outcome_ || std::holds_alternative<Exited>(*outcome_) ||
                         std::holds_alternative<Killed>(*outcome_);
  if (egress_.model_end() && by_itself) {
    outcome_.reset();
    hit(egress_.model_end()->limit, json::object());
  }
  if (!outcome_) outcome_ = BoundaryLost{"the run ended without an outcome"};
}

}  // namespace

Result<Supervision> supervise(const Plan& plan, RecordFile& record,
                              const SuperviseOptions& options) {
  return Supervisor(plan, record, options).run();
}

}  // namespace berm
