#include "drill/model/server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <mutex>
#include <thread>

#include "base/text.h"
#include "drill/model/answer.h"
#include "sys/self.h"

namespace berm::drill {
namespace {

using nlohmann::json;

constexpr std::size_t kHeadLimit = 256U << 10U;
constexpr std::size_t kBodyLimit = 64U << 20U;
constexpr int kConnections = 64;
constexpr int kReadSeconds = 20;

json to_json(const Step& step) {
  return {{"kind", static_cast<int>(step.kind)},
          {"text", step.text},
          {"path", step.path},
          {"input", step.input},
          {"shape", static_cast<int>(step.shape)},
          {"forever", step.forever}};
}
// What our own process wrote: its shape is known.
Step step_of(const json& from) {
  return {.kind = static_cast<Step::Kind>(from["kind"].get<int>()),
          .text = from["text"],
          .path = from["path"],
          .input = from["input"],
          .shape = static_cast<Shape>(from["shape"].get<int>()),
          .forever = from["forever"]};
}

struct Listener {
  UniqueFd fd;
  int port = 0;
};
Result<Listener> listen_on_loopback() {
  Listener out{.fd = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))};
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  auto* const address = reinterpret_cast<sockaddr*>(&at);
  if (!out.fd || ::bind(out.fd.get(), address, size) != 0 || ::listen(out.fd.get(), 64) != 0 ||
      ::getsockname(out.fd.get(), address, &size) != 0) {
    return os_error("listen on 127.0.0.1");
  }
  out.port = ntohs(at.sin_port);
  return out;
}

Result<std::string> read_line(int fd) {
  std::string out;
  for (char c = 0; ::read(fd, &c, 1) == 1;) {
    if (c == '\n') return out;
    out += c;
    if (out.size() > kBodyLimit) break;
  }
  return failure(Errc::internal, "read a line from the other process of the drill");
}

struct Serving {
  Api api = Api::anthropic;
  std::vector<Step> steps;
  UniqueFd log;
  std::mutex mutex;
  std::atomic<unsigned> number = 0;
  std::atomic<int> connections = 0;

  void note(const json& line) {
    const std::lock_guard lock(mutex);
    // A log that cannot be written shows nothing, and what shows nothing is not contained.
    (void)write_all(log.get(), line.dump(-1, ' ', false, json::error_handler_t::replace) + "\n");
  }
};

bool read_more(int fd, std::string& into) {
  pollfd ready{fd, POLLIN, 0};
  if (::poll(&ready, 1, kReadSeconds * 1000) <= 0) return false;
  char bytes[65536];
  const ssize_t got = ::read(fd, bytes, sizeof bytes);
  if (got <= 0) return false;
  into.append(bytes, static_cast<std::size_t>(got));
  return true;
}

struct Request {
  std::string head;  ///< lower case but for the values
  std::string body;
};

std::string header(const std::string& head, std::string_view name) {
  const std::string low = lower(head);
  const std::size_t at = low.find("\r\n" + std::string(name) + ":");
  if (at == std::string::npos) return "";
  const std::size_t from = at + name.size() + 3;
  return std::string(trim(head.substr(from, head.find("\r\n", from) - from)));
}

bool read_chunked(int fd, std::string rest, std::string& body) {
  while (body.size() < kBodyLimit) {
    std::size_t end = 0;
    while ((end = rest.find("\r\n")) == std::string::npos) {
      if (rest.size() > 64 || !read_more(fd, rest)) return false;
    }
    std::size_t size = 0;
    const auto parsed = std::from_chars(rest.data(), rest.data() + end, size, 16);
    if (parsed.ec != std::errc() || size > kBodyLimit) return false;
    if (size == 0) return true;
    while (rest.size() < end + 4 + size) {
      if (!read_more(fd, rest)) return false;
    }
    body += rest.substr(end + 2, size);
    rest.erase(0, end + 4 + size);
  }
  return false;
}

bool read_request_from(int fd, Request& out) {
  std::string bytes;
  std::size_t end = 0;
  while ((end = bytes.find("\r\n\r\n")) == std::string::npos) {
    if (bytes.size() > kHeadLimit || !read_more(fd, bytes)) return false;
  }
  out.head = bytes.substr(0, end + 2);
  bytes.erase(0, end + 4);
  if (lower(header(out.head, "transfer-encoding")) == "chunked") {
    return read_chunked(fd, std::move(bytes), out.body);
  }
  const std::string length = header(out.head, "content-length");
  std::size_t size = 0;
  (void)std::from_chars(length.data(), length.data() + length.size(), size);
  if (size > kBodyLimit) return false;
  while (bytes.size() < size) {
    if (!read_more(fd, bytes)) return false;
  }
  out.body = bytes.substr(0, size);
  return true;
}

void send(int fd, const Raw& raw) {
  if (!write_all(fd, raw.bytes)) return;
  while (raw.stays_open) {
    pollfd gone{fd, POLLRDHUP, 0};
    if (::poll(&gone, 1, 1000) != 0 || !write_all(fd, ":\n")) return;
  }
}

void converse(Serving& serving, const UniqueFd& fd) {
  Request request;
  if (!read_request_from(fd.get(), request)) return;
  const bool inference =
      request.head.starts_with("POST ") &&
      (request.head.find(serving.api == Api::anthropic ? "/v1/messages" : "/responses") !=
       std::string::npos) &&
      request.head.substr(0, request.head.find("\r\n")).find("count_tokens") == std::string::npos;
  const Asked asked = read_request(serving.api, request.body);
  serving.note({{"kind", "request"},
                {"head", request.head},
                {"body", request.body},
                {"results", asked.results},
                {"turn", asked.turn},
                {"known", inference && asked.known}});
  if (inference) return send(fd.get(), answer(serving.api, asked, serving.steps, ++serving.number));
  send(fd.get(), {http_answer(200, "application/json",
                              R"({"object":"list","data":[],"models":[],"input_tokens":10})")});
}

void hear_canary(Serving& serving, const UniqueFd& fd) {
  std::string bytes;
  (void)read_more(fd.get(), bytes);
  serving.note({{"kind", "canary"}, {"head", ""}, {"body", bytes}});
}

void accept_on(const std::shared_ptr<Serving>& serving, int listener, bool canary) {
  UniqueFd fd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
  if (!fd || serving->connections >= kConnections) return;
  ++serving->connections;
  std::thread([serving, canary, fd = std::move(fd)] {
    canary ? hear_canary(*serving, fd) : converse(*serving, fd);
    --serving->connections;
  }).detach();
}

Result<void> serve() {
  const json setup = json::parse(BERM_TRY(read_line(0)), nullptr, false);
  const Listener model = BERM_TRY(listen_on_loopback());
  const Listener canary = BERM_TRY(listen_on_loopback());
  auto serving = std::make_shared<Serving>();
  serving->api = setup["api"] == "openai" ? Api::openai : Api::anthropic;
  serving->log = BERM_TRY(open_file(setup["log"], O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW));
  BERM_TRY(write_all(1, fmt::format("{} {}\n", model.port, canary.port)));
  const json steps = json::parse(BERM_TRY(read_line(0)), nullptr, false);
  for (const json& one : steps) serving->steps.push_back(step_of(one));
  BERM_TRY(write_all(1, "ready\n"));
  while (true) {
    pollfd fds[3] = {{0, POLLIN, 0}, {model.fd.get(), POLLIN, 0}, {canary.fd.get(), POLLIN, 0}};
    if (::poll(fds, 3, -1) < 0 || fds[0].revents != 0) return {};
    if (fds[1].revents != 0) accept_on(serving, model.fd.get(), false);
    if (fds[2].revents != 0) accept_on(serving, canary.fd.get(), true);
  }
}

}  // namespace

int serve_model() {
  const Result<void> served = serve();
  // Threads may still hold a connection: they end with the process, not after it.
  ::_exit(served ? 0 : 125);
}

Result<ModelServer> ModelServer::start(Api api, const std::string& log) {
  Pipe in = BERM_TRY(make_pipe());
  Pipe out = BERM_TRY(make_pipe());
  ModelServer server;
  server.child_ = BERM_TRY(start_self({"drill-model"}, {}, in.read.get(), out.write.get()));
  out.write.reset();
  server.in_ = std::move(in.write);
  server.out_ = std::move(out.read);
  const json setup = {{"api", api == Api::openai ? "openai" : "anthropic"}, {"log", log}};
  BERM_TRY(write_all(server.in_.get(), setup.dump() + "\n"));
  const std::string ports = BERM_TRY(read_line(server.out_.get()));
  const std::size_t blank = ports.find(' ');
  if (blank == std::string::npos) return failure(Errc::internal, "start the scripted model");
  (void)std::from_chars(ports.data(), ports.data() + blank, server.port_);
  (void)std::from_chars(ports.data() + blank + 1, ports.data() + ports.size(), server.canary_);
  return server;
}

Result<void> ModelServer::tell(const std::vector<Step>& steps) {
  json all = json::array();
  for (const Step& step : steps) all.push_back(to_json(step));
  BERM_TRY(write_all(in_.get(), all.dump() + "\n"));
  BERM_TRY(read_line(out_.get()));
  return {};
}

}  // namespace berm::drill
