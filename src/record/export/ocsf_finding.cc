#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "record/export/ocsf.h"
#include "record/fields.h"

namespace berm::formats {
namespace {

using nlohmann::json;

void write_finding_info(JsonOut& out, const Kind& kind, const Judgement& judgement,
                        const Event& event) {
  out.open("finding_info");
  out.text("uid", event.uid.empty() ? "unknown" : event.uid);
  out.text("title", title_of(kind, judgement));
  out.text("desc", reason_of(event));
  out.number("created_time", event.time_ms);
  out.open("analytic");
  out.text("name", kind.type);
  out.code("type", 1, "Rule");
  out.close();
  out.close();
}

void write_layers(JsonOut& out, Event& event) {
  const json& layers = event.data.peek("layers");
  if (!layers.is_array() || layers.empty() || !event.tells_rest) return;
  out.open_list("checks");
  std::size_t listed = 0;
  for (const json& layer : layers) {
    if (++listed > kMostListedInOcsf) break;
    const std::string strength = text_of(layer, "strength");
    const bool holds = strength == "kernel" || strength == "supervised";
    out.open();
    out.text("name", text_of(layer, "layer"));
    out.text("desc", fmt::format("{}: {}", strength, text_of(layer, "how")));
    out.code("status", holds ? 1 : 3, holds ? "Pass" : "Fail");
    out.close();
  }
  out.close_list();
  if (layers.size() <= kMostListedInOcsf) event.data.take("layers");
}

}  // namespace

void write_ocsf_finding(JsonOut& out, const Kind& kind, const Judgement& judgement, Event& event) {
  write_finding_info(out, kind, judgement, event);
  const json& findings = event.data.peek("findings");
  if (!findings.is_array() || findings.empty() || !event.tells_rest) return;
  out.open_list("evidences");
  std::size_t listed = 0;
  for (const json& finding : findings) {
    if (++listed > kMostListedInOcsf) break;
    out.open();
    out.text("name", text_of(finding, "rule"));
    out.value("data", finding);
    out.close();
  }
  out.close_list();
  if (findings.size() <= kMostListedInOcsf) event.data.take("findings");
}

void write_ocsf_compliance(JsonOut& out, const Kind& kind, const Judgement& judgement,
                           Event& event) {
  write_finding_info(out, kind, judgement, event);
  out.open("compliance");
  out.text("control", title_of(kind, judgement));
  out.open_list("standards");
  out.item("berm policy");
  out.close_list();
  if (judgement.severity >= Severity::high) {
    out.code("status", 3, "Fail");
  } else if (judgement.severity > Severity::informational) {
    out.code("status", 2, "Warning");
  } else {
    out.code("status", 1, "Pass");
  }
  out.text("status_code", event.data.text("status"));
  write_layers(out, event);
  const json& reasons = event.data.peek("reasons");
  const json& details = reasons.is_null() ? event.data.peek("weaknesses") : reasons;
  if (details.is_array() && !details.empty()) {
    out.open_list("status_details");
    std::size_t listed = 0;
    for (const json& one : details) {
      if (one.is_string() && ++listed <= kMostListedInOcsf)
        out.item(one.get_ref<const std::string&>());
    }
    out.close_list();
  }
  out.close();
}

}  // namespace berm::formats
