#include <fmt/format.h>

#include "base/text.h"
#include "policy/parse_parts.h"

namespace berm {
namespace {

bool is_label_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

// RFC 1123 as the API server reads it: names become parts of URLs and of other objects' names.
Result<std::string> object_name(std::string_view text) {
  constexpr std::size_t kLongest = 63;
  const bool edges = !text.empty() && text.front() != '-' && text.back() != '-';
  if (edges && text.size() <= kLongest && std::ranges::all_of(text, is_label_character)) {
    return std::string(text);
  }
  return failure(Errc::invalid_policy,
                 fmt::format("'{}' is no name of an object: lower-case letters, digits and '-', at "
                             "most 63",
                             printable(text)));
}

Result<std::string> seccomp_profile(std::string_view text) {
  if (text == "RuntimeDefault") return std::string(text);
  const bool odd = text.empty() || text.starts_with('/') || text.size() > 256 ||
                   text.find("..") != std::string_view::npos ||
                   !std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
  // Unconfined is neither: Pod Security "restricted" refuses it.
  if (!odd && text != "Unconfined") return std::string(text);
  return failure(Errc::invalid_policy,
                 fmt::format("'{}' is neither RuntimeDefault nor a profile below the nodes' "
                             "seccomp directory",
                             printable(text)));
}

Result<Milliseconds> time_kept(std::string_view text) {
  const Milliseconds time = BERM_TRY(parse_duration(text));
  if (time.count() >= 0 && time.count() % 1000 == 0) return time;
  return failure(Errc::invalid_policy, "'keep' is a number of whole seconds");
}

void read_node_selector(PolicySource& source, const toml::table& table, KubernetesLayer& out) {
  std::map<std::string, std::string>& labels = out.node_selector.emplace();
  for (const auto& [key, value] : table) {
    const auto* text = value.as_string();
    if (text == nullptr || text->get().size() > 63) {
      return source.report(value.source().begin,
                           fmt::format("label '{}' must be a string of at most 63", key.str()));
    }
    labels.emplace(key.str(), text->get());
  }
}

}  // namespace

Result<std::string> parse_image_name(std::string_view text) {
  constexpr std::string_view kBeside = "._-/:@+";
  const auto fits = [&](char c) {
    return is_label_character(c) || (c >= 'A' && c <= 'Z') || kBeside.find(c) != kBeside.npos;
  };
  if (!text.empty() && text.size() <= 512 && std::ranges::all_of(text, fits)) {
    return std::string(text);
  }
  return failure(Errc::invalid_policy, fmt::format("'{}' is no image", printable(text)));
}

void read_kubernetes(PolicySource& source, const toml::table& table, KubernetesLayer& out) {
  TableReader reader(source, table, "kubernetes");
  out.name_space = reader.parsed<std::string>("namespace", object_name);
  out.image = reader.parsed<std::string>("image", parse_image_name);
  out.berm_image = reader.parsed<std::string>("berm_image", parse_image_name);
  out.pull_secrets = reader.parsed_list<std::string>("pull_secrets", object_name);
  out.workload =
      reader.parsed<KubernetesWorkload>("workload", one_of<KubernetesWorkload>("workload"));
  out.service_account = reader.parsed<std::string>("service_account", object_name);
  out.runtime_class = reader.parsed<std::string>("runtime_class", object_name);
  out.priority_class = reader.parsed<std::string>("priority_class", object_name);
  out.queue = reader.parsed<std::string>("queue", object_name);
  out.seccomp = reader.parsed<std::string>("seccomp", seccomp_profile);
  out.user_namespaces = reader.boolean("user_namespaces");
  out.unenforced_network = reader.boolean("unenforced_network");
  out.spread = reader.boolean("spread");
  out.cilium = reader.boolean("cilium");
  out.keep = reader.parsed<Milliseconds>("keep", time_kept);
  if (const auto* labels = reader.table("node_selector")) {
    read_node_selector(source, *labels, out);
  }
  reader.finish();
}

}  // namespace berm
