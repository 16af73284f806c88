#include "remote/run.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <future>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/text.h"
#include "cluster/watch.h"
#include "egress/start.h"
#include "plan/print.h"
#include "pod/line.h"
#include "pod/place.h"
#include "record/canonical.h"
#include "record/sha256.h"
#include "remote/fate.h"
#include "remote/follow.h"
#include "remote/objects.h"
#include "remote/pod_record.h"
#include "remote/report.h"
#include "remote/transfer.h"
#include "supervise/sink_watch.h"
#include "supervise/streams.h"

namespace berm {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::chrono::minutes kStartPatience{10};
constexpr std::chrono::hours kQueuePatience{24};
// The links outlive the run by as much as its pods do.
constexpr std::chrono::hours kLinkLonger{2};
// What berm in the pod may be late by with the end of a run that is out of time.
constexpr std::chrono::minutes kLateEnd{5};
constexpr seconds kGonePatience{15};
constexpr seconds kAttachPatience{20};
constexpr seconds kListPatience{5};
constexpr int kMostInterrupts = 3;

struct Pods {
  PodFate agent;
  PodFate egress;
};

// One run, as its caller sees it. Each stage is a method; run() is the page to read.
class RemoteRun {
 public:
  RemoteRun(const Plan& plan, RecordFile& record, const RemoteRunOptions& options)
      : plan_(plan), record_(record), options_(options) {}
  ~RemoteRun();
  RemoteRun(const RemoteRun&) = delete;
  RemoteRun& operator=(const RemoteRun&) = delete;

  Result<RemoteEnd> run();

 private:
  [[nodiscard]] Outcome why_not_started(Error error);
  Result<void> watch_signals();
  Result<void> make_objects();
  void watch_pods();
  Result<void> find_pods();
  Result<RemoteEnd> attach();
  RemoteEnd conclude(Result<void> done, bool started);
  Result<void> await_pods();
  Result<void> try_network();
  Result<void> send_workspace();
  Result<void> start();
  Result<void> attend();
  Result<void> fetch();
  void clean_up();

  [[nodiscard]] Pods pods();
  [[nodiscard]] bool interrupted();
  /// An Error when the run cannot go on: interrupted, or a pod has ended.
  Result<void> check_alive();
  Result<void> check_pods_live();
  /// Sleeps until something has happened, or for `time`.
  void rest(milliseconds time);
  /// Until `ready` says so; the pods' hopelessness, an interrupt and time end it.
  Result<void> await(const std::string& what, Clock::duration patience,
                     const std::function<bool(const Pods&)>& ready);
  Result<void> turn(std::vector<StreamPump>& pumps);
  void hear_record();
  void check_pods();
  void check_time();
  void on_signal();
  void end(Outcome outcome);
  void show(const std::string& what);
  Result<void> renew(std::size_t credential, const Secret& value);

  const Plan& plan_;
  RecordFile& record_;
  const RemoteRunOptions& options_;
  std::optional<ClusterClient> cluster_;
  std::optional<PodChannel> channel_;
  std::unique_ptr<ObjectWatch> watch_;
  LinkEnd own_;
  bool made_ = false;
  kubernetes::Owner owner_;
  UniqueFd signals_;
  sigset_t mask_before_{};
  UniqueFd wake_;
  int interrupts_ = 0;
  std::optional<PodRecord> pod_record_;
  UniqueFd record_pipe_;
  std::optional<Outcome> outcome_;
  Usage usage_;
  Clock::time_point started_at_;
  std::optional<Clock::time_point> gone_since_;
  json ending_;
  std::string left_;
};

RemoteRun::~RemoteRun() {
  if (signals_) ::pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
}

// Blocked before there is a thread: they come by the descriptor alone.
Result<void> RemoteRun::watch_signals() {
  sigset_t watched;
  ::sigemptyset(&watched);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&watched, signal);
  ::pthread_sigmask(SIG_BLOCK, &watched, &mask_before_);
  signals_ = UniqueFd(::signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK));
  wake_ = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!signals_ || !wake_) return os_error("watch for signals");
  return {};
}

void RemoteRun::show(const std::string& what) {
  if (!options_.show_status) return;
  const std::string line = fmt::format("\r\x1b[2K\x1b[2mberm {} · {}\x1b[0m", plan_.run_id, what);
  [[maybe_unused]] const ssize_t put = ::write(2, line.data(), line.size());
}

std::string socket_text(const std::string& address, std::uint16_t port) {
  return address.find(':') == std::string::npos ? fmt::format("{}:{}", address, port)
                                                : fmt::format("[{}]:{}", address, port);
}

kubernetes::RunMaterial link_files(const Link& caller, const Link& agent) {
  const auto files = [](const LinkEnd& end, const std::string& prefix) {
    return std::map<std::string, std::string>{{prefix + "ca.crt", end.authority},
                                              {prefix + "tls.crt", end.certificate},
                                              {prefix + "tls.key", std::string(end.key.reveal())}};
  };
  kubernetes::RunMaterial out;
  out.agent_files = files(agent.server, "");
  out.egress_files = files(caller.server, pod::kCallerPrefix);
  out.egress_files.merge(files(agent.client, pod::kAgentPrefix));
  return out;
}

Result<void> RemoteRun::make_objects() {
  show("makes its objects in the cluster");
  const auto valid = std::chrono::ceil<seconds>(plan_.limits.time) + kQueuePatience + kLinkLonger;
  Link caller = BERM_TRY(make_link(pod::kEgressName, valid));
  const Link agent = BERM_TRY(make_link(pod::kAgentName, valid));
  kubernetes::RunMaterial material = link_files(caller, agent);
  own_ = std::move(caller.client);
  if (options_.on_link) BERM_TRY(options_.on_link(own_));
  EgressConfiguration configuration = BERM_TRY(egress_configuration(plan_));
  // The proxy of this host leads nowhere from there.
  configuration.proxy.reset();
  material.egress_files["configuration.json"] = to_json(configuration).dump();
  for (std::size_t i = 0; i < options_.secrets.size(); ++i) {
    material.egress_files[fmt::format("credential-{}", i)] =
        std::string(options_.secrets[i]->reveal());
  }
  material.plan_digest = "sha256:" + sha256_hex(canonical(to_json(plan_)));
  material.shutdown_time = shutdown_time(plan_);
  made_ = true;
  Result<kubernetes::Owner> applied = apply_run(*cluster_, plan_, material);
  for (auto& [name, bytes] : material.egress_files) ::explicit_bzero(bytes.data(), bytes.size());
  if (applied) owner_ = *std::move(applied);
  return applied ? Result<void>() : tl::unexpected(applied.error());
}

Pods RemoteRun::pods() {
  Pods out;
  if (!watch_) return out;
  for (const auto& [name, watched] : watch_->objects()) {
    const json& labels = watched.object["metadata"].value("labels", json::object());
    const std::string role = pod::text_in(labels, kubernetes::kRoleLabel);
    const PodFate fate = fate_of(watched.object, watched.deleted);
    // A Job's pod that was never started may have been replaced: the living one counts.
    PodFate& kept = role == "agent" ? out.agent : out.egress;
    if (role.empty() || (fate.stage == PodFate::Stage::ended && !kept.name.empty())) continue;
    kept = fate;
  }
  return out;
}

void RemoteRun::rest(milliseconds time) {
  pollfd fds[2] = {{wake_.get(), POLLIN, 0}, {signals_.get(), POLLIN, 0}};
  if (::poll(fds, 2, static_cast<int>(time.count())) <= 0) return;
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(wake_.get(), &count, sizeof count);
}

bool RemoteRun::interrupted() {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    ++interrupts_;
    record_.append("supervisor", "signal",
                   {{"signal", ::sigabbrev_np(static_cast<int>(info.ssi_signo))}});
    if (!outcome_) outcome_ = Interrupted{static_cast<int>(info.ssi_signo)};
  }
  return interrupts_ > 0;
}

Result<void> RemoteRun::check_pods_live() {
  record_.tick();
  const Pods now = pods();
  for (const PodFate* one : {&now.agent, &now.egress}) {
    if (one->stage != PodFate::Stage::ended) continue;
    return failure(Errc::kernel,
                   fmt::format("go on: the pod '{}' ended ({})", one->name, one->reason));
  }
  return {};
}

Result<void> RemoteRun::check_alive() {
  if (interrupted()) return failure(Errc::denied, "go on: interrupted");
  return check_pods_live();
}

Result<void> RemoteRun::await(const std::string& what, Clock::duration patience,
                              const std::function<bool(const Pods&)>& ready) {
  const auto until = Clock::now() + patience;
  for (;;) {
    const Pods now = pods();
    if (ready(now)) return {};
    if (interrupted()) return failure(Errc::denied, "go on: interrupted");
    for (const PodFate* one : {&now.egress, &now.agent}) {
      const bool ended = one->stage == PodFate::Stage::ended;
      if (!ended && !one->hopeless) continue;
      const std::string why = ended ? fmt::format("{} {}", one->reason, one->message) : one->waits;
      return failure(Errc::unsupported, fmt::format("start the pod '{}': {}", one->name, why),
                     one->hopeless && why.find("mage") != std::string::npos
                         ? "see that the nodes may pull [kubernetes] image (pull_secrets)"
                         : fmt::format("kubectl describe pod -n {} {}",
                                       plan_.kubernetes->name_space, one->name));
    }
    std::string waits = now.agent.waits.empty() ? now.egress.waits : now.agent.waits;
    const std::string trouble = watch_ ? watch_->trouble() : "";
    if (!trouble.empty()) waits = "the pods cannot be seen: " + trouble;
    show(fmt::format("waits for {}{}{}", what, waits.empty() ? "" : ": ", waits));
    record_.tick();
    if (Clock::now() >= until) {
      return failure(
          Errc::busy,
          fmt::format("start the run: {} took too long{}{}", what, waits.empty() ? "" : ": ",
                      waits),
          fmt::format("kubectl describe job,pod -n {} -l {}={}", plan_.kubernetes->name_space,
                      kubernetes::kRunLabel, plan_.run_id));
    }
    rest(milliseconds(500));
  }
}

void RemoteRun::watch_pods() {
  watch_ = std::make_unique<ObjectWatch>(
      *cluster_, fmt::format("/api/v1/namespaces/{}/pods", plan_.kubernetes->name_space),
      fmt::format("{}%3D{}", kubernetes::kRunLabel, plan_.run_id), [this] {
        const std::uint64_t one = 1;
        [[maybe_unused]] const ssize_t put = ::write(wake_.get(), &one, sizeof one);
      });
}

Result<void> RemoteRun::await_pods() {
  const std::string& name_space = plan_.kubernetes->name_space;
  watch_pods();
  const auto runs = [](const PodFate& pod) {
    return pod.stage == PodFate::Stage::running && !pod.address.empty();
  };
  if (!plan_.kubernetes->queue.empty()) {
    BERM_TRY(await("its turn in the queue", kQueuePatience,
                   [](const Pods& now) { return now.agent.stage != PodFate::Stage::absent; }));
    BERM_TRY(apply_egress_pod(*cluster_, plan_, owner_));
  }
  BERM_TRY(await("its pods", kStartPatience,
                 [&](const Pods& now) { return runs(now.egress) && runs(now.agent); }));
  const Pods now = pods();
  channel_ = BERM_TRY(PodChannel::create(*cluster_, name_space, now.egress.name, own_));
  const std::string address = socket_text(now.agent.address, kubernetes::kAgentPort);
  std::string why;
  const bool has_egress = plan_.egress.any();
  // A pod runs before the program in it listens.
  const Result<void> met = await("its pods to meet", kStartPatience, [&](const Pods&) {
    Result<json> told = channel_->ask({{"call", "agent"}, {"address", address}});
    if (told) told = channel_->ask({{"call", "status"}});
    if (!told) why = sentence(told.error());
    return told && (!has_egress || told->value("egress", json(false)) == true);
  });
  if (!met && !why.empty() && !outcome_) {
    Error error = met.error();
    error.what += "; " + why;
    return tl::unexpected(std::move(error));
  }
  return met;
}

// The cluster's own part is tried like every other layer: the egress pod listens, as we know, and
// the agent's pod must not reach it.
Result<void> RemoteRun::try_network() {
  if (plan_.kubernetes->unenforced_network) return {};
  const std::string address = socket_text(pods().egress.address, kubernetes::kEgressPort);
  Result<json> tried = channel_->ask({{"call", "probe"}, {"address", address}});
  const auto lives = [this] {
    const Pods now = pods();
    return now.agent.stage == PodFate::Stage::running &&
           now.egress.stage == PodFate::Stage::running;
  };
  for (int again = 0; !tried && tried.error().code != Errc::denied && again < 5 && lives();
       ++again) {
    std::this_thread::sleep_for(milliseconds(500));
    tried = channel_->ask({{"call", "probe"}, {"address", address}});
  }
  if (!tried) return tl::unexpected(std::move(tried.error()));
  if (tried->value("reached", json()) == false) return {};
  return failure(Errc::denied,
                 "start the run: the cluster's network does not enforce NetworkPolicies; the "
                 "agent's pod can connect to others",
                 "use a network that does (Calico, Cilium, …), or accept it by [kubernetes] "
                 "unenforced_network = true");
}

Result<void> RemoteRun::send_workspace() {
  return send_file(*channel_, options_.input,
                   [this](std::uint64_t sent, std::uint64_t size) -> Result<void> {
                     show(fmt::format("sends the workspace: {} of {}", to_text(Bytes{sent}),
                                      to_text(Bytes{size})));
                     return check_alive();
                   });
}

Result<void> RemoteRun::start() {
  const std::string digest = BERM_TRY(sha256_of_file(options_.input));
  const json call = {{"call", "start"}, {"run", plan_.run_id}, {"sha256", digest}};
  Result<json> started = channel_->ask(call);
  for (int again = 0; !started && started.error().code != Errc::denied && again < 5; ++again) {
    BERM_TRY(check_alive());
    rest(milliseconds(500));
    started = channel_->ask(call);
  }
  if (!started) return tl::unexpected(started.error());
  const Pods now = pods();
  record_.append("supervisor", "pod.start",
                 {{"namespace", plan_.kubernetes->name_space},
                  {"agent", now.agent.name},
                  {"agent_image", now.agent.image},
                  {"egress", now.egress.name},
                  {"egress_image", now.egress.image},
                  {"node", now.agent.node},
                  {"server", cluster_->server()}});
  started_at_ = Clock::now();
  return {};
}

void RemoteRun::end(Outcome outcome) {
  if (!outcome_) outcome_ = std::move(outcome);
}

// Berm in the pod passes it to the agent, and ends that at the third, as everywhere; who insists
// still more waits for no pod.
void RemoteRun::on_signal() {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    if (++interrupts_ > kMostInterrupts) {
      return end(Interrupted{static_cast<int>(info.ssi_signo)});
    }
    (void)channel_->ask({{"call", "signal"}, {"number", info.ssi_signo}});
  }
}

void RemoteRun::hear_record() {
  char bytes[64 << 10];
  const ssize_t got = ::read(record_pipe_.get(), bytes, sizeof bytes);
  if (got < 0 && errno == EINTR) return;
  if (got <= 0) return record_pipe_.reset();
  const Result<void> taken = pod_record_->take({bytes, static_cast<std::size_t>(got)});
  if (taken) return;
  record_pipe_.reset();
  end(BoundaryLost{sentence(taken.error())});
}

// A pod that is gone may have ended as it should: what it said before is heard first.
void RemoteRun::check_pods() {
  const Pods now = pods();
  const bool agent_gone = now.agent.stage == PodFate::Stage::ended;
  const bool egress_gone = now.egress.stage == PodFate::Stage::ended;
  if (!agent_gone && !egress_gone) return;
  if (!gone_since_) gone_since_ = Clock::now();
  if (Clock::now() - *gone_since_ < kGonePatience && agent_gone && !egress_gone &&
      now.agent.reason == "Completed") {
    return;
  }
  if (agent_gone) {
    end(outcome_of(now.agent, pod_record_->last()));
  } else {
    end(BoundaryLost{fmt::format("the egress pod ended ({})", now.egress.reason)});
  }
}

void RemoteRun::check_time() {
  if (Clock::now() - started_at_ < plan_.limits.time + kLateEnd) return;
  end(LimitHit{"time", "berm in the pod did not end the run"});
}

Result<void> RemoteRun::renew(std::size_t credential, const Secret& value) {
  return send_secret(*channel_, credential, value);
}

Result<void> RemoteRun::turn(std::vector<StreamPump>& pumps) {
  std::vector<pollfd> fds = {{signals_.get(), POLLIN, 0},
                             {wake_.get(), POLLIN, 0},
                             {record_pipe_ ? record_pipe_.get() : -1, POLLIN, 0},
                             {options_.broker_fd ? options_.broker_fd() : -1, POLLIN, 0},
                             {options_.sinks != nullptr ? options_.sinks->fd() : -1, POLLIN, 0}};
  const std::size_t others = fds.size();
  for (const StreamPump& pump : pumps) fds.push_back(pump.waits_for());
  if (::poll(fds.data(), fds.size(), 250) < 0) return {};
  if (fds[0].revents != 0) on_signal();
  if (fds[1].revents != 0) rest({});
  if (fds[2].revents != 0) hear_record();
  for (std::size_t i = 0; i < pumps.size(); ++i) {
    pumps[i].pump(fds[others + i].revents);
    if (fds[others + i].revents == 0) pumps[i].pass_held(milliseconds(100));
  }
  if (fds[4].revents != 0) options_.sinks->hear();
  if (options_.sinks != nullptr) {
    if (const std::optional<std::string> lost = options_.sinks->lost()) end(RecordLost{*lost});
  }
  if (fds[3].revents != 0) {
    BERM_TRY(options_.on_broker(
        [this](std::size_t credential, const Secret& value) { return renew(credential, value); }));
  }
  check_pods();
  check_time();
  record_.tick();
  return {};
}

// Until the agent's pod has said all, or cannot.
Result<void> RemoteRun::attend() {
  RunFollower follower;
  RunFollower::Pipes pipes = BERM_TRY(follower.start(*channel_));
  record_pipe_ = std::move(pipes.record);
  std::vector<StreamPump> pumps;
  pumps.emplace_back(std::move(pipes.out), writable_copy(options_.stdout_fd),
                     passing_to(options_.stdout_fd));
  pumps.emplace_back(std::move(pipes.err), writable_copy(2), passing_to(2));
  for (StreamPump& pump : pumps) {
    if (options_.known != nullptr) pump.hide(*options_.known, Patterns::none);
  }
  const auto all_said = [&] {
    return !record_pipe_ && std::ranges::all_of(pumps, &StreamPump::done);
  };
  Result<void> turned;
  while (turned && !outcome_ && !all_said()) turned = turn(pumps);
  pumps.clear();
  record_pipe_.reset();
  usage_.wall = std::chrono::duration_cast<Milliseconds>(Clock::now() - started_at_);
  return turned;
}

Result<void> RemoteRun::fetch() {
  show("fetches the changes");
  for (int again = 0;; ++again) {
    Result<json> status = channel_->ask({{"call", "status"}});
    const bool ended = status && status->value("state", json()) == "ended";
    if (ended) ending_ = status->value("ending", json::object());
    if (ended && !ending_.is_object()) ending_ = json::object();  // whatever a pod says
    if (ended) break;
    const Pods now = pods();
    if (now.agent.stage == PodFate::Stage::ended) end(outcome_of(now.agent, pod_record_->last()));
    if (outcome_) return {};
    if (again >= 60) {
      return failure(Errc::kernel, "hear how the run ended: the pod does not answer");
    }
    rest(milliseconds(500));
  }
  const json report = ending_.value("report", json());
  const std::optional<Outcome> told = reported_outcome(report);
  if (told) {
    outcome_ = *told;
    const Milliseconds wall = usage_.wall;
    usage_ = reported_usage(report);
    if (usage_.wall.count() == 0) usage_.wall = wall;
  } else {
    end(BoundaryLost{"berm in the agent's pod died"});
  }
  const json result = ending_.value("result", json());
  const bool ran = outcome_ && !std::holds_alternative<SetupFailed>(*outcome_);
  if (!result.is_object() && ran) {
    return failure(Errc::denied, "fetch the changes: berm in the pod could not return them");
  }
  if (!result.is_object()) return {};
  return fetch_file(*channel_, options_.result, pod::number_in(result, "size"),
                    pod::text_in(result, "sha256"), 4 * plan_.limits.disk.count,
                    [this](std::uint64_t have, std::uint64_t size) -> Result<void> {
                      show(fmt::format("fetches the changes: {} of {}", to_text(Bytes{have}),
                                       to_text(Bytes{size})));
                      return check_pods_live();
                    });
}

// What broke the connection is the better reason, if it is a pod's end; the cluster tells it a
// moment later.
Outcome RemoteRun::why_not_started(Error error) {
  for (int i = 0; i < 8 && error.code == Errc::kernel && channel_; ++i) {
    const Pods now = pods();
    for (const PodFate* one : {&now.agent, &now.egress}) {
      if (one->stage != PodFate::Stage::ended) continue;
      error.what = fmt::format("start the run: the pod '{}' ended ({}{}{})", one->name, one->reason,
                               one->message.empty() ? "" : ": ", one->message);
      return SetupFailed{std::move(error)};
    }
    rest(milliseconds(250));
  }
  return SetupFailed{std::move(error)};
}

void RemoteRun::clean_up() {
  if (channel_ && ending_.is_object()) (void)channel_->ask({{"call", "end"}});
  const Pods now = pods();
  watch_.reset();
  if (!made_) return;
  const Result<void> removed =
      remove_run(*cluster_, plan_.kubernetes->name_space, kubernetes::object_name(plan_));
  record_.append("supervisor", "pod.end",
                 {{"reason", now.agent.reason},
                  {"message", now.agent.message},
                  {"events", pod_record_ ? pod_record_->count() : 0},
                  {"head", pod_record_ ? pod_record_->head() : ""},
                  {"requests", cluster_->requests()},
                  {"removed", removed.has_value()},
                  {"why", removed ? "" : sentence(removed.error())}});
  if (!removed) left_ = sentence(removed.error());
}

// What has ended is told; what is not reached is left, for another try.
Result<void> RemoteRun::find_pods() {
  watch_pods();
  const auto begun = Clock::now();
  const std::string& name_space = plan_.kubernetes->name_space;
  for (std::string why;; rest(milliseconds(500))) {
    const Pods now = pods();
    if (interrupted()) return failure(Errc::denied, "attach: interrupted; the run goes on");
    const bool ended =
        now.agent.stage == PodFate::Stage::ended || now.egress.stage == PodFate::Stage::ended;
    if (ended && now.agent.stage == PodFate::Stage::ended) {
      return end(outcome_of(now.agent, "")), Result<void>();
    }
    if (ended) {
      end(BoundaryLost{fmt::format("the egress pod ended ({})", now.egress.reason)});
      return {};
    }
    const bool both = !now.agent.address.empty() && !now.egress.address.empty();
    const std::string trouble = watch_->trouble();
    if (both && !channel_) {
      channel_ = BERM_TRY(PodChannel::create(*cluster_, name_space, now.egress.name, own_));
    }
    const Result<json> status = both ? channel_->ask({{"call", "status"}})
                                     : Result<json>(failure(Errc::kernel, "see both pods"));
    if (status) {
      if (status->value("state", json()) != "waiting") return {};
      end(SetupFailed{{.code = Errc::denied, .what = "attach: the agent was never started"}});
      return {};
    }
    why = sentence(status.error());
    const bool gone = trouble.empty() && now.agent.stage == PodFate::Stage::absent &&
                      now.egress.stage == PodFate::Stage::absent;
    if (Clock::now() - begun < (gone ? kListPatience : kAttachPatience)) continue;
    if (!trouble.empty()) return failure(Errc::busy, "attach: the pods cannot be seen: " + trouble);
    if (both) return failure(Errc::busy, "attach: " + why);
    end(BoundaryLost{"the run's pods are gone from the cluster"});
    return {};
  }
}

Result<RemoteEnd> RemoteRun::attach() {
  own_ = std::move(options_.attach->link);
  made_ = true;
  BERM_TRY(find_pods());
  started_at_ = Clock::now() - options_.attach->elapsed;
  return conclude({}, true);
}

Result<RemoteEnd> RemoteRun::run() {
  BERM_TRY(watch_signals());
  cluster_ = BERM_TRY(ClusterClient::open(""));
  pod_record_ = BERM_TRY(
      PodRecord::create(plan_.run_id, (plan_.run_directory / "pod-record.jsonl").str(), record_,
                        options_.attach != nullptr ? options_.attach->passed_on : 0));
  // A server that cannot be reached at all is not waited for.
  cluster_->set_patience(seconds(3));
  Result<ClusterAnswer> version = cluster_->get("/version");
  if (!version) return tl::unexpected(version.error());
  cluster_->set_patience(seconds(60));
  if (options_.attach != nullptr) return attach();
  Result<void> done = make_objects();
  if (done) done = await_pods();
  // Beside each other: a connection that is dropped takes its time.
  std::future<Result<void>> held = std::async(done ? std::launch::async : std::launch::deferred,
                                              [this] { return try_network(); });
  if (done) done = send_workspace();
  if (done) done = held.get();
  if (done) done = start();
  const bool started = done.has_value();
  return conclude(std::move(done), started);
}

RemoteEnd RemoteRun::conclude(Result<void> done, bool started) {
  if (done && !outcome_) done = attend();
  const bool attended = done && !outcome_;
  if (attended) done = fetch();
  // A run whose changes are not here did not change nothing.
  if (!done && attended) outcome_ = BoundaryLost{sentence(done.error())};
  if (!done && !started && !outcome_) outcome_ = why_not_started(done.error());
  if (!done && !outcome_) outcome_ = BoundaryLost{sentence(done.error())};
  clean_up();
  if (options_.show_status) [[maybe_unused]]
    const ssize_t put = ::write(2, "\r\x1b[2K", 5);
  if (!outcome_) outcome_ = BoundaryLost{"the run ended without an outcome"};
  return {.supervision = {.outcome = *outcome_, .usage = usage_}, .left = left_};
}

}  // namespace

Result<RemoteEnd> run_remotely(const Plan& plan, RecordFile& record,
                               const RemoteRunOptions& options) {
  return RemoteRun(plan, record, options).run();
}

}  // namespace berm
