#include "audit/ship/configuration.h"

#include <nlohmann/json.hpp>

#include "plan/sinks.h"

namespace berm {

using nlohmann::json;

json to_json(const ShipConfiguration& configuration) {
  json sinks = json::array();
  for (const SinkGrant& sink : configuration.sinks) sinks.push_back(sink_to_json(sink));
  return {{"run", configuration.run},
          {"directory", configuration.directory},
          {"uid", configuration.uid},
          {"from_zero", configuration.from_zero},
          {"sinks", std::move(sinks)}};
}

Result<ShipConfiguration> ship_configuration_from_json(std::string_view text) {
  const json in = json::parse(text, nullptr, false);
  try {
    ShipConfiguration out;
    out.run = in.at("run");
    out.directory = in.at("directory");
    out.uid = in.at("uid");
    out.from_zero = in.at("from_zero");
    for (const json& sink : in.at("sinks")) out.sinks.push_back(BERM_TRY(sink_from_json(sink)));
    return out;
  } catch (const json::exception&) {
    return failure(Errc::internal, "understand the configuration of what ships the record");
  }
}

json to_json(const std::string& sink, const SinkReport& report) {
  return {{"sink", sink},
          {"acknowledged", report.acknowledged},
          {"offset", report.offset},
          {"bytes", report.bytes},
          {"state", report.failing ? "failing" : "ok"},
          {"why", report.why},
          {"refused", report.refused}};
}

int descriptor_of(const SinkGrant& sink) {
  if (sink.type != SinkType::fd) return -1;
  const auto to = sink.with.find("to");
  if (to == sink.with.end()) return -1;
  if (to->second == "stdout") return 1;
  if (to->second == "stderr") return 2;
  return to->second.starts_with("fd:") ? std::stoi(to->second.substr(3)) : -1;
}

}  // namespace berm
