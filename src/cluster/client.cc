#include "cluster/client.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/text.h"
#include "sys/child.h"
#include "sys/fd.h"

extern char** environ;

namespace berm {
namespace {

using nlohmann::json;

constexpr std::size_t kLargestFile = 1 << 20;
constexpr std::chrono::seconds kPatience{20};
constexpr std::chrono::seconds kPluginPatience{60};
constexpr std::size_t kLargestEvent = 4 << 20;
constexpr const char* kAccount = "/var/run/secrets/kubernetes.io/serviceaccount";

std::string variable(const char* name) {
  const char* value = ::getenv(name);
  return value == nullptr ? "" : value;
}

// Paths in a kubeconfig are relative to it.
std::string beside(const std::string& directory, const std::string& path) {
  return path.empty() || path.starts_with('/') ? path : directory + "/" + path;
}

Result<std::string> bytes_of(const FileOrData& from, const std::string& directory) {
  if (!from.data.empty() || from.file.empty()) return from.data;
  return read_file(beside(directory, from.file), kLargestFile);
}

struct PluginAnswer {
  Secret token;
  std::string certificate;
  Secret key;
};

// client.authentication.k8s.io: the program prints an ExecCredential. It is the user's own, and
// runs as it would for kubectl.
Result<PluginAnswer> ask_plugin(const CredentialPlugin& plugin) {
  std::vector<std::string> argv = {plugin.command};
  argv.insert(argv.end(), plugin.arguments.begin(), plugin.arguments.end());
  std::vector<std::string> env;
  for (char** one = ::environ; *one != nullptr; ++one) env.emplace_back(*one);
  for (const auto& [name, value] : plugin.env) env.push_back(fmt::format("{}={}", name, value));
  const json info = {{"kind", "ExecCredential"},
                     {"apiVersion", plugin.api_version},
                     {"spec", {{"interactive", false}}}};
  env.push_back("KUBERNETES_EXEC_INFO=" + info.dump());
  CommandResult done = BERM_TRY(in_context("asking the kubeconfig's credential plugin",
                                           run_command({.argv = std::move(argv),
                                                        .env = std::move(env),
                                                        .directory = "/",
                                                        .input = "",
                                                        .output_limit = kLargestFile,
                                                        .deadline = kPluginPatience})));
  if (done.code != 0) {
    return failure(
        Errc::denied,
        fmt::format("get a credential from '{}': exit code {}: {}", printable(plugin.command),
                    done.code, printable(done.errors.substr(0, 300))),
        "run it by hand; it may want you to log in");
  }
  const json said = json::parse(done.output, nullptr, false);
  ::explicit_bzero(done.output.data(), done.output.size());
  const json status = said.is_object() ? said.value("status", json::object()) : json::object();
  const auto text = [&](const char* key) {
    return status.is_object() && status.contains(key) && status[key].is_string()
               ? status[key].get<std::string>()
               : std::string();
  };
  PluginAnswer out{Secret(text("token")), text("clientCertificateData"),
                   Secret(text("clientKeyData"))};
  if (out.token.empty() && out.certificate.empty()) {
    return failure(Errc::denied, fmt::format("get a credential from '{}': it prints no "
                                             "ExecCredential with one",
                                             printable(plugin.command)));
  }
  return out;
}

std::string message_of(const std::string& body, unsigned status) {
  const json said = json::parse(body, nullptr, false);
  if (said.is_object() && said.contains("message") && said["message"].is_string()) {
    return printable(said["message"].get<std::string>().substr(0, 500));
  }
  return fmt::format("status {}", status);
}

}  // namespace

// Who we are there. Replaced as a whole when it has expired; who uses it keeps it.
struct ClusterClient::Identity {
  Secret token;
  std::unique_ptr<HttpsClient> https;
};

Result<ClusterClient> ClusterClient::from(ClusterContext context, const std::string& directory) {
  ClusterClient out;
  out.server_ = context.server;
  while (out.server_.ends_with('/')) out.server_.pop_back();
  out.name_space_ = context.name_space;
  out.identity_ = std::make_shared<Identity>();
  Secret& token = out.identity_->token;
  HttpsTrust trust;
  trust.roots = BERM_TRY(bytes_of(context.authority, directory));
  trust.certificate = BERM_TRY(bytes_of(context.certificate, directory));
  trust.key = std::move(context.key);
  if (trust.key.empty() && !context.key_file.empty()) {
    trust.key = Secret(BERM_TRY(read_file(beside(directory, context.key_file), kLargestFile)));
  }
  token = std::move(context.token);
  if (token.empty() && !context.token_file.empty()) {
    std::string text = BERM_TRY(read_file(beside(directory, context.token_file), kLargestFile));
    while (text.ends_with('\n')) text.pop_back();
    token = Secret(std::move(text));
  }
  if (context.plugin) {
    PluginAnswer answer = BERM_TRY(ask_plugin(*context.plugin));
    if (!answer.token.empty()) token = std::move(answer.token);
    if (!answer.certificate.empty()) {
      trust.certificate = answer.certificate;
      trust.key = std::move(answer.key);
    }
  }
  out.identity_->https = std::make_unique<HttpsClient>(std::move(trust), kPatience);
  return out;
}

Result<ClusterClient> ClusterClient::of_this_pod() {
  const std::string host = variable("KUBERNETES_SERVICE_HOST");
  if (host.empty()) {
    return failure(Errc::usage, "find a cluster: there is no kubeconfig, and this is no pod",
                   "set KUBECONFIG, or make ~/.kube/config");
  }
  const std::string account = kAccount;
  ClusterContext context{.name = "this pod"};
  context.server =
      fmt::format("https://{}:{}", host.find(':') == std::string::npos ? host : "[" + host + "]",
                  variable("KUBERNETES_SERVICE_PORT"));
  context.authority.file = account + "/ca.crt";
  context.token_file = account + "/token";
  context.name_space = BERM_TRY(read_file(account + "/namespace", 256));
  return from(std::move(context), account);
}

Result<ClusterClient> ClusterClient::open(std::string_view context) {
  std::string file = variable("KUBECONFIG");
  if (file.find(':') != std::string::npos) {
    return failure(Errc::unsupported, "merge several kubeconfigs",
                   "name one: KUBECONFIG=… (kubectl config view --flatten --minify makes one)");
  }
  if (file.empty()) {
    file = variable("HOME") + "/.kube/config";
    if (::access(file.c_str(), F_OK) != 0) return of_this_pod();
  }
  const std::string text = BERM_TRY(read_file(file, kLargestFile));
  ClusterContext chosen = BERM_TRY(read_kubeconfig(text, file, context));
  ClusterClient out = BERM_TRY(from(std::move(chosen), file.substr(0, file.rfind('/'))));
  out.context_name_ = context;
  return out;
}

Result<std::shared_ptr<ClusterClient::Identity>> ClusterClient::identity() {
  const std::lock_guard lock(*mutex_);
  return identity_;
}

// Files are read, and the plugin asked, again; once for all who found the same one expired.
Result<void> ClusterClient::renew(const std::shared_ptr<Identity>& old) {
  const std::lock_guard lock(*mutex_);
  if (identity_ != old) return {};
  ClusterClient anew = BERM_TRY(open(context_name_));
  if (anew.server_ != server_) {
    return failure(Errc::denied, "go on: the kubeconfig names another server now");
  }
  identity_ = std::move(anew.identity_);
  return {};
}

namespace {

void identify(HttpsRequest& request, const Secret& token) {
  if (!token.empty()) request.headers.push_back({"authorization", "Bearer ", &token});
  request.headers.push_back({"accept", "application/json"});
}

// RFC 9110 §10.2.3, in seconds.
std::chrono::seconds retry_after(const HttpsResponse& response) {
  const auto found = response.headers.find("retry-after");
  int seconds = 1;
  if (found != response.headers.end()) {
    const std::string& text = found->second;
    (void)std::from_chars(text.data(), text.data() + text.size(), seconds);
  }
  return std::chrono::seconds(std::clamp(seconds, 1, 30));
}

bool is_busy(unsigned status) { return status == 429 || status >= 500; }

ClusterAnswer answer_of(const HttpsResponse& response) {
  ClusterAnswer out{.status = response.status, .body = std::string(response.body.reveal())};
  if (out.status >= 300) out.message = message_of(out.body, out.status);
  return out;
}

}  // namespace

/// @param again  when to ask again; zero: this is the answer
Result<ClusterAnswer> ClusterClient::ask_once(HttpsRequest& request, std::chrono::seconds& again) {
  const std::size_t own = request.headers.size();
  const std::shared_ptr<Identity> who = BERM_TRY(identity());
  identify(request, who->token);
  ++*requests_;
  Result<HttpsResponse> response = who->https->send(request);
  again = {};
  if (response && response->status == 401) {
    BERM_TRY(renew(who));
    const std::shared_ptr<Identity> anew = BERM_TRY(identity());
    request.headers.resize(own);
    identify(request, anew->token);
    ++*requests_;
    response = anew->https->send(request);
  }
  request.headers.resize(own);  // they point to the token
  if (!response) {
    // A certificate that is refused stays so.
    if (response.error().code == Errc::kernel) again = std::chrono::seconds(1);
    return in_context("asking the cluster's API server",
                      Result<ClusterAnswer>(tl::unexpected(response.error())));
  }
  if (is_busy(response->status)) again = retry_after(*response);
  return answer_of(*response);
}

Result<ClusterAnswer> ClusterClient::ask(HttpsRequest& request) {
  const auto until = std::chrono::steady_clock::now() + patience_;
  for (;;) {
    std::chrono::seconds again{};
    Result<ClusterAnswer> answer = ask_once(request, again);
    if (again.count() == 0) return answer;
    if (std::chrono::steady_clock::now() + again > until) {
      if (!answer) answer.error().code = Errc::busy;
      return answer;
    }
    std::this_thread::sleep_for(again);
  }
}

Result<ClusterAnswer> ClusterClient::get(const std::string& path) {
  HttpsRequest request;
  request.url = server_ + path;
  return ask(request);
}

Result<ClusterAnswer> ClusterClient::post(const std::string& path, const json& body) {
  HttpsRequest request;
  request.method = "POST";
  request.url = server_ + path;
  request.content_type = "application/json";
  request.text = body.dump();
  return ask(request);
}

Result<ClusterAnswer> ClusterClient::apply(const std::string& path, const json& object) {
  HttpsRequest request;
  request.method = "PATCH";
  request.url = server_ + path + "?fieldManager=berm&force=true";
  request.content_type = "application/apply-patch+yaml";  // JSON is YAML
  request.text = object.dump();
  return ask(request);
}

Result<ClusterAnswer> ClusterClient::remove(const std::string& path) {
  HttpsRequest request;
  request.method = "DELETE";
  request.url = server_ + path;
  request.content_type = "application/json";
  request.text = R"({"propagationPolicy":"Background"})";
  return ask(request);
}

Result<ClusterAnswer> ClusterClient::watch(const std::string& path,
                                           const std::function<bool(std::string_view)>& take,
                                           std::chrono::milliseconds silence) {
  const std::shared_ptr<Identity> who = BERM_TRY(identity());
  HttpsRequest request;
  request.url = server_ + path;
  identify(request, who->token);
  ++*requests_;
  std::string held;
  const HttpsResponse response = BERM_TRY(who->https->stream(
      request,
      [&](std::string_view bytes) {
        if (bytes.empty()) return take(bytes);
        held += bytes;
        std::size_t from = 0;
        for (std::size_t end = held.find('\n'); end != std::string::npos;
             end = held.find('\n', from)) {
          if (!take(std::string_view(held).substr(from, end - from))) return false;
          from = end + 1;
        }
        held.erase(0, from);
        return held.size() < kLargestEvent;
      },
      silence));
  if (response.status == 401) BERM_TRY(renew(who));
  return answer_of(response);
}

Result<HttpsUpgraded> ClusterClient::upgrade(const std::string& path,
                                             std::vector<HttpsHeader> headers,
                                             const std::string& protocol) {
  const std::shared_ptr<Identity> who = BERM_TRY(identity());
  HttpsRequest request;
  request.url = server_ + path;
  request.headers = std::move(headers);
  if (!who->token.empty()) request.headers.push_back({"authorization", "Bearer ", &who->token});
  ++*requests_;
  return who->https->upgrade(std::move(request), protocol);
}

}  // namespace berm
