#include "redact/redactor.h"

#include <nlohmann/json.hpp>

namespace berm {

std::string redact(std::string_view text, const KnownSecrets& known, Patterns patterns) {
  RedactingStream stream(known, patterns);
  std::string out = stream.feed(text);
  out += stream.finish();
  return out;
}

// Whatever is hidden in a string of the text stands in the text itself, unless it is written with
// escapes there.
bool is_clean_json(std::string_view text, const KnownSecrets& known) {
  if (text.find('\\') != std::string_view::npos) return false;
  thread_local std::vector<KeywordHit> hits;
  thread_local std::vector<SecretSpan> spans;
  hits.clear();
  spans.clear();
  Credentials::shared().keywords().find(text, 0, hits);
  if (!known.empty()) known.find(text, 0, spans);
  return hits.empty() && spans.empty();
}

// Values and names: an agent chooses both where it names files and hosts.
nlohmann::json redact_json(const nlohmann::json& value, const KnownSecrets& known,
                           Patterns patterns) {
  if (value.is_string()) return redact(value.get_ref<const std::string&>(), known, patterns);
  if (value.is_array()) {
    nlohmann::json out = nlohmann::json::array();
    for (const nlohmann::json& item : value) out.push_back(redact_json(item, known, patterns));
    return out;
  }
  if (!value.is_object()) return value;
  nlohmann::json out = nlohmann::json::object();
  for (const auto& [key, item] : value.items())
    out[redact(key, known, patterns)] = redact_json(item, known, patterns);
  return out;
}

}  // namespace berm
