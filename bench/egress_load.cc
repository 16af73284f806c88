// What bench/egress measures with. Everything is on loopback; VIA is the proxy's port, 0 for none.
//
//   egress_load peer PORT                            answers a ClientHello and carries bulk
//   egress_load relay PORT                           CONNECT by splice without policy: the floor
//   egress_load setup VIA HOST PORT TUNNELS          milliseconds, a line a tunnel
//   egress_load bulk VIA HOST PORT MIB               MiB/s down and up
//   egress_load idle VIA HOST PORT TUNNELS SECONDS   holds tunnels until a line comes on stdin
//   egress_load requests VIA HOST PORT CONNECTIONS SECONDS
//
// A tunnel begins with a real ClientHello for HOST, since a proxy may pass nothing else; the peer
// echoes its first eight bytes. Words of eight bytes follow: 'E' is echoed, 'D' and 'U' carry as
// many bytes down or up as the other seven say.
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <latch>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using Word = std::array<char, 8>;

constexpr std::size_t kPiece = 256 << 10;

[[noreturn]] void die(std::string_view what) {
  std::fprintf(stderr, "egress_load: %.*s: %s\n", static_cast<int>(what.size()), what.data(),
               std::strerror(errno));
  std::exit(1);
}

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

double milliseconds_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

void no_delay(int fd) {
  const int one = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

Fd listen_on(std::uint16_t port) {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int one = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  const sockaddr_in address = loopback(port);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(fd.get(), 4096) != 0) {
    die("listen");
  }
  return fd;
}

Fd dial(std::uint16_t port) {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = loopback(port);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return Fd();
  }
  no_delay(fd.get());
  return fd;
}

bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool send_word(int fd, const Word& word) { return send_all(fd, {word.data(), word.size()}); }

bool receive_all(int fd, std::span<char> bytes) {
  return ::recv(fd, bytes.data(), bytes.size(), MSG_WAITALL) == static_cast<ssize_t>(bytes.size());
}

// Up to and with the empty line; nobody sends anything behind it unasked.
std::string read_head(int fd) {
  std::string head;
  char piece[4096];
  while (!head.ends_with("\r\n\r\n") && head.size() < 65536) {
    const ssize_t got = ::recv(fd, piece, sizeof piece, 0);
    if (got <= 0) return {};
    head.append(piece, static_cast<std::size_t>(got));
  }
  return head;
}

bool send_bulk(int fd, std::uint64_t size) {
  const std::string piece(kPiece, 'b');
  for (; size > 0; size -= std::min<std::uint64_t>(size, kPiece)) {
    if (!send_all(fd, std::string_view(piece).substr(0, size))) return false;
  }
  return true;
}

bool receive_bulk(int fd, std::uint64_t size) {
  std::string piece(kPiece, '\0');
  while (size > 0) {
    const ssize_t got = ::recv(fd, piece.data(), std::min<std::uint64_t>(size, kPiece), 0);
    if (got <= 0) return false;
    size -= static_cast<std::uint64_t>(got);
  }
  return true;
}

Word make_word(char kind, std::uint64_t size) {
  Word word{kind};
  for (std::size_t i = 7; i > 0; --i, size >>= 8) word[i] = static_cast<char>(size & 0xff);
  return word;
}

std::uint64_t size_in(const Word& word) {
  std::uint64_t size = 0;
  for (std::size_t i = 1; i < 8; ++i) size = size << 8 | static_cast<unsigned char>(word[i]);
  return size;
}

// ---- peer: one thread, so that it costs every proxy the same little

struct Message {
  bool greeted = false;
  std::size_t got = 0;
  std::size_t need = 8;
  Word first{};
};

bool answer(int fd, Message& message) {
  const Word word = message.first;
  const bool greeted = std::exchange(message, Message{.greeted = true}).greeted;
  if (greeted && word[0] == 'D') return send_bulk(fd, size_in(word));
  if (greeted && word[0] == 'U' && !receive_bulk(fd, size_in(word))) return false;
  return send_word(fd, word);
}

// False when the conversation is over.
bool hear(int fd, Message& message) {
  char piece[16384];
  const std::size_t most = message.greeted ? message.need - message.got : sizeof piece;
  const ssize_t got = ::recv(fd, piece, most, 0);
  if (got <= 0) return false;
  for (ssize_t i = 0; i < got && message.got + static_cast<std::size_t>(i) < 8; ++i) {
    message.first[message.got + static_cast<std::size_t>(i)] = piece[i];
  }
  message.got += static_cast<std::size_t>(got);
  if (!message.greeted && message.got >= 8) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(message.first[i]); };
    message.need = 5U + (byte(3) << 8U | byte(4));
  }
  return message.got < message.need || answer(fd, message);
}

[[noreturn]] void peer(std::uint16_t port) {
  const Fd listener = listen_on(port);
  const Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
  const auto watch = [&](int fd) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
    if (::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, fd, &event) != 0) die("watch a connection");
  };
  watch(listener.get());
  std::unordered_map<int, std::pair<Fd, Message>> conversations;
  for (;;) {
    epoll_event events[256];
    const int ready = ::epoll_wait(epoll.get(), events, 256, -1);
    for (int i = 0; i < ready; ++i) {
      const int fd = events[i].data.fd;
      if (fd == listener.get()) {
        Fd made(::accept4(fd, nullptr, nullptr, SOCK_CLOEXEC));
        const int number = made.get();
        if (!made) die("accept");
        no_delay(number);
        watch(number);
        conversations.emplace(number, std::pair(std::move(made), Message{}));
      } else if (!hear(fd, conversations.at(fd).second)) {
        conversations.erase(fd);
      }
    }
  }
}

// ---- relay: the floor. A thread a connection, splice both ways, nothing resolved, nothing asked.

struct Pipe {
  Fd read;
  Fd write;
};

struct Direction {
  int from;
  int to;
  bool open = true;
  std::size_t held = 0;
  Pipe pipe{};
};

class Relay {
 public:
  // A tunnel has a pipe only while bytes are in it: an idle one costs two descriptors, not six.
  Relay() {
    for (int i = 0; i < 32; ++i) {
      int ends[2];
      if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) die("make a pipe");
      ::fcntl(ends[1], F_SETPIPE_SZ, kPiece);
      pipes_.push_back({Fd(ends[0]), Fd(ends[1])});
    }
  }

  void serve(const Fd& client) {
    no_delay(client.get());
    const std::string head = read_head(client.get());
    const std::size_t colon = head.find(':');
    std::uint16_t port = 0;
    if (!head.starts_with("CONNECT ") || colon == std::string::npos) return;
    std::from_chars(head.data() + colon + 1, head.data() + head.size(), port);
    const Fd server = dial(port);
    if (!server || !send_all(client.get(), "HTTP/1.1 200 OK\r\n\r\n")) return;
    ::fcntl(client.get(), F_SETFL, O_NONBLOCK);
    ::fcntl(server.get(), F_SETFL, O_NONBLOCK);
    Direction directions[] = {{client.get(), server.get()}, {server.get(), client.get()}};
    while (carry_some(directions)) {
    }
    for (Direction& direction : directions) give_back(direction);
  }

 private:
  // False when both directions are at their end, or one is broken.
  bool carry_some(std::span<Direction, 2> directions) {
    pollfd fds[2];
    for (std::size_t i = 0; i < 2; ++i) {
      const Direction& d = directions[i];
      fds[i] = d.held > 0 ? pollfd{d.to, POLLOUT, 0} : pollfd{d.open ? d.from : -1, POLLIN, 0};
    }
    if (::poll(fds, 2, -1) < 0) return false;
    for (std::size_t i = 0; i < 2; ++i) {
      if (fds[i].revents != 0 && !carry(directions[i])) return false;
    }
    return directions[0].open || directions[1].open;
  }

  bool carry(Direction& direction) {
    if (!direction.pipe.read) direction.pipe = borrow();
    const auto flags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;
    if (direction.held == 0) {
      const ssize_t got =
          ::splice(direction.from, nullptr, direction.pipe.write.get(), nullptr, kPiece, flags);
      if (got < 0) return errno == EAGAIN;
      if (got == 0) {
        direction.open = false;
        ::shutdown(direction.to, SHUT_WR);
      }
      direction.held = static_cast<std::size_t>(got);
    }
    while (direction.held > 0) {
      const ssize_t put = ::splice(direction.pipe.read.get(), nullptr, direction.to, nullptr,
                                   direction.held, flags);
      if (put <= 0) return errno == EAGAIN;
      direction.held -= static_cast<std::size_t>(put);
    }
    give_back(direction);
    return true;
  }

  Pipe borrow() {
    std::unique_lock lock(mutex_);
    returned_.wait(lock, [this] { return !pipes_.empty(); });
    Pipe pipe = std::move(pipes_.back());
    pipes_.pop_back();
    return pipe;
  }

  void give_back(Direction& direction) {
    if (!direction.pipe.read) return;
    char lost[4096];
    while (direction.held > 0 && ::read(direction.pipe.read.get(), lost, sizeof lost) > 0) {
    }
    const std::lock_guard lock(mutex_);
    pipes_.push_back(std::move(direction.pipe));
    returned_.notify_one();
  }

  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<Pipe> pipes_;
};

[[noreturn]] void relay(std::uint16_t port) {
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, 128 << 10);
  ::pthread_setattr_default_np(&attributes);
  const Fd listener = listen_on(port);
  Relay relay;
  for (;;) {
    Fd client(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (client) {
      std::thread([&relay, held = std::move(client)] { relay.serve(held); }).detach();
    } else {
      ::usleep(1000);
    }
  }
}

// ---- clients

template <auto free>
struct Deleter {
  template <class T>
  void operator()(T* object) const {
    free(object);
  }
};
using Context = std::unique_ptr<SSL_CTX, Deleter<SSL_CTX_free>>;
using Tls = std::unique_ptr<SSL, Deleter<SSL_free>>;

// The first bytes of OpenSSL's own client.
std::string client_hello(const std::string& host) {
  const Context context(::SSL_CTX_new(::TLS_client_method()));
  const Tls tls(::SSL_new(context.get()));
  SSL_set_tlsext_host_name(tls.get(), host.c_str());
  BIO* out = ::BIO_new(::BIO_s_mem());
  ::SSL_set_bio(tls.get(), ::BIO_new(::BIO_s_mem()), out);
  ::SSL_connect(tls.get());
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(out, &bytes);
  if (size < 9) die("make a ClientHello");
  return {bytes, static_cast<std::size_t>(size)};
}

struct Way {
  std::uint16_t via;
  std::uint16_t port;
  std::string host;
  std::string hello;
  timeval patience;

  Way(const char* via_text, std::string host_name, const char* port_text, int seconds)
      : via(static_cast<std::uint16_t>(std::atoi(via_text))),
        port(static_cast<std::uint16_t>(std::atoi(port_text))),
        host(std::move(host_name)),
        hello(client_hello(host)),
        patience{seconds, 0} {}
};

// To the proxy's "200", or no descriptor.
Fd connect_through(const Way& way) {
  Fd fd = dial(way.via != 0 ? way.via : way.port);
  if (!fd) return fd;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &way.patience, sizeof way.patience);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &way.patience, sizeof way.patience);
  if (way.via == 0) return fd;
  const std::string authority = way.host + ":" + std::to_string(way.port);
  if (!send_all(fd.get(),
                "CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\n\r\n")) {
    return Fd();
  }
  const std::string head = read_head(fd.get());
  return head.starts_with("HTTP/1.") && head.substr(8, 5) == " 200 " ? std::move(fd) : Fd();
}

// To the first echo.
Fd open_tunnel(const Way& way) {
  Fd fd = connect_through(way);
  Word echo{};
  const bool works = fd && send_all(fd.get(), way.hello) && receive_all(fd.get(), echo) &&
                     way.hello.starts_with(std::string_view(echo.data(), echo.size()));
  return works ? std::move(fd) : Fd();
}

int setup(const Way& way, int tunnels) {
  for (int i = -10; i < tunnels; ++i) {
    const Clock::time_point begin = Clock::now();
    const Fd tunnel = open_tunnel(way);
    const double took = milliseconds_since(begin);
    if (!tunnel) die("open a tunnel");
    if (i >= 0) std::printf("%.4f\n", took);  // the first ten only warm up
  }
  return 0;
}

int bulk(const Way& way, std::uint64_t mebibytes) {
  const Fd tunnel = open_tunnel(way);
  if (!tunnel) die("open a tunnel");
  const std::uint64_t size = mebibytes << 20;
  Word echo{};
  Clock::time_point begin = Clock::now();
  if (!send_word(tunnel.get(), make_word('D', size)) || !receive_bulk(tunnel.get(), size)) {
    die("download");
  }
  const double down = milliseconds_since(begin);
  begin = Clock::now();
  if (!send_word(tunnel.get(), make_word('U', size)) || !send_bulk(tunnel.get(), size) ||
      !receive_all(tunnel.get(), echo)) {
    die("upload");
  }
  const double up = milliseconds_since(begin);
  std::printf("%.1f %.1f\n", static_cast<double>(mebibytes) * 1000 / down,
              static_cast<double>(mebibytes) * 1000 / up);
  return 0;
}

int idle(const Way& way, std::size_t wanted, int seconds) {
  constexpr int kMostFailures = 8;  // then the proxy is full
  const Clock::time_point begin = Clock::now();
  const Clock::time_point end = begin + std::chrono::seconds(seconds);
  std::mutex mutex;
  std::vector<Fd> held;
  std::size_t begun = 0;
  int failures = 0;
  {
    std::vector<std::jthread> openers;
    for (int i = 0; i < 8; ++i) {
      openers.emplace_back([&] {
        std::unique_lock lock(mutex);
        while (begun < wanted && failures < kMostFailures && Clock::now() < end) {
          ++begun;
          lock.unlock();
          Fd tunnel = open_tunnel(way);
          lock.lock();
          if (tunnel) {
            held.push_back(std::move(tunnel));
          } else {
            ++failures;
          }
        }
      });
    }
  }
  std::printf("%zu %.1f\n", held.size(), milliseconds_since(begin) / 1000);
  std::fflush(stdout);
  char line[16];
  if (::read(STDIN_FILENO, line, sizeof line) < 0) die("read a line");
  const Word word = make_word('E', 1);
  for (const Fd& tunnel : held) send_word(tunnel.get(), word);
  std::size_t echoed = 0;
  for (const Fd& tunnel : held) {
    Word echo{};
    if (echoed + kMostFailures < static_cast<std::size_t>(&tunnel - held.data())) break;
    if (receive_all(tunnel.get(), echo) && echo == word) ++echoed;
  }
  std::printf("%zu\n", echoed);
  return 0;
}

// One answer with its body; false when there is none.
bool get(SSL* tls, const std::string& request) {
  if (::SSL_write(tls, request.data(), static_cast<int>(request.size())) <= 0) return false;
  std::string answer;
  std::size_t whole = std::string::npos;
  char piece[16384];
  while (whole == std::string::npos || answer.size() < whole) {
    const int got = ::SSL_read(tls, piece, sizeof piece);
    if (got <= 0) return false;
    answer.append(piece, static_cast<std::size_t>(got));
    const std::size_t end = answer.find("\r\n\r\n");
    if (whole != std::string::npos || end == std::string::npos) continue;
    constexpr std::string_view kName = "\r\ncontent-length: ";
    const auto same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; };
    const auto found =
        std::ranges::search(answer.begin(), answer.end(), kName.begin(), kName.end(), same);
    std::size_t length = 0;
    if (!answer.starts_with("HTTP/1.1 200") || found.empty()) return false;
    std::from_chars(&*found.end(), answer.data() + end, length);
    whole = end + 4 + length;
  }
  return true;
}

int requests(const Way& way, std::ptrdiff_t connections, int seconds) {
  const Context context(::SSL_CTX_new(::TLS_client_method()));
  const std::string request = "GET / HTTP/1.1\r\nHost: " + way.host + "\r\n\r\n";
  std::mutex mutex;
  std::vector<double> times;
  std::string issuer;
  std::latch ready(connections);
  Clock::time_point end = Clock::now();
  std::vector<std::jthread> clients;
  for (std::ptrdiff_t i = 0; i < connections; ++i) {
    clients.emplace_back([&, first = i == 0] {
      const Fd tunnel = connect_through(way);
      const Tls tls(::SSL_new(context.get()));
      SSL_set_tlsext_host_name(tls.get(), way.host.c_str());
      ::SSL_set_fd(tls.get(), tunnel.get());
      if (!tunnel || ::SSL_connect(tls.get()) != 1 || !get(tls.get(), request)) {
        die("a first request");
      }
      if (first) {
        const std::unique_ptr<X509, Deleter<X509_free>> certificate(
            ::SSL_get1_peer_certificate(tls.get()));
        char text[256];
        ::X509_NAME_oneline(::X509_get_issuer_name(certificate.get()), text, sizeof text);
        issuer = text;
        end = Clock::now() + std::chrono::seconds(seconds);
      }
      ready.arrive_and_wait();
      std::vector<double> own;
      while (Clock::now() < end) {
        const Clock::time_point begin = Clock::now();
        if (!get(tls.get(), request)) die("a request");
        own.push_back(milliseconds_since(begin));
      }
      const std::lock_guard lock(mutex);
      times.insert(times.end(), own.begin(), own.end());
    });
  }
  clients.clear();
  if (times.empty()) die("count requests");
  std::ranges::sort(times);
  std::printf("%.1f %.3f %.3f %s\n", static_cast<double>(times.size()) / seconds,
              times[times.size() / 2], times[times.size() * 99 / 100], issuer.c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  const auto number = [&](std::size_t i) { return std::atoi(words[i].c_str()); };
  const std::string mode = words.empty() ? "" : words[0];
  ::signal(SIGPIPE, SIG_IGN);
  if (words.size() == 2 && mode == "peer") peer(static_cast<std::uint16_t>(number(1)));
  if (words.size() == 2 && mode == "relay") relay(static_cast<std::uint16_t>(number(1)));
  if (words.size() >= 5) {
    const Way way(words[1].c_str(), words[2], words[3].c_str(), mode == "idle" ? 2 : 30);
    if (mode == "setup") return setup(way, number(4));
    if (mode == "bulk") return bulk(way, static_cast<std::uint64_t>(number(4)));
    if (words.size() == 6 && mode == "idle") {
      return idle(way, static_cast<std::size_t>(number(4)), number(5));
    }
    if (words.size() == 6 && mode == "requests") return requests(way, number(4), number(5));
  }
  std::fputs("usage: see the head of bench/egress_load.cc\n", stderr);
  return 2;
}
