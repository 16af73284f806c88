#include "egress/worker.h"

#include <sched.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <thread>

#include "egress/client.h"
#include "egress/dns_server.h"
#include "egress/refusal.h"

namespace berm {
namespace {

constexpr std::size_t kMostHandshakes = 1024;  // past it, the oldest gives way (slow loris)
constexpr int kMostHttpThreads = 192;
constexpr int kMostModelThreads =
    64;  // their own: whoever crowds the proxy does not silence the agent
constexpr std::chrono::seconds kHandshakePatience{30};
constexpr std::chrono::milliseconds kSweepEvery{5000};

}  // namespace

// One listener, watched by each worker; EPOLLEXCLUSIVE wakes one of them.
class Worker::Acceptor : public Loop::Handler {
 public:
  Acceptor(Worker& worker, int fd, const Listener& listener)
      : worker_(worker), fd_(fd), listener_(listener) {}

  void on_ready(unsigned, std::uint32_t) override {
    if (listener_.kind == ListenerKind::dns_udp) return serve_dns(worker_.gate(), fd_);
    for (int i = 0; i < 64 && !worker_.paused_; ++i) {
      UniqueFd client(::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (!client) {
        if (errno == EMFILE || errno == ENFILE) worker_.pause();
        return;
      }
      worker_.add_client(std::move(client), listener_);
    }
  }

  void listen() {
    if (!worker_.loop().watch(fd_, EPOLLIN | EPOLLEXCLUSIVE, *this)) worker_.loop().stop();
  }
  void silence() { worker_.loop().forget(fd_); }

 private:
  Worker& worker_;
  int fd_;  ///< the process's own, for ever
  Listener listener_;
};

Worker::Worker(std::unique_ptr<Loop> loop, EgressShared& shared, const std::vector<int>& listeners)
    : loop_(std::move(loop)),
      shared_(shared),
      connector_(*loop_, shared.gate, shared.resolver),
      most_connections_(shared.most_connections) {
  const std::vector<Listener>& kinds = shared.gate.configuration().listeners;
  for (std::size_t i = 0; i < listeners.size(); ++i) {
    acceptors_.push_back(std::make_shared<Acceptor>(*this, listeners[i], kinds[i]));
  }
}

Worker::~Worker() = default;

void Worker::run() {
  for (const std::shared_ptr<Acceptor>& acceptor : acceptors_) acceptor->listen();
  loop_->run();
}

void Worker::stop_accepting() {
  loop_->post([this] {
    draining_ = true;
    if (!paused_) {
      for (const std::shared_ptr<Acceptor>& acceptor : acceptors_) acceptor->silence();
    }
  });
}

void Worker::pause() {
  if (paused_ || draining_) return;
  paused_ = true;
  for (const std::shared_ptr<Acceptor>& acceptor : acceptors_) acceptor->silence();
  loop_->after(std::chrono::milliseconds(100), [this] { resume(); });
}

void Worker::resume() {
  if (!paused_ || draining_) return;
  paused_ = false;
  if (clients_.size() + relays_.size() >= most_connections_) return pause();
  for (const std::shared_ptr<Acceptor>& acceptor : acceptors_) acceptor->listen();
}

void Worker::add_client(UniqueFd fd, const Listener& listener) {
  ++shared_.live;
  make_room();
  const std::uint64_t id = next_client_++;
  const auto client = std::make_shared<Client>(*this, id, std::move(fd), listener);
  clients_.emplace(id, client);
  client->start();
  if (clients_.size() + relays_.size() >= most_connections_) pause();
  if (!sweeping_) {
    sweeping_ = true;
    loop_->after(kSweepEvery, [this] { sweep(); });
  }
}

// A crowd that connects and says nothing must not keep anybody else out.
void Worker::make_room() {
  if (clients_.size() < kMostHandshakes) return;
  drop(*clients_.begin()->second);
}

void Worker::drop(Client& client) {
  const auto found = clients_.find(client.id());
  if (found == clients_.end()) return;
  std::shared_ptr<Client> dropped = std::move(found->second);
  clients_.erase(found);
  --shared_.live;
  dropped->close();
  loop_->bury(std::move(dropped));
}

void Worker::start_relay(Relay::Ends ends, std::string early, Admission admission) {
  ++shared_.live;
  const auto relay =
      std::make_shared<Relay>(*loop_, shared_.gate, pipes_, std::move(ends), std::move(early),
                              std::move(admission), [this](Relay& ended) {
                                const auto found = relays_.find(&ended);
                                if (found == relays_.end()) return;
                                loop_->bury(std::move(found->second));
                                relays_.erase(found);
                                --shared_.live;
                              });
  relays_.emplace(relay.get(), relay);
  relay->start();
}

void Worker::start_http(UniqueFd client, std::string early, HttpTask task) {
  const bool model = task.kind == HttpTask::Kind::model || task.kind == HttpTask::Kind::telemetry;
  std::atomic<int>& threads = model ? model_threads_ : http_threads_;
  const int most = model ? kMostModelThreads : kMostHttpThreads;
  const int client_fd = client.release();
  bool started = false;
  if (threads < most) {
    ++threads;
    ++shared_.live;
    // From this thread, so that the new one shares this worker's descriptors. Throws where the
    // system has no thread left.
    try {
      std::thread([this, &threads, client_fd, early = std::move(early),
                   task = std::move(task)]() mutable {
        speak_http(UniqueFd(client_fd), std::move(early), std::move(task));
        --threads;
        --shared_.live;
      }).detach();
      started = true;
    } catch (const std::system_error&) {
      --threads;
      --shared_.live;
    }
  }
  if (started) return;
  const UniqueFd refused(client_fd);
  const std::string text =
      http_refusal("503 Service Unavailable", "busy", "too many connections speak HTTP at once");
  ::send(refused.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

// On a thread of its own.
void Worker::speak_http(UniqueFd client, std::string early, HttpTask task) {
  const auto connect = [this](const Admission& admission) {
    std::promise<Result<Dialled>> promise;
    std::future<Result<Dialled>> result = promise.get_future();
    loop_->post([&] {
      connector_.connect(admission, [&](Result<Dialled> dialled) {
        if (dialled) loop_->forget(dialled->fd.get());
        promise.set_value(std::move(dialled));
      });
    });
    return result.get();
  };
  const HttpContext context{
      .gate = shared_.gate,
      .upstream = shared_.http,
      .secrets = shared_.secrets,
      .meter = shared_.meter,
      .tool_results = shared_.tool_results,
      .connect = connect,
      .is_crowded = [this] { return http_threads_ > kMostHttpThreads * 2 / 3; }};
  serve_http(context, std::move(client), std::move(early), std::move(task));
}

void Worker::sweep() {
  sweeping_ = !clients_.empty() || !relays_.empty();
  const Loop::Clock::time_point now = Loop::Clock::now();
  while (!clients_.empty() && now - clients_.begin()->second->since() > kHandshakePatience) {
    drop(*clients_.begin()->second);
  }
  std::vector<std::shared_ptr<Relay>> relays;
  for (const auto& [key, relay] : relays_) relays.push_back(relay);
  for (const std::shared_ptr<Relay>& relay : relays) relay->close_if_idle(now);
  if (sweeping_) loop_->after(kSweepEvery, [this] { sweep(); });
}

}  // namespace berm
