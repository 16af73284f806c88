#include "policy/sink_options.h"

namespace berm {
namespace {

using V = SinkValue;

constexpr SinkOption kFile[] = {{"path", V::path, true}};
constexpr SinkOption kStream[] = {{"to", V::stream, true}};
constexpr SinkOption kSyslog[] = {
    {"url", V::syslog, true}, {"facility", V::facility}, {"app_name"}, {"hostname"}};
constexpr SinkOption kHttp[] = {
    {"url", V::url, true}, {"body", V::body}, {"user"}, {"token_format"}, {"headers", V::table}};
constexpr SinkOption kOtlp[] = {
    {"url", V::url, true}, {"signals", V::signals}, {"token_format"}, {"headers", V::table}};
constexpr SinkOption kSplunk[] = {{"url", V::url, true}, {"index"}, {"source"},
                                  {"sourcetype"},        {"host"},  {"ack", V::flag}};
constexpr SinkOption kElastic[] = {{"url", V::url, true}, {"index", V::text, true}, {"user"}};
constexpr SinkOption kLoki[] = {{"url", V::url, true}, {"tenant"}, {"user"}, {"labels", V::table}};
constexpr SinkOption kCloudwatch[] = {
    {"region", V::text, true}, {"log_group", V::text, true}, {"log_stream"}, {"url", V::url}};
constexpr SinkOption kS3[] = {
    {"region", V::text, true}, {"bucket", V::text, true}, {"prefix"},     {"lock", V::lock},
    {"retain", V::duration},   {"legal_hold", V::flag},   {"url", V::url}};

}  // namespace

std::span<const SinkOption> options_of(SinkType type) {
  switch (type) {
    case SinkType::file:
      return kFile;
    case SinkType::fd:
      return kStream;
    case SinkType::syslog:
      return kSyslog;
    case SinkType::http:
      return kHttp;
    case SinkType::otlp:
      return kOtlp;
    case SinkType::splunk_hec:
      return kSplunk;
    case SinkType::elasticsearch:
      return kElastic;
    case SinkType::loki:
      return kLoki;
    case SinkType::cloudwatch_logs:
      return kCloudwatch;
    case SinkType::s3:
      break;
  }
  return kS3;
}

bool speaks_to_a_server(SinkType type) { return type != SinkType::file && type != SinkType::fd; }

bool needs_token(SinkType type) {
  return type == SinkType::splunk_hec || type == SinkType::cloudwatch_logs || type == SinkType::s3;
}

bool takes_token(SinkType type) { return speaks_to_a_server(type) && type != SinkType::syslog; }

}  // namespace berm
