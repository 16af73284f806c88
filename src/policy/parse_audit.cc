// [audit]: the record's key, and the sinks it goes to while the run lasts.
#include "base/ip.h"
#include "base/path.h"
#include "policy/credential_source.h"
#include "policy/parse_parts.h"
#include "policy/sink_options.h"

namespace berm {
namespace {

constexpr std::size_t kMostSinks = 16;
constexpr std::uint64_t kMostEvents = 10'000;

tl::unexpected<Error> wrong(std::string what) {
  return failure(Errc::invalid_policy, std::move(what));
}

// Where a secret of the record is: one that the user has, never one that is issued for the agent.
Result<std::string> key_source(std::string_view text) {
  const SourceAddress source = BERM_TRY(parse_source(text));
  if (source.scheme != SourceScheme::env && source.scheme != SourceScheme::file &&
      source.scheme != SourceScheme::command) {
    return wrong(
        fmt::format("'{}': write env:NAME, file:/path or command:PROGRAM ARG…", printable(text)));
  }
  return std::string(text);
}

Result<std::string> token_source(std::string_view text) {
  constexpr std::string_view kGrant = "credential:";
  if (!text.starts_with(kGrant)) return key_source(text);
  if (text.size() == kGrant.size()) return wrong("'credential:' names no credential");
  return std::string(text);
}

Result<std::string> sink_name(std::string_view text) {
  const bool plain = !text.empty() && text.size() <= 32 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
  if (plain) return std::string(text);
  return wrong(
      fmt::format("'{}' is no name for a sink: 1 to 32 of a-z, 0-9 and '-'", printable(text)));
}

Result<std::string> type_pattern(std::string_view text) {
  const bool plain = !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '*';
  });
  if (plain) return std::string(text);
  return wrong(
      fmt::format("'{}' is no type of event, nor a pattern of some (\"net.*\")", printable(text)));
}

Result<std::string> sink_format(std::string_view text) {
  for (const std::string_view known : {"native", "ocsf", "ecs", "cef"}) {
    if (text == known) return std::string(text);
  }
  return wrong(fmt::format("unknown format '{}'; one of native, ocsf, ecs, cef", printable(text)));
}

Result<std::string> absolute_path(std::string_view text) {
  BERM_TRY(HostPath::parse(text));
  return std::string(text);
}

Result<std::string> ascii(std::string_view text) {
  if (!text.empty() && is_printable_ascii(text)) return std::string(text);
  return wrong(fmt::format("'{}' must be printable ASCII", printable(text)));
}

// An address, not a name that looks like one: whoever answers for it decides where it leads.
bool is_on_loopback(std::string_view url) {
  if (!url.starts_with("http://")) return false;
  std::string_view place = url.substr(7);
  place = place.substr(0, place.find_first_of("/?"));
  if (place == "[::1]" || place.starts_with("[::1]:")) return true;
  const std::optional<IpAddress> address = parse_ip(place.substr(0, place.find(':')));
  return address && !address->v6 && address->bytes[0] == 127;
}

Result<std::string> web_url(std::string_view text) {
  BERM_TRY(ascii(text));
  const bool https = text.starts_with("https://") && text.size() > 8;
  if ((https || is_on_loopback(text)) && text.find_first_of(" #@") == std::string_view::npos) {
    return std::string(text);
  }
  return wrong(
      fmt::format("'{}': write https://HOST[:PORT][/PATH]; http:// is for loopback "
                  "addresses only",
                  printable(text)));
}

Result<std::string> syslog_url(std::string_view text) {
  BERM_TRY(ascii(text));
  if (text.starts_with("unix:///")) return std::string(text);
  for (const std::string_view scheme : {"udp://", "tcp://", "tls://"}) {
    if (!text.starts_with(scheme)) continue;
    const std::string_view place = text.substr(scheme.size());
    if (place.find_first_of(" /?#@") == std::string_view::npos &&
        place.find(':') != std::string_view::npos) {
      return std::string(text);
    }
  }
  return wrong(fmt::format("'{}': write udp://, tcp:// or tls://HOST:PORT, or unix:///dev/log",
                           printable(text)));
}

Result<std::string> stream_name(std::string_view text) {
  const std::string_view digits = text.starts_with("fd:") ? text.substr(3) : "";
  const bool number = !digits.empty() && digits.size() <= 4 &&
                      std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; });
  if (text == "stdout" || text == "stderr" || number) return std::string(text);
  return wrong(fmt::format("'{}': write \"stdout\", \"stderr\" or \"fd:N\"", printable(text)));
}

std::function<Result<std::string>(std::string_view)> word_of(std::vector<std::string_view> words) {
  return [words](std::string_view text) -> Result<std::string> {
    if (std::ranges::find(words, text) != words.end()) return std::string(text);
    return wrong(fmt::format("'{}': one of {}", printable(text), fmt::join(words, ", ")));
  };
}

Result<std::string> a_duration(std::string_view text) {
  BERM_TRY(positive_time(text));
  return std::string(text);
}

std::function<Result<std::string>(std::string_view)> check_of(SinkValue value) {
  switch (value) {
    case SinkValue::path:
      return absolute_path;
    case SinkValue::url:
      return web_url;
    case SinkValue::syslog:
      return syslog_url;
    case SinkValue::stream:
      return stream_name;
    case SinkValue::duration:
      return a_duration;
    case SinkValue::body:
      return word_of({"ndjson", "json"});
    case SinkValue::signals:
      return word_of({"logs", "traces", "logs+traces"});
    case SinkValue::lock:
      return word_of({"COMPLIANCE", "GOVERNANCE"});
    default:
      return ascii;
  }
}

// Ours to write: another value would make two messages of one, or send it elsewhere.
bool is_framing(std::string_view header) {
  for (const std::string_view ours : {"host", "content-length", "content-type", "connection",
                                      "transfer-encoding", "expect", "te", "trailer", "upgrade"}) {
    if (lower(std::string(header)) == ours) return true;
  }
  return false;
}

// { "x-team" = "a" } as "headers.x-team" → "a".
void read_texts(PolicySource& source, const toml::table& table, std::string_view name,
                std::map<std::string, std::string>& out) {
  const auto is_name = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  for (const auto& [key, value] : table) {
    const auto* text = value.as_string();
    if (key.str().empty() || !std::ranges::all_of(key.str(), is_name)) {
      source.report(key.source().begin,
                    fmt::format("a name in '{}' is of a-z, 0-9, '-' and '_'", name));
    } else if (name == "headers" &&
               (is_framing(key.str()) || key.str().find('_') != key.str().npos)) {
      source.report(key.source().begin,
                    fmt::format("'{}' is no header that a policy may set", key.str()));
    } else if (text == nullptr || !is_printable_ascii(text->get())) {
      source.report(value.source().begin,
                    fmt::format("'{}.{}' must be text in ASCII", name, key.str()));
    } else {
      out.emplace(fmt::format("{}.{}", name, key.str()), text->get());
    }
    if (source.error) return;
  }
}

void read_option(TableReader& reader, PolicySource& source, const SinkOption& option,
                 std::map<std::string, std::string>& out) {
  const std::string name(option.name);
  if (option.value == SinkValue::table) {
    const toml::table* table = reader.table(name);
    if (table != nullptr) read_texts(source, *table, name, out);
  } else if (option.value == SinkValue::flag) {
    if (const auto flag = reader.boolean(name)) out.emplace(name, *flag ? "true" : "false");
  } else if (option.value == SinkValue::facility) {
    const auto number = reader.unsigned_number(name);
    if (number && *number > 23) {
      source.report(reader.node(name)->source().begin, "a facility is 0 to 23 (13: log audit)");
    }
    if (number) out.emplace(name, std::to_string(*number));
  } else if (const auto text = reader.parsed<std::string>(name, check_of(option.value))) {
    out.emplace(name, *text);
  }
}

// What belongs together.
std::string disagreement(const SinkGrant& sink) {
  const auto has = [&](const char* key) { return sink.with.contains(key); };
  if (has("lock") != has("retain")) return "'lock' and 'retain' belong together";
  if (has("client_cert") != sink.secret.contains("client_key")) {
    return "'client_cert' and 'client_key' belong together";
  }
  if (has("user") && !sink.secret.contains("token")) return "'user' needs a 'token'";
  if (has("token_format") && sink.with.at("token_format").find("{}") == std::string::npos) {
    return "'token_format' has no {} for the token";
  }
  if (needs_token(sink.type) && !sink.secret.contains("token")) return "it needs a 'token'";
  const bool bare =
      sink.format != "native" && (sink.type == SinkType::otlp || sink.type == SinkType::s3);
  if (bare) return "its format is native: an exported one has neither hash nor trace";
  return "";
}

void read_server(TableReader& reader, SinkGrant& out) {
  for (const char* key : {"ca_file", "client_cert"}) {
    if (const auto path = reader.parsed<std::string>(key, absolute_path)) {
      out.with.emplace(key, *path);
    }
  }
  if (const auto key = reader.parsed<std::string>("client_key", key_source)) {
    out.secret.emplace("client_key", *key);
  }
  if (const auto time = reader.parsed<std::string>("timeout", a_duration)) {
    out.with.emplace("timeout", *time);
  }
  if (!takes_token(out.type)) return;
  if (const auto token = reader.parsed<std::string>("token", token_source)) {
    out.secret.emplace("token", *token);
  }
}

SinkGrant read_sink(PolicySource& source, const toml::table& table) {
  TableReader reader(source, table, "audit.sinks");
  SinkGrant out;
  const auto name = reader.parsed<std::string>("name", sink_name);
  const auto type = reader.parsed<SinkType>("type", one_of<SinkType>("type of sink"));
  if (source.error) return out;
  if (!name || !type) {
    source.report(table.source().begin, "a sink needs 'name' and 'type'");
    return out;
  }
  out.name = *name;
  out.type = *type;
  out.format = reader.parsed<std::string>("format", sink_format).value_or("native");
  out.filter =
      reader.parsed_list<std::string>("filter", type_pattern).value_or(std::vector<std::string>{});
  out.batch_events = reader.unsigned_number("batch_events").value_or(out.batch_events);
  out.batch_time =
      reader.parsed<Milliseconds>("batch_time", positive_time).value_or(out.batch_time);
  for (const SinkOption& option : options_of(out.type)) {
    if (!source.error) read_option(reader, source, option, out.with);
  }
  if (speaks_to_a_server(out.type) && !source.error) read_server(reader, out);
  reader.finish();
  if (source.error) return out;
  std::string problem = disagreement(out);
  for (const SinkOption& option : options_of(out.type)) {
    if (option.required && !out.with.contains(std::string(option.name))) {
      problem = fmt::format("it needs '{}'", option.name);
    }
  }
  if (out.batch_events == 0 || out.batch_events > kMostEvents) {
    problem = fmt::format("'batch_events' is 1 to {}", kMostEvents);
  }
  if (!problem.empty()) {
    source.report(table.source().begin, fmt::format("sink '{}': {}", out.name, problem));
  }
  return out;
}

}  // namespace

void read_audit(PolicySource& source, const toml::table& table, AuditLayer& out) {
  TableReader reader(source, table, "audit");
  out.key = reader.parsed<std::string>("key", key_source);
  out.public_key = reader.parsed<std::string>("public_key", ascii);
  out.fsync = reader.parsed<RecordSync>("fsync", one_of<RecordSync>("moment"));
  out.require_sink = reader.boolean("require_sink");
  out.grace = reader.parsed<Milliseconds>("grace", positive_time);
  out.spool = reader.parsed<Bytes>("spool", positive_bytes);
  out.overflow = reader.parsed<OverflowAction>("overflow", one_of<OverflowAction>("action"));
  const toml::array* sinks = reader.array("sinks");
  reader.finish();
  if (sinks == nullptr || source.error) return;
  for (const toml::node& one : *sinks) {
    const auto* sink = one.as_table();
    if (sink == nullptr) return source.report(one.source().begin, "a sink must be a table");
    SinkGrant grant = read_sink(source, *sink);
    if (source.error) return;
    if (std::ranges::find(out.sinks, grant.name, &SinkGrant::name) != out.sinks.end()) {
      return source.report(sink->source().begin,
                           fmt::format("sink '{}' stands here twice", grant.name));
    }
    if (out.sinks.size() == kMostSinks) {
      return source.report(sink->source().begin, fmt::format("at most {} sinks", kMostSinks));
    }
    out.sinks.push_back(std::move(grant));
  }
}

}  // namespace berm
