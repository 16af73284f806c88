// src/session/record_stream.h: records on disk, read line by line: one may be a GiB.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/wall_time.h"
#include "report/facts.h"
#include "sys/fd.h"

namespace berm {

/// The facts of one record; nullopt if it began before `since`. A record that is damaged has facts
/// too, and says so (report::Integrity).
/// @return Errc::unsupported for what is no regular file.
[[nodiscard]] Result<std::optional<report::RunFacts>> read_facts(
    const std::string& path, std::optional<WallTime> since = std::nullopt);

/// The records of `place`: a record itself, a run's directory, a state directory, or a directory of
/// runs or of records (*.jsonl), sorted by name. @return Errc::usage if there is none.
[[nodiscard]] Result<std::vector<std::string>> find_records(const std::string& place);

}  // namespace berm
