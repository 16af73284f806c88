// src/record/export/ocsf.h: an event as one of OCSF 1.9.0 (https://schema.ocsf.io/1.9.0).
#pragma once

#include <string>
#include <string_view>

#include "record/export/event.h"
#include "record/export/json_out.h"
#include "record/export/kinds.h"

namespace berm::formats {

[[nodiscard]] std::string to_ocsf(std::string_view line);

/// An event class. All that we use have the profiles security_control and record_integrity.
struct OcsfClass {
  int uid = 0;
  std::string_view name;
  std::string_view category;
  bool tells_ai = false;  ///< has the profile ai_operation
};
[[nodiscard]] OcsfClass ocsf_class_of(const Kind& kind, const Judgement& judgement);

/// The members of the class; those of the base event are written by others.
void write_ocsf_subject(JsonOut& out, const Kind& kind, const Judgement& judgement, Event& event);

/// Of what was found, and of what was tested: the findings' two classes.
void write_ocsf_finding(JsonOut& out, const Kind& kind, const Judgement& judgement, Event& event);
void write_ocsf_compliance(JsonOut& out, const Kind& kind, const Judgement& judgement,
                           Event& event);
/// Of a list: more than a person reads; the line in raw_data has them all.
inline constexpr std::size_t kMostListedInOcsf = 100;

}  // namespace berm::formats
