#include "cluster/client.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

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

Result<ClusterClient> ClusterClient::from(ClusterContext context, const std::string& directory) {
  ClusterClient out;
  out.server_ = context.server;
  while (out.server_.ends_with('/')) out.server_.pop_back();
  out.name_space_ = context.name_space;
  HttpsTrust trust;
  trust.roots = BERM_TRY(bytes_of(context.authority, directory));
  trust.certificate = BERM_TRY(bytes_of(context.certificate, directory));
  trust.key = std::move(context.key);
  if (trust.key.empty() && !context.key_file.empty()) {
    trust.key = Secret(BERM_TRY(read_file(beside(directory, context.key_file), kLargestFile)));
  }
  out.token_ = std::move(context.token);
  if (out.token_.empty() && !context.token_file.empty()) {
    std::string token = BERM_TRY(read_file(beside(directory, context.token_file), kLargestFile));
    while (token.ends_with('\n')) token.pop_back();
    out.token_ = Secret(std::move(token));
  }
  if (context.plugin) {
    PluginAnswer answer = BERM_TRY(ask_plugin(*context.plugin));
    if (!answer.token.empty()) out.token_ = std::move(answer.token);
    if (!answer.certificate.empty()) {
      trust.certificate = answer.certificate;
      trust.key = std::move(answer.key);
    }
  }
  out.https_ = std::make_unique<HttpsClient>(std::move(trust), kPatience);
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
  return from(BERM_TRY(read_kubeconfig(text, file, context)), file.substr(0, file.rfind('/')));
}

Result<ClusterAnswer> ClusterClient::ask(HttpsRequest request) {
  if (!token_.empty()) request.headers.push_back({"authorization", "Bearer ", &token_});
  request.headers.push_back({"accept", "application/json"});
  const HttpsResponse response =
      BERM_TRY(in_context("asking the cluster's API server", https_->send(request)));
  ClusterAnswer out{.status = response.status, .body = std::string(response.body.reveal())};
  if (out.status >= 300) out.message = message_of(out.body, out.status);
  return out;
}

Result<ClusterAnswer> ClusterClient::get(const std::string& path) {
  HttpsRequest request;
  request.url = server_ + path;
  return ask(std::move(request));
}

Result<ClusterAnswer> ClusterClient::post(const std::string& path, const json& body) {
  HttpsRequest request;
  request.method = "POST";
  request.url = server_ + path;
  request.content_type = "application/json";
  request.text = body.dump();
  return ask(std::move(request));
}

}  // namespace berm
