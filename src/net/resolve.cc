#include "net/resolve.h"

#include <ares.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>

#include <algorithm>
#include <thread>

#include "base/host_name.h"
#include "base/text.h"
#include "sys/fd.h"
#include "sys/socket_address.h"

namespace berm {
namespace {

constexpr std::size_t kThreads = 8;
constexpr std::size_t kMostWaiting = 4096;
constexpr std::size_t kMostKnown = 4096;

struct Lookup {
  int status = ARES_ETIMEOUT;
  bool done = false;
  int ttl = 60;
  std::vector<IpAddress> addresses;
};

void add_address(const ares_addrinfo_node& node, Lookup& lookup) {
  const std::optional<IpAddress> address = ip_of(*node.ai_addr);
  if (!address) return;
  lookup.ttl = std::min(lookup.ttl, node.ai_ttl);
  if (std::ranges::find(lookup.addresses, *address) == lookup.addresses.end()) {
    lookup.addresses.push_back(*address);
  }
}

void on_answer(void* context, int status, int, ares_addrinfo* answer) {
  auto* lookup = static_cast<Lookup*>(context);
  lookup->status = status;
  lookup->done = true;
  for (const ares_addrinfo_node* node = answer != nullptr ? answer->nodes : nullptr;
       node != nullptr; node = node->ai_next) {
    add_address(*node, *lookup);
  }
  if (answer != nullptr) ares_freeaddrinfo(answer);
}

// Drives one channel until its answer is there.
void wait_for(ares_channel channel, const Lookup& lookup) {
  while (!lookup.done) {
    ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
    const auto mask = static_cast<unsigned>(ares_getsock(channel, sockets, ARES_GETSOCK_MAXNUM));
    pollfd fds[ARES_GETSOCK_MAXNUM];
    nfds_t count = 0;
    for (unsigned i = 0; i < ARES_GETSOCK_MAXNUM; ++i) {
      const bool read = ARES_GETSOCK_READABLE(mask, i) != 0;
      const bool write = ARES_GETSOCK_WRITABLE(mask, i) != 0;
      if (!read && !write) continue;
      const int events = (read ? POLLIN : 0) | (write ? POLLOUT : 0);
      fds[count++] = {sockets[i], static_cast<short>(events), 0};
    }
    if (count == 0) return;
    timeval limit{5, 0};
    timeval buffer{};
    const timeval* next = ares_timeout(channel, &limit, &buffer);
    const auto wait = static_cast<int>(next->tv_sec * 1000 + next->tv_usec / 1000) + 1;
    if (::poll(fds, count, wait) <= 0) ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    for (nfds_t i = 0; i < count; ++i) {
      if (fds[i].revents == 0) continue;
      ares_process_fd(channel, (fds[i].events & POLLIN) != 0 ? fds[i].fd : ARES_SOCKET_BAD,
                      (fds[i].events & POLLOUT) != 0 ? fds[i].fd : ARES_SOCKET_BAD);
    }
  }
}

// hosts(5): an address, then its names.
std::map<std::string, std::vector<IpAddress>> read_hosts() {
  std::map<std::string, std::vector<IpAddress>> out;
  const Result<std::string> text = read_file("/etc/hosts", 4 << 20);
  if (!text) return out;
  for (const std::string_view line : split(*text, '\n')) {
    std::string words(line.substr(0, line.find('#')));
    std::ranges::replace(words, '\t', ' ');
    std::optional<IpAddress> address;
    for (const std::string_view word : split(words, ' ')) {
      if (word.empty()) continue;
      if (!address) {
        address = parse_ip(word);
        if (!address) break;
      } else if (const std::optional<std::string> name = canonical_host(word)) {
        out[*name].push_back(*address);
      }
    }
  }
  return out;
}

}  // namespace

struct Resolver::Channel {
  ares_channel raw = nullptr;
  Channel() = default;
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  ~Channel() {
    if (raw != nullptr) ares_destroy(raw);
  }
};

Resolver::~Resolver() = default;

Result<std::unique_ptr<Resolver>> Resolver::create() {
  std::unique_ptr<Resolver> resolver(new Resolver);
  resolver->hosts_ = read_hosts();
  for (std::size_t i = 0; i < kThreads; ++i) {
    auto channel = std::make_unique<Channel>();
    ares_options options{};
    options.timeout = 2000;
    options.tries = 2;
    options.flags = ARES_FLAG_NOSEARCH;  // the name that was granted, not name.search.domain
    char dns_only[] = "b";  // /etc/hosts was read above; later there is no file to read
    options.lookups = dns_only;
    constexpr int kMask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_FLAGS | ARES_OPT_LOOKUPS;
    if (ares_init_options(&channel->raw, &options, kMask) != ARES_SUCCESS) {
      return failure(Errc::internal, "start the resolver");
    }
    resolver->channels_.push_back(std::move(channel));
  }
  return resolver;
}

void Resolver::start() {
  // Detached: they live as long as the process, which ends by _exit.
  for (const std::unique_ptr<Channel>& channel : channels_) {
    std::thread([this, &one = *channel] { work(one); }).detach();
  }
}

std::optional<std::vector<IpAddress>> Resolver::known(const std::string& host) {
  if (const auto found = hosts_.find(host); found != hosts_.end()) return found->second;
  const std::lock_guard lock(mutex_);
  const auto found = cache_.find(host);
  if (found == cache_.end() || found->second.until < std::chrono::steady_clock::now()) {
    return std::nullopt;
  }
  return found->second.addresses;
}

void Resolver::remember(const std::string& host, const std::vector<IpAddress>& addresses, int ttl) {
  const std::lock_guard lock(mutex_);
  if (cache_.size() >= kMostKnown) cache_.clear();
  const auto now = std::chrono::steady_clock::now();
  cache_[host] = {addresses, now + std::chrono::seconds(std::clamp(ttl, 5, 60))};
}

void Resolver::resolve(const std::string& host, Answer answer) {
  if (const auto found = known(host)) return answer(*found);
  {
    const std::lock_guard lock(mutex_);
    if (waiting_.size() < kMostWaiting) {
      waiting_.push_back({host, std::move(answer)});
      wakeup_.notify_one();
      return;
    }
  }
  answer(failure(Errc::kernel, fmt::format("resolve '{}': too many questions at once", host)));
}

void Resolver::work(Channel& channel) {
  for (;;) {
    Waiting next;
    {
      std::unique_lock lock(mutex_);
      wakeup_.wait(lock, [&] { return !waiting_.empty(); });
      next = std::move(waiting_.front());
      waiting_.pop_front();
    }
    if (const auto found = known(next.host)) {
      next.answer(*found);
      continue;
    }
    ares_addrinfo_hints hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    Lookup lookup;
    ares_getaddrinfo(channel.raw, next.host.c_str(), nullptr, &hints, on_answer, &lookup);
    wait_for(channel.raw, lookup);
    if (!lookup.done) ares_cancel(channel.raw);  // it must not answer into our stack later
    if (lookup.addresses.empty()) {
      next.answer(failure(
          Errc::kernel, fmt::format("resolve '{}': {}", next.host, ares_strerror(lookup.status))));
    } else {
      remember(next.host, lookup.addresses, lookup.ttl);
      next.answer(lookup.addresses);
    }
  }
}

}  // namespace berm
