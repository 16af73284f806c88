#include <fmt/format.h>

#include <algorithm>

#include "base/ip.h"
#include "policy/credential_presets.h"
#include "policy/credential_source.h"
#include "policy/parse_parts.h"

namespace berm {
namespace {

Result<std::string> source_of_secret(std::string_view from) {
  BERM_TRY(parse_source(from));
  return std::string(from);
}

// A header of a request: a line feed in it would be a second one (RFC 9110 §5.6.2, token).
Result<std::string> header_name(std::string_view text) {
  constexpr std::string_view kToken =
      "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  // These frame or route the message: a secret there would be another request.
  constexpr std::string_view kNever[] = {"host",       "content-length", "transfer-encoding",
                                         "connection", "upgrade",        "expect",
                                         "te",         "trailer"};
  const std::string name = lower(text);
  if (name.empty() || name.find_first_not_of(kToken) != std::string::npos ||
      std::ranges::find(kNever, name) != std::end(kNever)) {
    return failure(Errc::invalid_policy,
                   fmt::format("'{}' is no header that carries a secret", printable(text)));
  }
  return name;
}

Result<std::string> plain_text(std::string_view text) {
  if (!text.empty() && is_printable_ascii(text)) return std::string(text);
  return failure(Errc::invalid_policy, "must be printable ASCII, and not empty");
}

Result<std::string> with_one_place(std::string_view text) {
  const std::size_t at = text.find("{}");
  if (is_printable_ascii(text) && at != std::string_view::npos &&
      text.find("{}", at + 2) == std::string_view::npos) {
    return std::string(text);
  }
  return failure(Errc::invalid_policy, "needs one '{}' for the secret: \"Bearer {}\"");
}

Result<std::string> home_file(std::string_view text) {
  const bool plain = text.starts_with("~/") && text.size() > 2 && !text.ends_with('/') &&
                     is_printable_ascii(text) && text.find("//") == std::string_view::npos &&
                     ("/" + std::string(text) + "/").find("/../") == std::string::npos &&
                     ("/" + std::string(text) + "/").find("/./") == std::string::npos;
  if (plain) return std::string(text);
  return failure(
      Errc::invalid_policy,
      fmt::format("'{}' is no file beneath the agent's home, \"~/.npmrc\"", printable(text)));
}

Result<std::string> repository_name(std::string_view text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/";
  const bool plain = !text.empty() && text.find_first_not_of(kPlain) == std::string_view::npos &&
                     text.front() != '/' && text.back() != '/' &&
                     text.find("//") == std::string_view::npos &&
                     ("/" + std::string(text) + "/").find("/../") == std::string::npos &&
                     ("/" + std::string(text) + "/").find("/./") == std::string::npos;
  if (plain) return std::string(text);
  return failure(Errc::invalid_policy,
                 fmt::format("'{}' is no repository like \"acme/app\"", printable(text)));
}

// "key = text", "key = [texts]" or, for permissions, "key = { name = text }", to one text.
void read_options(PolicySource& source, const toml::table& table, std::string_view name,
                  std::map<std::string, std::string>& out) {
  for (const auto& [key, value] : table) {
    std::string text;
    const auto add = [&](std::string_view part) {
      text += (text.empty() ? "" : ",") + std::string(part);
    };
    if (const auto* one = value.as_string()) {
      text = one->get();
    } else if (const auto* list = value.as_array()) {
      for (const toml::node& node : *list) add(node.value<std::string>().value_or("\n"));
    } else if (const auto* named = value.as_table()) {
      for (const auto& [inner, node] : *named) {
        add(fmt::format("{}:{}", inner.str(), node.value<std::string>().value_or("\n")));
      }
    } else {
      text = "\n";
    }
    if (!is_printable_ascii(text)) {
      source.report(
          value.source().begin,
          fmt::format("'{}.{}' must be text, a list or a table of texts", name, key.str()));
      return;
    }
    out.emplace(key.str(), std::move(text));
  }
}

struct CarrierKeys {
  std::optional<std::string> header, query, basic;
  bool sigv4 = false;
  bool exchanged = false;
};

// Exactly one of the five.
std::string set_carrier(const CarrierKeys& keys, CredentialUse& use) {
  const int count = (keys.header ? 1 : 0) + (keys.query ? 1 : 0) + (keys.basic ? 1 : 0) +
                    (keys.sigv4 ? 1 : 0) + (keys.exchanged ? 1 : 0);
  if (count != 1) {
    return "'to' needs one of 'header', 'query', 'basic', 'sigv4 = true' and 'exchanged = true'";
  }
  if (keys.header) use.name = *keys.header;
  if (keys.query) use.name = *keys.query;
  if (keys.basic) use.name = *keys.basic;
  use.carrier = keys.header  ? Carrier::header
                : keys.query ? Carrier::query
                : keys.basic ? Carrier::basic
                : keys.sigv4 ? Carrier::sigv4
                             : Carrier::exchanged;
  if (use.carrier != Carrier::sigv4 && (!use.services.empty() || !use.regions.empty())) {
    return "'services' and 'regions' belong to 'sigv4'";
  }
  if (use.format != "{}" && use.carrier != Carrier::header) {
    return "'format' belongs to a 'header'";
  }
  return "";
}

CredentialUse read_use(PolicySource& source, const toml::table& table, const std::string& name) {
  TableReader reader(source, table, name);
  CredentialUse use;
  const auto host = reader.parsed<HostGrant>("host", parse_host_grant);
  CarrierKeys keys;
  keys.header = reader.parsed<std::string>("header", header_name);
  keys.query = reader.parsed<std::string>("query", plain_text);
  keys.basic = reader.parsed<std::string>("basic", plain_text);
  keys.sigv4 = reader.boolean("sigv4").value_or(false);
  keys.exchanged = reader.boolean("exchanged").value_or(false);
  use.format = reader.parsed<std::string>("format", with_one_place).value_or("{}");
  use.methods =
      reader.parsed_list<std::string>("methods", http_method).value_or(std::vector<std::string>{});
  use.paths =
      reader.parsed_list<std::string>("paths", url_path).value_or(std::vector<std::string>{});
  use.except =
      reader.parsed_list<std::string>("except", url_path).value_or(std::vector<std::string>{});
  use.services =
      reader.parsed_list<std::string>("services", plain_text).value_or(std::vector<std::string>{});
  use.regions =
      reader.parsed_list<std::string>("regions", plain_text).value_or(std::vector<std::string>{});
  reader.finish();
  if (source.error) return use;
  const std::string wrong = set_carrier(keys, use);
  const bool pattern = host && host->pattern.starts_with('*');
  if (!wrong.empty()) {
    source.report(table.source().begin, wrong);
  } else if (!host || host->pattern.starts_with('@') || host->any_port ||
             parse_network(host->pattern) || (pattern && use.carrier != Carrier::sigv4)) {
    source.report(table.source().begin, "'to' needs one exact 'host'");
  } else {
    use.host = host->pattern;
    use.port = host->port == 0 ? 443 : host->port;
  }
  return use;
}

void read_uses(PolicySource& source, const toml::node& node, const std::string& name,
               std::vector<CredentialUse>& out) {
  const auto add = [&](const toml::node& one) {
    const auto* table = one.as_table();
    if (table == nullptr) {
      source.report(one.source().begin, fmt::format("'{}' must be a table", name));
    } else {
      out.push_back(read_use(source, *table, name));
    }
  };
  const auto* list = node.as_array();
  if (list == nullptr) return add(node);
  for (const toml::node& one : *list) {
    add(one);
    if (source.error) return;
  }
}

// "NAME", ["NAME", …] or { NAME = "prefix-{}" }.
void read_variables(PolicySource& source, const toml::node& node,
                    std::map<std::string, std::string>& out) {
  const auto add = [&](const toml::node& at, std::string_view name, std::string_view content) {
    const Result<void> ok = check_env_name(name);
    const Result<std::string> text = with_one_place(content);
    if (!ok || !text) source.report(at.source().begin, ok ? text.error().what : ok.error().what);
    out.emplace(name, content);
  };
  if (const auto* one = node.as_string()) return add(node, one->get(), "{}");
  if (const auto* list = node.as_array()) {
    for (const toml::node& name : *list) add(name, name.value<std::string>().value_or(""), "{}");
  } else if (const auto* table = node.as_table()) {
    for (const auto& [name, content] : *table) {
      add(content, name.str(), content.value<std::string>().value_or(""));
    }
  } else {
    source.report(node.source().begin, "'env' must be a name, a list or a table");
  }
}

void read_model(PolicySource& source, const toml::table& table, const std::string& name,
                ModelRules& out) {
  TableReader reader(source, table, name);
  out.models =
      reader.parsed_list<std::string>("models", plain_text).value_or(std::vector<std::string>{});
  out.max_output_tokens = reader.unsigned_number("max_output_tokens");
  out.permit =
      reader.parsed_list<std::string>("permit", plain_text).value_or(std::vector<std::string>{});
  out.premium =
      reader.boolean("premium").value_or(false) ? PremiumTier::allow : PremiumTier::standard_only;
  out.hosted_tools = reader.parsed<HostedTools>("hosted_tools", one_of<HostedTools>("action"))
                         .value_or(HostedTools::strip);
  reader.finish();
}

void read_file(PolicySource& source, const toml::table& table, const std::string& name,
               CredentialGrant& out) {
  TableReader reader(source, table, name);
  const auto path = reader.parsed<std::string>("path", home_file);
  const std::string content = reader.string("content").value_or("{}\n");
  reader.finish();
  if (source.error) return;
  if (!path || content.find("{}") == std::string::npos || content.find('\0') != std::string::npos) {
    source.report(table.source().begin, "'file' needs 'path', and '{}' in 'content'");
  }
  out.file = CredentialFile{.path = path.value_or(""), .content = content};
}

void read_age(TableReader& reader, CredentialGrant& out) {
  out.max_age = reader.parsed<Milliseconds>("max_age", positive_time);
  const std::function<Result<bool>(std::string_view)> action =
      [](std::string_view text) -> Result<bool> {
    if (text == "refuse" || text == "warn") return text == "refuse";
    return failure(Errc::invalid_policy, "'on_old' is \"refuse\" or \"warn\"");
  };
  out.old_is_refused = reader.parsed<bool>("on_old", action).value_or(true);
  out.issued = reader.parsed<std::string>("issued", plain_text).value_or("");
  out.ttl = reader.parsed<Milliseconds>("ttl", positive_time);
}

void read_places(TableReader& reader, PolicySource& source, const std::string& name,
                 CredentialGrant& out) {
  if (const toml::node* to = reader.node("to")) read_uses(source, *to, name + ".to", out.to);
  if (const toml::node* env = reader.node("env"); env != nullptr && !source.error) {
    read_variables(source, *env, out.env);
  }
  const auto* file = reader.table("file");
  if (file != nullptr && !source.error) read_file(source, *file, name + ".file", out);
  const auto* model = reader.table("model");
  if (model != nullptr && !source.error) read_model(source, *model, name + ".model", out.model);
}

void read_credential(PolicySource& source, const toml::table& table, const std::string& name,
                     CredentialGrant& out) {
  TableReader reader(source, table, name);
  const auto from = reader.parsed<std::string>("from", source_of_secret);
  const auto preset = reader.parsed<std::string>("preset", plain_text);
  PresetOptions options;
  options.host = reader.parsed<std::string>("host", plain_text).value_or("");
  options.user = reader.parsed<std::string>("user", plain_text).value_or("");
  options.repositories = reader.parsed_list<std::string>("repositories", repository_name)
                             .value_or(std::vector<std::string>{});
  const auto* with = reader.table("with");
  if (with != nullptr) read_options(source, *with, name + ".with", out.with);
  const auto* scope = reader.table("scope");
  if (scope != nullptr && !source.error) read_options(source, *scope, name + ".scope", out.scope);
  out.placeholder = reader.parsed<std::string>("placeholder", plain_text).value_or("");
  read_age(reader, out);
  read_places(reader, source, name, out);
  reader.finish();
  if (source.error) return;
  if (!options.host.empty()) {
    const Result<HostGrant> host = parse_host_grant(options.host);
    if (!host) return source.report(table.get("host")->source().begin, host.error().what);
    options.host = host->pattern;
  }
  out.from = from.value_or("");
  if (preset) {
    const Result<void> applied = apply_preset(*preset, options, out);
    if (!applied) return source.report(table.source().begin, applied.error().what);
  }
  if (from) {
    const Result<void> known = check_source(source_of(name.substr(name.find('.') + 1), out));
    if (!known) return source.report(table.source().begin, known.error().what);
  }
  if (table.contains("model") && out.model.api.empty()) {
    return source.report(table.get("model")->source().begin,
                         "'model' belongs to a preset of a model API: nothing would be held to it");
  }
  if (!from || out.to.empty()) {
    return source.report(table.source().begin,
                         fmt::format("[{}] needs 'from', and 'to' or a 'preset'", name));
  }
  const auto exchanged = [](const CredentialUse& use) { return use.carrier == Carrier::exchanged; };
  if (std::ranges::all_of(out.to, exchanged)) {
    return source.report(table.source().begin,
                         "'exchanged' needs a place that answers with the token, in the same 'to'");
  }
  constexpr std::size_t kShortest = 12;  // a shorter one occurs by chance
  if (!out.placeholder.empty() && out.placeholder.size() < kShortest) {
    return source.report(table.source().begin, "'placeholder' needs at least 12 characters");
  }
}

}  // namespace

void read_credentials(PolicySource& source, const toml::table& all,
                      std::map<std::string, CredentialGrant>& out) {
  for (const auto& [key, value] : all) {
    const auto* table = value.as_table();
    if (table == nullptr) {
      source.report(key.source().begin, fmt::format("[credentials.{}] must be a table", key.str()));
      return;
    }
    CredentialGrant grant;
    read_credential(source, *table, fmt::format("credentials.{}", key.str()), grant);
    if (source.error) return;
    out.emplace(key.str(), std::move(grant));
  }
}

}  // namespace berm
