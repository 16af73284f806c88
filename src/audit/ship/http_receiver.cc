// What is asked by HTTP: requests and answers are audit/sinks', the connection is here.
#include <fmt/format.h>

#include <chrono>

#include "audit/ship/receiver.h"
#include "audit/sinks/answers.h"
#include "net/https_client.h"

namespace berm {
namespace {

class Http final : public Receiver {
 public:
  Http(SinkSettings settings, std::map<std::string, Secret> secrets,
       std::unique_ptr<HttpsClient> client)
      : settings_(std::move(settings)), secrets_(std::move(secrets)), client_(std::move(client)) {}

  Result<void> make() {
    settings_.secrets = &secrets_;
    sink_ = BERM_TRY(make_http_sink(settings_));
    return {};
  }

  SinkStep deliver(const SinkBatch& batch, const Wait& wait) override {
    for (;;) {
      const SinkStep step = ask(batch);
      if (step.kind == SinkStep::Kind::next) {
        if (wait(step.after)) continue;
        sink_->begin_anew();
        return retry_because("it was not asked to the end");
      }
      if (step.kind != SinkStep::Kind::accepted) sink_->begin_anew();
      return step;
    }
  }

  [[nodiscard]] bool ends_batch(const ShippedEvent& event) const override {
    return sink_->ends_batch(event);
  }

  [[nodiscard]] bool waits_for_end() const override { return sink_->waits_for_end(); }

  void renew(std::map<std::string, Secret> secrets) override {
    for (auto& [key, secret] : secrets) secrets_[key] = std::move(secret);
    // A token that cannot be used: the old one goes on until it is refused.
    if (Result<std::unique_ptr<HttpSink>> sink = make_http_sink(settings_))
      sink_ = *std::move(sink);
  }

 private:
  SinkStep ask(const SinkBatch& batch) {
    const auto now = std::chrono::duration_cast<std::chrono::seconds>(
        std::chrono::system_clock::now().time_since_epoch());
    Result<SinkRequest> request = sink_->request(batch, now.count());
    if (!request) return retry_because(sentence(request.error()));
    HttpsRequest out{.method = request->method,
                     .url = request->url,
                     .content_type = request->content_type,
                     .text = std::move(request->body)};
    for (SinkHeader& header : request->headers) {
      out.headers.push_back({header.name, std::move(header.text), header.secret});
    }
    const Result<HttpsResponse> response = client_->send(out);
    if (!response) return retry_because(sentence(response.error()));
    return sink_->judge(batch, {.status = response->status,
                                .headers = response->headers,
                                .body = response->body.reveal()});
  }

  SinkSettings settings_;
  std::map<std::string, Secret> secrets_;
  std::unique_ptr<HttpsClient> client_;
  std::unique_ptr<HttpSink> sink_;
};

}  // namespace

Result<std::unique_ptr<Receiver>> make_http_receiver(ReceiverSettings settings) {
  HttpsTrust trust;
  const std::string ca = setting(settings.grant, "ca_file");
  if (!ca.empty()) trust.roots = BERM_TRY(read_file(ca, 4 << 20));
  const std::string certificate = setting(settings.grant, "client_cert");
  if (!certificate.empty()) {
    trust.certificate = BERM_TRY(read_file(certificate, 1 << 20));
    trust.key = std::move(settings.secrets["client_key"]);
  }
  const Milliseconds timeout = BERM_TRY(parse_duration(setting(settings.grant, "timeout", "15s")));
  auto client = std::make_unique<HttpsClient>(std::move(trust), timeout);
  client->keep_connection();  // what comes twice is told apart by its number
  // http:// goes to loopback addresses: neither a name nor a root is looked for.
  if (!setting(settings.grant, "url").starts_with("http://")) BERM_TRY(client->make_ready());
  auto receiver = std::make_unique<Http>(SinkSettings{settings.grant, settings.run, nullptr},
                                         std::move(settings.secrets), std::move(client));
  BERM_TRY(receiver->make());
  return receiver;
}

}  // namespace berm
